/* SPDX-License-Identifier: GPL-2.0 */
/*
 * flat: a stack's program counters as named frames. Each pc is looked up once, each stack is
 * flattened, trimmed and filtered once, however many samples it stands for.
 */
#ifndef GOTRACE_REPORT_FLAT_H
#define GOTRACE_REPORT_FLAT_H

#include "model/hash.h"
#include "report/arena.h"
#include "report/report.h"

/* A frame's identity: one element for all frames of equal func, file and line. */
struct frame_id {
	bool included, excluded;	/* does func match a glob of -I, of -X */
	UT_hash_handle hh;
};

/* What the first frames of a stack are, and with them how they are looked up. */
enum flat_mode {
	FLAT_RETURN = 0,		/* return addresses like the others */
	FLAT_PROBED = 1,		/* the first is the probed instruction */
	/*
	 * The first is the instruction that was interrupted, the second what lay on top of the stack:
	 * a return address only if that function has no frame there. Else it is left out.
	 */
	FLAT_SAMPLED = 2,
};

struct flat_key {
	uint64_t id, mode;
};

/* One stack, flattened. Of all frames the first ntrimmed are not shown. */
struct flat {
	struct flat_key key;
	bool missing, filtered, cut;
	bool shortened;			/* ends with the call site: report_options.sites_only */
	int nframes, nruntime, ntrimmed;
	struct report_frame *frames;
	uint64_t *pcs;
	const struct frame_id **ids;
	UT_hash_handle hh;
};

/* The tables that names are looked up in. The first five are the user's to set. */
struct flats {
	const struct model *m;
	const struct report_names *names;
	const struct report_options *opts;
	struct report_arena *keep;	/* frames and their addresses; lives as long as the profile */
	struct report_arena *tmp;	/* everything else */
	struct frame_id *frame_ids;
	struct pc_entry *pcs;
	struct flat *flats;
	struct start_entry *starts;
};

/*
 * The stack of this id, flattened; one that the model does not have is missing, and has one unknown
 * frame. -ENOMEM.
 */
int flat__find(struct flats *b, uint64_t id, enum flat_mode mode, const struct flat **out);
/*
 * Names the function at startpc. The compiler's wrappers have no name here, and `go f(x)` starts one:
 * then it is the outermost function of f, the stack that is shown; "[unknown]" at worst. -ENOMEM.
 */
int flat__start(struct flats *b, uint64_t addr, const struct flat *f, const char **name);
/* Gives back the tables; what is in them is the arenas'. */
void flat__clear(struct flats *b);

#endif /* GOTRACE_REPORT_FLAT_H */
