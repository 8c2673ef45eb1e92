/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From samples to totals: what each site is charged with, and how sure that is.
 */
#include <errno.h>
#include <math.h>

#include "model/internal.h"

#define PAGE 8192.0

/* runtime/malloc.go: tiny objects share blocks of 16 bytes, which is size class 2, without pointers. */
#define TINY_SPAN_CLASS 5

/* So much of a mean square is added to each site's variance, for sites of few samples. */
#define FEW 3.0

static uint32_t size_class(const struct model_alloc *a)
{
	return a->span_class >> 1;
}

static bool is_sampled(const struct model_alloc *a)
{
	return a->span_class < MODEL_SPAN_CLASSES;
}

static void add_exact(struct model *m, struct model_alloc *a, const struct model_sample *s)
{
	struct model_class *class = &m->classes.of[0];

	a->objects += s->objects;
	a->bytes += s->bytes;
	a->class_bytes += s->class_bytes;
	class->told.objects += (double)s->objects;
	class->told.class_bytes += (double)s->class_bytes;
}

int model__add_sample(struct model *m, const struct model_sample *s)
{
	double objects = (double)s->objects * s->scale, bytes = (double)s->class_bytes * s->scale;
	bool large = s->span_class < 2;
	double square, objects_sq;
	struct model_alloc *a;
	struct model_class *class;

	if (s->span_class >= MODEL_SPAN_CLASSES || !(s->scale >= 1))
		return -EINVAL;
	a = model__alloc_at(m, s->stack, 0, s->span_class);
	if (!a)
		return -ENOMEM;
	if (large && s->scale == 1) {
		add_exact(m, a, s);
		return 0;
	}
	/* A large object that is seen is certain; what it stands for beside itself is not. */
	square = (double)s->squares * s->scale * (large ? s->scale - 1 : s->scale);
	objects_sq = large ? (double)s->hits * s->scale * (s->scale - 1) : square;
	if (large)
		square *= PAGE * PAGE;
	else if (s->objects)
		square *= pow((double)s->class_bytes / (double)s->objects, 2);
	if (a->weight.hits <= 0)
		a->weight.site = model_checks__site(m, s->stack);
	a->weight.hits += (double)s->hits;
	a->weight.objects += objects;
	a->weight.class_bytes += bytes;
	a->weight.objects_sq += objects_sq;
	a->weight.bytes_sq += square;
	a->weight.new_objects += objects;
	a->weight.new_bytes += bytes;
	class = &m->classes.of[size_class(a)];
	class->hits += (double)s->hits;
	class->squares += square;
	if (large)
		m->classes.windows = true;
	return 0;
}

void model__add_lost_sample(struct model *m, uint32_t class, double class_bytes)
{
	if (class < MODEL_SIZE_CLASSES)
		m->classes.of[class].lost_bytes += class_bytes;
}

void model__set_class_totals(struct model *m, const struct model_class_total *totals, int nprocs)
{
	m->classes.known = totals;
	m->classes.ever = m->classes.ever || totals;
	m->classes.nprocs = nprocs;
	for (int i = 0; totals && i < MODEL_CLASS_TOTALS; i++)
		m->classes.of[i].known = totals[i];
}

/* What of one class is to be divided, and among how much. */
struct share {
	struct model_class_total sites;	/* samples of the sites since the last time */
	double objects, class_bytes;	/* what each object, each byte of them is worth */
};

static double worth(double known, double told, double sites)
{
	return sites > 0 && known > told ? (known - told) / sites : 0;
}

/* Where the totals are not known, samples are taken for what they are. */
static void set_worth(struct model *m, struct share *shares)
{
	for (int i = 0; i < MODEL_CLASS_TOTALS; i++) {
		struct model_class *c = &m->classes.of[i];
		struct share *s = &shares[i];
		double lost = c->lost_bytes;

		s->objects = s->class_bytes = i == MODEL_CLASS_TINY ? 0 : 1;
		if (!m->classes.known)
			continue;
		/* All objects of a class have one size; of large ones the mean must do. */
		if (c->known.class_bytes > 0)
			c->told.objects += lost * c->known.objects / c->known.class_bytes;
		c->told.class_bytes += lost;
		c->lost_bytes = 0;
		s->objects = worth(c->known.objects, c->told.objects, s->sites.objects);
		s->class_bytes = worth(c->known.class_bytes, c->told.class_bytes,
				       s->sites.class_bytes);
	}
}

