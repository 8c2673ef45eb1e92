/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From the model's addresses to named samples. Each pc is looked up once, each stack is flattened,
 * trimmed and filtered once, however many types it allocated; samples that look the same after that
 * (same visible frames, type and way in; same step, kind and start of the goroutine) become one.
 * What had no stack becomes part of the losses.
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

struct flat_key {
	uint64_t id, probed;
};

/* One stack, flattened. Of all frames the first ntrimmed are not shown. */
struct flat {
	struct flat_key key;
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

struct start_entry {
	uint64_t addr;
	const char *name;		/* NULL: the names do not know it */
	UT_hash_handle hh;
};

struct merged {
	struct report_sample sample;
	UT_hash_handle hh;
};

/* What tells two samples of one set apart besides their frames. */
struct merge_key {
	const char *via;
	const char *text;		/* type or start: compared by content */
	uint32_t kind, from, to;
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
	struct start_entry *starts;
	struct merged *alloc, *growth, *shrink;
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
		err = resolve_pc(b, s->pc[i], i == 0 && f->key.probed, &e[i]);
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
		bool exact = i == 0 && f->key.probed;
		uint64_t addr = !exact && s->pc[i] ? s->pc[i] - 1 : s->pc[i];

		for (int k = 0; k < e[i]->n; k++) {
			f->frames[f->nframes] = e[i]->frames[k];
			f->pcs[f->nframes] = addr;
			f->ids[f->nframes] = e[i]->ids[k];
			f->nframes++;
		}
	}
	return n ? 0 : add_synthetic(b, f, unknown_func, s->pc[0]);
}

/* One unknown frame, for figures that are worth showing without a stack. */
static int expand_missing(struct build *b, struct flat *f)
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

static int flatten(struct build *b, struct flat *f)
{
	const struct model_stack *s = model__stack(b->m, f->key.id);
	int err;

	err = s ? expand(b, s, f) : expand_missing(b, f);
	if (err)
		return err;

	while (f->nruntime < f->nframes && report__is_runtime(f->frames[f->nruntime].func))
		f->nruntime++;
	if (!b->opts->runtime_frames && f->nruntime < f->nframes)
		f->ntrimmed = f->nruntime;

	f->cut = s && s->flags;
	if (f->cut) {
		err = add_synthetic(b, f, "gotrace.truncated", 0);
		if (err)
			return err;
	}
	f->filtered = is_filtered(b->opts, f);
	return 0;
}

/* probed: the first pc is the probe's own, not a return address. */
static int find_flat(struct build *b, uint64_t id, bool probed, const struct flat **out)
{
	const struct flat_key key = { .id = id, .probed = probed };
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

/*
 * Names the function at startpc; NULL: unknown. The compiler's wrappers have no name here, and `go
 * f(x)` starts one: then it is the outermost function of the stack that is shown.
 */
static int start_name(struct build *b, uint64_t addr, const struct flat *f, const char **name)
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

/*
 * The sample that stands for these frames and this key, made if it is new. Hashed are the parts of
 * the key, the frames' identities, then the text (two descriptors may share a name).
 */
static struct merged *find_merged(struct build *b, struct merged **table, const struct flat *f,
				  const struct merge_key *k)
{
	int n = f->nframes - f->ntrimmed;
	size_t nids = n * sizeof(*f->ids), ntext = strlen(k->text);
	struct {
		const char *via;
		uint64_t kind;
		uint32_t from, to;
	} head = { .via = k->via, .kind = k->kind, .from = k->from, .to = k->to };
	size_t len = sizeof(head) + nids + ntext;
	struct merged *e;
	char *key;

	key = report_arena__alloc(b->tmp, len, 1);
	if (!key)
		return NULL;
	memcpy(key, &head, sizeof(head));
	memcpy(key + sizeof(head), f->ids + f->ntrimmed, nids);
	memcpy(key + sizeof(head) + nids, k->text, ntext);
	HASH_FIND(hh, *table, key, len, e);
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
		.type = "",
		.via = "",
		.start = "",
		.cut = f->cut,
	};
	HASH_ADD_KEYPTR(hh, *table, key, len, e);
	return hash__added(e) ? e : NULL;
}

