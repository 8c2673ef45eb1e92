/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From a stack's addresses to named frames: expanded by inlining, runtime frames in front trimmed,
 * filtered by -I and -X.
 */
#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "gotrace/event.h"
#include "report/flat.h"
#include "report/via.h"

/* Frames one pc may expand to; real inline trees are a tenth of this deep. */
#define MAX_INLINE 128

static const char unknown_func[] = "[unknown]";

struct pc_key {
	uint64_t pc, exact;
};

/* What the names said about one pc. */
struct pc_entry {
	struct pc_key key;
	int n;
	struct report_frame *frames;
	const struct frame_id **ids;
	UT_hash_handle hh;
};

struct start_entry {
	uint64_t addr;
	const char *name;		/* NULL: the names do not know it */
	UT_hash_handle hh;
};

static bool match_any(const char **globs, const char *func)
{
	for (; globs && *globs; globs++) {
		if (!fnmatch(*globs, func, 0))
			return true;
	}
	return false;
}

/* NULL: out of memory. */
static const struct frame_id *intern_frame(struct flats *b, const struct report_frame *f)
{
	size_t nfunc = strlen(f->func) + 1, nfile = strlen(f->file) + 1;
	size_t len = nfunc + nfile + sizeof(f->line);
	char *key = report_arena__alloc(b->tmp, len, 1);
	struct frame_id *e;

	if (!key)
		return NULL;
	memcpy(key, f->func, nfunc);
	memcpy(key + nfunc, f->file, nfile);
	memcpy(key + nfunc + nfile, &f->line, sizeof(f->line));
	HASH_FIND(hh, b->frame_ids, key, len, e);
	if (e)
		return e;
	e = report_arena__alloc(b->tmp, 1, sizeof(*e));
	if (!e)
		return NULL;
	e->included = match_any(b->opts->include, f->func);
	e->excluded = match_any(b->opts->exclude, f->func);
	HASH_ADD_KEYPTR(hh, b->frame_ids, key, len, e);
	return hash__added(e) ? e : NULL;
}

/* Makes what the names said safe to rely on: no NULLs, and inlined only where there is a caller. */
static void tidy_frames(struct report_frame *f, int n)
{
	for (int i = 0; i < n; i++) {
		if (!f[i].func || !*f[i].func)
			f[i].func = unknown_func;
		if (!f[i].file)
			f[i].file = "";
		f[i].inlined = i + 1 < n;
	}
}

static int fill_pc(struct flats *b, struct pc_entry *e, const struct report_frame *frames)
{
	e->frames = report_arena__copy(b->tmp, frames, e->n * sizeof(*frames));
	e->ids = report_arena__alloc(b->tmp, e->n, sizeof(*e->ids));
	if (!e->frames || !e->ids)
		return -ENOMEM;
	for (int i = 0; i < e->n; i++) {
		e->ids[i] = intern_frame(b, &frames[i]);
		if (!e->ids[i])
			return -ENOMEM;
	}
	return 0;
}

static int resolve_pc(struct flats *b, uint64_t pc, bool exact, const struct pc_entry **out)
{
	struct pc_key key = { .pc = pc, .exact = exact };
	struct report_frame frames[MAX_INLINE];
	struct pc_entry *e;

	HASH_FIND(hh, b->pcs, &key, sizeof(key), e);
	if (!e) {
		e = report_arena__alloc(b->tmp, 1, sizeof(*e));
		if (!e)
			return -ENOMEM;
		memset(frames, 0, sizeof(frames));
		e->key = key;
		e->n = b->names->frames(b->names->ctx, pc, exact, frames, MAX_INLINE);
		if (e->n < 0)
			e->n = 0;
		if (e->n > MAX_INLINE)
			e->n = MAX_INLINE;
		tidy_frames(frames, e->n);
		if (fill_pc(b, e, frames))
			return -ENOMEM;
		HASH_ADD(hh, b->pcs, key, sizeof(e->key), e);
		if (!hash__added(e))
			return -ENOMEM;
	}
	*out = e;
	return 0;
}

