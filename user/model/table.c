/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A table of totals: rows in an array, their keys in another, found by open addressing. It is looked
 * into for every entry of the kernel's tables at each drain, and small where there are many.
 */
#include <stdlib.h>
#include <string.h>

#include "gotrace/event.h"
#include "model/internal.h"

#define SLOTS_MIN 512

static uint64_t hash_key(const void *key, size_t size)
{
	const unsigned char *p = key;
	uint64_t h = GT_HASH_SEED, word;

	for (; size >= sizeof(word); size -= sizeof(word), p += sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		h = gt_hash_step(h, word);
	}
	return h;
}

/* The slot that holds the key, or the empty one where it belongs. */
static uint32_t *find_slot(const struct model_table *t, const void *key, size_t key_size)
{
	size_t i = hash_key(key, key_size) & (t->nslots - 1);

	while (t->slots[i] && memcmp(t->keys + (t->slots[i] - 1) * key_size, key, key_size))
		i = (i + 1) & (t->nslots - 1);
	return &t->slots[i];
}

/* Slots for all rows, at most half of them used. */
static int index_rows(struct model_table *t, size_t key_size)
{
	size_t nslots = SLOTS_MIN;
	uint32_t *slots;

	while (nslots < 2 * (t->n + 1))
		nslots *= 2;
	slots = calloc(nslots, sizeof(*slots));
	if (!slots)
		return -1;
	free(t->slots);
	t->slots = slots;
	t->nslots = nslots;
	for (size_t i = 0; i < t->n; i++)
		*find_slot(t, t->keys + i * key_size, key_size) = (uint32_t)i + 1;
	return 0;
}

static int make_room(struct model_table *t, size_t key_size)
{
	size_t cap = t->cap ? t->cap + t->cap / 2 : 256;
	char *rows, *keys;

	if (!t->rows || t->n == t->cap) {
		rows = reallocarray(t->rows, cap, t->row_size);
		if (!rows)
			return -1;
		t->rows = rows;
		keys = reallocarray(t->keys, cap, key_size);
		if (!keys)
			return -1;
		t->keys = keys;
		t->cap = cap;
	}
	return 2 * (t->n + 1) > t->nslots ? index_rows(t, key_size) : 0;
}

void *model_table__find(const struct model_table *t, const void *key, size_t key_size)
{
	uint32_t slot = t->nslots ? *find_slot(t, key, key_size) : 0;

	return slot ? t->rows + (slot - 1) * t->row_size : NULL;
}

void *model_table__at(struct model_table *t, const void *key, size_t key_size, size_t row_size)
{
	void *row = model_table__find(t, key, key_size);

	if (row)
		return row;
	t->row_size = row_size;
	if (t->n >= UINT32_MAX - 1 || make_room(t, key_size))
		return NULL;
	memcpy(t->keys + t->n * key_size, key, key_size);
	*find_slot(t, key, key_size) = (uint32_t)t->n + 1;
	row = t->rows + t->n++ * row_size;
	return memset(row, 0, row_size);
}

void *model_table__row(const struct model_table *t, size_t i)
{
	return i < t->n ? t->rows + i * t->row_size : NULL;
}

int model_table__keep(struct model_table *t, size_t key_size,
		      bool (*wanted)(void *ctx, void *row, const void *key), void *ctx)
{
	size_t n = 0;

	if (!t->n)
		return 0;
	for (size_t i = 0; i < t->n; i++) {
		char *row = t->rows + i * t->row_size, *key = t->keys + i * key_size;

		if (!wanted(ctx, row, key))
			continue;
		memmove(t->rows + n * t->row_size, row, t->row_size);
		memmove(t->keys + n++ * key_size, key, key_size);
	}
	t->n = n;
	return index_rows(t, key_size);
}

void model_table__free(struct model_table *t)
{
	free(t->slots);
	free(t->keys);
	free(t->rows);
	*t = (struct model_table){ 0 };
}
