/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From the BPF tables to the model. The tables are cumulative and only read here.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect/internal.h"

/* Entries asked for at once; the kernel wants room for its fullest hash bucket. */
#define BATCH 1024

/* The losses of each group by cause; no key: this cause is none of that group's. */
static const struct {
	const char *cause, *alloc_key, *growth_key, *delay_key;
} lost_names[GT_LOST_MAX] = {
	[GT_LOST_ALLOCS_FULL] = { "table of call sites full", "allocs_full", "growths_full",
				  "delays_full" },
	[GT_LOST_STACKS_FULL] = { "table of stacks full", "stacks_full", "growth_stacks_full",
				  "delay_stacks_full" },
	[GT_LOST_COLLISION] = { "two stacks with one id", "stack_collision",
				"growth_stack_collision", "delay_stack_collision" },
	[GT_LOST_CONTENDED] = { "preempted again and again", "contended", "growth_contended",
				"delay_contended" },
	[GT_LOST_UNREADABLE] = { "the goroutine could not be read", NULL, "growth_unreadable",
				 NULL },
};

static const char *loss_key(enum model_group group, int cause)
{
	switch (group) {
	case MODEL_STACK:
		return lost_names[cause].growth_key;
	case MODEL_GC:
		return lost_names[cause].delay_key;
	default:
		return lost_names[cause].alloc_key;
	}
}

static const struct gt_lost_count *losses_of(const struct gt_cpu *cpu, enum model_group group)
{
	switch (group) {
	case MODEL_STACK:
		return cpu->growths_lost;
	case MODEL_GC:
		return cpu->delays_lost;
	default:
		return cpu->lost;
	}
}

/* A table and what is done with each of its entries; vals holds c->ncpu values. */
struct table {
	int fd;
	uint32_t max_entries;
	size_t key_size, val_size;
	int (*entry)(struct collect *c, struct model *m, const void *key, const void *vals);
};

/* Reads a stack from the table that has it. 0 or a negative errno. */
static int read_stack(struct collect *c, uint64_t id, struct gt_stack *stack)
{
	struct gt_short brief;

	if (!bpf_map_lookup_elem(bpf_map__fd(c->skel->maps.stacks), &id, stack))
		return 0;
	if (errno != ENOENT || (bpf_map_lookup_elem(bpf_map__fd(c->skel->maps.shorts), &id, &brief) &&
				bpf_map_lookup_elem(bpf_map__fd(c->skel->maps.briefs), &id, &brief)))
		return -errno;
	stack->check = brief.check;
	stack->flags = brief.flags;
	stack->nframes = brief.nframes <= GT_SHORT_FRAMES ? brief.nframes : 0;
	memcpy(stack->pc, brief.pc, sizeof(brief.pc));
	return 0;
}

int collect__stack(struct collect *c, struct model *m, uint64_t id)
{
	uint64_t h = GT_HASH_SEED, check = GT_CHECK_SEED;
	struct gt_stack stack;
	int err;

	if (model__stack(m, id))
		return 0;
	err = read_stack(c, id, &stack);
	if (err == -ENOENT)
		c->missed_stack = true;
	if (err)
		return err == -ENOENT ? 0 : err;
	if (stack.nframes > GT_MAX_FRAMES)
		stack.nframes = 0;
	for (uint32_t i = 0; i < stack.nframes; i++) {
		h = gt_hash_step(h, stack.pc[i]);
		check = gt_check_step(check, stack.pc[i]);
	}
	if (!stack.nframes || ((h & c->skel->rodata->cfg.id_mask) | 1) != id ||
	    check != stack.check) {
		c->corrupt++;
		c->missed_stack = true;
		return 0;
	}
	return model__add_stack(m, id, stack.pc, stack.nframes, stack.flags);
}

/* Adds one entry's CPUs up. */
static int drain_alloc(struct collect *c, struct model *m, const void *k, const void *v)
{
	const struct gt_alloc_key *key = k;
	const struct gt_alloc_val *vals = v;
	uint64_t objects = 0, bytes = 0, class_bytes = 0;
	uint64_t rows;
	int err;

	for (int cpu = 0; cpu < c->ncpu; cpu++) {
		objects += vals[cpu].objects;
		bytes += vals[cpu].bytes;
		class_bytes += vals[cpu].class_bytes;
	}
	/* Made, and not yet added to. */
	if (!objects)
		return 0;
	if (key->type & GT_CHECK)
		return collect_checks__entry(c, m, key, objects);
	rows = model__rows_made(m);
	err = model__set_alloc(m, key->stack, key->type, objects, bytes, class_bytes);
	/* Of a pair that has been there the stack has been too, and one that is folded needs none. */
	if (err || (model__rows_made(m) == rows &&
		    !(c->stacks_missing && model__has_alloc(m, key->stack, key->type))))
		return err;
	return collect__stack(c, m, key->stack);
}

