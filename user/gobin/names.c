// SPDX-License-Identifier: GPL-2.0
/*
 * Function names as people know them: "main.f[...]", which is what runtime.CallersFrames, pprof and
 * stack traces print, for "main.f[go.shape.int]", which is what the file says from Go 1.21 on.
 *
 * The shortened names are made on first use and kept, because frames are asked for again and again
 * and promise their strings until the gobin is freed. The pool is bounded: a hostile file may hold
 * many names, and past the bound a frame just carries its long name.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdlib.h>

#include "internal.h"

#define POOL_BYTES_MAX (16u << 20)

struct slot {
	const char *raw; /* in the file; its address is the key */
	char *printed;
};

struct name_pool {
	struct slot *slots; /* open addressing, a power of two, at most half full */
	size_t nslots;
	size_t used;
	size_t bytes;
};

struct name_pool *gobin_pool_new(void)
{
	return calloc(1, sizeof(struct name_pool));
}

void gobin_pool_free(struct name_pool *pool)
{
	if (!pool)
		return;
	for (size_t i = 0; i < pool->nslots; i++)
		free(pool->slots[i].printed);
	free(pool->slots);
	free(pool);
}

static struct slot *find_slot(struct slot *slots, size_t nslots, const char *raw)
{
	size_t i = ((uintptr_t)raw * 0x9e3779b97f4a7c15u >> 20) & (nslots - 1);

	while (slots[i].raw && slots[i].raw != raw)
		i = (i + 1) & (nslots - 1);
	return &slots[i];
}

static bool grow(struct name_pool *pool)
{
	size_t nslots = pool->nslots ? pool->nslots * 2 : 256;
	struct slot *slots = calloc(nslots, sizeof(*slots));

	if (!slots)
		return false;
	for (size_t i = 0; i < pool->nslots; i++)
		if (pool->slots[i].raw)
			*find_slot(slots, nslots, pool->slots[i].raw) = pool->slots[i];
	free(pool->slots);
	pool->slots = slots;
	pool->nslots = nslots;
	return true;
}

/*
 * A generic method of a generic type (Go 1.27) has two bracketed parts, "T[..].m[..]". Finds in
 * the text between the first '[' and the last ']' where the first part ends and the second begins.
 * Returns 1 if there are two parts, 0 if there is one, -1 if the brackets make no sense.
 */
static int second_part(const char *in, size_t len, size_t *close, size_t *open)
{
	bool closed = false;
	int depth = 1;

	for (size_t k = 0; k < len; k++) {
		if (in[k] == '[' && ++depth == 1) {
			*open = k;
			return closed ? 1 : -1;
		}
		if (in[k] != ']')
			continue;
		if (--depth < 0)
			return -1;
		if (!depth) {
			*close = k;
			closed = true;
		}
	}
	return depth == 1 && !closed ? 0 : -1;
}

/* runtime/traceback.go, funcNamePiecesForPrint(). NULL: print it as it is. */
static char *shorten(const char *name, bool two_parts)
{
	const char *first = strchr(name, '['), *last = strrchr(name, ']');
	size_t close = 0, open = 0, head, len, mid = 0, tail;
	char *s, *p;
	int parts = 0;

	if (!first || !last || last < first)
		return NULL;
	head = (size_t)(first - name);
	len = (size_t)(last - first) - 1;
	if (two_parts && memchr(first + 1, '[', len))
		parts = second_part(first + 1, len, &close, &open);
	if (parts < 0)
		return NULL;
	if (parts)
		mid = open - close - 1;
	tail = strlen(last + 1);
	s = malloc(head + mid + tail + 2 * strlen("[...]") + 1);
	if (!s)
		return NULL;
	p = mempcpy(s, name, head);
	p = mempcpy(p, "[...]", 5);
	if (parts) {
		p = mempcpy(p, first + 1 + close + 1, mid);
		p = mempcpy(p, "[...]", 5);
	}
	memcpy(p, last + 1, tail + 1);
	return s;
}

const char *gobin_print_name(const struct gobin *gb, const char *name)
{
	struct name_pool *pool = gb->pool;
	struct slot *slot;
	char *printed;

	if (!gb->layout->print_names || !strchr(name, '['))
		return name;
	if (pool->used * 2 >= pool->nslots && !grow(pool))
		return name;
	slot = find_slot(pool->slots, pool->nslots, name);
	if (slot->raw)
		return slot->printed;
	if (pool->bytes >= POOL_BYTES_MAX)
		return name;
	printed = shorten(name, gb->info.minor >= 27);
	if (!printed)
		return name;
	pool->bytes += strlen(printed) + 1 + sizeof(*slot);
	pool->used++;
	*slot = (struct slot){ name, printed };
	return printed;
}