static uint64_t whole(double v)
{
	return v > 0 ? (uint64_t)(v < 1e18 ? v + 0.5 : 1e18) : 0;
}

/* A row's totals may not shrink: only whole numbers are added. */
void model_samples__give(struct model_alloc *a, double objects, double class_bytes)
{
	uint64_t was_objects = whole(a->est.objects), was_bytes = whole(a->est.class_bytes);

	a->est.objects += objects;
	a->est.class_bytes += class_bytes;
	a->objects += whole(a->est.objects) - was_objects;
	a->class_bytes += whole(a->est.class_bytes) - was_bytes;
	a->bytes += whole(a->est.class_bytes) - was_bytes;
}

/* What a row gains by what is new of it, which is taken from it. */
static struct model_class_total gain_of(struct model *m, struct model_alloc *a,
					const struct share *shares)
{
	const struct share *s = &shares[size_class(a)], *tiny = &shares[MODEL_CLASS_TINY];
	struct model_class *c = &m->classes.of[size_class(a)];
	double objects = a->weight.new_objects * s->objects;
	double bytes = a->weight.new_bytes * s->class_bytes;
	struct model_class_total gain = { 0, 0 };

	if (a->span_class == TINY_SPAN_CLASS) {
		gain.objects += a->weight.new_objects * tiny->objects;
		m->classes.of[MODEL_CLASS_TINY].told.objects += a->weight.new_objects * tiny->objects;
	}
	/* A total that lags behind its samples: they wait. */
	if (s->objects > 0) {
		gain.objects += objects;
		a->weight.new_objects = 0;
		c->told.objects += objects;
	}
	if (s->class_bytes > 0) {
		gain.class_bytes += bytes;
		a->weight.new_bytes = 0;
		c->told.class_bytes += bytes;
	}
	return gain;
}

/* A sample's square, counted as what the samples were made of. */
static double scaled(double squares, double est, double weight)
{
	return weight > 0 ? squares * pow(est / weight, 2) : 0;
}

static void set_variance(struct model_alloc *a, double share)
{
	const struct model_weight *w = &a->weight;
	struct model_estimate *e = &a->est;

	e->share = share < 1 ? share : 1;
	e->objects_sq = scaled(w->objects_sq, e->objects, w->objects);
	e->bytes_sq = scaled(w->bytes_sq, e->class_bytes, w->class_bytes);
	e->objects_few = FEW * e->objects_sq / w->hits;
	e->bytes_few = FEW * e->bytes_sq / w->hits;
	e->objects_var = e->objects_sq * (1 - e->share) + e->objects_few;
	e->bytes_var = e->bytes_sq * (1 - e->share) + e->bytes_few;
}

static void set_variances(struct model *m)
{
	double objects[MODEL_SPAN_CLASSES] = { 0 }, share;

	for (size_t i = 0; i < m->allocs.n; i++) {
		const struct model_alloc *a = model__alloc(m, i);

		if (is_sampled(a))
			objects[a->span_class] += a->weight.objects;
	}
	for (size_t i = 0; i < m->allocs.n; i++) {
		struct model_alloc *a = model_table__row(&m->allocs, i);

		if (!is_sampled(a) || a->weight.hits <= 0)
			continue;
		/* Of large objects each is drawn by itself. */
		share = a->span_class > 1 && objects[a->span_class] > 0 ?
			a->weight.objects / objects[a->span_class] : 0;
		set_variance(a, share);
	}
}

