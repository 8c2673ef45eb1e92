/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From the model's addresses to named samples. Samples that look the same once their stacks are named
 * (same visible frames, type and way in; same step, kind and start of the goroutine) become one.
 * What had no stack becomes part of the losses.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/copy_time.h"
#include "report/estimate.h"
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
	const char *text;		/* type, start or leaf: compared by content */
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
	struct copy_times copy_times;
	struct merged *alloc, *growth, *shrink, *pause, *late, *delay;
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

/* Of a flat stack what a sample shows of it, and no figures. */
static struct report_sample frames_of(const struct flat *f)
{
	return (struct report_sample){
		.frames = f->frames + f->ntrimmed,
		.pcs = f->pcs + f->ntrimmed,
		.nframes = f->nframes - f->ntrimmed,
		.ntrimmed = f->ntrimmed,
		.leaf = "",
		.type = "",
		.via = "",
		.start = "",
		.what = "",
		.cut = f->cut,
	};
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
	e->sample = frames_of(f);
	HASH_ADD_KEYPTR(hh, *table, key, len, e);
	return hash__added(e) ? e : NULL;
}

/* Whose losses a row counts. Those of the collector's group are told apart by their keys. */
enum loss_set { LOST_ALLOC, LOST_GROWTH, LOST_PAUSE, LOST_LATE, LOST_DELAY };

static enum loss_set set_of(const struct model_loss *l)
{
	if (l->group == MODEL_STACK)
		return LOST_GROWTH;
	if (l->group != MODEL_GC)
		return LOST_ALLOC;
	if (!strncmp(l->key, "delay", 5))
		return LOST_DELAY;
	return !strncmp(l->key, "late", 4) ? LOST_LATE : LOST_PAUSE;
}

static void name_other(struct model_loss *l)
{
	static const char *const keys[] = {
		[LOST_ALLOC] = "other", [LOST_GROWTH] = "other", [LOST_PAUSE] = "pause_other",
		[LOST_LATE] = "late_other", [LOST_DELAY] = "delay_other",
	};

	l->key = keys[set_of(l)];
	l->cause = "other";
}

/* Makes the last row free by adding up two of one set; there are more rows than sets. */
static void free_row(struct model_counters *c)
{
	int i, k = 0;

	for (i = c->nloss - 1; i > 0; i--) {
		for (k = i - 1; k >= 0 && set_of(&c->loss[k]) != set_of(&c->loss[i]); k--)
			;
		if (k >= 0)
			break;
	}
	c->loss[k].objects += c->loss[i].objects;
	c->loss[k].bytes += c->loss[i].bytes;
	c->loss[k].class_bytes += c->loss[i].class_bytes;
	name_other(&c->loss[k]);
	memmove(&c->loss[i], &c->loss[i + 1], (c->nloss - i - 1) * sizeof(c->loss[i]));
	c->nloss--;
}

/*
 * The row of a set's losses that only the report can see. Where the table is full it is the last one
 * of the set, or one that is made free.
 */
static struct model_loss *missing_row(struct model_counters *c, enum model_group group,
				      const char *key)
{
	const struct model_loss row = { group, "stack missing", key, 0, 0, 0 };
	struct model_loss *l = NULL;

	for (int i = 0; i < c->nloss; i++) {
		if (set_of(&c->loss[i]) != set_of(&row))
			continue;
		l = &c->loss[i];
		if (!strcmp(l->key, key))
			return l;
	}
	if (l && c->nloss == MODEL_LOSS_MAX) {
		name_other(l);
		return l;
	}
	if (c->nloss == MODEL_LOSS_MAX)
		free_row(c);
	c->loss[c->nloss] = row;
	return &c->loss[c->nloss++];
}

