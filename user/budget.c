/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the probes may cost, and which are in place. The account is kept in ns of the target's CPU
 * time; rates are ns per ns.
 */
#include <stdlib.h>
#include <string.h>

#include "budget.h"

#define MS 1000000ULL
#define S  (1000 * MS)

/* What a hit is taken to cost where that is not known, ns. */
#define UNKNOWN_COST 1000

/* A target that uses less than this share of one CPU is taken for one that uses so much. */
#define FLOOR 0.1

/*
 * So much of the budget is spent. The rest is for what cannot be helped: probes that were given up cost
 * on until the kernel has taken them out, and what was measured is a little less than what is to come.
 */
#define KEPT_TO 0.85

/* How often to look while anything may change, and a second of it. */
#define LOOK_NS (50 * MS)
#define SLOTS	20

/* After a change of an overdrawn account: that often, and so soon its effect is judged. */
#define SOON_NS (25 * MS)

/* What may be saved up for a burst: what so much time brings. */
#define SAVED_S 0.5

/* Going on as now, an overdrawn account must be even after so long. */
#define EVEN_S 2

/* Parts that cost less than this of all are not worth giving up for the sake of the others. */
#define MATERIAL 0.1

/*
 * Of what is left by others: what sampling in windows is planned to cost (three windows may lie within
 * two seconds), ...
 */
#define AIM 0.55
/* ... what it must not be above to be all the time, ... */
#define FITS_SAMPLE 0.5
/* ... and what exactness must not be above. Leaving is at the whole, so that they do not alternate. */
#define FITS_EXACT 0.7

/* Windows: of a second, unless that makes them shorter than is worth putting probes in for. */
#define PERIOD_NS	S
#define WINDOW_MIN_NS	(20 * MS)
#define PERIOD_MAX_NS	(4 * S)
#define FRACTION_MAX	0.9

/* Of a share of the budget; and below so many hits a second there is nothing to look for. */
#define SHARE_TIMING 0.5
#define SHARE_SWEEPS 0.25
#define SHARE_NS     (500 * MS)
#define MIN_RATE     1000

/* How long what was given up is left alone at first; doubled up to the longest. */
#define WAIT_FIRST_NS (S)
#define WAIT_EXACT_NS (8 * S)
#define WAIT_OFF_NS   (8 * S)
#define WAIT_MAX_NS   (64 * S)

/* The collector goes when it alone is over the budget for so long. */
#define GC_NS (2 * S)

/* Twice the budget, for so long since the last that was given up. */
#define STOP_NS (S)

/* What a time has brought. */
struct slot {
	double ns, cpu;
	double cost[BUDGET_PARTS];
};

/* When something may be tried again. */
struct retry {
	uint64_t not_before, wait, first, entered;
};

struct budget {
	struct budget_options opts;
	double ns_per_hit;
	struct budget_look last;
	struct slot look;		/* since the last look */
	struct slot slots[SLOTS];	/* the last second; the present one is slots[at] */
	int at;
	struct slot since;		/* since something was given up or put back */
	double credit;
	enum model_way way[MODEL_SUBJECT_MAX];
	struct retry exact, sample, stack, off, gc, all;
	bool stopped;
	struct {
		struct slot since;
		bool given_up;
	} share[BUDGET_PARTS];		/* of timing and sweeps */
	/* The present window; times are absolute. */
	struct {
		uint64_t begin, open, close, end;
		bool is_open, done;
		double cost;		/* while it is open */
		uint64_t opened;
	} window;
	double full;			/* rate of sampling all the time */
	double rate;			/* objects a second; < 0: not known */
	uint64_t rate_objects, rate_ns;	/* what it is counted from; 0: from nothing */
	uint64_t random;
	struct budget_want want;
	struct model_change changes[BUDGET_CHANGES_MAX];
	int nchanges;
};

static void add_slot(struct slot *to, const struct slot *from)
{
	to->ns += from->ns;
	to->cpu += from->cpu;
	for (int i = 0; i < BUDGET_PARTS; i++)
		to->cost[i] += from->cost[i];
}

/* Sweeps are among the hits of the collector. */
static double sum(const struct slot *s)
{
	double cost = 0;

	for (int i = 0; i < BUDGET_PARTS; i++)
		cost += i == BUDGET_SWEEPS ? 0 : s->cost[i];
	return cost;
}

