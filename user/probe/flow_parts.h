/* SPDX-License-Identifier: GPL-2.0 */
/* The decoded control flow of a function, which flow.c makes and flow_exits.c looks at as well. */
#ifndef GOTRACE_PROBE_FLOW_PARTS_H
#define GOTRACE_PROBE_FLOW_PARTS_H

#include <capstone/capstone.h>
#include <stdbool.h>

#include "probe/flow.h"

enum kind {
	NONE = 0,			/* no instruction begins here */
	INSIDE,				/* a byte of an instruction that began before */
	PLAIN,				/* goes on with the next; calls too */
	JUMP,
	BRANCH,				/* jump or next */
	RETURN,				/* leaves the function; jumps out of it too */
	STOP,				/* ud2: the process ends here */
};

struct insn {
	uint8_t kind;			/* enum kind */
	uint8_t size;
	bool emulated;
	bool call;
	bool seen;			/* of the search at hand */
	uint32_t target;		/* of a JUMP or BRANCH */
};

struct flow {
	const uint8_t *code;
	size_t len;
	struct insn *at;		/* by offset */
	uint32_t *todo;			/* offsets still to be looked at */
	uint32_t ntodo;
	uint32_t size;			/* end of the last instruction */
	uint32_t closed;		/* no search goes there; FLOW_NONE: to all */
	csh handle;
	cs_insn *insn;
	char *why;
};

/* An offset that no instruction has. */
#define FLOW_NONE UINT32_MAX

/* Decodes the function. To be closed in either case. 0, -EINVAL or -ENOMEM with the reason in why. */
int flow__open(struct flow *f, const uint8_t *code, size_t len, char *why);
void flow__close(struct flow *f);

/* Writes the reason, with the place, to the flow's why. Returns -EINVAL. */
int flow__refuse(const struct flow *f, uint32_t off, const char *what);

/* The instructions that may follow. Returns their number. */
int flow__successors(const struct insn *in, uint32_t off, uint32_t next[2]);

/* Puts off on the list of what is still to be looked at, once a search. */
void flow__put(struct flow *f, uint32_t off);

/*
 * Marks as seen what can be reached: from the instruction at from, or from behind it, where without is
 * an offset not to be passed. Returns whether a return is among it.
 */
bool flow__search(struct flow *f, uint32_t from, bool behind, uint32_t without);

#endif /* GOTRACE_PROBE_FLOW_PARTS_H */
