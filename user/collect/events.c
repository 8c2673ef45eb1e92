/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ring of events: stop-the-world pauses and the threads that were late for them.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "collect/internal.h"

/* A delay that has not ended by then never will: its goroutine's g is another's by now. */
#define AGE_MAX_NS (10 * 60 * 1000000000ULL)

#define CLOCK_TRIES 5

/*
 * The scheduler's clock has no call that reads it, but the kernel notes when a thread comes onto its
 * CPU. Straight after a sleep that is just now; the smallest difference of several is the best.
 */
void collect_events__set_clock(struct collect *c)
{
	const struct timespec nap = { .tv_nsec = 20000 };
	int64_t best = 0;

	if (!c->has_gc || !c->skel->rodata->cfg.task.last_arrival)
		return;
	for (int i = 0; i < CLOCK_TRIES; i++) {
		LIBBPF_OPTS(bpf_test_run_opts, opts);

		nanosleep(&nap, NULL);
		/* Linux 5.10 and later; before, it stays unknown. */
		if (bpf_prog_test_run_opts(bpf_program__fd(c->skel->progs.gt_clock), &opts))
			return;
		if (!i || c->skel->bss->sched_sample < best)
			best = c->skel->bss->sched_sample;
	}
	__atomic_store_n(&c->skel->bss->sched_offset, best, __ATOMIC_RELEASE);
}