static int drain_growth(struct collect *c, struct model *m, const void *k, const void *v)
{
	static const enum model_growth_kind kinds[] = {
		[GT_GROWTH] = MODEL_GROWTH,
		[GT_REGROWTH] = MODEL_REGROWTH,
		[GT_SHRINK] = MODEL_SHRINK,
	};
	const struct gt_growth_key *key = k;
	const struct gt_growth_val *vals = v;
	struct model_growth g = {
		.stack = key->stack,
		.start = key->start,
		.from = key->from,
		.to = key->to,
		.kind = kinds[key->kind <= GT_SHRINK ? key->kind : GT_GROWTH],
	};
	int err;

	for (int cpu = 0; cpu < c->ncpu; cpu++) {
		g.count += vals[cpu].count;
		g.copied += vals[cpu].copied;
		g.timed += vals[cpu].timed;
		g.ns += vals[cpu].ns;
		if (g.max_ns < vals[cpu].max_ns)
			g.max_ns = vals[cpu].max_ns;
	}
	if (!g.count)
		return 0;
	/* A copy that is being added has been timed and not yet counted. */
	if (g.timed > g.count)
		g.timed = g.count;
	err = collect__stack(c, m, key->stack);
	return err ? err : model__set_growth(m, &g);
}

static int drain_delay(struct collect *c, struct model *m, const void *k, const void *v)
{
	static const enum model_delay_kind kinds[] = {
		[GT_DELAY_ASSIST] = MODEL_ASSIST,
		[GT_DELAY_SWEEP] = MODEL_SWEEP,
		[GT_DELAY_GC_START] = MODEL_GC_START,
		[GT_DELAY_BARRIER] = MODEL_BARRIER,
	};
	const struct gt_delay_key *key = k;
	const struct gt_delay_val *vals = v;
	struct model_delay d = {
		.stack = key->stack,
		.kind = kinds[key->kind <= GT_DELAY_BARRIER ? key->kind : GT_DELAY_ASSIST],
	};
	int err;

	for (int cpu = 0; cpu < c->ncpu; cpu++) {
		d.count += vals[cpu].count;
		d.ns += vals[cpu].ns;
		d.work_ns += vals[cpu].work_ns;
		if (d.max_ns < vals[cpu].max_ns)
			d.max_ns = vals[cpu].max_ns;
	}
	if (!d.count)
		return 0;
	err = collect__stack(c, m, key->stack);
	return err ? err : model__set_delay(m, &d);
}

/* Room for so many entries of any table. */
static int make_room(struct collect *c, uint32_t batch)
{
	free(c->keys);
	free(c->vals);
	c->keys = calloc(batch, sizeof(struct gt_growth_key));
	c->vals = calloc((size_t)batch * (size_t)c->ncpu, sizeof(struct gt_growth_val));
	c->batch = c->keys && c->vals ? batch : 0;
	return c->batch ? 0 : -ENOMEM;
}

/* Before Linux 5.6 there are no batches: key by key. The buffers hold two entries at least. */
static int drain_each(struct collect *c, struct model *m, const struct table *t)
{
	char *key = c->keys, *next = key + t->key_size;
	bool first = true;
	int err;

	while (!bpf_map_get_next_key(t->fd, first ? NULL : key, next)) {
		memcpy(key, next, t->key_size);
		first = false;
		if (bpf_map_lookup_elem(t->fd, key, c->vals))
			continue;
		err = t->entry(c, m, key, c->vals);
		if (err)
			return err;
	}
	return 0;
}

