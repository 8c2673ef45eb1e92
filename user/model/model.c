/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The model's tables: stacks by id, allocation totals by (stack, type), growths and delays by what
 * led to them in order of arrival, the counters of the collection, and what each was at the last
 * mark.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gotrace/event.h"
#include "model/hash.h"
#include "model/internal.h"

struct stack_entry {
	struct model_stack stack;
	UT_hash_handle hh;
	bool used;			/* while those that are not are looked for */
	uint64_t pc[];
};

/* Padding would be part of a hashed key, so each key is of plain words. */
struct growth_key {
	uint64_t stack, start;
	uint32_t from, to;
	uint64_t kind;
};

struct delay_key {
	uint64_t stack, kind;
};

struct model *model__new(void)
{
	return calloc(1, sizeof(struct model));
}

void model__free(struct model *m)
{
	struct stack_entry *s, *s_next;

	if (!m)
		return;
	HASH_ITER(hh, m->stacks, s, s_next) {
		HASH_DEL(m->stacks, s);
		free(s);
	}
	model_table__free(&m->allocs);
	model_table__free(&m->checks.sites);
	model_table__free(&m->growths);
	model_table__free(&m->delays);
	model_pauses__free(m);
	model_fold__free(m);
	free(m);
}

static struct stack_entry *find_stack(const struct model *m, uint64_t id)
{
	struct stack_entry *e;

	HASH_FIND(hh, m->stacks, &id, sizeof(id), e);
	return e;
}

int model__add_stack(struct model *m, uint64_t id, const uint64_t *pc, uint32_t nframes,
		     uint32_t flags)
{
	struct stack_entry *e;

	if (!nframes || nframes > GT_MAX_FRAMES)
		return -EINVAL;
	if (find_stack(m, id))
		return 0;

	e = malloc(sizeof(*e) + nframes * sizeof(*pc));
	if (!e)
		return -ENOMEM;
	e->used = false;
	memcpy(e->pc, pc, nframes * sizeof(*pc));
	e->stack = (struct model_stack){
		.id = id, .nframes = nframes, .flags = flags, .pc = e->pc
	};
	HASH_ADD(hh, m->stacks, stack.id, sizeof(e->stack.id), e);
	if (!hash__added(e)) {
		free(e);
		return -ENOMEM;
	}
	model_fold__charge_stack(m, nframes);
	return 0;
}

static void use_stack(struct model *m, uint64_t id)
{
	struct stack_entry *e = find_stack(m, id);

	if (e)
		e->used = true;
}

void model_stacks__keep_used(struct model *m)
{
	struct stack_entry *s, *next;

	for (size_t i = 0; i < m->allocs.n; i++)
		use_stack(m, model__alloc(m, i)->stack);
	for (size_t i = 0; i < model__ngrowths(m); i++)
		use_stack(m, model__growth(m, i)->stack);
	for (size_t i = 0; i < model__ndelays(m); i++)
		use_stack(m, model__delay(m, i)->stack);
	/* The pauses that are remembered one by one are all of some site. */
	for (size_t i = 0; i < model__npause_sites(m); i++)
		use_stack(m, model__pause_site(m, i)->stack);
	for (size_t i = 0; i < model__nlate_sites(m); i++)
		use_stack(m, model__late_site(m, i)->stack);
	model_checks__use_stacks(m, use_stack);
	HASH_ITER(hh, m->stacks, s, next) {
		/* cppcheck-suppress uninitvar; model__add_stack() has set it */
		if (s->used) {
			s->used = false;
			model_fold__charge_stack(m, s->stack.nframes);
			continue;
		}
		HASH_DEL(m->stacks, s);
		free(s);
	}
}

const struct model_stack *model__stack(const struct model *m, uint64_t id)
{
	const struct stack_entry *e = find_stack(m, id);

	return e ? &e->stack : NULL;
}

size_t model__nstacks(const struct model *m)
{
	return HASH_COUNT(m->stacks);
}

struct model_alloc *model__alloc_at(struct model *m, uint64_t stack, uint64_t type, uint32_t span_class)
{
	struct alloc_key key = { .stack = stack, .type = type, .span_class = span_class };
	struct model_alloc *a = model_table__find(&m->allocs, &key, sizeof(key));

	if (a)
		return a;
	a = model_table__at(&m->allocs, &key, sizeof(key), sizeof(*a));
	if (!a)
		return NULL;
	a->stack = stack;
	a->type = type;
	a->span_class = span_class;
	model_fold__charge_row(m);
	return a;
}