static int add_alloc(struct build *b, const struct model_alloc *a)
{
	struct report_sample figures = {
		.objects = a->objects, .bytes = a->bytes, .class_bytes = a->class_bytes,
		.est = a->est,
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
		figures.est = estimate__since(&a->est, &a->mark_est);
	}
	if (!report__counts(&figures))
		return 0;
	err = flat__find(&b->flats, a->stack, FLAT_PROBED, &f);
	if (err)
		return err;
	if (f->missing) {
		l = missing_row(&b->p->counters, MODEL_ALLOC, "stack_missing");
		l->objects += figures.objects;
		l->bytes += figures.bytes;
		l->class_bytes += figures.class_bytes;
		return 0;
	}
	if (f->filtered) {
		report__add(&b->p->alloc.filtered, &figures);
		return 0;
	}
	key.text = a->span_class == MODEL_COUNTED ? type_name(b, a->type) :
						    estimate__class_name(b->keep, a);
	if (!key.text)
		return -ENOMEM;
	key.via = report__via(f->frames, f->nframes, f->nruntime, key.text);
	e = find_merged(b, &b->alloc, f, &key);
	if (!e)
		return -ENOMEM;
	e->sample.type = key.text;
	e->sample.via = key.via;
	estimate__add(&e->sample.est, &figures.est);
	/* These are not to be added once more. */
	figures.est.objects_var = figures.est.bytes_var = 0;
	report__add(&e->sample, &figures);
	return 0;
}

/* A drain that failed half-way leaves the sum behind the mark. */
static uint64_t since(uint64_t now, uint64_t mark)
{
	return now > mark ? now - mark : 0;
}