/* The reasons before Go 1.21 were texts, written for the execution tracer and crash reports. */
static uint32_t reason_of(const char *text)
{
	static const struct {
		const char *text;
		uint32_t reason;
	} reasons[] = {
		{ "write heap dump", 3 },	{ "profile", 4 },	  { "profile cleanup", 5 },
		{ "stack trace", 6 },		{ "read mem stats", 7 },  { "doAllThreadsSyscall", 8 },
		{ "GOMAXPROCS", 9 },		{ "start tracing", 10 },  { "stop tracing", 11 },
		{ "CountPagesInUse (test)", 12 }, { "ReadMetricsSlow (test)", 13 },
		{ "ReadMemStatsSlow (test)", 14 }, { "PageCachePagesLeaked (te", 15 },
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (!strncmp(reasons[i].text, text, GT_REASON_TEXT - 1))
			return reasons[i].reason;
	return MODEL_REASON_UNKNOWN;
}

/*
 * work.cycles was found by its place in the code; it is taken for what it is while it does what it
 * must: a cycle's first pause has the next number, its second one the same.
 */
static bool check_cycle(struct collect_events *e, const struct gt_pause *p)
{
	uint32_t expected = e->cycle + (p->reason == MODEL_REASON_SWEEP_TERMINATION);

	if (!model__is_gc(p->reason) || !p->cycle || e->cycles_wrong)
		return !e->cycles_wrong && !model__is_gc(p->reason);
	if (e->cycle && p->seq == e->seq + 1 && p->cycle != expected)
		e->cycles_wrong = true;
	e->cycle = p->cycle;
	return !e->cycles_wrong;
}

/*
 * The requester sleeps until the last thread has stopped and wakes it. Where that took the larger part
 * of the stop, the requester is who was late; likewise where no other thread had to stop.
 */
static void add_requester(const struct collect_events *e, const struct gt_pause *p,
			  struct model_pause *out)
{
	uint64_t from = p->yield_ns > out->begin_ns ? p->yield_ns : out->begin_ns;
	uint64_t whole = out->stopped_ns - out->begin_ns;

	if (out->stopped_ns <= from || whole < e->longer_ns || 2 * (out->stopped_ns - from) <= whole)
		return;
	out->has_late = true;
	out->late = (struct model_late){
		.seq = p->seq,
		.tid = p->tid,
		.how = MODEL_LATE_WOKEN,
		.late_ns = whole,
		.how_ns = out->stopped_ns - from,
		.stopped_ns = out->stopped_ns,
		.goid = p->goid,
		.start = p->start,
		.stack = out->stack,
	};
}

static int add_pause(struct collect *c, const struct gt_pause *p)
{
	struct collect_events *e = &c->events;
	char text[GT_REASON_TEXT] = "";
	uint8_t len = (uint8_t)p->text[GT_REASON_TEXT - 1];
	struct model_pause out = {
		.seq = p->seq,
		.reason = p->reason,
		.requested_ns = p->requested_ns,
		.begin_ns = p->head.time_ns,
		.stopped_ns = p->stopped_ns,
		.restarting_ns = p->restarting_ns,
		.restarted_ns = p->restarted_ns,
		.goid = p->goid,
		.start = p->start,
		.tid = p->tid,
		.stack = p->cause == GT_LOST_MAX ? p->stack : 0,
	};
	int err = out.stack ? collect__stack(c, e->model, out.stack) : 0;

	/*
	 * What gcMarkTermination hands over as the end (from Go 1.22 on) is when its own work was
	 * done, shortly before it calls; PauseNs and /sched/pauses end there too.
	 */
	if (out.restarting_ns > out.restarted_ns)
		out.restarting_ns = out.restarted_ns;
	memcpy(text, p->text, len < sizeof(text) ? len : sizeof(text) - 1);
	if (!p->reason && text[0])
		out.reason = reason_of(text);
	if (p->trigger < MODEL_TRIGGER_MAX && p->reason == MODEL_REASON_SWEEP_TERMINATION)
		out.trigger = (enum model_trigger)p->trigger;
	if (check_cycle(e, p)) {
		out.cycle = model__is_gc(p->reason) ? p->cycle : 0;
		out.heap_begin = p->heap_begin;
		out.heap_end = p->heap_end;
	}
	e->seq = p->seq;
	add_requester(e, p, &out);
	return err ? err : model__add_pause(e->model, &out);
}

/* What held the thread up: see struct model_late. */
static void judge(const struct gt_late *l, struct model_late *out)
{
	uint64_t away = l->first_ns > l->begin_ns ? l->first_ns - l->begin_ns : 0;
	/* By another clock, and a little inexact. */
	uint64_t waited = l->waited_ns < out->late_ns ? l->waited_ns : out->late_ns;

	away = away > waited ? away - waited : 0;
	if (2 * waited > out->late_ns) {
		out->how = MODEL_LATE_WAITED;
		out->how_ns = waited;
	} else if (!(l->flags & GT_LATE_SAMPLED)) {
		out->how = MODEL_LATE_UNKNOWN;
		out->how_ns = out->late_ns;
	} else if (2 * away > out->late_ns) {
		out->how = MODEL_LATE_AWAY;
		out->how_ns = away;
	} else {
		out->how = MODEL_LATE_RAN;
		out->how_ns = out->late_ns - away;
	}
}

static int add_late(struct collect *c, const struct gt_late *l)
{
	struct model_late out = {
		.seq = l->seq,
		.tid = l->tid,
		.late_ns = l->head.time_ns - l->begin_ns,
		.stopped_ns = l->head.time_ns,
		.goid = l->goid,
		.start = l->start,
		.stack = l->cause == GT_LOST_MAX ? l->stack : 0,
		.sampled = l->flags & GT_LATE_SAMPLED,
		.syscall = l->flags & GT_LATE_SYSCALL,
		.samples = l->samples,
		.faults = l->faults,
	};
	struct collect_events *e = &c->events;
	int err = out.stack ? collect__stack(c, e->model, out.stack) : 0;

	judge(l, &out);
	/*
	 * A thread that was not seen to run in this stop has only been late since the one before it
	 * stopped, and handed its P on; that one decides if its part was larger.
	 */
	if (!out.sampled && e->late_seq == out.seq &&
	    out.stopped_ns - e->late_stopped_ns < e->late_stopped_ns - l->begin_ns)
		return err;
	e->late_seq = out.seq;
	e->late_stopped_ns = out.stopped_ns;
	return err ? err : model__add_late(e->model, &out);
}

/* What no program of ours writes is left alone: its size says where the next one is. */
static int on_event(void *ctx, void *data, size_t size)
{
	struct collect *c = ctx;
	const struct gt_head *head = data;
	int err = 0;

	if (size >= sizeof(struct gt_pause) && head->kind == GT_EVENT_PAUSE)
		err = add_pause(c, data);
	else if (size >= sizeof(struct gt_late) && head->kind == GT_EVENT_LATE)
		err = add_late(c, data);
	/* A target that lies about its times is its own affair. */
	if (err && err != -EINVAL)
		c->events.err = err;
	return 0;
}

int collect_events__open(struct collect *c)
{
	c->ring = ring_buffer__new(bpf_map__fd(c->skel->maps.events), on_event, c, NULL);
	collect_events__set_clock(c);
	return c->ring ? 0 : -errno;
}

int collect_events__drain(struct collect *c, struct model *m)
{
	int n;

	c->events.model = m;
	c->events.err = 0;
	n = ring_buffer__consume(c->ring);
	collect_events__set_clock(c);
	return n < 0 ? n : c->events.err;
}

uint64_t collect_events__pending(struct collect *c)
{
	int fd = bpf_map__fd(c->skel->maps.pending);
	uint64_t key, next, n = 0, now;
	struct gt_pending p;
	struct timespec ts;
	int end;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
	end = bpf_map_get_next_key(fd, NULL, &next);
	while (!end) {
		key = next;
		/* Before it may go: without it the walk would begin again. */
		end = bpf_map_get_next_key(fd, &key, &next);
		if (bpf_map_lookup_elem(fd, &key, &p))
			continue;
		if (now > p.begin_ns && now - p.begin_ns > AGE_MAX_NS) {
			bpf_map_delete_elem(fd, &key);
			c->events.aged++;
		} else if ((key & 7) == GT_DELAY_SWEEP && c->skel->bss->sweeps_ended) {
			bpf_map_delete_elem(fd, &key);
			c->events.cut++;
		} else {
			n++;
		}
	}
	return n + c->events.cut;
}

void collect__set_gc_tracing(struct collect *c, bool on)
{
	__atomic_store_n(&c->skel->bss->gc_tracing, on, __ATOMIC_RELEASE);
}

void collect__forget_gc(struct collect *c)
{
	int fd = bpf_map__fd(c->skel->maps.pending);
	uint64_t key;

	if (!c->has_gc)
		return;
	while (!bpf_map_get_next_key(fd, NULL, &key) && !bpf_map_delete_elem(fd, &key))
		c->events.cut++;
	__atomic_fetch_add(&c->skel->bss->gc_epoch, 1, __ATOMIC_RELEASE);
}

void collect__end_sweeps(struct collect *c)
{
	__atomic_store_n(&c->skel->bss->sweeps_ended, true, __ATOMIC_RELEASE);
}
