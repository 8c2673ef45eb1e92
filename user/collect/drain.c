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

static const struct {
	const char *cause, *key;
} lost_names[GT_LOST_MAX] = {
	[GT_LOST_ALLOCS_FULL] = { "table of call sites full", "allocs_full" },
	[GT_LOST_STACKS_FULL] = { "table of stacks full", "stacks_full" },
	[GT_LOST_COLLISION] = { "two stacks with one id", "stack_collision" },
	[GT_LOST_CONTENDED] = { "preempted again and again", "contended" },
};

/* Brings one stack into the model, if its frames are what its id says. */
static int drain_stack(struct collect *c, struct model *m, uint64_t id)
{
	uint64_t h = GT_HASH_SEED, check = GT_CHECK_SEED;
	struct gt_stack stack;

	if (model__stack(m, id))
		return 0;
	if (bpf_map_lookup_elem(bpf_map__fd(c->skel->maps.stacks), &id, &stack))
		return errno == ENOENT ? 0 : -errno;
	if (stack.nframes > GT_MAX_FRAMES)
		stack.nframes = 0;
	for (uint32_t i = 0; i < stack.nframes; i++) {
		h = gt_hash_step(h, stack.pc[i]);
		check = gt_check_step(check, stack.pc[i]);
	}
	if (!stack.nframes || ((h & c->skel->rodata->cfg.id_mask) | 1) != id ||
	    check != stack.check) {
		c->corrupt++;
		return 0;
	}
	return model__add_stack(m, id, stack.pc, stack.nframes, stack.flags);
}

/* Adds one entry's CPUs up. vals holds c->ncpu values. */
static int drain_entry(struct collect *c, struct model *m, const struct gt_alloc_key *key,
		       const struct gt_alloc_val *vals)
{
	uint64_t objects = 0, bytes = 0, class_bytes = 0;
	int err;

	for (int cpu = 0; cpu < c->ncpu; cpu++) {
		objects += vals[cpu].objects;
		bytes += vals[cpu].bytes;
		class_bytes += vals[cpu].class_bytes;
	}
	/* Made, and not yet added to. */
	if (!objects)
		return 0;
	err = drain_stack(c, m, key->stack);
	return err ? err : model__set_alloc(m, key->stack, key->type, objects, bytes, class_bytes);
}

static int make_room(struct collect *c, uint32_t batch)
{
	free(c->keys);
	free(c->vals);
	c->keys = calloc(batch, sizeof(*c->keys));
	c->vals = calloc((size_t)batch * (size_t)c->ncpu, sizeof(*c->vals));
	c->batch = c->keys && c->vals ? batch : 0;
	return c->batch ? 0 : -ENOMEM;
}

/* Before Linux 5.6 there are no batches: key by key. */
static int drain_each(struct collect *c, struct model *m, int fd)
{
	struct gt_alloc_key *prev = NULL, key, next;
	int err;

	while (!bpf_map_get_next_key(fd, prev, &next)) {
		key = next;
		prev = &key;
		if (bpf_map_lookup_elem(fd, &key, c->vals))
			continue;
		err = drain_entry(c, m, &key, c->vals);
		if (err)
			return err;
	}
	return 0;
}

static int drain_allocs(struct collect *c, struct model *m)
{
	int fd = bpf_map__fd(c->skel->maps.allocs), err, done = 0;
	bool first = true;
	uint32_t token = 0, n;

	if (!c->batch && make_room(c, BATCH))
		return -ENOMEM;
	while (!done) {
		n = c->batch;
		err = bpf_map_lookup_batch(fd, first ? NULL : &token, &token, c->keys, c->vals, &n,
					   NULL);
		if (err)
			err = -errno;
		if (err == -ENOSPC && c->batch < c->max_allocs) {
			/* The whole table fits into so many; start over with room for a bucket. */
			if (make_room(c, c->batch * 4))
				return -ENOMEM;
			continue;
		}
		if (first && (err == -EINVAL || err == -ENOTSUP))
			return drain_each(c, m, fd);
		if (err && err != -ENOENT)
			return err;
		done = err == -ENOENT;
		for (uint32_t i = 0; i < n; i++) {
			err = drain_entry(c, m, &c->keys[i], c->vals + (size_t)i * (size_t)c->ncpu);
			if (err)
				return err;
		}
		first = false;
	}
	return 0;
}

static void add_cpu(struct model_counters *sum, const struct gt_cpu *cpu)
{
	sum->seen += cpu->seen;
	sum->left_out += cpu->left_out;
	sum->zero += cpu->zero;
	sum->cut_depth += cpu->cut_depth;
	sum->cut_read += cpu->cut_read;
	sum->cut_foreign += cpu->cut_foreign;
	sum->tiny_unsure += cpu->tiny_unsure;
	sum->retries += cpu->retries;
	for (int i = 0; i < GT_LOST_MAX; i++) {
		sum->loss[i].objects += cpu->lost[i].objects;
		sum->loss[i].bytes += cpu->lost[i].bytes;
		sum->loss[i].class_bytes += cpu->lost[i].class_bytes;
	}
}

static int drain_counters(struct collect *c, struct model *m)
{
	struct model_counters sum = { .corrupt_stacks = c->corrupt, .nloss = GT_LOST_MAX };
	struct gt_cpu *cpus = calloc((size_t)c->ncpu, sizeof(*cpus));
	uint32_t slot = 0;
	int err = 0;

	if (!cpus)
		return -ENOMEM;
	for (int i = 0; i < GT_LOST_MAX; i++) {
		sum.loss[i].cause = lost_names[i].cause;
		sum.loss[i].key = lost_names[i].key;
	}
	if (bpf_map_lookup_elem(bpf_map__fd(c->skel->maps.cpus), &slot, cpus)) {
		err = -errno;
	} else {
		for (int i = 0; i < c->ncpu; i++)
			add_cpu(&sum, &cpus[i]);
		model__set_counters(m, &sum);
	}
	free(cpus);
	return err;
}

int collect__drain(struct collect *c, struct model *m)
{
	int err;

	c->corrupt = 0;
	collect__undisturbed_begin(c);
	err = drain_allocs(c, m);
	if (!err)
		err = drain_counters(c, m);
	collect__undisturbed_end(c);
	return err;
}
