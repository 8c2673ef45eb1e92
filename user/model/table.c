/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A table of totals: rows in an array, found by a hash of their key.
 */
#include <stdlib.h>
#include <string.h>

#include "model/hash.h"
#include "model/internal.h"

struct table_entry {
	size_t row;
	UT_hash_handle hh;
	unsigned char key[];
};

static int make_room(struct model_table *t)
{
	size_t cap = t->cap ? 2 * t->cap : 256;
	char *rows;

	if (t->n < t->cap)
		return 0;
	rows = reallocarray(t->rows, cap, t->row_size);
	if (!rows)
		return -1;
	t->rows = rows;
	t->cap = cap;
	return 0;
}

void *model_table__at(struct model_table *t, const void *key, size_t key_size, size_t row_size)
{
	struct table_entry *e;

	HASH_FIND(hh, t->index, key, key_size, e);
	if (e)
		return t->rows + e->row * t->row_size;

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