static int drain_table(struct collect *c, struct model *m, const struct table *t)
{
	size_t vals_size = (size_t)c->ncpu * t->val_size;
	int err, done = 0;
	bool first = true;
	uint32_t token = 0, n;

	if (!c->batch && make_room(c, BATCH))
		return -ENOMEM;
	while (!done) {
		n = c->batch;
		err = bpf_map_lookup_batch(t->fd, first ? NULL : &token, &token, c->keys, c->vals,
					   &n, NULL);
		if (err)
			err = -errno;
		if (err == -ENOSPC && c->batch < t->max_entries) {
			/* The whole table fits into so many; start over with room for a bucket. */
			if (make_room(c, c->batch * 4))
				return -ENOMEM;
			continue;
		}
		if (first && (err == -EINVAL || err == -ENOTSUP))
			return drain_each(c, m, t);
		if (err && err != -ENOENT)
			return err;
		done = err == -ENOENT;
		for (uint32_t i = 0; i < n; i++) {
			err = t->entry(c, m, (char *)c->keys + i * t->key_size,
				       (char *)c->vals + i * vals_size);
			if (err)
				return err;
		}
		first = false;
	}
	return 0;
}

/* Puts the losses of one group into sum, with their causes in causes[]. */
static void name_losses(struct model_counters *sum, enum model_group group, int *causes)
{
	for (int i = 0; i < GT_LOST_MAX; i++) {
		const char *key = loss_key(group, i);

		if (!key)
			continue;
		causes[sum->nloss] = i;
		sum->loss[sum->nloss++] = (struct model_loss){
			.group = group, .cause = lost_names[i].cause, .key = key
		};
	}
}

/* Events for which the ring had no room. */
static void add_ring_losses(struct model_counters *sum, const struct gt_cpu *cpus, int ncpu)
{
	struct model_loss pauses = { MODEL_GC, "ring of events full", "pause_ring_full", 0, 0, 0 };
	struct model_loss lates = { MODEL_GC, "ring of events full", "late_ring_full", 0, 0, 0 };

	for (int i = 0; i < ncpu; i++) {
		pauses.objects += cpus[i].pauses_lost;
		lates.objects += cpus[i].lates_lost;
	}
	sum->loss[sum->nloss++] = pauses;
	sum->loss[sum->nloss++] = lates;
}

static void add_cpu(struct model_counters *sum, const int *causes, const struct gt_cpu *cpu)
{
	sum->seen += cpu->seen;
	sum->left_out += cpu->left_out;
	sum->zero += cpu->zero;
	sum->checks_seen += cpu->checks_seen;
	sum->checks_lost += cpu->checks_lost;
	sum->cut_depth += cpu->cut_depth;
	sum->cut_read += cpu->cut_read;
	sum->cut_foreign += cpu->cut_foreign;
	sum->cut_full += cpu->cut_full;
	sum->unsure += cpu->unsure;
	sum->retries += cpu->retries;
	sum->growths_seen += cpu->growths_seen;
	sum->growths_begun += cpu->growths_begun;
	sum->growths_unmatched += cpu->growths_unended;
	sum->gc_hits += cpu->gc_hits;
	sum->delays_seen += cpu->delays_seen;
	sum->delays_unmatched += cpu->delays_unbegun + cpu->delays_unended;
	sum->pauses_seen += cpu->pauses_seen;
	sum->pauses_unmatched += cpu->pauses_unmatched;
	for (int i = 0; i < sum->nloss; i++) {
		const struct gt_lost_count *lost = losses_of(cpu, sum->loss[i].group);
		int cause = causes[i];

		sum->loss[i].objects += lost[cause].objects;
		sum->loss[i].bytes += lost[cause].bytes;
		sum->loss[i].class_bytes += lost[cause].class_bytes;
	}
}

/* Brings the counters of all CPUs into the model. */
static void drain_counters(struct collect *c, struct model *m)
{
	struct model_counters sum = { .corrupt_stacks = c->corrupt };
	int causes[MODEL_LOSS_MAX];

	if (c->has_allocs)
		name_losses(&sum, MODEL_ALLOC, causes);
	if (c->has_growths)
		name_losses(&sum, MODEL_STACK, causes);
	if (c->has_gc)
		name_losses(&sum, MODEL_GC, causes);
	for (int i = 0; i < c->ncpu; i++)
		add_cpu(&sum, causes, &c->cpus[i]);
	if (c->has_samples)
		collect_samples__settle(c, m, &sum, c->cpus);
	if (c->has_gc) {
		add_ring_losses(&sum, c->cpus, c->ncpu);
		sum.delays_under_way = collect_events__pending(c);
		sum.delays_unmatched += c->events.aged;
	}
	model__set_counters(m, &sum);
}

/* The counters of a CPU are what comes before its scratch space. */
#define COUNTERS_SIZE offsetof(struct gt_cpu, owner)

