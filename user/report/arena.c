/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The arena: a list of blocks, the newest first. What does not fit into a quarter of a block gets
 * one of its own, placed behind the newest, so that the room left there is not wasted.
 */
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "report/arena.h"

#define BLOCK_SIZE ((size_t)64 * 1024)

struct block {
	struct block *next;
	size_t used, size;
	alignas(max_align_t) char data[];
};

struct report_arena {
	struct block *blocks;
};

static struct block *new_block(size_t size)
{
	struct block *b = calloc(1, sizeof(*b) + size);

	if (b)
		b->size = size;
	return b;
}

struct report_arena *report_arena__new(void)
{
	return calloc(1, sizeof(struct report_arena));
}

void report_arena__free(struct report_arena *a)
{
	struct block *b, *next;

	if (!a)
		return;
	for (b = a->blocks; b; b = next) {
		next = b->next;
		free(b);
	}
	free(a);
}

static void *alloc_own_block(struct report_arena *a, size_t bytes)
{
	struct block *b = new_block(bytes);

	if (!b)
		return NULL;
	b->used = bytes;
	if (a->blocks) {
		b->next = a->blocks->next;
		a->blocks->next = b;
	} else {
		a->blocks = b;
	}
	return b->data;
}

void *report_arena__alloc(struct report_arena *a, size_t n, size_t size)
{
	const size_t align = alignof(max_align_t);
	struct block *b = a->blocks;
	size_t bytes;
	void *p;

	if (__builtin_mul_overflow(n, size, &bytes) || bytes > SIZE_MAX / 2)
		return NULL;
	bytes = bytes ? (bytes + align - 1) / align * align : align;
	if (bytes > BLOCK_SIZE / 4)
		return alloc_own_block(a, bytes);
	if (!b || b->size - b->used < bytes) {
		b = new_block(BLOCK_SIZE);
		if (!b)
			return NULL;
		b->next = a->blocks;
		a->blocks = b;
	}
	p = b->data + b->used;
	b->used += bytes;
	return p;
}

void *report_arena__copy(struct report_arena *a, const void *p, size_t n)
{
	void *copy = report_arena__alloc(a, n, 1);

	if (copy && n)
		memcpy(copy, p, n);
	return copy;
}
