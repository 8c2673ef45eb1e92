/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The model's tables: stacks by id, allocation totals by (stack, type) and growths by what led to
 * them in order of arrival, the counters of the collection, and what each was at the last mark.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gotrace/event.h"
#include "model/hash.h"
#include "model/model.h"

struct stack_entry {
	struct model_stack stack;
	UT_hash_handle hh;
	uint64_t pc[];
};

/* Padding would be part of a hashed key, so the key is two plain words. */
struct alloc_key {
	uint64_t stack, type;
};

struct alloc_entry {
	struct alloc_key key;
	size_t index;
	UT_hash_handle hh;
};

struct growth_key {
	uint64_t stack, start;
	uint32_t from, to;
	uint64_t kind;
};

struct growth_entry {
	struct growth_key key;
	size_t index;
	UT_hash_handle hh;
};

struct model {
	struct stack_entry *stacks;
	struct alloc_entry *index;
	struct model_alloc *allocs;
	size_t nallocs, cap;
	struct growth_entry *growth_index;
	struct model_growth *growths;
	size_t ngrowths, growths_cap;
	struct model_counters counters, mark;
	struct model_time time;
};

struct model *model__new(void)
{
	return calloc(1, sizeof(struct model));
}

void model__free(struct model *m)
{
	struct stack_entry *s, *s_next;
	struct alloc_entry *a, *a_next;
	struct growth_entry *g, *g_next;

	if (!m)
		return;
	HASH_ITER(hh, m->stacks, s, s_next) {
		HASH_DEL(m->stacks, s);
		free(s);
	}
	HASH_ITER(hh, m->index, a, a_next) {
		HASH_DEL(m->index, a);
		free(a);
	}
	HASH_ITER(hh, m->growth_index, g, g_next) {
		HASH_DEL(m->growth_index, g);
		free(g);
	}
	free(m->allocs);
	free(m->growths);
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
	memcpy(e->pc, pc, nframes * sizeof(*pc));
	e->stack = (struct model_stack){
		.id = id, .nframes = nframes, .flags = flags, .pc = e->pc
	};
	HASH_ADD(hh, m->stacks, stack.id, sizeof(e->stack.id), e);
	if (!hash__added(e)) {
		free(e);
		return -ENOMEM;
	}
	return 0;
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

static int grow_allocs(struct model *m)
{
	size_t cap = m->cap ? 2 * m->cap : 256;
	struct model_alloc *allocs;

	if (m->nallocs < m->cap)
		return 0;
	allocs = reallocarray(m->allocs, cap, sizeof(*allocs));
	if (!allocs)
		return -ENOMEM;
	m->allocs = allocs;
	m->cap = cap;
	return 0;
}

/* A new, zero total of this key at the end of the array; NULL: out of memory. */
static struct model_alloc *add_alloc(struct model *m, const struct alloc_key *key)
{
	struct alloc_entry *e;
	struct model_alloc *a;

	if (grow_allocs(m))
		return NULL;
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->key = *key;
	e->index = m->nallocs;
	HASH_ADD(hh, m->index, key, sizeof(e->key), e);
	if (!hash__added(e)) {
		free(e);
		return NULL;
	}
	a = &m->allocs[m->nallocs++];
	*a = (struct model_alloc){ .stack = key->stack, .type = key->type };
	return a;
}

int model__set_alloc(struct model *m, uint64_t stack, uint64_t type, uint64_t objects,
		     uint64_t bytes, uint64_t class_bytes)
{
	struct alloc_key key = { .stack = stack, .type = type };
	struct alloc_entry *e;
	struct model_alloc *a;

	HASH_FIND(hh, m->index, &key, sizeof(key), e);
	a = e ? &m->allocs[e->index] : add_alloc(m, &key);
	if (!a)
		return -ENOMEM;
	if (objects < a->objects || bytes < a->bytes || class_bytes < a->class_bytes)
		return -EINVAL;
	a->objects = objects;
	a->bytes = bytes;
	a->class_bytes = class_bytes;
	return 0;
}

size_t model__nallocs(const struct model *m)
{
	return m->nallocs;
}

const struct model_alloc *model__alloc(const struct model *m, size_t i)
{
	return i < m->nallocs ? &m->allocs[i] : NULL;
}

static int grow_growths(struct model *m)
{
	size_t cap = m->growths_cap ? 2 * m->growths_cap : 256;
	struct model_growth *growths;

	if (m->ngrowths < m->growths_cap)
		return 0;
	growths = reallocarray(m->growths, cap, sizeof(*growths));
	if (!growths)
		return -ENOMEM;
	m->growths = growths;
	m->growths_cap = cap;
	return 0;
}

/* As add_alloc(). */
static struct model_growth *add_growth(struct model *m, const struct growth_key *key)
{
	struct growth_entry *e;
	struct model_growth *g;

	if (grow_growths(m))
		return NULL;
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->key = *key;
	e->index = m->ngrowths;
	HASH_ADD(hh, m->growth_index, key, sizeof(e->key), e);
	if (!hash__added(e)) {
		free(e);
		return NULL;
	}
	g = &m->growths[m->ngrowths++];
	*g = (struct model_growth){
		.stack = key->stack, .start = key->start, .from = key->from, .to = key->to,
		.kind = (enum model_growth_kind)key->kind,
	};
	return g;
}

int model__set_growth(struct model *m, const struct model_growth *g)
{
	struct growth_key key = {
		.stack = g->stack, .start = g->start, .from = g->from, .to = g->to,
		.kind = g->kind,
	};
	struct growth_entry *e;
	struct model_growth *to;

	/* What is no kind that is known would be counted with one that is. */
	if (key.kind > MODEL_SHRINK)
		return -EINVAL;
	HASH_FIND(hh, m->growth_index, &key, sizeof(key), e);
	to = e ? &m->growths[e->index] : add_growth(m, &key);
	if (!to)
		return -ENOMEM;
	if (g->count < to->count || g->copied < to->copied || g->ns < to->ns ||
	    g->max_ns < to->max_ns)
		return -EINVAL;
	to->count = g->count;
	to->copied = g->copied;
	to->ns = g->ns;
	to->max_ns = g->max_ns;
	return 0;
}

size_t model__ngrowths(const struct model *m)
{
	return m->ngrowths;
}

const struct model_growth *model__growth(const struct model *m, size_t i)
{
	return i < m->ngrowths ? &m->growths[i] : NULL;
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
	out->left_out = since(now->left_out, mark->left_out);
	out->zero = since(now->zero, mark->zero);
	out->cut_depth = since(now->cut_depth, mark->cut_depth);
	out->cut_read = since(now->cut_read, mark->cut_read);
	out->cut_foreign = since(now->cut_foreign, mark->cut_foreign);
	out->cut_full = since(now->cut_full, mark->cut_full);
	out->growths_seen = since(now->growths_seen, mark->growths_seen);
	out->growths_unmatched = since(now->growths_unmatched, mark->growths_unmatched);
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
	for (size_t i = 0; i < m->nallocs; i++) {
		struct model_alloc *a = &m->allocs[i];

		a->mark_objects = a->objects;
		a->mark_bytes = a->bytes;
		a->mark_class_bytes = a->class_bytes;
	}
	for (size_t i = 0; i < m->ngrowths; i++) {
		struct model_growth *g = &m->growths[i];

		g->mark_count = g->count;
		g->mark_copied = g->copied;
		g->mark_ns = g->ns;
	}
	m->mark = m->counters;
	m->time.mark_ns = m->time.now_ns;
}

struct model_alloc model__total(const struct model *m)
{
	struct model_alloc sum = { 0 };

	for (size_t i = 0; i < m->nallocs; i++) {
		const struct model_alloc *a = &m->allocs[i];

		sum.objects += a->objects;
		sum.bytes += a->bytes;
		sum.class_bytes += a->class_bytes;
		sum.mark_objects += a->mark_objects;
		sum.mark_bytes += a->mark_bytes;
		sum.mark_class_bytes += a->mark_class_bytes;
	}
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