int model__set_alloc(struct model *m, uint64_t stack, uint64_t type, uint64_t objects,
		     uint64_t bytes, uint64_t class_bytes)
{
	struct alloc_key key = { .stack = stack, .type = type, .span_class = MODEL_COUNTED };
	struct model_alloc *a = model_table__find(&m->allocs, &key, sizeof(key));

	if (!a && !model_fold__admits(m, &key)) {
		model_fold__add(m, objects, bytes, class_bytes);
		return 0;
	}
	if (!a)
		a = model__alloc_at(m, stack, type, MODEL_COUNTED);
	if (!a)
		return -ENOMEM;
	a->pass = m->fold.pass;
	if (objects < a->objects || bytes < a->bytes || class_bytes < a->class_bytes)
		return -EINVAL;
	a->objects = objects;
	a->bytes = bytes;
	a->class_bytes = class_bytes;
	return 0;
}

bool model__has_alloc(const struct model *m, uint64_t stack, uint64_t type)
{
	const struct alloc_key key = { .stack = stack, .type = type, .span_class = MODEL_COUNTED };

	return model_table__find(&m->allocs, &key, sizeof(key)) != NULL;
}

size_t model__nallocs(const struct model *m)
{
	return m->allocs.n;
}

const struct model_alloc *model__alloc(const struct model *m, size_t i)
{
	return model_table__row(&m->allocs, i);
}

int model__set_growth(struct model *m, const struct model_growth *g)
{
	struct growth_key key = {
		.stack = g->stack, .start = g->start, .from = g->from, .to = g->to,
		.kind = g->kind,
	};
	struct model_growth *to;

	/* What is no kind that is known would be counted with one that is. */
	if (key.kind > MODEL_SHRINK)
		return -EINVAL;
	to = model_table__at(&m->growths, &key, sizeof(key), sizeof(*to));
	if (!to)
		return -ENOMEM;
	to->stack = g->stack;
	to->start = g->start;
	to->from = g->from;
	to->to = g->to;
	to->kind = g->kind;
	if (g->count < to->count || g->copied < to->copied || g->timed < to->timed ||
	    g->ns < to->ns || g->max_ns < to->max_ns)
		return -EINVAL;
	to->count = g->count;
	to->copied = g->copied;
	to->timed = g->timed;
	to->ns = g->ns;
	to->max_ns = g->max_ns;
	return 0;
}

size_t model__ngrowths(const struct model *m)
{
	return m->growths.n;
}

const struct model_growth *model__growth(const struct model *m, size_t i)
{
	return model_table__row(&m->growths, i);
}

int model__set_delay(struct model *m, const struct model_delay *d)
{
	struct delay_key key = { .stack = d->stack, .kind = d->kind };
	struct model_delay *to;

	if (key.kind >= MODEL_DELAY_MAX)
		return -EINVAL;
	to = model_table__at(&m->delays, &key, sizeof(key), sizeof(*to));
	if (!to)
		return -ENOMEM;
	to->stack = d->stack;
	to->kind = d->kind;
	if (d->count < to->count || d->ns < to->ns || d->work_ns < to->work_ns ||
	    d->max_ns < to->max_ns)
		return -EINVAL;
	to->count = d->count;
	to->ns = d->ns;
	to->work_ns = d->work_ns;
	to->max_ns = d->max_ns;
	return 0;
}

size_t model__ndelays(const struct model *m)
{
	return m->delays.n;
}

const struct model_delay *model__delay(const struct model *m, size_t i)
{
	return model_table__row(&m->delays, i);
}

void model__set_counters(struct model *m, const struct model_counters *c)
{
	m->counters = *c;
	if (m->counters.nloss < 0)
		m->counters.nloss = 0;
	if (m->counters.nloss > MODEL_LOSS_MAX)
		m->counters.nloss = MODEL_LOSS_MAX;
	for (int i = 0; i < m->counters.nloss; i++) {
		if (!m->counters.loss[i].group)
			m->counters.loss[i].group = MODEL_ALLOC;
	}
}

const struct model_counters *model__counters(const struct model *m)
{
	return &m->counters;
}

static const struct model_loss *find_loss(const struct model_counters *c,
					  enum model_group group, const char *key)
{
	for (int i = 0; i < c->nloss; i++) {
		if (c->loss[i].group == group && !strcmp(c->loss[i].key, key))
			return &c->loss[i];
	}
	return NULL;
}

/* Never below zero: a counter that was set back would otherwise read as 2^64. */
static uint64_t since(uint64_t now, uint64_t mark)
{
	return now > mark ? now - mark : 0;
}

