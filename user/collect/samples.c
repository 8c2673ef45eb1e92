/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Samples of allocations, from the table to the model, and the runtime's own totals to scale them by.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect/internal.h"
#include "model/hash.h"

/* What an entry of the table held at the last drain, all CPUs. */
struct seen {
	struct gt_sample_key key;
	struct gt_sample_val val;
	UT_hash_handle hh;
};

/* A look at the runtime's totals. */
struct totals {
	uint64_t tiny, large_bytes, large, small[GT_SIZE_CLASSES];
};

struct collect_samples {
	struct seen *seen;
	struct collect_totals where;
	bool known, running;		/* have been read all the time; are those of now wanted */
	struct totals last;
	struct model_class_total sum[MODEL_CLASS_TOTALS];
	double scale;
	/* Lost since the start; the wire's are not scaled, and were these at the last drain. */
	struct model_loss lost[GT_LOST_MAX];
	struct gt_sample_lost was_lost[GT_LOST_MAX];
	uint64_t was_by_class[GT_SIZE_CLASSES];
};

static const char *const causes[GT_LOST_MAX][2] = {
	[GT_LOST_ALLOCS_FULL] = { "table of samples full", "samples_full" },
	[GT_LOST_STACKS_FULL] = { "table of stacks full", "sample_stacks_full" },
	[GT_LOST_COLLISION] = { "two stacks with one id", "sample_stack_collision" },
	[GT_LOST_CONTENDED] = { "preempted again and again", "sample_contended" },
	[GT_LOST_UNREADABLE] = { "the span could not be read", "sample_unreadable" },
};

#define DELTAS	   3		/* consistentHeapStats.stats, which gen follows */
#define DELTA_MAX  2048
#define TRIES	   5
/* More objects of one class, or bytes, than there can be between two looks, and what they may shrink by. */
#define JUMP_MAX   (1LL << 50)
#define SHRINK_MAX (1LL << 16)