static double base(const struct slot *s)
{
	return s->cpu > FLOOR * s->ns ? s->cpu : FLOOR * s->ns;
}

static double allowed(const struct budget *b, const struct slot *s)
{
	return KEPT_TO * b->opts.percent / 100 * base(s);
}

/* The last second; before there was one, the target is taken for idle. */
static struct slot last_second(const struct budget *b)
{
	struct slot s = { 0 };

	for (int i = 0; i < SLOTS; i++)
		add_slot(&s, &b->slots[i]);
	if (s.ns < S)
		s.ns = S;
	return s;
}

/* The last look or two. */
static struct slot recent(const struct budget *b)
{
	struct slot s = b->slots[b->at];

	if (s.ns < (double)SOON_NS)
		add_slot(&s, &b->slots[(b->at + SLOTS - 1) % SLOTS]);
	return s;
}

/* What a second brings, in ns. */
static double income(const struct budget *b)
{
	struct slot s = last_second(b);

	return allowed(b, &s) * S / s.ns;
}

/* What all but allocations have cost. Of what has been given up no more will come. */
static double others(const struct budget *b, const struct slot *s)
{
	double cost = 0;

	if (b->way[MODEL_SUBJECT_GC])
		cost += s->cost[BUDGET_GC];
	if (b->way[MODEL_SUBJECT_GC] && !b->way[MODEL_SUBJECT_SWEEPS])
		cost -= s->cost[BUDGET_SWEEPS];
	if (b->way[MODEL_SUBJECT_STACK])
		cost += s->cost[BUDGET_STACK];
	if (b->way[MODEL_SUBJECT_TIMING])
		cost += s->cost[BUDGET_TIMING];
	return cost > 0 ? cost : 0;
}

/* What of a time will cost as much again. Of a part of a period it is not known what windows cost. */
static double lasting(const struct budget *b, const struct slot *s)
{
	double cost = others(b, s);

	switch (b->way[MODEL_SUBJECT_ALLOC]) {
	case MODEL_WAY_ALL:
		return cost + s->cost[BUDGET_EXACT] + s->cost[BUDGET_SAMPLE];
	case MODEL_WAY_SAMPLE:
		return cost + s->cost[BUDGET_SAMPLE];
	case MODEL_WAY_WINDOWS:
		return cost + (s->ns >= (double)PERIOD_NS ? s->cost[BUDGET_SAMPLE] : 0);
	default:
		return cost;
	}
}

/* What a second leaves to allocations, but for a trifle that they always have. */
static double room(const struct budget *b)
{
	struct slot s = last_second(b);
	double in = allowed(b, &s), left = in - others(b, &s);

	return (left > in / 20 ? left : in / 20) * S / s.ns;
}

static double next_random(struct budget *b)
{
	/* xorshift64: where a window is must not follow what the target does, that is all. */
	b->random ^= b->random << 13;
	b->random ^= b->random >> 7;
	b->random ^= b->random << 17;
	return (double)(b->random >> 11) / (double)(1ULL << 53);
}

static void start_retry(struct retry *r, uint64_t now, uint64_t first)
{
	*r = (struct retry){ .not_before = now + first, .wait = first, .first = first };
}

/* It did not work out: the next time is later, unless it went well for long. */
static void put_off(struct retry *r, uint64_t now)
{
	if (!r->entered || r->wait < r->first || now - r->entered > 10 * r->wait)
		r->wait = r->first;
	else if (r->wait < WAIT_MAX_NS)
		r->wait *= 2;
	r->not_before = now + r->wait;
}

static enum budget_part part_of(enum model_subject subject, enum model_way way)
{
	switch (subject) {
	case MODEL_SUBJECT_STACK:
		return BUDGET_STACK;
	case MODEL_SUBJECT_TIMING:
		return BUDGET_TIMING;
	case MODEL_SUBJECT_SWEEPS:
		return BUDGET_SWEEPS;
	case MODEL_SUBJECT_GC:
		return BUDGET_GC;
	default:
		return way == MODEL_WAY_ALL ? BUDGET_EXACT : BUDGET_SAMPLE;
	}
}