/* Appends a frame that stands for no pc; room for it is there. */
static int add_synthetic(struct flats *b, struct flat *f, const char *func, uint64_t addr)
{
	struct report_frame frame = { .func = func, .file = "" };
	const struct frame_id *id = intern_frame(b, &frame);

	if (!id)
		return -ENOMEM;
	f->frames[f->nframes] = frame;
	f->pcs[f->nframes] = addr;
	f->ids[f->nframes] = id;
	f->nframes++;
	return 0;
}

/* Is the i-th pc of the stack to be looked up as it is, not as a return address? */
static bool is_exact(const struct flat *f, uint32_t i)
{
	return i == 0 && f->key.mode != FLAT_RETURN;
}

/* Is it no frame at all? */
static bool is_stray(const struct flats *b, const struct model_stack *s, const struct flat *f,
		     uint32_t i)
{
	if (i != 1 || f->key.mode != FLAT_SAMPLED)
		return false;
	return !b->names->frameless || !b->names->frameless(b->names->ctx, s->pc[0]);
}

/* Is what is asked for of the stack among these frames, so that the callers do not matter? */
static bool is_enough(const struct flats *b, const struct flat *f, const struct pc_entry *e)
{
	if (!b->opts->sites_only || f->key.mode != FLAT_PROBED)
		return false;
	for (int i = 0; i < e->n; i++)
		if (!report__is_runtime(e->frames[i].func))
			return true;
	return false;
}

/* Resolves the pcs of the stack and lays their frames out one after the other. */
static int expand(struct flats *b, const struct model_stack *s, struct flat *f)
{
	const struct pc_entry *e[GT_MAX_FRAMES];
	uint32_t npcs = 0;
	int n = 0, err;

	for (uint32_t i = 0; i < s->nframes && !f->shortened; i++) {
		e[npcs++] = NULL;
		if (is_stray(b, s, f, i))
			continue;
		err = resolve_pc(b, s->pc[i], is_exact(f, i), &e[i]);
		if (err)
			return err;
		n += e[i]->n;
		f->shortened = is_enough(b, f, e[i]);
	}

	/* Two more: a stack of nothing but wrappers, and one that was cut. */
	f->frames = report_arena__alloc(b->keep, n + 2, sizeof(*f->frames));
	f->pcs = report_arena__alloc(b->keep, n + 2, sizeof(*f->pcs));
	f->ids = report_arena__alloc(b->tmp, n + 2, sizeof(*f->ids));
	if (!f->frames || !f->pcs || !f->ids)
		return -ENOMEM;

	for (uint32_t i = 0; i < npcs; i++) {
		uint64_t addr = !is_exact(f, i) && s->pc[i] ? s->pc[i] - 1 : s->pc[i];

		for (int k = 0; e[i] && k < e[i]->n; k++) {
			f->frames[f->nframes] = e[i]->frames[k];
			f->pcs[f->nframes] = addr;
			f->ids[f->nframes] = e[i]->ids[k];
			f->nframes++;
		}
	}
	return n ? 0 : add_synthetic(b, f, unknown_func, s->pc[0]);
}

/* One unknown frame, for figures that are worth showing without a stack. */
static int expand_missing(struct flats *b, struct flat *f)
{
	f->missing = true;
	f->frames = report_arena__alloc(b->keep, 1, sizeof(*f->frames));
	f->pcs = report_arena__alloc(b->keep, 1, sizeof(*f->pcs));
	f->ids = report_arena__alloc(b->tmp, 1, sizeof(*f->ids));
	if (!f->frames || !f->pcs || !f->ids)
		return -ENOMEM;
	return add_synthetic(b, f, unknown_func, 0);
}

/*
 * -X drops a stack with any frame that matches, -I one with none. Only frames that are shown count:
 * a filter is to agree with what its user sees.
 */
