/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Adding samples up by call site, with what happened there or without, type, way in, start of the
 * goroutine or step of a growth. Rows of equal weight are ordered by name, so that one profile always
 * gives one text.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/hash.h"
#include "report/table.h"

struct row_entry {
	struct report_row row;
	uint64_t step_count;		/* of the row's most frequent step */
	UT_hash_handle hh;
};

struct key {
	const void *p;
	size_t len;
};

/* How often one row took one step. */
struct step_entry {
	struct {
		struct row_entry *row;
		uint32_t from, to;
	} key;
	uint64_t count;
	UT_hash_handle hh;
};

struct maker {
	enum report_table_kind kind;
	enum report_metric metric;
	struct report_arena *arena;
	struct row_entry *rows;
	struct step_entry *steps;
	uint32_t smallest;		/* size that a growth started from */
};

/* coded: what tells samples of one site apart is part of the key. */
static int site_key(const struct report_sample *s, bool coded, struct report_arena *a,
		    struct key *key)
{
	const struct report_frame *f = &s->frames[0];
	size_t nfunc = strlen(f->func) + 1, nfile = strlen(f->file) + 1;
	size_t nleaf = coded ? strlen(s->leaf) + 1 : 0, ncode = coded ? sizeof(s->code) : 0;
	char *buf;

	key->len = nfunc + nfile + sizeof(f->line) + nleaf + ncode;
	key->p = buf = report_arena__alloc(a, key->len, 1);
	if (!buf)
		return -ENOMEM;
	memcpy(buf, f->func, nfunc);
	memcpy(buf + nfunc, f->file, nfile);
	memcpy(buf + nfunc + nfile, &f->line, sizeof(f->line));
	buf += nfunc + nfile + sizeof(f->line);
	memcpy(buf, s->leaf, nleaf);
	memcpy(buf + nleaf, &s->code, ncode);
	return 0;
}

static int make_key(const struct report_sample *s, enum report_table_kind kind,
		    struct report_arena *a, struct key *key)
{
	switch (kind) {
	case REPORT_TABLE_SITES:
	case REPORT_TABLE_CODED:
		return site_key(s, kind == REPORT_TABLE_CODED, a, key);
	case REPORT_TABLE_TYPES:
		*key = (struct key){ .p = s->type, .len = strlen(s->type) };
		return 0;
	case REPORT_TABLE_VIA:
		*key = (struct key){ .p = s->via, .len = strlen(s->via) };
		return 0;
	case REPORT_TABLE_STARTS:
		*key = (struct key){ .p = s->start, .len = strlen(s->start) };
		return 0;
	case REPORT_TABLE_STEPS:
		/* from and to are beside each other. */
		*key = (struct key){ .p = &s->from, .len = sizeof(s->from) + sizeof(s->to) };
		return 0;
	default:
		/* The profile has merged what looks the same: a sample is its own key. */
		*key = (struct key){ .p = s, .len = sizeof(*s) };
		return 0;
	}
}

static const char *label_of(const struct report_sample *s, enum report_table_kind kind)
{
	if (kind == REPORT_TABLE_TYPES)
		return *s->type ? s->type : "untyped";
	if (kind == REPORT_TABLE_VIA)
		return s->via;
	if (kind == REPORT_TABLE_STARTS)
		return s->start;
	return s->frames[0].func;
}

static int compare_frames(const struct report_sample *a, const struct report_sample *b)
{
	int n = a->nframes < b->nframes ? a->nframes : b->nframes, order;

	for (int i = 0; i < n; i++) {
		const struct report_frame *f = &a->frames[i], *g = &b->frames[i];

		order = strcmp(f->func, g->func);
		if (!order)
			order = strcmp(f->file, g->file);
		if (!order)
			order = (f->line > g->line) - (f->line < g->line);
		if (order)
			return order;
	}
	return (a->nframes > b->nframes) - (a->nframes < b->nframes);
}

static int descending(uint64_t a, uint64_t b)
{
	return (a < b) - (a > b);
}

