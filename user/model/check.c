/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Samples held against checks. A site that allocates in step with the spans of a class always is, or
 * never is, the one that needs the next span, and its samples say nothing of its share. Checks, a few
 * milliseconds each in which every allocation is looked at, are not in step with anything. Where the
 * two differ by more than chance lets them, the checks' shares are believed.
 */
#include <errno.h>
#include <math.h>

#include "gotrace/event.h"
#include "model/internal.h"

/* So many checks at least, to know how much they differ among themselves. */
#define CHECKS_MIN 4

/* Shares that differ by less are not worth a doubt. */
#define SHARE_MIN 0.01

/* Standard deviations that are more than chance, of many sites and classes looked at again and again. */
#define DOUBT 5.0

/* A call site in checks of one span class. */
struct check_site {
	uint64_t site;
	uint64_t stack;			/* one of those that it was seen with */
	uint32_t span_class;
	double open;			/* objects in the check under way */
	double sum, squares, cross;	/* of all checks: n, n^2, n times those of the whole class */
	double has, has_bytes;		/* of the totals, what its rows have; scratch */
	double sampled;			/* objects by samples; scratch */
};

struct site_key {
	uint64_t site, span_class;
};

void model__set_leading(struct model *m, bool (*is_leading)(void *ctx, uint64_t pc), void *ctx)
{
	m->checks.is_leading = is_leading;
	m->checks.ctx = ctx;
}

/*
 * What tells a call site from others: its stack without what leads from it to the probe. The probed
 * address is itself, return addresses are behind their calls. 0 where all of it does lead there.
 */
uint64_t model_checks__site(const struct model *m, uint64_t id)
{
	const struct model_stack *s = model__stack(m, id);
	uint64_t h = GT_HASH_SEED;
	uint32_t i = 0;

	if (!s)
		return 0;
	while (m->checks.is_leading && i < s->nframes &&
	       m->checks.is_leading(m->checks.ctx, s->pc[i] - (i > 0)))
		i++;
	if (i == s->nframes)
		return 0;
	for (; i < s->nframes; i++)
		h = gt_hash_step(h, s->pc[i]);
	return h;
}

static struct check_site *site_at(struct model *m, uint64_t site, uint32_t span_class)
{
	const struct site_key key = { site, span_class };
	struct check_site *s = model_table__at(&m->checks.sites, &key, sizeof(key), sizeof(*s));

	if (s) {
		s->site = site;
		s->span_class = span_class;
	}
	return s;
}

int model__add_check(struct model *m, uint64_t stack, uint32_t span_class, uint64_t objects)
{
	struct check_site *s;

	if (span_class < 2 || span_class >= MODEL_SPAN_CLASSES)
		return -EINVAL;
	s = site_at(m, model_checks__site(m, stack), span_class);
	if (!s)
		return -ENOMEM;
	if (!s->stack)
		s->stack = stack;
	s->open += (double)objects;
	m->checks.of[span_class].open += (double)objects;
	return 0;
}

void model_checks__use_stacks(struct model *m, void (*use)(struct model *m, uint64_t stack))
{
	for (size_t i = 0; i < m->checks.sites.n; i++)
		use(m, ((const struct check_site *)model_table__row(&m->checks.sites, i))->stack);
}

static double share_of(const struct model *m, const struct check_site *s)
{
	double all = m->checks.of[s->span_class].sum;

	return all > 0 ? s->sum / all : 0;
}

/* Of a share: how much it differs from check to check (a ratio of sums), and at least by chance. */
static double share_var(const struct model *m, const struct check_site *s)
{
	const struct model_check_class *c = &m->checks.of[s->span_class];
	double p = share_of(m, s), k = c->checks, among;

	if (k < 2 || c->sum <= 0)
		return 1;
	among = (s->squares - 2 * p * s->cross + p * p * c->squares) / (c->sum * c->sum);
	return fmax(among, 0) * k / (k - 1) + p * (1 - p) / c->sum;
}

/* What samples say of each site, for those that checks have seen and for those that they have not. */
static int gather_samples(struct model *m, double *hits, double *objects)
{
	for (size_t i = 0; i < m->checks.sites.n; i++)
		((struct check_site *)model_table__row(&m->checks.sites, i))->sampled = 0;
	for (size_t i = 0; i < m->allocs.n; i++) {
		const struct model_alloc *a = model__alloc(m, i);
		struct check_site *s;

		if (a->span_class < 2 || a->span_class >= MODEL_SPAN_CLASSES || a->weight.hits <= 0)
			continue;
		s = site_at(m, a->weight.site, a->span_class);
		if (!s)
			return -ENOMEM;
		s->sampled += a->weight.objects;
		hits[a->span_class] += a->weight.hits;
		objects[a->span_class] += a->weight.objects;
	}
	return 0;
}

static bool differ(double a, double p, double hits, double var)
{
	double mean = (a + p) / 2, chance = mean * (1 - mean) / hits;

	return fabs(a - p) > SHARE_MIN && (a - p) * (a - p) > DOUBT * DOUBT * (chance + var);
}