static bool is_filtered(const struct report_options *opts, const struct flat *f)
{
	bool included = !opts->include || !*opts->include;

	for (int i = f->ntrimmed; i < f->nframes; i++) {
		if (f->ids[i]->excluded)
			return true;
		included = included || f->ids[i]->included;
	}
	return !included;
}

/* Does it only say that the goroutine parked, or went to the system stack? */
static bool is_switch(const char *func)
{
	static const char *const switches[] = {
		"runtime.systemstack_switch", "runtime.systemstack", "runtime.mcall",
		"runtime.gopark", "runtime.goparkunlock",
	};

	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
		if (!strcmp(func, switches[i]))
			return true;
	}
	return false;
}

/* How many frames in front are not shown. What is left of the runtime's own stacks tells who it was. */
static int count_trimmed(const struct flats *b, const struct flat *f)
{
	int n = 0;

	if (b->opts->runtime_frames)
		return 0;
	if (f->nruntime < f->nframes)
		return f->nruntime;
	while (f->key.mode == FLAT_RETURN && n + 1 < f->nframes && is_switch(f->frames[n].func))
		n++;
	return n;
}

static int flatten(struct flats *b, struct flat *f)
{
	const struct model_stack *s = model__stack(b->m, f->key.id);
	int err;

	err = s ? expand(b, s, f) : expand_missing(b, f);
	if (err)
		return err;

	while (f->nruntime < f->nframes && report__is_runtime(f->frames[f->nruntime].func))
		f->nruntime++;
	f->ntrimmed = count_trimmed(b, f);
	if (f->shortened)
		f->nframes = f->nruntime + 1;

	f->cut = s && s->flags && !f->shortened;
	if (f->cut) {
		err = add_synthetic(b, f, "gotrace.truncated", 0);
		if (err)
			return err;
	}
	f->filtered = is_filtered(b->opts, f);
	return 0;
}

int flat__find(struct flats *b, uint64_t id, enum flat_mode mode, const struct flat **out)
{
	const struct flat_key key = { .id = id, .mode = mode };
	struct flat *f;
	int err;

	HASH_FIND(hh, b->flats, &key, sizeof(key), f);
	if (!f) {
		f = report_arena__alloc(b->tmp, 1, sizeof(*f));
		if (!f)
			return -ENOMEM;
		f->key = key;
		err = flatten(b, f);
		if (err)
			return err;
		HASH_ADD(hh, b->flats, key, sizeof(f->key), f);
		if (!hash__added(f))
			return -ENOMEM;
	}
	*out = f;
	return 0;
}

int flat__start(struct flats *b, uint64_t addr, const struct flat *f, const char **name)
{
	const struct pc_entry *pc;
	struct start_entry *e;
	int err;

	HASH_FIND(hh, b->starts, &addr, sizeof(addr), e);
	if (!e) {
		e = report_arena__alloc(b->tmp, 1, sizeof(*e));
		if (!e)
			return -ENOMEM;
		e->addr = addr;
		if (addr) {
			err = resolve_pc(b, addr, true, &pc);
			if (err)
				return err;
			/* What is inlined at its entry comes first, the function itself last. */
			e->name = pc->n ? pc->frames[pc->n - 1].func : NULL;
		}
		HASH_ADD(hh, b->starts, addr, sizeof(e->addr), e);
		if (!hash__added(e))
			return -ENOMEM;
	}
	*name = e->name;
	for (int i = f->nframes - 1; i >= 0 && !*name && !f->cut && !f->missing; i--) {
		if (strcmp(f->frames[i].func, "runtime.goexit"))
			*name = f->frames[i].func;
	}
	if (!*name)
		*name = unknown_func;
	return 0;
}

void flat__clear(struct flats *b)
{
	HASH_CLEAR(hh, b->frame_ids);
	HASH_CLEAR(hh, b->pcs);
	HASH_CLEAR(hh, b->flats);
	HASH_CLEAR(hh, b->starts);
}