/* What the model has folded is one sample, of a frame that gotrace made up. */
static int add_other(struct build *b)
{
	static struct report_frame frame = { .func = "gotrace.other", .file = "" };
	static uint64_t pc;
	static const struct frame_id *id;
	const struct model_alloc *a = model__other(b->m);
	struct flat f = { .frames = &frame, .pcs = &pc, .ids = &id, .nframes = 1 };
	const struct merge_key key = { .via = "", .text = "" };
	struct report_sample figures = {
		.objects = a->objects, .bytes = a->bytes, .class_bytes = a->class_bytes
	};
	struct merged *e;

	if (b->opts->interval) {
		figures.objects = since(a->objects, a->mark_objects);
		figures.bytes = since(a->bytes, a->mark_bytes);
		figures.class_bytes = since(a->class_bytes, a->mark_class_bytes);
	}
	if (!report__counts(&figures))
		return 0;
	e = find_merged(b, &b->alloc, &f, &key);
	if (!e)
		return -ENOMEM;
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
	uint64_t timed = g->timed;
	const struct flat *f;
	struct model_loss *l;
	int err;

	if (b->opts->interval) {
		figures.count -= g->mark_count;
		figures.copied -= g->mark_copied;
		figures.ns -= g->mark_ns;
		timed -= g->mark_timed;
	}
	figures.untimed = figures.count > timed ? figures.count - timed : 0;
	figures.ns += copy_times__estimate(&b->copy_times, g, figures.untimed);
	if (!report__counts(&figures))
		return 0;
	/* A growing function has called morestack: even its own pc is a return address. */
	err = flat__find(&b->flats, g->stack, FLAT_RETURN, &f);
	if (err)
		return err;
	/* The collector shrinks, not the code on the stack: a shrink is known without one. */
	if (f->missing && !shrink) {
		l = missing_row(&b->p->counters, MODEL_STACK, "stack_missing");
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

/* What a thread was interrupted in tells more than who called it. */
static const char *leaf_of(const struct flat *f)
{
	return f->key.mode == FLAT_SAMPLED && f->ntrimmed ? f->frames[0].func : "";
}

/* Adds figures of this code to the sample of f, which may be a missing stack. */
static int merge_coded(struct build *b, struct report_set *set, struct merged **table,
		       const struct flat *f, const struct report_sample *figures)
{
	struct merge_key key = { .kind = figures->code };
	struct merged *e;

	if (f->filtered) {
		report__add(&set->filtered, figures);
		return 0;
	}
	key.text = set == &b->p->late ? leaf_of(f) : "";
	e = find_merged(b, table, f, &key);
	if (!e)
		return -ENOMEM;
	e->sample.what = figures->what;
	e->sample.code = figures->code;
	e->sample.leaf = key.text;
	report__add(&e->sample, figures);
	return 0;
}

static int add_pause(struct build *b, const struct model_pause_site *s)
{
	struct report_sample figures = {
		.count = s->count, .ns = s->ns, .max_ns = s->max_ns, .work_ns = s->stop_ns,
		.what = model__reason_name(s->reason), .code = s->reason,
	};
	const struct flat *f;
	int err;

	if (b->opts->interval) {
		figures.count -= s->mark_count;
		figures.ns -= s->mark_ns;
		figures.work_ns -= s->mark_stop_ns;
	}
	if (!report__counts(&figures))
		return 0;
	err = flat__find(&b->flats, s->stack, FLAT_RETURN, &f);
	return err ? err : merge_coded(b, &b->p->pause, &b->pause, f, &figures);
}

static int add_late(struct build *b, const struct model_late_site *s)
{
	static const char *const hows[MODEL_LATE_MAX] = {
		[MODEL_LATE_RAN] = "ran on", [MODEL_LATE_WAITED] = "no CPU",
		[MODEL_LATE_AWAY] = "away", [MODEL_LATE_UNKNOWN] = "unknown",
		[MODEL_LATE_WOKEN] = "woken late",
	};
	struct report_sample figures = {
		.count = s->count, .ns = s->ns, .max_ns = s->max_ns, .faults = s->faults,
		.what = hows[s->how], .code = s->how,
	};
	const struct flat *f;
	int err;

	if (b->opts->interval) {
		figures.count -= s->mark_count;
		figures.ns -= s->mark_ns;
		figures.faults -= s->mark_faults;
	}
	if (!report__counts(&figures))
		return 0;
	err = flat__find(&b->flats, s->stack, s->sampled ? FLAT_SAMPLED : FLAT_RETURN, &f);
	return err ? err : merge_coded(b, &b->p->late, &b->late, f, &figures);
}

static int add_delay(struct build *b, const struct model_delay *d)
{
	static const char *const kinds[MODEL_DELAY_MAX] = {
		[MODEL_ASSIST] = "assist", [MODEL_SWEEP] = "sweep",
		[MODEL_GC_START] = "start", [MODEL_BARRIER] = "barrier",
	};
	struct report_sample figures = {
		.count = d->count, .ns = d->ns, .max_ns = d->max_ns, .work_ns = d->work_ns,
		.what = kinds[d->kind], .code = d->kind,
	};
	const struct flat *f;
	int err;

	if (b->opts->interval) {
		figures.count -= d->mark_count;
		figures.ns -= d->mark_ns;
		figures.work_ns -= d->mark_work_ns;
	}
	if (!report__counts(&figures))
		return 0;
	err = flat__find(&b->flats, d->stack, FLAT_PROBED, &f);
	if (err)
		return err;
	if (f->missing) {
		/* The row has the number only; how long they took is known all the same. */
		missing_row(&b->p->counters, MODEL_GC, "delay_stack_missing")->objects +=
			figures.count;
		figures.count = 0;
		report__add(&b->p->delay.lost, &figures);
		return 0;
	}
	return merge_coded(b, &b->p->delay, &b->delay, f, &figures);
}

/* A sample that only shows the frames of f; NULL: out of memory. */
static const struct report_sample *show_frames(struct build *b, const struct flat *f,
					       const char *leaf)
{
	struct report_sample s = frames_of(f);

	s.leaf = leaf;
	return report_arena__copy(b->keep, &s, sizeof(s));
}

static int add_worst(struct build *b, const struct model_pause *pause)
{
	struct report_pause *to = &b->p->worst[b->p->nworst];
	const struct model_late *late = &pause->late;
	const struct flat *f;
	int err;

	*to = (struct report_pause){ .pause = pause, .late_start = "" };
	err = flat__find(&b->flats, pause->stack, FLAT_RETURN, &f);
	if (!err)
		err = flat__start(&b->flats, pause->start, f, &to->start);
	if (err)
		return err;
	to->requester = show_frames(b, f, "");
	if (!to->requester)
		return -ENOMEM;
	b->p->nworst++;
	if (!pause->has_late)
		return 0;
	err = flat__find(&b->flats, late->stack, late->sampled ? FLAT_SAMPLED : FLAT_RETURN, &f);
	if (!err)
		err = flat__start(&b->flats, late->start, f, &to->late_start);
	if (err)
		return err;
	to->late = show_frames(b, f, leaf_of(f));
	return to->late ? 0 : -ENOMEM;
}

static int add_all_worst(struct build *b)
{
	size_t n = model__nworst(b->m);
	int err = 0;

	b->p->worst = report_arena__alloc(b->keep, n, sizeof(*b->p->worst));
	if (!b->p->worst)
		return -ENOMEM;
	for (size_t i = 0; i < n && !err; i++)
		err = add_worst(b, model__worst(b->m, i));
	return err;
}

/* Pauses, who was late for them, delays. */
static int add_gc(struct build *b)
{
	const struct model *m = b->m;
	int err = 0;

	for (size_t i = 0; i < model__npause_sites(m) && !err; i++)
		err = add_pause(b, model__pause_site(m, i));
	for (size_t i = 0; i < model__nlate_sites(m) && !err; i++)
		err = add_late(b, model__late_site(m, i));
	for (size_t i = 0; i < model__ndelays(m) && !err; i++)
		err = add_delay(b, model__delay(m, i));
	return err ? err : add_all_worst(b);
}

/* Copies the samples out of the table, in order of first arrival, and adds up. */
static int fill_set(struct build *b, struct report_set *set, struct merged *table)
{
	struct merged *e;

	/* One more: what is unsampled. */
	set->samples = report_arena__alloc(b->keep, HASH_COUNT(table) + 1, sizeof(*set->samples));
	if (!set->samples)
		return -ENOMEM;
	for (e = table; e; e = e->hh.next) {
		set->samples[set->nsamples++] = e->sample;
		report__add(&set->total, &e->sample);
	}
	report__add(&set->total, &set->lost);
	return 0;
}

const struct report_set *report__set_of_loss(const struct report_profile *p,
					     const struct model_loss *l)
{
	const struct report_set *const sets[] = {
		[LOST_ALLOC] = &p->alloc, [LOST_GROWTH] = &p->growth, [LOST_PAUSE] = &p->pause,
		[LOST_LATE] = &p->late, [LOST_DELAY] = &p->delay,
	};

	return sets[set_of(l)];
}

static void add_losses(struct report_profile *p)
{
	struct report_set *const sets[] = {
		[LOST_PAUSE] = &p->pause, [LOST_LATE] = &p->late, [LOST_DELAY] = &p->delay,
	};

	for (int i = 0; i < p->counters.nloss; i++) {
		const struct model_loss *l = &p->counters.loss[i];
		enum loss_set set = set_of(l);

		if (set == LOST_GROWTH) {
			p->growth.lost.count += l->objects;
			p->growth.lost.copied += l->bytes;
		} else if (set == LOST_ALLOC) {
			p->alloc.lost.objects += l->objects;
			p->alloc.lost.bytes += l->bytes;
			p->alloc.lost.class_bytes += l->class_bytes;
		} else {
			sets[set]->lost.count += l->objects;
		}
	}
}

/*
 * What no sample has told of yet is a sample of its own. Of the total more is known than of the sites one
 * by one, unless some are left out.
 */
static void add_unsampled(struct build *b)
{
	struct report_set *set = &b->p->alloc;
	const struct model_estimate est = model__total(b->m).est;
	struct report_sample s = estimate__unsampled(b->m, b->opts->interval);

	if (report__counts(&s)) {
		set->samples[set->nsamples++] = s;
		report__add(&set->total, &s);
	}
	if (report__counts(&set->filtered))
		return;
	set->total.est.objects_var = est.objects_var;
	set->total.est.bytes_var = est.bytes_var;
}

static int finish(struct build *b)
{
	struct report_profile *p = b->p;
	int err;

	add_losses(p);
	err = fill_set(b, &p->alloc, b->alloc);
	if (!err)
		add_unsampled(b);
	if (!err)
		err = fill_set(b, &p->growth, b->growth);
	if (!err)
		err = fill_set(b, &p->shrink, b->shrink);
	if (!err)
		err = fill_set(b, &p->pause, b->pause);
	if (!err)
		err = fill_set(b, &p->late, b->late);
	return err ? err : fill_set(b, &p->delay, b->delay);
}

static void init_set(struct report_set *set)
{
	static const struct report_frame lost_frame = { .func = "gotrace.lost", .file = "" };
	static const uint64_t lost_pc;
	static const struct report_sample none = {
		.leaf = "", .type = "", .via = "", .start = "", .what = ""
	};

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
	init_set(&p->pause);
	init_set(&p->late);
	init_set(&p->delay);
	p->model = b->m;
	p->names = b->names;
	p->time = *model__time(b->m);
	from = b->opts->interval ? p->time.mark_ns : p->time.start_ns;
	if (p->time.now_ns > from)
		p->seconds = (p->time.now_ns - from) / 1e9;
	if (b->opts->interval)
		model__counters_since_mark(b->m, &p->counters);
	else
		p->counters = *model__counters(b->m);
	p->nchecks = model__nchecks(b->m);
	p->ndoubted = (uint64_t)model__ndoubted(b->m);
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
	if (!err)
		err = add_other(&b);
	if (!err)
		err = copy_times__make(&b.copy_times, m, b.tmp);
	for (size_t i = 0; i < model__ngrowths(m) && !err; i++)
		err = add_growth(&b, model__growth(m, i));
	if (!err)
		err = add_gc(&b);
	if (!err)
		err = finish(&b);

cleanup:
	/* The elements are the arena's; only the tables themselves are uthash's. */
	flat__clear(&b.flats);
	copy_times__clear(&b.copy_times);
	HASH_CLEAR(hh, b.types);
	HASH_CLEAR(hh, b.alloc);
	HASH_CLEAR(hh, b.growth);
	HASH_CLEAR(hh, b.shrink);
	HASH_CLEAR(hh, b.pause);
	HASH_CLEAR(hh, b.late);
	HASH_CLEAR(hh, b.delay);
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
	switch (metric) {
	case REPORT_GROWTHS:
	case REPORT_COPIED:
		return MODEL_STACK;
	case REPORT_PAUSES:
	case REPORT_PAUSE_TIME:
	case REPORT_ASSISTS:
	case REPORT_ASSIST_TIME:
		return MODEL_GC;
	default:
		return MODEL_ALLOC;
	}
}

const struct report_set *report__set(const struct report_profile *p, enum report_metric metric)
{
	switch (metric) {
	case REPORT_GROWTHS:
	case REPORT_COPIED:
		return &p->growth;
	case REPORT_PAUSES:
	case REPORT_PAUSE_TIME:
		return &p->pause;
	case REPORT_ASSISTS:
	case REPORT_ASSIST_TIME:
		return &p->delay;
	default:
		return &p->alloc;
	}
}

uint64_t report__value(const struct report_sample *s, enum report_metric metric)
{
	switch (metric) {
	case REPORT_OBJECTS:
		return s->objects;
	case REPORT_GROWTHS:
	case REPORT_PAUSES:
	case REPORT_ASSISTS:
		return s->count;
	case REPORT_COPIED:
		return s->copied;
	case REPORT_PAUSE_TIME:
	case REPORT_ASSIST_TIME:
		return s->ns;
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
	to->est.objects += from->est.objects;
	to->est.class_bytes += from->est.class_bytes;
	to->est.objects_var += from->est.objects_var;
	to->est.bytes_var += from->est.bytes_var;
	to->objects += from->objects;
	to->bytes += from->bytes;
	to->class_bytes += from->class_bytes;
	to->count += from->count;
	to->copied += from->copied;
	to->ns += from->ns;
	to->untimed += from->untimed;
	to->work_ns += from->work_ns;
	to->faults += from->faults;
	if (from->max_ns > to->max_ns)
		to->max_ns = from->max_ns;
}