static int ascending(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int compare_steps(const struct report_sample *a, const struct report_sample *b)
{
	int order = ascending(a->from, b->from);

	return order ? order : ascending(a->to, b->to);
}

static int compare_names(const struct report_row *a, const struct report_row *b)
{
	int order = strcmp(a->label, b->label);

	if (!order)
		order = compare_frames(a->sample, b->sample);
	if (!order)
		order = strcmp(a->sample->type, b->sample->type);
	if (!order)
		order = strcmp(a->sample->via, b->sample->via);
	if (!order)
		order = strcmp(a->sample->start, b->sample->start);
	if (!order)
		order = compare_steps(a->sample, b->sample);
	if (!order)
		order = strcmp(a->sample->leaf, b->sample->leaf);
	if (!order)
		order = ascending(a->sample->code, b->sample->code);
	return order ? order : ascending(a->sample->kind, b->sample->kind);
}

static int compare_rows(const void *x, const void *y, void *ctx)
{
	/* What decides between rows of one weight. */
	static const enum report_metric second[] = {
		[REPORT_BYTES] = REPORT_OBJECTS, [REPORT_OBJECTS] = REPORT_BYTES,
		[REPORT_GROWTHS] = REPORT_COPIED, [REPORT_COPIED] = REPORT_GROWTHS,
		[REPORT_PAUSES] = REPORT_PAUSE_TIME, [REPORT_PAUSE_TIME] = REPORT_PAUSES,
		[REPORT_ASSISTS] = REPORT_ASSIST_TIME, [REPORT_ASSIST_TIME] = REPORT_ASSISTS,
	};
	const struct report_row *a = x, *b = y;
	const struct maker *k = ctx;
	int order = 0;

	if (k->kind == REPORT_TABLE_STEPS)
		return compare_steps(a->sample, b->sample);
	order = descending(report__value(&a->sum, k->metric), report__value(&b->sum, k->metric));
	if (!order)
		order = descending(report__value(&a->sum, second[k->metric]),
				   report__value(&b->sum, second[k->metric]));
	return order ? order : compare_names(a, b);
}

static int add_step(struct maker *k, struct row_entry *row, const struct report_sample *s)
{
	struct step_entry *e, key = { 0 };

	key.key.row = row;
	key.key.from = s->from;
	key.key.to = s->to;
	HASH_FIND(hh, k->steps, &key.key, sizeof(key.key), e);
	if (!e) {
		e = report_arena__alloc(k->arena, 1, sizeof(*e));
		if (!e)
			return -ENOMEM;
		e->key = key.key;
		HASH_ADD(hh, k->steps, key, sizeof(e->key), e);
		if (!hash__added(e))
			return -ENOMEM;
	}
	e->count += s->count;
	return 0;
}

static int add_growth(struct maker *k, struct row_entry *e, const struct report_sample *s)
{
	struct report_row *row = &e->row;

	if (s->kind == MODEL_REGROWTH)
		row->regrowths += s->count;
	else if (s->from == k->smallest)
		row->first += s->count;
	if (s->to > row->largest)
		row->largest = s->to;
	return add_step(k, e, s);
}

/* Adds a sample to the row of its key. */
static int add_sample(struct maker *k, const struct report_sample *s)
{
	struct row_entry *e;
	struct key key;
	int err;

	err = make_key(s, k->kind, k->arena, &key);
	if (err)
		return err;
	HASH_FIND(hh, k->rows, key.p, key.len, e);
	if (!e) {
		e = report_arena__alloc(k->arena, 1, sizeof(*e));
		if (!e)
			return -ENOMEM;
		e->row.label = label_of(s, k->kind);
		e->row.sample = s;
		HASH_ADD_KEYPTR(hh, k->rows, key.p, key.len, e);
		if (!hash__added(e))
			return -ENOMEM;
	}
	report__add(&e->row.sum, s);
	return report__group(k->metric) == MODEL_STACK ? add_growth(k, e, s) : 0;
}

/* Puts the most frequent step of each row into it. */
static void choose_steps(struct maker *k)
{
	struct step_entry *s;

	for (s = k->steps; s; s = s->hh.next) {
		struct report_row *row = &s->key.row->row;
		uint64_t best = s->key.row->step_count;
		bool smaller = s->key.from < row->from ||
			       (s->key.from == row->from && s->key.to < row->to);

		if (s->count > best || (s->count == best && smaller)) {
			row->from = s->key.from;
			row->to = s->key.to;
			s->key.row->step_count = s->count;
		}
	}
}

static uint32_t smallest_size(const struct report_set *set)
{
	uint32_t min = UINT32_MAX;

	for (size_t i = 0; i < set->nsamples; i++)
		min = set->samples[i].from < min ? set->samples[i].from : min;
	return min;
}

int report_table__make(const struct report_set *set, enum report_table_kind kind,
		       enum report_metric metric, struct report_arena *a,
		       struct report_table *out)
{
	struct maker k = {
		.kind = kind, .metric = metric, .arena = a, .smallest = smallest_size(set)
	};
	struct row_entry *e;
	int err = 0;

	*out = (struct report_table){ 0 };
	for (size_t i = 0; i < set->nsamples && !err; i++)
		err = add_sample(&k, &set->samples[i]);
	if (err)
		goto cleanup;
	choose_steps(&k);

	out->rows = report_arena__alloc(a, HASH_COUNT(k.rows), sizeof(*out->rows));
	if (!out->rows) {
		err = -ENOMEM;
		goto cleanup;
	}
	for (e = k.rows; e; e = e->hh.next)
		out->rows[out->nrows++] = e->row;
	qsort_r(out->rows, out->nrows, sizeof(*out->rows), compare_rows, &k);
cleanup:
	HASH_CLEAR(hh, k.rows);
	HASH_CLEAR(hh, k.steps);
	return err;
}