static uint64_t word_at(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/*
 * The runtime adds to one of three deltas, stats[gen]; the one before holds all the past, and the third is
 * empty. When it reads them itself it moves gen on, adds the past to the delta that was written to, and
 * empties where the past was: while it is at it, that third one is not empty. gen lies behind the
 * deltas, so it is copied after them.
 */
static bool add_deltas(const struct collect_totals *w, const uint8_t *stats, struct totals *out)
{
	uint32_t gen;
	bool empty = true;

	memcpy(&gen, stats + DELTAS * w->size, sizeof(gen));
	memset(out, 0, sizeof(*out));
	for (uint32_t i = 0; i < DELTAS; i++) {
		const uint8_t *delta = stats + i * w->size + w->tiny;

		out->tiny += word_at(delta);
		out->large_bytes += word_at(delta + 8);
		out->large += word_at(delta + 16);
		for (int k = 0; k < GT_SIZE_CLASSES; k++) {
			uint64_t n = word_at(delta + 24 + 8 * (size_t)k);

			out->small[k] += n;
			empty = empty && (!n || i != (gen + 1) % DELTAS);
		}
	}
	return gen < DELTAS && empty;
}

static bool follows(uint64_t now, uint64_t was)
{
	int64_t more = (int64_t)(now - was);

	/* Before Go 1.19 a span is booked whole, and what is left of it taken back later. */
	return more > -SHRINK_MAX && more < JUMP_MAX;
}

static bool is_likely(const struct totals *now, const struct totals *was)
{
	bool likely = follows(now->tiny, was->tiny) && follows(now->large, was->large) &&
		      follows(now->large_bytes, was->large_bytes);

	for (int i = 0; i < GT_SIZE_CLASSES; i++)
		likely = likely && follows(now->small[i], was->small[i]);
	return likely;
}

/* Looks at the totals. Without a look before it, anything is likely. */
static bool read_totals(const struct collect_samples *s, const struct totals *was,
			struct totals *out)
{
	const struct collect_totals *w = &s->where;
	uint8_t stats[DELTAS * DELTA_MAX + sizeof(uint32_t)];
	size_t len = DELTAS * w->size + sizeof(uint32_t);

	for (int try = 0; try < TRIES; try++) {
		if (w->read(w->ctx, w->addr, stats, len))
			return false;
		if (add_deltas(w, stats, out) && (!was || is_likely(out, was)))
			return true;
	}
	return false;
}

static double more(uint64_t now, uint64_t was)
{
	return (double)(int64_t)(now - was);
}

/* Adds what the totals have grown by. When they cannot be read any more they are not known from there on. */
static void add_totals(struct collect *c)
{
	struct collect_samples *s = c->samples;
	struct totals now;

	if (!s->known || !s->running)
		return;
	if (!read_totals(s, &s->last, &now)) {
		s->known = false;
		return;
	}
	s->sum[0].objects += more(now.large, s->last.large);
	s->sum[0].class_bytes += more(now.large_bytes, s->last.large_bytes);
	for (int i = 1; i < GT_SIZE_CLASSES; i++) {
		double objects = more(now.small[i], s->last.small[i]);

		s->sum[i].objects += objects;
		s->sum[i].class_bytes += objects * c->skel->rodata->cfg.class_size[i];
	}
	s->sum[MODEL_CLASS_TINY].objects += more(now.tiny, s->last.tiny);
	s->last = now;
}

void collect_samples__set_mode(struct collect *c, enum gt_alloc_mode mode)
{
	struct collect_samples *s = c->samples;
	bool running = mode == GT_ALLOC_SAMPLE || mode == GT_ALLOC_CHECK;

	add_totals(c);
	if (running && !s->running && s->known)
		s->known = read_totals(s, NULL, &s->last);
	s->running = running;
}

bool collect__has_totals(const struct collect *c)
{
	return c->samples && c->samples->known;
}

int collect_samples__open(struct collect *c, const struct collect_totals *totals)
{
	c->samples = calloc(1, sizeof(*c->samples));
	if (!c->samples)
		return -ENOMEM;
	c->samples->scale = 1;
	c->samples->where = *totals;
	c->samples->known = totals->addr && totals->size <= DELTA_MAX &&
			    totals->tiny + 24 + 8 * GT_SIZE_CLASSES <= totals->size;
	for (int i = 0; i < GT_LOST_MAX; i++)
		c->samples->lost[i] = (struct model_loss){
			.group = MODEL_ALLOC, .cause = causes[i][0], .key = causes[i][1]
		};
	return 0;
}

void collect_samples__free(struct collect *c)
{
	struct seen *e, *next;

	if (!c->samples)
		return;
	HASH_ITER(hh, c->samples->seen, e, next) {
		HASH_DEL(c->samples->seen, e);
		free(e);
	}
	free(c->samples);
}

void collect__set_sample_scale(struct collect *c, double scale)
{
	if (c->samples)
		c->samples->scale = scale > 1 ? scale : 1;
}

uint32_t collect_samples__count(const struct collect *c)
{
	return c->samples ? HASH_COUNT(c->samples->seen) : 0;
}

static struct seen *seen_at(struct collect_samples *s, const struct gt_sample_key *key)
{
	struct seen *e;

	HASH_FIND(hh, s->seen, key, sizeof(*key), e);
	if (e)
		return e;
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->key = *key;
	HASH_ADD(hh, s->seen, key, sizeof(e->key), e);
	if (!hash__added(e)) {
		free(e);
		return NULL;
	}
	return e;
}

int collect_samples__entry(struct collect *c, struct model *m, const void *k, const void *v)
{
	const struct gt_sample_key *key = k;
	const struct gt_sample_val *vals = v;
	struct gt_sample_val now = { 0 }, was;
	struct model_sample s;
	struct seen *e;
	int err;

	for (int cpu = 0; cpu < c->ncpu; cpu++) {
		now.hits += vals[cpu].hits;
		now.objects += vals[cpu].objects;
		now.bytes += vals[cpu].bytes;
		now.class_bytes += vals[cpu].class_bytes;
		now.squares += vals[cpu].squares;
	}
	if (!now.hits)
		return 0;
	e = seen_at(c->samples, key);
	if (!e)
		return -ENOMEM;
	was = e->val;
	e->val = now;
	if (now.hits == was.hits && now.class_bytes == was.class_bytes)
		return 0;
	s = (struct model_sample){
		.stack = key->stack,
		.span_class = (uint32_t)key->span_class,
		.hits = now.hits - was.hits,
		.objects = now.objects - was.objects,
		.bytes = now.bytes - was.bytes,
		.class_bytes = now.class_bytes - was.class_bytes,
		.squares = now.squares - was.squares,
		.scale = c->samples->scale,
	};
	err = collect__stack(c, m, key->stack);
	return err ? err : model__add_sample(m, &s);
}

static uint64_t scaled(const struct collect_samples *s, uint64_t now, uint64_t was)
{
	return (uint64_t)((double)(now - was) * s->scale + 0.5);
}

static void add_lost(struct collect_samples *s, struct model_counters *sum, int cause,
		     const struct gt_sample_lost *now)
{
	struct gt_sample_lost *was = &s->was_lost[cause];
	struct model_loss *l = &s->lost[cause];

	l->objects += scaled(s, now->objects, was->objects);
	l->bytes += scaled(s, now->bytes, was->bytes);
	l->class_bytes += scaled(s, now->class_bytes, was->class_bytes);
	*was = *now;
	sum->samples_lost += now->hits;
	sum->loss[sum->nloss++] = *l;
}

void collect_samples__settle(struct collect *c, struct model *m, struct model_counters *sum,
			     const struct gt_cpu *cpus)
{
	struct collect_samples *s = c->samples;

	for (int i = 0; i < GT_LOST_MAX; i++) {
		struct gt_sample_lost now = { 0 };

		for (int cpu = 0; cpu < c->ncpu; cpu++) {
			now.hits += cpus[cpu].samples_lost[i].hits;
			now.objects += cpus[cpu].samples_lost[i].objects;
			now.bytes += cpus[cpu].samples_lost[i].bytes;
			now.class_bytes += cpus[cpu].samples_lost[i].class_bytes;
		}
		add_lost(s, sum, i, &now);
	}
	for (int i = 0; i < GT_SIZE_CLASSES; i++) {
		uint64_t now = 0;

		for (int cpu = 0; cpu < c->ncpu; cpu++)
			now += cpus[cpu].samples_lost_by_class[i];
		model__add_lost_sample(m, (uint32_t)i, (double)(now - s->was_by_class[i]) * s->scale);
		s->was_by_class[i] = now;
	}
	for (int cpu = 0; cpu < c->ncpu; cpu++)
		sum->samples_seen += cpus[cpu].samples_seen;
	add_totals(c);
	model__set_class_totals(m, s->known ? s->sum : NULL, c->ncpu);
	model__settle(m);
}
