/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Stop-the-world pauses: the last of them one by one, the longest, sums by site, histograms, and who
 * was late. All of it is bounded, however long the trace: but for the sites, of which there are no
 * more than stacks.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/internal.h"

/*
 * Late threads that wait for their pause, of each pause the last one. Pauses follow one another, so
 * that one is enough unless events were lost.
 */
#define WAITING_MAX 16

/* The cycle under way, or the last one whose end was seen. */
struct cycle {
	bool begun, ended;
	uint32_t number;		/* 0: unknown */
	enum model_trigger trigger;
	uint64_t marking_ns;		/* when the concurrent phase began */
	uint64_t mark_ns;		/* how long it took */
	uint64_t heap_begin, heap_end, heap_live;
};

struct pauses {
	struct model_pause ring[MODEL_PAUSES_MAX];
	uint64_t count;			/* that there have been */
	struct model_pause worst[MODEL_WORST_MAX];
	size_t nworst;
	struct model_late waiting[WAITING_MAX];
	size_t nwaiting;
	uint32_t seq;			/* of the last pause */
	struct model_hist hist[2][2];	/* of GC cycles or not; whole, or until all had stopped */
	struct cycle cycle;
	struct model_cycles cycles;	/* without the one above */
	struct model_stopped stopped;
};

const char *model__reason_name(uint32_t reason)
{
	/* stwReasonStrings of runtime/proc.go, the same from Go 1.21 to 1.27. */
	static const char *const names[MODEL_REASON_MAX] = {
		"unknown",
		"GC mark termination",
		"GC sweep termination",
		"write heap dump",
		"goroutine profile",
		"goroutine profile cleanup",
		"all goroutines stack trace",
		"read mem stats",
		"AllThreadsSyscall",
		"GOMAXPROCS",
		"start trace",
		"stop trace",
		"CountPagesInUse (test)",
		"ReadMetricsSlow (test)",
		"ReadMemStatsSlow (test)",
		"PageCachePagesLeaked (test)",
		"ResetDebugLog (test)",
	};

	return names[reason < MODEL_REASON_MAX ? reason : MODEL_REASON_UNKNOWN];
}

bool model__is_gc(uint32_t reason)
{
	return reason == MODEL_REASON_MARK_TERMINATION || reason == MODEL_REASON_SWEEP_TERMINATION;
}

/* Large, so that it is made when there is something to put into it. */
static struct pauses *get(struct model *m)
{
	if (!m->pauses)
		m->pauses = calloc(1, sizeof(*m->pauses));
	return m->pauses;
}

size_t model_pauses__bytes(const struct model *m)
{
	const struct pauses *p = m->pauses;
	size_t n = !p ? 0 : p->count < MODEL_PAUSES_MAX ? (size_t)p->count : MODEL_PAUSES_MAX;

	return n * (sizeof(p->ring[0]) + sizeof(struct model_span));
}

/* Is sequence number a before b? They may wrap around. */
static bool is_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static struct model_late *oldest(struct pauses *p)
{
	struct model_late *l = &p->waiting[0];

	for (size_t i = 1; i < p->nwaiting; i++) {
		if (is_before(p->waiting[i].seq, l->seq))
			l = &p->waiting[i];
	}
	return l;
}

/* Of those for one pause the last to stop is kept; the oldest give way when there is no room. */
int model__add_late(struct model *m, const struct model_late *l)
{
	struct pauses *p = get(m);
	struct model_late *to = NULL;

	if (!p)
		return -ENOMEM;
	/* Its pause has come before: it will not come again. */
	if (p->count && !is_before(p->seq, l->seq))
		return 0;
	for (size_t i = 0; i < p->nwaiting; i++) {
		if (p->waiting[i].seq != l->seq)
			continue;
		if (p->waiting[i].stopped_ns >= l->stopped_ns)
			return 0;
		to = &p->waiting[i];
	}
	if (!to && p->nwaiting < WAITING_MAX)
		to = &p->waiting[p->nwaiting++];
	if (!to)
		to = oldest(p);
	*to = *l;
	if ((unsigned int)to->how >= MODEL_LATE_MAX)
		to->how = MODEL_LATE_UNKNOWN;
	return 0;
}

