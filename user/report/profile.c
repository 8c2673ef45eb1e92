/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From the model's addresses to named samples. Samples that look the same once their stacks are named
 * (same visible frames, type and way in; same step, kind and start of the goroutine) become one.
 * What had no stack becomes part of the losses.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/flat.h"
#include "report/via.h"

struct type_entry {
	uint64_t addr;
	const char *name;
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
	struct flats flats;
	const struct model *m;
	const struct report_names *names;
	const struct report_options *opts;
	struct report_profile *p;
	struct report_arena *keep;	/* lives as long as the profile */
	struct report_arena *tmp;
	struct type_entry *types;
	struct merged *alloc, *growth, *shrink;
};

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
	err = flat__find(&b->flats, a->stack, true, &f);
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

	err = flat__start(&b->flats, g->start, f, &key.text);
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
	err = flat__find(&b->flats, g->stack, false, &f);
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
	b.flats = (struct flats){
		.m = m, .names = names, .opts = opts, .keep = b.keep, .tmp = b.tmp
	};
	err = 0;
	for (size_t i = 0; i < model__nallocs(m) && !err; i++)
		err = add_alloc(&b, model__alloc(m, i));
	for (size_t i = 0; i < model__ngrowths(m) && !err; i++)
		err = add_growth(&b, model__growth(m, i));
	if (!err)
		err = finish(&b);

cleanup:
	/* The elements are the arena's; only the tables themselves are uthash's. */
	flat__clear(&b.flats);
	HASH_CLEAR(hh, b.types);
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