void model__settle(struct model *m)
{
	struct model_class_total doubted[MODEL_SPAN_CLASSES] = { 0 }, gain;
	struct share shares[MODEL_CLASS_TOTALS] = { 0 };

	for (size_t i = 0; i < m->allocs.n; i++) {
		const struct model_alloc *a = model__alloc(m, i);

		if (!is_sampled(a))
			continue;
		shares[size_class(a)].sites.objects += a->weight.new_objects;
		shares[size_class(a)].sites.class_bytes += a->weight.new_bytes;
		if (a->span_class == TINY_SPAN_CLASS)
			shares[MODEL_CLASS_TINY].sites.objects += a->weight.new_objects;
	}
	set_worth(m, shares);
	for (size_t i = 0; i < m->allocs.n; i++) {
		struct model_alloc *a = model_table__row(&m->allocs, i);

		if (!is_sampled(a))
			continue;
		gain = gain_of(m, a, shares);
		if (model_checks__doubts(m, a->span_class)) {
			doubted[a->span_class].objects += gain.objects;
			doubted[a->span_class].class_bytes += gain.class_bytes;
		} else {
			model_samples__give(a, gain.objects, gain.class_bytes);
		}
	}
	set_variances(m);
	for (uint32_t v = 0; v < MODEL_SPAN_CLASSES; v++)
		if (model_checks__doubts(m, v))
			model_checks__divide(m, v, &doubted[v]);
}

/* What nobody has of a class. Large objects that are all looked at are not known better elsewhere. */
static struct model_class_total unsampled(const struct model *m, int i)
{
	const struct model_class *c = &m->classes.of[i];
	struct model_class_total left = {
		c->known.objects - c->told.objects, c->known.class_bytes - c->told.class_bytes,
	};

	if (!m->classes.ever || (!i && !m->classes.windows) || left.objects < 1 ||
	    (left.class_bytes < 1 && i != MODEL_CLASS_TINY))
		return (struct model_class_total){ 0, 0 };
	return left;
}

struct model_alloc model__unsampled(const struct model *m)
{
	struct model_alloc sum = { .span_class = MODEL_COUNTED };

	for (int i = 0; i < MODEL_CLASS_TOTALS; i++) {
		struct model_class_total left = unsampled(m, i);
		const struct model_class_total *mark = &m->classes.of[i].mark;

		sum.objects += whole(left.objects);
		sum.class_bytes += whole(left.class_bytes);
		sum.mark_objects += whole(mark->objects);
		sum.mark_class_bytes += whole(mark->class_bytes);
	}
	sum.bytes = sum.class_bytes;
	sum.mark_bytes = sum.mark_class_bytes;
	sum.est.objects = (double)sum.objects;
	sum.est.class_bytes = (double)sum.class_bytes;
	sum.mark_est.objects = (double)sum.mark_objects;
	sum.mark_est.class_bytes = (double)sum.mark_class_bytes;
	return sum;
}

void model_samples__mark(struct model *m)
{
	for (int i = 0; i < MODEL_CLASS_TOTALS; i++)
		m->classes.of[i].mark = unsampled(m, i);
}

/*
 * Of each class every P has a span under way when the samples begin, of which a part was used before,
 * and one when they end, of which a part is not in any sample: both anything from nothing to all of it.
 */
void model_samples__total_var(const struct model *m, struct model_estimate *est)
{
	double procs = m->classes.nprocs > 0 ? m->classes.nprocs : 1, mean, ends;

	for (int i = 1; i < MODEL_SIZE_CLASSES; i++) {
		const struct model_class *c = &m->classes.of[i];

		if (c->hits <= 0)
			continue;
		mean = c->squares / c->hits;
		ends = (c->hits < procs ? c->hits : procs) * mean / 6;
		est->bytes_var += ends;
		if (c->told.class_bytes > 0)
			est->objects_var += ends * pow(c->told.objects / c->told.class_bytes, 2);
	}
	for (size_t i = 0; i < m->allocs.n; i++) {
		const struct model_alloc *a = model__alloc(m, i);

		if (a->span_class < 2 && !m->classes.known) {
			est->objects_var += a->est.objects_var;
			est->bytes_var += a->est.bytes_var;
		}
	}
}
