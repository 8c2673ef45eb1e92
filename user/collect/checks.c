/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Allocations that were looked at one by one to hold samples against them, from the table to the model.
 */
#include <errno.h>
#include <stdlib.h>

#include "collect/internal.h"
#include "model/hash.h"

/* What an entry of the table held at the last drain, all CPUs. */
struct checked {
	struct gt_alloc_key key;
	uint64_t objects;
	UT_hash_handle hh;
};

static struct checked *checked_at(struct collect *c, const struct gt_alloc_key *key)
{
	struct checked *e;

	HASH_FIND(hh, c->checks, key, sizeof(*key), e);
	if (e)
		return e;
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->key = *key;
	HASH_ADD(hh, c->checks, key, sizeof(e->key), e);
	if (!hash__added(e)) {
		free(e);
		return NULL;
	}
	return e;
}

/* The number of a span class by what a check says of it; 0, for large objects: there is none. */
static uint32_t span_class(const struct collect *c, uint64_t type)
{
	uint64_t size = (type & ~GT_CHECK) >> 1;

	for (uint32_t i = 1; i < GT_SIZE_CLASSES; i++)
		if (c->skel->rodata->cfg.class_size[i] == size)
			return 2 * i + (type & 1);
	return 0;
}

int collect_checks__entry(struct collect *c, struct model *m, const struct gt_alloc_key *key,
			  uint64_t objects)
{
	struct checked *e = checked_at(c, key);
	uint32_t class = span_class(c, key->type);
	uint64_t was;
	int err;

	if (!e)
		return -ENOMEM;
	was = e->objects;
	e->objects = objects;
	if (objects == was || !class)
		return 0;
	err = collect__stack(c, m, key->stack);
	return err ? err : model__add_check(m, key->stack, class, objects - was);
}

void collect_checks__free(struct collect *c)
{
	struct checked *e, *next;

	HASH_ITER(hh, c->checks, e, next) {
		HASH_DEL(c->checks, e);
		free(e);
	}
}