/*
 * The row of a group's losses that only the report can see. Where the table is full it is the last
 * one of the group, or one that is made free by adding up two of the other group's.
 */
static struct model_loss *missing_row(struct model_counters *c, enum model_group group)
{
	struct model_loss *l = NULL, *last = &c->loss[MODEL_LOSS_MAX - 1];

	for (int i = 0; i < c->nloss; i++) {
		if (c->loss[i].group != group)
			continue;
		l = &c->loss[i];
		if (!strcmp(l->key, "stack_missing"))
			return l;
	}
	if (c->nloss < MODEL_LOSS_MAX) {
		l = &c->loss[c->nloss++];
		*l = (struct model_loss){ group, "stack missing", "stack_missing", 0, 0, 0 };
		return l;
	}
	if (!l) {
		last[-1].objects += last->objects;
		last[-1].bytes += last->bytes;
		last[-1].class_bytes += last->class_bytes;
		last[-1].cause = last[-1].key = "other";
		l = last;
		*l = (struct model_loss){ group, "stack missing", "stack_missing", 0, 0, 0 };
		return l;
	}
	l->cause = l->key = "other";
	return l;
}

static int add_alloc(struct build *b, const struct model_alloc *a)
{
	struct report_sample figures = {
		.objects = a->objects, .bytes = a->bytes, .class_bytes = a->class_bytes
	};
	struct merge_key key = { 0 };
	const struct flat *f;
	struct model_loss *l;
	struct merged *e;
	int err;

	if (b->opts->interval) {
		figures.objects -= a->mark_objects;
		figures.bytes -= a->mark_bytes;
		figures.class_bytes -= a->mark_class_bytes;
	}
	if (!report__counts(&figures))
		return 0;
	err = find_flat(b, a->stack, true, &f);
	if (err)
		return err;
	if (f->missing) {
		l = missing_row(&b->p->counters, MODEL_ALLOC);
		l->objects += figures.objects;
		l->bytes += figures.bytes;
		l->class_bytes += figures.class_bytes;
		return 0;
	}
	if (f->filtered) {
		report__add(&b->p->alloc.filtered, &figures);
		return 0;
	}
	key.text = type_name(b, a->type);
	if (!key.text)
		return -ENOMEM;
	key.via = report__via(f->frames, f->nframes, f->nruntime, key.text);
	e = find_merged(b, &b->alloc, f, &key);
	if (!e)
		return -ENOMEM;
	e->sample.type = key.text;
	e->sample.via = key.via;
	report__add(&e->sample, &figures);
	return 0;
}

/* Adds the figures of a growth or a shrink that has a stack, or needs none. */
static int merge_growth(struct build *b, const struct model_growth *g, const struct flat *f,
			const struct report_sample *figures)
{
	struct merged **table = g->kind == MODEL_SHRINK ? &b->shrink : &b->growth;
	struct merge_key key = { .kind = g->kind, .from = g->from, .to = g->to };
	struct merged *e;
	int err;

	err = start_name(b, g->start, f, &key.text);
	if (err)
		return err;
	e = find_merged(b, table, f, &key);
	if (!e)
		return -ENOMEM;
	e->sample.start = key.text;
	e->sample.kind = g->kind;
	e->sample.from = g->from;
	e->sample.to = g->to;
	report__add(&e->sample, figures);
	return 0;
}

static int add_growth(struct build *b, const struct model_growth *g)
{
	bool shrink = g->kind == MODEL_SHRINK;
	struct report_sample figures = {
		.count = g->count, .copied = g->copied, .ns = g->ns, .max_ns = g->max_ns
	};
	const struct flat *f;
	struct model_loss *l;
	int err;

	if (b->opts->interval) {
		figures.count -= g->mark_count;
		figures.copied -= g->mark_copied;
		figures.ns -= g->mark_ns;
	}
	if (!report__counts(&figures))
		return 0;
	/* A growing function has called morestack: even its own pc is a return address. */
	err = find_flat(b, g->stack, false, &f);
	if (err)
		return err;
	/* The collector shrinks, not the code on the stack: a shrink is known without one. */
	if (f->missing && !shrink) {
		l = missing_row(&b->p->counters, MODEL_STACK);
		l->objects += figures.count;
		l->bytes += figures.copied;
		return 0;
	}
	if (f->filtered) {
		report__add(shrink ? &b->p->shrink.filtered : &b->p->growth.filtered, &figures);
		return 0;
	}
	return merge_growth(b, g, f, &figures);
}