void model__counters_since_mark(const struct model *m, struct model_counters *out)
{
	const struct model_counters *now = &m->counters, *mark = &m->mark;

	*out = *now;
	out->seen = since(now->seen, mark->seen);
	out->samples_seen = since(now->samples_seen, mark->samples_seen);
	out->samples_lost = since(now->samples_lost, mark->samples_lost);
	out->checks_seen = since(now->checks_seen, mark->checks_seen);
	out->checks_lost = since(now->checks_lost, mark->checks_lost);
	out->left_out = since(now->left_out, mark->left_out);
	out->zero = since(now->zero, mark->zero);
	out->cut_depth = since(now->cut_depth, mark->cut_depth);
	out->cut_read = since(now->cut_read, mark->cut_read);
	out->cut_foreign = since(now->cut_foreign, mark->cut_foreign);
	out->cut_full = since(now->cut_full, mark->cut_full);
	out->growths_seen = since(now->growths_seen, mark->growths_seen);
	out->growths_begun = since(now->growths_begun, mark->growths_begun);
	out->growths_unmatched = since(now->growths_unmatched, mark->growths_unmatched);
	out->gc_hits = since(now->gc_hits, mark->gc_hits);
	out->pauses_seen = since(now->pauses_seen, mark->pauses_seen);
	out->pauses_unmatched = since(now->pauses_unmatched, mark->pauses_unmatched);
	out->delays_seen = since(now->delays_seen, mark->delays_seen);
	out->delays_unmatched = since(now->delays_unmatched, mark->delays_unmatched);
	out->unsure = since(now->unsure, mark->unsure);
	out->retries = since(now->retries, mark->retries);
	out->corrupt_stacks = since(now->corrupt_stacks, mark->corrupt_stacks);
	for (int i = 0; i < out->nloss; i++) {
		struct model_loss *l = &out->loss[i];
		const struct model_loss *was = find_loss(mark, l->group, l->key);

		if (!was)
			continue;
		l->objects = since(l->objects, was->objects);
		l->bytes = since(l->bytes, was->bytes);
		l->class_bytes = since(l->class_bytes, was->class_bytes);
	}
}

void model__set_time(struct model *m, const struct model_time *t)
{
	uint64_t mark_ns = m->time.mark_ns;

	m->time = *t;
	m->time.mark_ns = mark_ns > t->start_ns ? mark_ns : t->start_ns;
}

const struct model_time *model__time(const struct model *m)
{
	return &m->time;
}

void model__mark(struct model *m)
{
	for (size_t i = 0; i < m->allocs.n; i++) {
		struct model_alloc *a = model_table__row(&m->allocs, i);

		a->mark_objects = a->objects;
		a->mark_bytes = a->bytes;
		a->mark_class_bytes = a->class_bytes;
		a->mark_est = a->est;
	}
	model_samples__mark(m);
	for (size_t i = 0; i < m->growths.n; i++) {
		struct model_growth *g = model_table__row(&m->growths, i);

		g->mark_count = g->count;
		g->mark_copied = g->copied;
		g->mark_timed = g->timed;
		g->mark_ns = g->ns;
	}
	for (size_t i = 0; i < m->delays.n; i++) {
		struct model_delay *d = model_table__row(&m->delays, i);

		d->mark_count = d->count;
		d->mark_ns = d->ns;
		d->mark_work_ns = d->work_ns;
	}
	model_pauses__mark(m);
	model_fold__mark(m);
	m->mark = m->counters;
	m->time.mark_ns = m->time.now_ns;
}

struct model_alloc model__total(const struct model *m)
{
	const struct model_alloc *other = model__other(m);
	struct model_alloc sum = model__unsampled(m);

	sum.objects += other->objects;
	sum.bytes += other->bytes;
	sum.class_bytes += other->class_bytes;
	sum.mark_objects += other->mark_objects;
	sum.mark_bytes += other->mark_bytes;
	sum.mark_class_bytes += other->mark_class_bytes;
	for (size_t i = 0; i < m->allocs.n; i++) {
		const struct model_alloc *a = model__alloc(m, i);

		sum.objects += a->objects;
		sum.bytes += a->bytes;
		sum.class_bytes += a->class_bytes;
		sum.mark_objects += a->mark_objects;
		sum.mark_bytes += a->mark_bytes;
		sum.mark_class_bytes += a->mark_class_bytes;
		sum.est.objects += a->est.objects;
		sum.est.class_bytes += a->est.class_bytes;
		sum.mark_est.objects += a->mark_est.objects;
		sum.mark_est.class_bytes += a->mark_est.class_bytes;
	}
	model_samples__total_var(m, &sum.est);
	return sum;
}

struct model_loss model__total_loss(const struct model *m, enum model_group group)
{
	struct model_loss sum = { .group = group, .cause = "all causes", .key = "total" };

	for (int i = 0; i < m->counters.nloss; i++) {
		const struct model_loss *l = &m->counters.loss[i];

		if (l->group != group)
			continue;
		sum.objects += l->objects;
		sum.bytes += l->bytes;
		sum.class_bytes += l->class_bytes;
	}
	return sum;
}
