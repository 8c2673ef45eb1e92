/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From the model's addresses to named samples. Each pc is looked up once, each stack is flattened,
 * trimmed and filtered once, however many types it allocated; samples that look the same after that
 * (same visible frames, type and way in) become one. What had no stack becomes part of the losses.
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "gotrace/event.h"
#include "model/hash.h"
#include "report/arena.h"
#include "report/report.h"
#include "report/via.h"

/* Frames one pc may expand to; real inline trees are a tenth of this deep. */
#define MAX_INLINE 128

static const char unknown_func[] = "[unknown]";

/* A frame's identity: one element for all frames of equal func, file and line. */
struct frame_id {
	bool included, excluded;	/* does func match a glob of -I, of -X */
	UT_hash_handle hh;
};

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

/* One stack, flattened. Of all frames the first ntrimmed are not shown. */
struct flat {
	uint64_t id;
	bool missing, filtered, cut;
	int nframes, nruntime, ntrimmed;
	struct report_frame *frames;
	uint64_t *pcs;
	const struct frame_id **ids;
	UT_hash_handle hh;
};

struct type_entry {
	uint64_t addr;
	const char *name;
	UT_hash_handle hh;
};

struct merged {
	struct report_sample sample;
	UT_hash_handle hh;
};

struct build {
	const struct model *m;
	const struct report_names *names;
	const struct report_options *opts;
	struct report_profile *p;
	struct report_arena *keep;	/* lives as long as the profile */
	struct report_arena *tmp;
	struct frame_id *frame_ids;
	struct pc_entry *pcs;
	struct flat *flats;
	struct type_entry *types;
	struct merged *merged;
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
static const struct frame_id *intern_frame(struct build *b, const struct report_frame *f)
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

static int fill_pc(struct build *b, struct pc_entry *e, const struct report_frame *frames)
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

static int resolve_pc(struct build *b, uint64_t pc, bool exact, const struct pc_entry **out)
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
static int add_synthetic(struct build *b, struct flat *f, const char *func, uint64_t addr)
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

/* Resolves all pcs of the stack and lays their frames out one after the other. */
static int expand(struct build *b, const struct model_stack *s, struct flat *f)
{
	const struct pc_entry *e[GT_MAX_FRAMES];
	int n = 0, err;

	for (uint32_t i = 0; i < s->nframes; i++) {
		err = resolve_pc(b, s->pc[i], i == 0, &e[i]);
		if (err)
			return err;
		n += e[i]->n;
	}

	/* Two more: a stack of nothing but wrappers, and one that was cut. */
	f->frames = report_arena__alloc(b->keep, n + 2, sizeof(*f->frames));
	f->pcs = report_arena__alloc(b->keep, n + 2, sizeof(*f->pcs));
	f->ids = report_arena__alloc(b->tmp, n + 2, sizeof(*f->ids));
	if (!f->frames || !f->pcs || !f->ids)
		return -ENOMEM;

	for (uint32_t i = 0; i < s->nframes; i++) {
		uint64_t addr = i && s->pc[i] ? s->pc[i] - 1 : s->pc[i];

		for (int k = 0; k < e[i]->n; k++) {
			f->frames[f->nframes] = e[i]->frames[k];
			f->pcs[f->nframes] = addr;
			f->ids[f->nframes] = e[i]->ids[k];
			f->nframes++;
		}
	}
	return n ? 0 : add_synthetic(b, f, unknown_func, s->pc[0]);
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

static int flatten(struct build *b, struct flat *f)
{
	const struct model_stack *s = model__stack(b->m, f->id);
	int err;

	if (!s) {
		f->missing = true;
		return 0;
	}
	err = expand(b, s, f);
	if (err)
		return err;

	while (f->nruntime < f->nframes && report__is_runtime(f->frames[f->nruntime].func))
		f->nruntime++;
	if (!b->opts->runtime_frames && f->nruntime < f->nframes)
		f->ntrimmed = f->nruntime;

	f->cut = s->flags & (GT_STACK_CUT_DEPTH | GT_STACK_CUT_READ | GT_STACK_CUT_FOREIGN);
	if (f->cut) {
		err = add_synthetic(b, f, "gotrace.truncated", 0);
		if (err)
			return err;
	}
	f->filtered = is_filtered(b->opts, f);
	return 0;
}

static int find_flat(struct build *b, uint64_t id, const struct flat **out)
{
	struct flat *f;
	int err;

	HASH_FIND(hh, b->flats, &id, sizeof(id), f);
	if (!f) {
		f = report_arena__alloc(b->tmp, 1, sizeof(*f));
		if (!f)
			return -ENOMEM;
		f->id = id;
		err = flatten(b, f);
		if (err)
			return err;
		HASH_ADD(hh, b->flats, id, sizeof(f->id), f);
		if (!hash__added(f))
			return -ENOMEM;
	}
	*out = f;
	return 0;
}

/* The type's name, the same pointer for the same address; NULL: out of memory. */
static const char *type_name(struct build *b, uint64_t addr)
{
	struct type_entry *e;

	if (!addr)
		return "";
	HASH_FIND(hh, b->types, &addr, sizeof(addr), e);
	if (!e) {
		e = report_arena__alloc(b->tmp, 1, sizeof(*e));
		if (!e)
			return NULL;
		e->addr = addr;
		e->name = b->names->type(b->names->ctx, addr);
		if (!e->name)
			e->name = "?";
		HASH_ADD(hh, b->types, addr, sizeof(e->addr), e);
		if (!hash__added(e))
			return NULL;
	}
	return e->name;
}

static void add_figures(struct report_sample *to, const struct model_alloc *a, bool interval)
{
	to->objects += a->objects - (interval ? a->mark_objects : 0);
	to->bytes += a->bytes - (interval ? a->mark_bytes : 0);
	to->class_bytes += a->class_bytes - (interval ? a->mark_class_bytes : 0);
}

/*
 * The sample that stands for these frames, type and way in, made if it is new. The key is the way
 * in, the frames' identities, then the type's name (by content: two descriptors may share a name).
 */
static struct merged *find_merged(struct build *b, const struct flat *f, const char *type)
{
	const char *via = report__via(f->frames, f->nframes, f->nruntime, type);
	int n = f->nframes - f->ntrimmed;
	size_t nids = n * sizeof(*f->ids), ntype = strlen(type);
	size_t len = sizeof(via) + nids + ntype;
	struct merged *e;
	char *key;

	key = report_arena__alloc(b->tmp, len, 1);
	if (!key)
		return NULL;
	memcpy(key, &via, sizeof(via));
	memcpy(key + sizeof(via), f->ids + f->ntrimmed, nids);
	memcpy(key + sizeof(via) + nids, type, ntype);
	HASH_FIND(hh, b->merged, key, len, e);
	if (e)
		return e;

	e = report_arena__alloc(b->tmp, 1, sizeof(*e));
	if (!e)
		return NULL;
	e->sample = (struct report_sample){
		.frames = f->frames + f->ntrimmed,
		.pcs = f->pcs + f->ntrimmed,
		.nframes = n,
		.ntrimmed = f->ntrimmed,
		.type = type,
		.via = via,
		.cut = f->cut,
	};
	HASH_ADD_KEYPTR(hh, b->merged, key, len, e);
	return hash__added(e) ? e : NULL;
}

/* A loss only the report can see goes into the table of causes, or into its last row if full. */
static void add_missing_stack(struct model_counters *c, const struct report_sample *figures)
{
	struct model_loss *l = NULL;

	for (int i = 0; i < c->nloss && !l; i++) {
		if (!strcmp(c->loss[i].key, "stack_missing"))
			l = &c->loss[i];
	}
	if (!l && c->nloss < MODEL_LOSS_MAX) {
		l = &c->loss[c->nloss++];
		*l = (struct model_loss){ .cause = "stack missing", .key = "stack_missing" };
	} else if (!l) {
		l = &c->loss[MODEL_LOSS_MAX - 1];
		l->cause = "other";
		l->key = "other";
	}
	l->objects += figures->objects;
	l->bytes += figures->bytes;
	l->class_bytes += figures->class_bytes;
}

static int add_alloc(struct build *b, const struct model_alloc *a)
{
	struct report_sample figures = { 0 };
	const struct flat *f;
	struct merged *e;
	const char *type;
	int err;

	add_figures(&figures, a, b->opts->interval);
	if (!figures.objects && !figures.bytes && !figures.class_bytes)
		return 0;
	err = find_flat(b, a->stack, &f);
	if (err)
		return err;
	if (f->missing) {
		add_missing_stack(&b->p->counters, &figures);
		return 0;
	}
	if (f->filtered) {
		add_figures(&b->p->filtered, a, b->opts->interval);
		return 0;
	}
	type = type_name(b, a->type);
	e = type ? find_merged(b, f, type) : NULL;
	if (!e)
		return -ENOMEM;
	add_figures(&e->sample, a, b->opts->interval);
	return 0;
}

static void sum_up(struct report_sample *to, const struct report_sample *from)
{
	to->objects += from->objects;
	to->bytes += from->bytes;
	to->class_bytes += from->class_bytes;
}

/* Copies the samples out of the table, in order of first arrival, and adds up. */
static int finish(struct build *b)
{
	static const struct report_frame lost_frame = { .func = "gotrace.lost", .file = "" };
	static const uint64_t lost_pc;
	struct report_profile *p = b->p;
	struct merged *e;

	p->samples = report_arena__alloc(b->keep, HASH_COUNT(b->merged), sizeof(*p->samples));
	if (!p->samples)
		return -ENOMEM;
	for (e = b->merged; e; e = e->hh.next) {
		p->samples[p->nsamples++] = e->sample;
		sum_up(&p->total, &e->sample);
	}

	p->lost.frames = &lost_frame;
	p->lost.pcs = &lost_pc;
	p->lost.nframes = 1;
	for (int i = 0; i < p->counters.nloss; i++) {
		p->lost.objects += p->counters.loss[i].objects;
		p->lost.bytes += p->counters.loss[i].bytes;
		p->lost.class_bytes += p->counters.loss[i].class_bytes;
	}
	sum_up(&p->total, &p->lost);
	return 0;
}

static void init_profile(struct build *b)
{
	static const struct report_sample none = { .type = "", .via = "" };
	struct report_profile *p = b->p;
	uint64_t from;

	memset(p, 0, sizeof(*p));
	p->lost = p->filtered = p->total = none;
	p->time = *model__time(b->m);
	from = b->opts->interval ? p->time.mark_ns : p->time.start_ns;
	if (p->time.now_ns > from)
		p->seconds = (p->time.now_ns - from) / 1e9;
	if (b->opts->interval)
		model__counters_since_mark(b->m, &p->counters);
	else
		p->counters = *model__counters(b->m);
}

int report__profile(const struct model *m, const struct report_names *names,
		    const struct report_options *opts, struct report_profile *out)
{
	struct build b = { .m = m, .names = names, .opts = opts, .p = out };
	int err = -ENOMEM;

	init_profile(&b);
	b.keep = out->arena = report_arena__new();
	b.tmp = report_arena__new();
	if (!b.keep || !b.tmp)
		goto cleanup;
	err = 0;
	for (size_t i = 0; i < model__nallocs(m) && !err; i++)
		err = add_alloc(&b, model__alloc(m, i));
	if (!err)
		err = finish(&b);

cleanup:
	/* The elements are the arena's; only the tables themselves are uthash's. */
	HASH_CLEAR(hh, b.frame_ids);
	HASH_CLEAR(hh, b.pcs);
	HASH_CLEAR(hh, b.flats);
	HASH_CLEAR(hh, b.types);
	HASH_CLEAR(hh, b.merged);
	report_arena__free(b.tmp);
	if (err)
		report__profile_free(out);
	return err;
}

void report__profile_free(struct report_profile *p)
{
	if (!p)
		return;
	report_arena__free(p->arena);
	memset(p, 0, sizeof(*p));
}