static void change(struct budget *b, enum model_subject subject, enum model_way to, enum model_why why)
{
	enum model_way from = b->way[subject];
	const struct slot s = recent(b);
	double hits = s.cost[part_of(subject, from)] / b->ns_per_hit;

	if (from == to)
		return;
	b->way[subject] = to;
	if (b->nchanges < BUDGET_CHANGES_MAX)
		b->changes[b->nchanges++] = (struct model_change){
			.time_ns = b->last.now_ns, .subject = subject, .from = from, .to = to, .why = why,
			.cost = base(&s) > 0 ? 100 * sum(&s) / base(&s) : 0,
			.rate = s.ns > 0 ? hits * S / s.ns : 0,
		};
}

/* From here on it is seen what the changes have brought. */
static void settle(struct budget *b)
{
	memset(&b->since, 0, sizeof(b->since));
	b->rate = -1;
	b->rate_ns = 0;
}

/* Enters what has happened since the last look. */
static void take(struct budget *b, const struct budget_look *now)
{
	struct slot s = { .ns = (double)(now->now_ns - b->last.now_ns) };
	uint64_t cpu;
	double most, least;

	if (now->cpu_ns > b->last.cpu_ns)
		s.cpu = (double)(now->cpu_ns - b->last.cpu_ns);
	for (int i = 0; i < BUDGET_PARTS; i++)
		if (now->hits[i] > b->last.hits[i])
			s.cost[i] = (double)(now->hits[i] - b->last.hits[i]) * b->ns_per_hit;
	if (b->slots[b->at].ns >= LOOK_NS) {
		b->at = (b->at + 1) % SLOTS;
		memset(&b->slots[b->at], 0, sizeof(b->slots[b->at]));
	}
	add_slot(&b->slots[b->at], &s);
	add_slot(&b->since, &s);
	for (int i = 0; i < BUDGET_PARTS; i++)
		add_slot(&b->share[i].since, &s);
	if (b->window.is_open)
		b->window.cost += s.cost[BUDGET_SAMPLE];
	b->look = s;
	cpu = now->cpu_ns ? now->cpu_ns : b->last.cpu_ns;
	b->last = *now;
	b->last.cpu_ns = cpu;
	most = SAVED_S * income(b);
	b->credit += allowed(b, &s) - sum(&s);
	if (b->credit > most)
		b->credit = most;
	/* Debts beyond what one CPU brings in a second are not made good for. */
	least = -b->opts.percent / 100 * S;
	if (b->credit < least && b->credit < -2 * most)
		b->credit = least < -2 * most ? least : -2 * most;
}

/* Objects a second, counted over a second at least in which nothing was changed. */
static void take_rate(struct budget *b)
{
	const struct budget_look *l = &b->last;

	if (!b->rate_ns || l->objects < b->rate_objects) {
		/* What was counted before the change is not of interest. */
		if (l->objects_ns && l->objects_ns + (uint64_t)b->since.ns >= l->now_ns) {
			b->rate_ns = l->objects_ns;
			b->rate_objects = l->objects;
		}
		return;
	}
	if (l->objects_ns < b->rate_ns + 9 * S / 10)
		return;
	b->rate = (double)(l->objects - b->rate_objects) * S / (double)(l->objects_ns - b->rate_ns);
	b->rate_ns = l->objects_ns;
	b->rate_objects = l->objects;
}

/* Gives up what only adds to others where it costs more than its share, once and for all. */
static void judge_share(struct budget *b, enum model_subject subject, double share)
{
	enum budget_part part = part_of(subject, MODEL_WAY_ALL);
	struct slot s = b->share[part].since;
	double hits = s.cost[part] / b->ns_per_hit;

	if (b->way[subject] == MODEL_WAY_OFF || s.ns < SHARE_NS || s.cpu <= 0)
		return;
	memset(&b->share[part].since, 0, sizeof(b->share[part].since));
	if (hits * S / s.ns < MIN_RATE || s.cost[part] <= share * b->opts.percent / 100 * s.cpu)
		return;
	change(b, subject, MODEL_WAY_OFF, MODEL_WHY_SHARE);
	settle(b);
}

/* What is still too much, in the time since the last change, if an overdrawn account is to be even soon. */
static double excess(const struct budget *b)
{
	const struct slot *s = &b->since;

	return lasting(b, s) - allowed(b, s) - b->credit * s->ns / (EVEN_S * S);
}

/* Overdrawn, and not soon even if everything goes on like this. */
static bool is_over(const struct budget *b)
{
	return b->credit < 0 && b->since.ns >= (double)SOON_NS && excess(b) > 0;
}

