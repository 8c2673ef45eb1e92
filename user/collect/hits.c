/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How often the probes are hit: cheap to read, and with an alarm where it cannot wait.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect/internal.h"

static int ignore(void *ctx, void *data, size_t size)
{
	(void)ctx;
	(void)data;
	(void)size;
	return 0;
}

int collect_hits__open(struct collect *c)
{
	c->hits_room = calloc((size_t)c->ncpu, sizeof(*c->hits_room));
	if (!c->hits_room)
		return -ENOMEM;
	if (!c->skel->rodata->cfg.has_alarms)
		return 0;
	c->alarms = ring_buffer__new(bpf_map__fd(c->skel->maps.alarms), ignore, NULL, NULL);
	return c->alarms ? 0 : -errno;
}

void collect_hits__free(struct collect *c)
{
	ring_buffer__free(c->alarms);
	free(c->hits_room);
}

int collect__hits(struct collect *c, struct collect_hits *out)
{
	uint32_t slot = 0;
	int err = 0;

	memset(out, 0, sizeof(*out));
	collect__undisturbed_begin(c);
	if (bpf_map_lookup_elem(bpf_map__fd(c->skel->maps.cpus), &slot, c->hits_room))
		err = -errno;
	collect__undisturbed_end(c);
	for (int i = 0; i < c->ncpu && !err; i++) {
		const struct gt_cpu *cpu = &c->hits_room[i];

		out->exact += cpu->seen + cpu->checks_seen + cpu->left_out + cpu->zero;
		out->sample += cpu->samples_seen;
		out->timing += cpu->growths_begun;
		out->stack += cpu->growths_seen;
		out->gc += cpu->gc_hits;
		out->sweeps += cpu->sweep_hits;
	}
	return err;
}

void collect__set_alarm(struct collect *c, uint64_t hits)
{
	__atomic_store_n(&c->skel->data->alarm_mask, hits ? hits - 1 : ~0ULL, __ATOMIC_RELEASE);
}

int collect__alarm_fd(const struct collect *c)
{
	return c->alarms ? ring_buffer__epoll_fd(c->alarms) : -1;
}

void collect__clear_alarm(struct collect *c)
{
	if (!c->alarms)
		return;
	ring_buffer__consume(c->alarms);
	__atomic_store_n(&c->skel->bss->alarm_raised, false, __ATOMIC_RELEASE);
}