/* Takes the late thread of this pause, and drops those whose pauses can no longer come. */
static bool take_late(struct pauses *p, uint32_t seq, struct model_late *out)
{
	bool found = false;
	size_t n = 0;

	for (size_t i = 0; i < p->nwaiting; i++) {
		if (p->waiting[i].seq == seq) {
			*out = p->waiting[i];
			found = true;
		} else if (is_before(seq, p->waiting[i].seq)) {
			p->waiting[n++] = p->waiting[i];
		}
	}
	p->nwaiting = n;
	return found;
}

static uint64_t duration(const struct model_pause *p)
{
	return p->restarted_ns - p->begin_ns;
}

static int add_site(struct model *m, const struct model_pause *p)
{
	const struct {
		uint64_t stack, reason;
	} key = { p->stack, p->reason };
	struct model_pause_site *s;

	s = model_table__at(&m->pause_sites, &key, sizeof(key), sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->stack = p->stack;
	s->reason = p->reason;
	s->count++;
	s->ns += duration(p);
	s->stop_ns += p->stopped_ns - p->begin_ns;
	if (duration(p) > s->max_ns)
		s->max_ns = duration(p);
	return 0;
}

static int add_late_site(struct model *m, const struct model_late *l)
{
	const struct {
		uint64_t stack;
		uint32_t how, sampled;
	} key = { l->stack, l->how, l->sampled };
	struct model_late_site *s;

	s = model_table__at(&m->late_sites, &key, sizeof(key), sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->stack = l->stack;
	s->how = l->how;
	s->sampled = l->sampled;
	s->count++;
	s->ns += l->late_ns;
	s->faults += l->faults;
	if (l->late_ns > s->max_ns)
		s->max_ns = l->late_ns;
	return 0;
}

/* Longest first; of equals the first to come. */
static void add_worst(struct pauses *ps, const struct model_pause *p)
{
	size_t i = ps->nworst;

	while (i && duration(&ps->worst[i - 1]) < duration(p))
		i--;
	if (i == MODEL_WORST_MAX)
		return;
	if (ps->nworst < MODEL_WORST_MAX)
		ps->nworst++;
	memmove(&ps->worst[i + 1], &ps->worst[i], (ps->nworst - i - 1) * sizeof(*p));
	ps->worst[i] = *p;
}

static void sum_cycle(struct model_cycles *sum, const struct cycle *c)
{
	sum->count++;
	sum->by_trigger[c->trigger]++;
	sum->mark_ns += c->mark_ns;
	if (c->mark_ns > sum->max_mark_ns)
		sum->max_mark_ns = c->mark_ns;
	if (!c->heap_begin || !c->heap_end || !c->heap_live)
		return;
	sum->nheap++;
	sum->heap_begin += c->heap_begin;
	sum->heap_end += c->heap_end;
	sum->heap_live += c->heap_live;
	sum->last_heap_begin = c->heap_begin;
	sum->last_heap_end = c->heap_end;
	sum->last_heap_live = c->heap_live;
}

/*
 * Sweep termination begins a cycle, mark termination ends it. gcMarkDone may find work left and let
 * the world run again: then the last stop of several is the end. Where the number of the cycle is
 * not known, a pause that is missing in between may have been a begin or an end.
 */
static void add_to_cycle(struct pauses *ps, const struct model_pause *p)
{
	struct cycle *c = &ps->cycle;

	if (ps->count && p->seq != ps->seq + 1 && !(c->number && p->cycle))
		c->begun = false;
	if (p->reason == MODEL_REASON_SWEEP_TERMINATION) {
		if (c->ended)
			sum_cycle(&ps->cycles, c);
		*c = (struct cycle){
			.begun = true,
			.number = p->cycle,
			.trigger = p->trigger,
			.marking_ns = p->restarted_ns,
			.heap_begin = p->heap_begin,
		};
	} else if (p->reason == MODEL_REASON_MARK_TERMINATION) {
		if (!c->begun || (c->number && p->cycle && c->number != p->cycle))
			return;
		c->ended = true;
		c->mark_ns = p->begin_ns > c->marking_ns ? p->begin_ns - c->marking_ns : 0;
		c->heap_end = p->heap_begin;
		c->heap_live = p->heap_end;
	}
}

/* Completes p by its late thread and gives it to all that count pauses. */
static int add_pause(struct model *m, struct pauses *ps, struct model_pause *p)
{
	struct model_late late;
	bool gc = model__is_gc(p->reason);
	int err;

	if ((unsigned int)p->trigger >= MODEL_TRIGGER_MAX)
		p->trigger = MODEL_TRIGGER_NONE;
	if ((unsigned int)p->late.how >= MODEL_LATE_MAX)
		p->late.how = MODEL_LATE_UNKNOWN;
	if (take_late(ps, p->seq, &late) &&
	    !(p->has_late && p->late.stopped_ns > late.stopped_ns)) {
		p->has_late = true;
		p->late = late;
	}

	err = add_site(m, p);
	if (!err && p->has_late)
		err = add_late_site(m, &p->late);
	if (!err)
		err = model_stopped__add(&ps->stopped, p->begin_ns, p->restarted_ns);
	if (err)
		return err;
	model_hist__add(&ps->hist[gc][false], duration(p));
	model_hist__add(&ps->hist[gc][true], p->stopped_ns - p->begin_ns);
	add_worst(ps, p);
	add_to_cycle(ps, p);
	ps->ring[ps->count++ % MODEL_PAUSES_MAX] = *p;
	ps->seq = p->seq;
	return 0;
}

int model__add_pause(struct model *m, const struct model_pause *p)
{
	struct model_pause copy = *p;
	struct pauses *ps;

	if (p->stopped_ns < p->begin_ns || p->restarting_ns < p->stopped_ns ||
	    p->restarted_ns < p->restarting_ns)
		return -EINVAL;
	ps = get(m);
	return ps ? add_pause(m, ps, &copy) : -ENOMEM;
}

size_t model__npauses(const struct model *m)
{
	uint64_t n = m->pauses ? m->pauses->count : 0;

	return n < MODEL_PAUSES_MAX ? n : MODEL_PAUSES_MAX;
}

const struct model_pause *model__pause(const struct model *m, size_t i)
{
	size_t n = model__npauses(m);

	return i < n ? &m->pauses->ring[(m->pauses->count - n + i) % MODEL_PAUSES_MAX] : NULL;
}

size_t model__nworst(const struct model *m)
{
	return m->pauses ? m->pauses->nworst : 0;
}

const struct model_pause *model__worst(const struct model *m, size_t i)
{
	return i < model__nworst(m) ? &m->pauses->worst[i] : NULL;
}

size_t model__npause_sites(const struct model *m)
{
	return m->pause_sites.n;
}

const struct model_pause_site *model__pause_site(const struct model *m, size_t i)
{
	return model_table__row(&m->pause_sites, i);
}

size_t model__nlate_sites(const struct model *m)
{
	return m->late_sites.n;
}

const struct model_late_site *model__late_site(const struct model *m, size_t i)
{
	return model_table__row(&m->late_sites, i);
}

const struct model_hist *model__pause_hist(const struct model *m, bool gc, bool stopping)
{
	static const struct model_hist none;

	return m->pauses ? &m->pauses->hist[gc][stopping] : &none;
}

struct model_cycles model__cycles(const struct model *m)
{
	struct model_cycles sum = { 0 };

	if (!m->pauses)
		return sum;
	sum = m->pauses->cycles;
	if (m->pauses->cycle.ended)
		sum_cycle(&sum, &m->pauses->cycle);
	return sum;
}

uint64_t model__worst_stopped(const struct model *m, int window)
{
	if (!m->pauses || window < 0 || window >= MODEL_WINDOWS)
		return 0;
	return m->pauses->stopped.window[window].worst;
}

void model_pauses__mark(struct model *m)
{
	for (size_t i = 0; i < m->pause_sites.n; i++) {
		struct model_pause_site *s = model_table__row(&m->pause_sites, i);

		s->mark_count = s->count;
		s->mark_ns = s->ns;
		s->mark_stop_ns = s->stop_ns;
	}
	for (size_t i = 0; i < m->late_sites.n; i++) {
		struct model_late_site *s = model_table__row(&m->late_sites, i);

		s->mark_count = s->count;
		s->mark_ns = s->ns;
		s->mark_faults = s->faults;
	}
}

void model_pauses__free(struct model *m)
{
	if (m->pauses)
		model_stopped__free(&m->pauses->stopped);
	free(m->pauses);
	model_table__free(&m->pause_sites);
	model_table__free(&m->late_sites);
}