static bool is_material(const struct budget *b, enum budget_part part)
{
	return b->since.cost[part] > MATERIAL * lasting(b, &b->since);
}

/*
 * Plans the next window: of a second, or of more where it would be too short. A debt makes it shorter, but
 * its period no longer: that is over soon.
 */
static void plan_window(struct budget *b, uint64_t now)
{
	double fraction = FRACTION_MAX, paid = b->credit < 0 ? -b->credit : 0;
	uint64_t open, period = PERIOD_NS;

	if (b->full * FRACTION_MAX > AIM * room(b) / S)
		fraction = AIM * room(b) / S / b->full;
	if (fraction * PERIOD_NS < WINDOW_MIN_NS)
		period = fraction * PERIOD_MAX_NS > WINDOW_MIN_NS ?
			 (uint64_t)(WINDOW_MIN_NS / fraction) : PERIOD_MAX_NS;
	open = (uint64_t)(fraction * (double)period);
	if (b->full > 0)
		open -= paid / b->full < (double)open ? (uint64_t)(paid / b->full) : open;
	if (open < WINDOW_MIN_NS)
		open = WINDOW_MIN_NS;
	memset(&b->window, 0, sizeof(b->window));
	b->window.begin = now;
	b->window.end = now + period;
	b->window.open = now + (uint64_t)(next_random(b) * (double)(period - open));
	b->window.close = b->window.open + open;
}

/* From all the time to windows; what all the time costs is known from the last looks. */
static void begin_windows(struct budget *b, enum model_why why)
{
	const struct slot last = recent(b);

	if (b->way[MODEL_SUBJECT_ALLOC] == MODEL_WAY_SAMPLE)
		b->full = last.ns > 0 ? last.cost[BUDGET_SAMPLE] / last.ns : 0;
	change(b, MODEL_SUBJECT_ALLOC, MODEL_WAY_WINDOWS, why);
	put_off(&b->sample, b->last.now_ns);
	plan_window(b, b->last.now_ns);
}

/* Allocations the next cheaper way. */
static void go_down(struct budget *b)
{
	uint64_t now = b->last.now_ns;
	enum model_way way = b->way[MODEL_SUBJECT_ALLOC];

	if (way == MODEL_WAY_ALL) {
		put_off(b->opts.part[BUDGET_SAMPLE] ? &b->exact : &b->off, now);
		b->sample.entered = now;
		change(b, MODEL_SUBJECT_ALLOC,
		       b->opts.part[BUDGET_SAMPLE] ? MODEL_WAY_SAMPLE : MODEL_WAY_OFF, MODEL_WHY_OVER);
	} else if (way == MODEL_WAY_SAMPLE) {
		begin_windows(b, MODEL_WHY_OVER);
	} else {
		put_off(&b->off, now);
		change(b, MODEL_SUBJECT_ALLOC, MODEL_WAY_OFF, MODEL_WHY_OVER);
	}
}

/* Exactness costs so much in a burst that it goes at once, not at the next look that is due. */
static bool leave_exact(struct budget *b)
{
	if (b->way[MODEL_SUBJECT_ALLOC] != MODEL_WAY_ALL || b->credit >= 0 ||
	    b->look.cost[BUDGET_EXACT] < sum(&b->look) / 2)
		return false;
	go_down(b);
	settle(b);
	return true;
}

static void stop_all(struct budget *b)
{
	for (int i = 0; i < MODEL_SUBJECT_MAX; i++)
		change(b, (enum model_subject)i, MODEL_WAY_OFF, MODEL_WHY_STOP);
	b->stopped = true;
	put_off(&b->all, b->last.now_ns);
	b->stack.not_before = b->off.not_before = b->gc.not_before = b->all.not_before;
	settle(b);
}

static bool must_stop(const struct budget *b)
{
	struct slot s = last_second(b);

	return !b->stopped && b->since.ns >= (double)STOP_NS &&
	       lasting(b, &b->since) > 2 * allowed(b, &b->since) && sum(&s) > 2 * allowed(b, &s);
}

/* Allocations the next cheaper way, as far as there is one. Returns what that saves. */
static double give_up_alloc(struct budget *b)
{
	enum model_way way = b->way[MODEL_SUBJECT_ALLOC];
	double cost = b->since.cost[way == MODEL_WAY_ALL ? BUDGET_EXACT : BUDGET_SAMPLE];

	if (way == MODEL_WAY_OFF || way == MODEL_WAY_WINDOWS ||
	    !is_material(b, part_of(MODEL_SUBJECT_ALLOC, way)))
		return 0;
	go_down(b);
	return cost;
}