/* Reads the counters of all CPUs, and sees whether there was any hit since they were read last. */
static int read_cpus(struct collect *c, bool *hit)
{
	struct gt_cpu *now;
	uint32_t slot = 0;

	if (!c->cpus || !c->cpus_now) {
		free(c->cpus);
		free(c->cpus_now);
		c->cpus = calloc((size_t)c->ncpu, sizeof(*c->cpus));
		c->cpus_now = calloc((size_t)c->ncpu, sizeof(*c->cpus));
		if (!c->cpus || !c->cpus_now)
			return -ENOMEM;
	}
	now = c->cpus_now;
	if (bpf_map_lookup_elem(bpf_map__fd(c->skel->maps.cpus), &slot, now))
		return -errno;
	*hit = false;
	for (int i = 0; i < c->ncpu; i++)
		*hit = *hit || memcmp(&now[i], &c->cpus[i], COUNTERS_SIZE);
	c->cpus_now = c->cpus;
	c->cpus = now;
	return 0;
}

/*
 * May the tables be as they were at the last drain? A hit is counted before it is added, some
 * microseconds later if it is not preempted: so they are read once more after it was quiet.
 */
static bool is_quiet(struct collect *c, bool hit)
{
	bool was_quiet = c->quiet;

	c->quiet = !hit && c->tracing;
	return was_quiet && c->quiet;
}

static int drain_tables(struct collect *c, struct model *m)
{
	const struct table allocs = {
		.fd = bpf_map__fd(c->skel->maps.allocs),
		.max_entries = c->max_allocs,
		.key_size = sizeof(struct gt_alloc_key),
		.val_size = sizeof(struct gt_alloc_val),
		.entry = drain_alloc,
	};
	const struct table samples = {
		.fd = bpf_map__fd(c->skel->maps.samples),
		.max_entries = c->max_samples,
		.key_size = sizeof(struct gt_sample_key),
		.val_size = sizeof(struct gt_sample_val),
		.entry = collect_samples__entry,
	};
	const struct table growths = {
		.fd = bpf_map__fd(c->skel->maps.growths),
		.max_entries = c->max_growths,
		.key_size = sizeof(struct gt_growth_key),
		.val_size = sizeof(struct gt_growth_val),
		.entry = drain_growth,
	};
	const struct table delays = {
		.fd = bpf_map__fd(c->skel->maps.delays),
		.max_entries = c->max_delays,
		.key_size = sizeof(struct gt_delay_key),
		.val_size = sizeof(struct gt_delay_val),
		.entry = drain_delay,
	};
	int err = 0;

	c->corrupt = 0;
	c->stacks_missing = c->missed_stack;
	c->missed_stack = false;
	if (c->has_allocs) {
		model__begin_allocs(m);
		err = drain_table(c, m, &allocs);
		if (!err)
			model__end_allocs(m);
	}
	if (!err && c->has_samples)
		err = drain_table(c, m, &samples);
	if (!err && c->has_growths)
		err = drain_table(c, m, &growths);
	if (!err && c->has_gc)
		err = drain_table(c, m, &delays);
	return err;
}

int collect__drain(struct collect *c, struct model *m)
{
	bool hit = false;
	int err;

	collect__undisturbed_begin(c);
	err = read_cpus(c, &hit);
	if (!err && !is_quiet(c, hit))
		err = drain_tables(c, m);
	if (!err && c->has_gc)
		err = collect_events__drain(c, m);
	/* What came meanwhile is in the tables; seen is not to be less than what was seen. */
	if (!err)
		err = read_cpus(c, &hit);
	c->quiet = c->quiet && !hit;
	if (!err)
		drain_counters(c, m);
	collect__undisturbed_end(c);
	return err;
}

_Static_assert(sizeof(struct gt_growth_key) >= sizeof(struct gt_alloc_key) &&
	       sizeof(struct gt_growth_val) >= sizeof(struct gt_alloc_val) &&
	       sizeof(struct gt_growth_key) >= sizeof(struct gt_sample_key) &&
	       sizeof(struct gt_growth_val) >= sizeof(struct gt_sample_val) &&
	       sizeof(struct gt_growth_key) >= sizeof(struct gt_delay_key) &&
	       sizeof(struct gt_growth_val) >= sizeof(struct gt_delay_val),
	       "a batch has room for the larger entries");
_Static_assert(4 * GT_LOST_MAX + 2 <= MODEL_LOSS_MAX, "room for the losses of all groups");
