/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A table of totals: rows in an array, found by a hash of their key.
 */
#include <stdlib.h>
#include <string.h>

#include "model/hash.h"
#include "model/internal.h"

/* In the order of their rows, which is the order in which uthash goes through them. */
struct table_entry {
	size_t row;
	UT_hash_handle hh;
	unsigned char key[];
};

static int make_room(struct model_table *t)
{
	size_t cap = t->cap ? t->cap + t->cap / 2 : 256;
	char *rows;

	if (t->rows && t->n < t->cap)
		return 0;
	rows = reallocarray(t->rows, cap, t->row_size);
	if (!rows)
		return -1;
	t->rows = rows;
	t->cap = cap;
	return 0;
}

void *model_table__find(const struct model_table *t, const void *key, size_t key_size)
{
	struct table_entry *e;

	HASH_FIND(hh, t->index, key, key_size, e);
	return e ? t->rows + e->row * t->row_size : NULL;
}

void *model_table__at(struct model_table *t, const void *key, size_t key_size, size_t row_size)
{
	void *row = model_table__find(t, key, key_size);
	struct table_entry *e;

	if (row)
		return row;
	t->row_size = row_size;
	if (make_room(t))
		return NULL;
	e = calloc(1, sizeof(*e) + key_size);
	if (!e)
		return NULL;
	memcpy(e->key, key, key_size);
	e->row = t->n;
	HASH_ADD_KEYPTR(hh, t->index, e->key, key_size, e);
	if (!hash__added(e)) {
		free(e);
		return NULL;
	}
	return memset(t->rows + t->n++ * row_size, 0, row_size);
}

void *model_table__row(const struct model_table *t, size_t i)
{
	return i < t->n ? t->rows + i * t->row_size : NULL;
}

void model_table__keep(struct model_table *t, bool (*wanted)(void *ctx, void *row, const void *key),
		       void *ctx)
{
	struct table_entry *e, *next;
	size_t n = 0;

	HASH_ITER(hh, t->index, e, next) {
		/* cppcheck-suppress uninitvar; model_table__at() has set it */
		char *row = t->rows + e->row * t->row_size;

		if (wanted(ctx, row, e->key)) {
			memmove(t->rows + n * t->row_size, row, t->row_size);
			e->row = n++;
			continue;
		}
		HASH_DEL(t->index, e);
		free(e);
	}
	t->n = n;
}

void model_table__free(struct model_table *t)
{
	struct table_entry *e, *next;

	HASH_ITER(hh, t->index, e, next) {
		HASH_DEL(t->index, e);
		free(e);
	}
	free(t->rows);
	*t = (struct model_table){ 0 };
}