static double give_up_part(struct budget *b, enum model_subject subject)
{
	enum budget_part part = part_of(subject, MODEL_WAY_ALL);

	if (!b->way[subject] || !is_material(b, part))
		return 0;
	change(b, subject, MODEL_WAY_OFF, MODEL_WHY_OVER);
	return b->since.cost[part];
}

/* The last resorts: what windows cost, and the collector if it alone is too much for long. */
static double give_up_last(struct budget *b)
{
	const struct slot *s = &b->since;

	if (b->way[MODEL_SUBJECT_ALLOC] == MODEL_WAY_WINDOWS && s->ns >= (double)PERIOD_NS &&
	    is_material(b, BUDGET_SAMPLE) && b->window.end - b->window.begin >= PERIOD_MAX_NS) {
		go_down(b);
		return s->cost[BUDGET_SAMPLE];
	}
	if (!b->way[MODEL_SUBJECT_GC] || s->ns < GC_NS || s->cost[BUDGET_GC] <= allowed(b, s))
		return 0;
	put_off(&b->gc, b->last.now_ns);
	change(b, MODEL_SUBJECT_SWEEPS, MODEL_WAY_OFF, MODEL_WHY_OVER);
	change(b, MODEL_SUBJECT_GC, MODEL_WAY_OFF, MODEL_WHY_OVER);
	return s->cost[BUDGET_GC];
}

/* Gives up so much that it fits, or all that there is. Returns whether there was anything. */
static bool give_up(struct budget *b)
{
	double left = excess(b), before = left;

	left -= give_up_part(b, MODEL_SUBJECT_TIMING);
	if (left > 0)
		left -= give_up_part(b, MODEL_SUBJECT_SWEEPS);
	if (left > 0)
		left -= give_up_alloc(b);
	if (left > 0 && b->way[MODEL_SUBJECT_STACK] && is_material(b, BUDGET_STACK)) {
		put_off(&b->stack, b->last.now_ns);
		left -= give_up_part(b, MODEL_SUBJECT_STACK);
		change(b, MODEL_SUBJECT_TIMING, MODEL_WAY_OFF, MODEL_WHY_OVER);
	}
	if (left == before)
		left -= give_up_last(b);
	if (left == before)
		return false;
	settle(b);
	return true;
}

/* Would counting each allocation fit? The rate is a second old: not where more is sampled by now. */
static bool exact_fits(const struct budget *b)
{
	struct slot now = recent(b), second = last_second(b);
	double grace = 10 * b->ns_per_hit;

	return b->rate >= 0 && b->rate * b->ns_per_hit <= FITS_EXACT * room(b) &&
	       now.cost[BUDGET_SAMPLE] - grace <=
	       3 * second.cost[BUDGET_SAMPLE] / second.ns * now.ns;
}

static bool is_due(const struct budget *b, const struct retry *r)
{
	return b->last.now_ns >= r->not_before && b->since.ns >= S && b->credit >= 0;
}

/* After a stop: the collector and stack copies, and allocations the cheapest way. */
static bool resume(struct budget *b)
{
	if (!b->stopped || !is_due(b, &b->all))
		return false;
	b->stopped = false;
	b->all.entered = b->last.now_ns;
	if (b->opts.part[BUDGET_GC])
		change(b, MODEL_SUBJECT_GC, MODEL_WAY_ALL, MODEL_WHY_AGAIN);
	settle(b);
	return true;
}

/* Allocations after a time without. */
static void alloc_again(struct budget *b)
{
	b->off.entered = b->last.now_ns;
	if (b->opts.part[BUDGET_SAMPLE])
		begin_windows(b, MODEL_WHY_AGAIN);
	else
		change(b, MODEL_SUBJECT_ALLOC, MODEL_WAY_ALL, MODEL_WHY_AGAIN);
	settle(b);
}

static bool has_alloc(const struct budget *b)
{
	return b->opts.part[BUDGET_SAMPLE] || b->opts.part[BUDGET_EXACT];
}