/* Judges each class anew. A row for each site of one that is in doubt is made here, where it may fail. */
static int judge(struct model *m)
{
	double hits[MODEL_SPAN_CLASSES] = { 0 }, objects[MODEL_SPAN_CLASSES] = { 0 };
	bool doubt[MODEL_SPAN_CLASSES] = { false };
	int err = gather_samples(m, hits, objects);

	for (size_t i = 0; i < m->checks.sites.n && !err; i++) {
		const struct check_site *s = model_table__row(&m->checks.sites, i);
		uint32_t v = s->span_class;

		if (m->checks.of[v].checks >= CHECKS_MIN && hits[v] > 0 &&
		    differ(s->sampled / objects[v], share_of(m, s), hits[v], share_var(m, s)))
			doubt[v] = true;
	}
	for (size_t i = 0; i < m->checks.sites.n && !err; i++) {
		const struct check_site *s = model_table__row(&m->checks.sites, i);
		struct model_alloc *a = NULL;

		if (!doubt[s->span_class] || !s->stack)
			continue;
		a = model__alloc_at(m, s->stack, 0, s->span_class);
		if (!a)
			err = -ENOMEM;
		else
			a->weight.site = s->site;
	}
	m->checks.ndoubted = 0;
	for (int v = 0; v < MODEL_SPAN_CLASSES && !err; v++) {
		m->checks.of[v].doubted = doubt[v];
		m->checks.ndoubted += doubt[v];
	}
	return err;
}

int model__end_check(struct model *m)
{
	bool whole = m->counters.checks_lost == m->checks.lost;

	m->checks.lost = m->counters.checks_lost;
	for (size_t i = 0; i < m->checks.sites.n; i++) {
		struct check_site *s = model_table__row(&m->checks.sites, i);

		if (whole) {
			s->sum += s->open;
			s->squares += s->open * s->open;
			s->cross += s->open * m->checks.of[s->span_class].open;
		}
		s->open = 0;
	}
	for (int v = 0; v < MODEL_SPAN_CLASSES; v++) {
		struct model_check_class *c = &m->checks.of[v];

		if (whole && c->open > 0) {
			c->sum += c->open;
			c->squares += c->open * c->open;
			c->checks++;
		}
		c->open = 0;
	}
	m->checks.count += whole;
	return judge(m);
}

unsigned int model__nchecks(const struct model *m)
{
	return m->checks.count;
}

int model__ndoubted(const struct model *m)
{
	return m->checks.ndoubted;
}

bool model_checks__doubts(const struct model *m, uint32_t span_class)
{
	return m->checks.of[span_class].doubted;
}

/* What the rows of each site have so far. */
static void gather_totals(struct model *m, uint32_t span_class, struct model_class_total *all)
{
	for (size_t i = 0; i < m->checks.sites.n; i++) {
		struct check_site *s = model_table__row(&m->checks.sites, i);

		s->has = s->has_bytes = 0;
	}
	for (size_t i = 0; i < m->allocs.n; i++) {
		const struct model_alloc *a = model__alloc(m, i);
		struct check_site *s;

		if (a->span_class != span_class)
			continue;
		all->objects += a->est.objects;
		all->class_bytes += a->est.class_bytes;
		s = site_at(m, a->weight.site, span_class);
		if (!s)
			continue;
		s->has += a->est.objects;
		s->has_bytes += a->est.class_bytes;
	}
}

/* What is still missing to a site's share of all. */
static double missing(const struct model *m, const struct check_site *s, double all)
{
	double want = share_of(m, s) * all - s->has_bytes;

	return s->stack && want > 0 ? want : 0;
}

static void set_doubted_variances(struct model *m, uint32_t span_class,
				  const struct model_class_total *all)
{
	for (size_t i = 0; i < m->allocs.n; i++) {
		struct model_alloc *a = model_table__row(&m->allocs, i);
		struct check_site *s;
		double off, var;

		if (a->span_class != span_class)
			continue;
		s = site_at(m, a->weight.site, span_class);
		if (!s)
			continue;
		/* What rows were charged with by samples they keep: it may be too much. */
		off = all->class_bytes > 0 ? s->has_bytes / all->class_bytes - share_of(m, s) : 0;
		if (a->stack == s->stack)
			var = share_var(m, s) + pow(fmin(off, 0), 2);
		else
			var = pow(fmax(off, 0), 2);
		a->est.bytes_var = var * all->class_bytes * all->class_bytes;
		a->est.objects_var = var * all->objects * all->objects;
	}
}

void model_checks__divide(struct model *m, uint32_t span_class, const struct model_class_total *gain)
{
	struct model_class_total all = { gain->objects, gain->class_bytes };
	double sum = 0, part;

	gather_totals(m, span_class, &all);
	for (size_t i = 0; i < m->checks.sites.n; i++) {
		const struct check_site *s = model_table__row(&m->checks.sites, i);

		if (s->span_class == span_class)
			sum += missing(m, s, all.class_bytes);
	}
	for (size_t i = 0; i < m->checks.sites.n && sum > 0; i++) {
		struct check_site *s = model_table__row(&m->checks.sites, i);

		if (s->span_class != span_class)
			continue;
		part = missing(m, s, all.class_bytes) / sum;
		if (part <= 0)
			continue;
		model_samples__give(model__alloc_at(m, s->stack, 0, span_class), part * gain->objects,
				    part * gain->class_bytes);
		s->has += part * gain->objects;
		s->has_bytes += part * gain->class_bytes;
	}
	set_doubted_variances(m, span_class, &all);
}