/* Copies the samples out of the table, in order of first arrival, and adds up. */
static int fill_set(struct build *b, struct report_set *set, struct merged *table)
{
	struct merged *e;

	set->samples = report_arena__alloc(b->keep, HASH_COUNT(table), sizeof(*set->samples));
	if (!set->samples)
		return -ENOMEM;
	for (e = table; e; e = e->hh.next) {
		set->samples[set->nsamples++] = e->sample;
		report__add(&set->total, &e->sample);
	}
	report__add(&set->total, &set->lost);
	return 0;
}

static int finish(struct build *b)
{
	struct report_profile *p = b->p;
	int err;

	for (int i = 0; i < p->counters.nloss; i++) {
		const struct model_loss *l = &p->counters.loss[i];

		if (l->group == MODEL_STACK) {
			p->growth.lost.count += l->objects;
			p->growth.lost.copied += l->bytes;
		} else {
			p->alloc.lost.objects += l->objects;
			p->alloc.lost.bytes += l->bytes;
			p->alloc.lost.class_bytes += l->class_bytes;
		}
	}
	err = fill_set(b, &p->alloc, b->alloc);
	if (!err)
		err = fill_set(b, &p->growth, b->growth);
	return err ? err : fill_set(b, &p->shrink, b->shrink);
}

static void init_set(struct report_set *set)
{
	static const struct report_frame lost_frame = { .func = "gotrace.lost", .file = "" };
	static const uint64_t lost_pc;
	static const struct report_sample none = { .type = "", .via = "", .start = "" };

	set->lost = set->filtered = set->total = none;
	set->lost.frames = &lost_frame;
	set->lost.pcs = &lost_pc;
	set->lost.nframes = 1;
}

static void init_profile(struct build *b)
{
	struct report_profile *p = b->p;
	uint64_t from;

	memset(p, 0, sizeof(*p));
	init_set(&p->alloc);
	init_set(&p->growth);
	init_set(&p->shrink);
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
	for (size_t i = 0; i < model__ngrowths(m) && !err; i++)
		err = add_growth(&b, model__growth(m, i));
	if (!err)
		err = finish(&b);

cleanup:
	/* The elements are the arena's; only the tables themselves are uthash's. */
	HASH_CLEAR(hh, b.frame_ids);
	HASH_CLEAR(hh, b.pcs);
	HASH_CLEAR(hh, b.flats);
	HASH_CLEAR(hh, b.types);
	HASH_CLEAR(hh, b.starts);
	HASH_CLEAR(hh, b.alloc);
	HASH_CLEAR(hh, b.growth);
	HASH_CLEAR(hh, b.shrink);
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

enum model_group report__group(enum report_metric metric)
{
	return metric == REPORT_GROWTHS || metric == REPORT_COPIED ? MODEL_STACK : MODEL_ALLOC;
}

const struct report_set *report__set(const struct report_profile *p, enum report_metric metric)
{
	return report__group(metric) == MODEL_STACK ? &p->growth : &p->alloc;
}

uint64_t report__value(const struct report_sample *s, enum report_metric metric)
{
	switch (metric) {
	case REPORT_OBJECTS:
		return s->objects;
	case REPORT_GROWTHS:
		return s->count;
	case REPORT_COPIED:
		return s->copied;
	default:
		return s->class_bytes;
	}
}

bool report__counts(const struct report_sample *s)
{
	return s->objects || s->bytes || s->class_bytes || s->count || s->copied || s->ns;
}

void report__add(struct report_sample *to, const struct report_sample *from)
{
	to->objects += from->objects;
	to->bytes += from->bytes;
	to->class_bytes += from->class_bytes;
	to->count += from->count;
	to->copied += from->copied;
	to->ns += from->ns;
	if (from->max_ns > to->max_ns)
		to->max_ns = from->max_ns;
}