/* Puts one thing back that fits. */
static void climb(struct budget *b)
{
	enum model_way way = b->way[MODEL_SUBJECT_ALLOC];

	if (b->stopped)
		return;
	if (!b->way[MODEL_SUBJECT_STACK] && b->opts.part[BUDGET_STACK] && is_due(b, &b->stack)) {
		b->stack.entered = b->last.now_ns;
		change(b, MODEL_SUBJECT_STACK, MODEL_WAY_ALL, MODEL_WHY_AGAIN);
		settle(b);
	} else if (!b->way[MODEL_SUBJECT_GC] && b->opts.part[BUDGET_GC] && is_due(b, &b->gc)) {
		b->gc.entered = b->last.now_ns;
		change(b, MODEL_SUBJECT_GC, MODEL_WAY_ALL, MODEL_WHY_AGAIN);
		settle(b);
	} else if (way == MODEL_WAY_OFF && has_alloc(b) && is_due(b, &b->off)) {
		alloc_again(b);
	} else if (way == MODEL_WAY_WINDOWS && is_due(b, &b->sample) && b->window.done &&
		   b->full * S <= FITS_SAMPLE * room(b)) {
		b->sample.entered = b->last.now_ns;
		change(b, MODEL_SUBJECT_ALLOC, MODEL_WAY_SAMPLE, MODEL_WHY_FITS);
		settle(b);
	} else if (way == MODEL_WAY_SAMPLE && b->opts.part[BUDGET_EXACT] && is_due(b, &b->exact) &&
		   exact_fits(b)) {
		b->exact.entered = b->last.now_ns;
		change(b, MODEL_SUBJECT_ALLOC, MODEL_WAY_ALL, MODEL_WHY_FITS);
		settle(b);
	}
}

/* Opens and closes the window, and plans the next one. */
static void run_window(struct budget *b)
{
	uint64_t now = b->last.now_ns;
	double most = SAVED_S * income(b);

	if (b->way[MODEL_SUBJECT_ALLOC] != MODEL_WAY_WINDOWS) {
		memset(&b->window, 0, sizeof(b->window));
		return;
	}
	/* A burst within a window: what is left of it is not worth what it would cost. */
	if (b->window.is_open && (now >= b->window.close || b->window.cost > 2 * most)) {
		b->full = b->window.cost / (double)(now - b->window.opened);
		b->window.is_open = false;
		b->window.done = true;
	}
	if (now >= b->window.end)
		plan_window(b, now);
	if (!b->window.is_open && !b->window.done && now >= b->window.open) {
		b->window.is_open = true;
		b->window.opened = now;
	}
}

/* So many hits of one CPU are an eighth of what may be saved up. */
static uint64_t alarm_hits(const struct budget *b)
{
	double hits = SAVED_S * income(b) / 8 / b->ns_per_hit;
	uint64_t n = 64;

	while (n < 65536 && 2 * (double)n <= hits)
		n *= 2;
	return n;
}

static void set_want(struct budget *b)
{
	enum model_way way = b->way[MODEL_SUBJECT_ALLOC];
	struct budget_want *w = &b->want;
	uint64_t next = b->last.now_ns + (b->credit < 0 ? SOON_NS : LOOK_NS), edge;
	const bool *part = b->opts.part;

	w->alloc = way == MODEL_WAY_WINDOWS ?
		   (b->window.is_open ? MODEL_WAY_SAMPLE : MODEL_WAY_OFF) : way;
	/* Probes that sample stay while all are counted, to be there when that has to end at once. */
	w->in[BUDGET_SAMPLE] = part[BUDGET_SAMPLE] && w->alloc != MODEL_WAY_OFF;
	w->in[BUDGET_EXACT] = part[BUDGET_EXACT] && w->alloc == MODEL_WAY_ALL;
	w->in[BUDGET_STACK] = b->way[MODEL_SUBJECT_STACK] != MODEL_WAY_OFF;
	w->in[BUDGET_TIMING] = b->way[MODEL_SUBJECT_TIMING] != MODEL_WAY_OFF;
	w->in[BUDGET_SWEEPS] = b->way[MODEL_SUBJECT_SWEEPS] != MODEL_WAY_OFF;
	w->in[BUDGET_GC] = b->way[MODEL_SUBJECT_GC] != MODEL_WAY_OFF;
	w->period_ns = way == MODEL_WAY_WINDOWS ? b->window.end - b->window.begin : 0;
	w->open_ns = w->period_ns ? b->window.close - b->window.open : 0;
	w->alarm_hits = b->opts.limited && way == MODEL_WAY_ALL ? alarm_hits(b) : 0;
	if (way == MODEL_WAY_WINDOWS) {
		edge = b->window.is_open ? b->window.close :
		       b->window.done ? b->window.end : b->window.open;
		if (edge < next)
			next = edge > b->last.now_ns ? edge : b->last.now_ns;
	}
	w->tracing = !b->stopped;
	w->next_ns = b->opts.limited ? next : UINT64_MAX;
}

