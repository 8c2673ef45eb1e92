/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Adding samples up by call site, type or way in. Rows of equal weight are ordered by name, so that
 * one profile always gives one text.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/hash.h"
#include "report/table.h"

struct row_entry {
	struct report_row row;
	UT_hash_handle hh;
};

struct key {
	const void *p;
	size_t len;
};

static int site_key(const struct report_sample *s, struct report_arena *a, struct key *key)
{
	const struct report_frame *f = &s->frames[0];
	size_t nfunc = strlen(f->func) + 1, nfile = strlen(f->file) + 1;
	char *buf;

	key->len = nfunc + nfile + sizeof(f->line);
	key->p = buf = report_arena__alloc(a, key->len, 1);
	if (!buf)
		return -ENOMEM;
	memcpy(buf, f->func, nfunc);
	memcpy(buf + nfunc, f->file, nfile);
	memcpy(buf + nfunc + nfile, &f->line, sizeof(f->line));
	return 0;
}

static int make_key(const struct report_sample *s, enum report_table_kind kind,
		    struct report_arena *a, struct key *key)
{
	switch (kind) {
	case REPORT_TABLE_SITES:
		return site_key(s, a, key);
	case REPORT_TABLE_TYPES:
		*key = (struct key){ .p = s->type, .len = strlen(s->type) };
		return 0;
	case REPORT_TABLE_VIA:
		*key = (struct key){ .p = s->via, .len = strlen(s->via) };
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

static int compare_names(const struct report_row *a, const struct report_row *b)
{
	int order = strcmp(a->label, b->label);

	if (!order)
		order = compare_frames(a->sample, b->sample);
	if (!order)
		order = strcmp(a->sample->type, b->sample->type);
	return order ? order : strcmp(a->sample->via, b->sample->via);
}

static int by_bytes(const void *x, const void *y)
{
	const struct report_row *a = x, *b = y;
	int order = descending(a->class_bytes, b->class_bytes);

	if (!order)
		order = descending(a->objects, b->objects);
	return order ? order : compare_names(a, b);
}

static int by_objects(const void *x, const void *y)
{
	const struct report_row *a = x, *b = y;
	int order = descending(a->objects, b->objects);

	if (!order)
		order = descending(a->class_bytes, b->class_bytes);
	return order ? order : compare_names(a, b);
}

/* Adds a sample to the row of its key. */
static int add_sample(struct row_entry **rows, const struct report_sample *s,
		      enum report_table_kind kind, struct report_arena *a)
{
	struct row_entry *e;
	struct key key;
	int err;

	err = make_key(s, kind, a, &key);
	if (err)
		return err;
	HASH_FIND(hh, *rows, key.p, key.len, e);
	if (!e) {
		e = report_arena__alloc(a, 1, sizeof(*e));
		if (!e)
			return -ENOMEM;
		e->row.label = label_of(s, kind);
		e->row.sample = s;
		HASH_ADD_KEYPTR(hh, *rows, key.p, key.len, e);
		if (!hash__added(e))
			return -ENOMEM;
	}
	e->row.objects += s->objects;
	e->row.bytes += s->bytes;
	e->row.class_bytes += s->class_bytes;
	return 0;
}

int report_table__make(const struct report_profile *p, enum report_table_kind kind,
		       enum report_metric metric, struct report_arena *a,
		       struct report_table *out)
{
	struct row_entry *rows = NULL, *e;
	int err = 0;

	*out = (struct report_table){ 0 };
	for (size_t i = 0; i < p->nsamples && !err; i++)
		err = add_sample(&rows, &p->samples[i], kind, a);
	if (err)
		goto cleanup;

	out->rows = report_arena__alloc(a, HASH_COUNT(rows), sizeof(*out->rows));
	if (!out->rows) {
		err = -ENOMEM;
		goto cleanup;
	}
	for (e = rows; e; e = e->hh.next)
		out->rows[out->nrows++] = e->row;
	qsort(out->rows, out->nrows, sizeof(*out->rows),
	      metric == REPORT_OBJECTS ? by_objects : by_bytes);
cleanup:
	HASH_CLEAR(hh, rows);
	return err;
}