void budget__look(struct budget *b, const struct budget_look *look)
{
	b->nchanges = 0;
	take(b, look);
	judge_share(b, MODEL_SUBJECT_TIMING, SHARE_TIMING);
	judge_share(b, MODEL_SUBJECT_SWEEPS, SHARE_SWEEPS);
	if (b->opts.limited) {
		take_rate(b);
		if (leave_exact(b))
			;
		else if (is_over(b) && give_up(b))
			;
		else if (must_stop(b))
			stop_all(b);
		else if (!resume(b))
			climb(b);
		run_window(b);
	}
	set_want(b);
}

struct budget *budget__new(const struct budget_options *opts, const struct budget_look *look)
{
	struct budget *b = calloc(1, sizeof(*b));
	const bool *part = opts->part;

	if (!b)
		return NULL;
	b->opts = *opts;
	b->ns_per_hit = UNKNOWN_COST;
	b->last = *look;
	b->random = opts->seed | 1;
	for (int i = 0; i < MODEL_SUBJECT_MAX; i++)
		b->way[i] = part[part_of((enum model_subject)i, MODEL_WAY_ALL)] ? MODEL_WAY_ALL :
										  MODEL_WAY_OFF;
	if (part[BUDGET_SAMPLE])
		b->way[MODEL_SUBJECT_ALLOC] = MODEL_WAY_SAMPLE;
	start_retry(&b->exact, look->now_ns, WAIT_FIRST_NS);
	b->exact.first = WAIT_EXACT_NS;
	start_retry(&b->sample, look->now_ns, WAIT_FIRST_NS);
	start_retry(&b->stack, look->now_ns, WAIT_OFF_NS);
	start_retry(&b->off, look->now_ns, WAIT_OFF_NS);
	start_retry(&b->gc, look->now_ns, WAIT_OFF_NS);
	start_retry(&b->all, look->now_ns, WAIT_OFF_NS);
	b->credit = SAVED_S * income(b);
	settle(b);
	set_want(b);
	return b;
}

void budget__set_cost(struct budget *b, double ns_per_hit)
{
	b->ns_per_hit = ns_per_hit > 0 ? ns_per_hit : UNKNOWN_COST;
}

void budget__free(struct budget *b)
{
	free(b);
}

const struct budget_want *budget__want(const struct budget *b)
{
	return &b->want;
}

const struct model_change *budget__change(const struct budget *b, int i)
{
	return i < b->nchanges ? &b->changes[i] : NULL;
}

void budget__failed(struct budget *b, enum budget_part part)
{
	static const enum model_subject subjects[BUDGET_PARTS] = {
		[BUDGET_EXACT] = MODEL_SUBJECT_ALLOC, [BUDGET_SAMPLE] = MODEL_SUBJECT_ALLOC,
		[BUDGET_STACK] = MODEL_SUBJECT_STACK, [BUDGET_TIMING] = MODEL_SUBJECT_TIMING,
		[BUDGET_SWEEPS] = MODEL_SUBJECT_SWEEPS, [BUDGET_GC] = MODEL_SUBJECT_GC,
	};
	struct retry *const retries[BUDGET_PARTS] = {
		[BUDGET_EXACT] = &b->exact, [BUDGET_SAMPLE] = &b->off, [BUDGET_STACK] = &b->stack,
	};
	bool sampled = part == BUDGET_EXACT && b->opts.part[BUDGET_SAMPLE];

	b->nchanges = 0;
	if (retries[part])
		put_off(part == BUDGET_EXACT && !sampled ? &b->off : retries[part], b->last.now_ns);
	change(b, subjects[part], sampled ? MODEL_WAY_SAMPLE : MODEL_WAY_OFF, MODEL_WHY_FAILED);
	settle(b);
	run_window(b);
	set_want(b);
}

enum model_way budget__way(const struct budget *b, enum model_subject subject)
{
	return b->way[subject];
}
