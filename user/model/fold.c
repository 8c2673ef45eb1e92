/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What keeps the model within its limit: pairs of stack and type that are used least lose their rows,
 * and their totals go into one sum.
 *
 * The totals of a key are cumulative, and come again in each pass whether it has a row or not. So the
 * sum is made anew in each pass, of all keys that have none, and nothing has to be kept of their
 * totals. Only that they must not get a row again: it would claim for its own what an interval's
 * report has shown in the sum. For that a hash of each folded key is remembered. A new key with the
 * same hash goes to the sum as well, which is no more wrong there than others.
 *
 * Rows of samples keep what is to be known of them from one time to the next, and there are no more of
 * them than their table on the wire has room for: they stay.
 */
#include <stdlib.h>
#include <string.h>

#include "gotrace/event.h"
#include "model/internal.h"

/*
 * What a row and a stack take in bytes, with what the largest report makes of them (pprof): the row,
 * its key and slots, the sample and its key; of a stack the entry, the frames expanded by inlining, a
 * third more on average, with addresses, identities and the locations.
 */
#define ROW_BYTES   800
#define STACK_BYTES 400
#define FRAME_BYTES 75

/* Of the limit, what the hashes of folded keys may take. */
#define KEYS_SHARE 4

void model__set_limit(struct model *m, uint64_t bytes)
{
	m->fold.limit = bytes;
}

void model_fold__charge_row(struct model *m)
{
	m->fold.used += ROW_BYTES;
	m->fold.made++;
}

uint64_t model__rows_made(const struct model *m)
{
	return m->fold.made;
}

void model_fold__charge_stack(struct model *m, uint32_t nframes)
{
	m->fold.used += STACK_BYTES + (uint64_t)nframes * FRAME_BYTES;
}

void model_fold__add(struct model *m, uint64_t objects, uint64_t bytes, uint64_t class_bytes)
{
	m->fold.sum.objects += objects;
	m->fold.sum.bytes += bytes;
	m->fold.sum.class_bytes += class_bytes;
}

static uint64_t hash_key(const struct alloc_key *key)
{
	uint64_t h = gt_hash_step(gt_hash_step(GT_CHECK_SEED, key->stack), key->type);

	return h ? h : 1;
}

/* The slot that has the hash, or the empty one where it belongs. */
static uint64_t *find_slot(const struct model_keys *keys, uint64_t hash)
{
	size_t i = hash & (keys->nslots - 1);

	while (keys->slots[i] && keys->slots[i] != hash)
		i = (i + 1) & (keys->nslots - 1);
	return &keys->slots[i];
}

static bool is_folded(const struct model_fold *f, const struct alloc_key *key)
{
	return f->keys.nslots && *find_slot(&f->keys, hash_key(key));
}

/* From now on nothing new gets a row, so that there is nothing to remember any more. */
static void close_rows(struct model_fold *f)
{
	f->closed = true;
	free(f->keys.slots);
	f->keys = (struct model_keys){ 0 };
}

static void grow_keys(struct model_fold *f)
{
	struct model_keys old = f->keys, grown = {
		.nslots = old.nslots ? 2 * old.nslots : 4096, .n = old.n
	};

	/* While the old slots are moved, both are there. */
	if ((old.nslots + grown.nslots) * sizeof(*grown.slots) <= f->limit / KEYS_SHARE)
		grown.slots = calloc(grown.nslots, sizeof(*grown.slots));
	if (!grown.slots) {
		close_rows(f);
		return;
	}
	for (size_t i = 0; i < old.nslots; i++)
		if (old.slots[i])
			*find_slot(&grown, old.slots[i]) = old.slots[i];
	free(old.slots);
	f->keys = grown;
}

static void remember(struct model_fold *f, const struct alloc_key *key)
{
	uint64_t *slot, hash = hash_key(key);

	f->nfolded++;
	if (!f->closed && 4 * (f->keys.n + 1) > 3 * f->keys.nslots)
		grow_keys(f);
	if (f->closed)
		return;
	slot = find_slot(&f->keys, hash);
	f->keys.n += !*slot;
	*slot = hash;
}

/* Which rows go: those below a number of bytes, and so many of those that have just that. */
struct cut {
	struct model *m;
	uint64_t bytes;
	size_t ties;
};

static bool is_kept(void *ctx, void *row, const void *key)
{
	const struct model_alloc *a = row;
	struct model_fold *f;
	struct cut *cut = ctx;

	if (a->span_class != MODEL_COUNTED)
		return true;
	if (a->class_bytes > cut->bytes || (a->class_bytes == cut->bytes && !cut->ties))
		return true;
	cut->ties -= a->class_bytes == cut->bytes;
	f = &cut->m->fold;
	remember(f, key);
	f->other.mark_objects += a->mark_objects;
	f->other.mark_bytes += a->mark_bytes;
	f->other.mark_class_bytes += a->mark_class_bytes;
	/* What of this pass has not come yet will find no row. */
	if (a->pass == f->pass)
		model_fold__add(cut->m, a->objects, a->bytes, a->class_bytes);
	return false;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Where to cut for half of the rows to go. False: out of memory, or there are none. */
static bool find_cut(const struct model *m, struct cut *cut)
{
	size_t n = 0, half, below = 0;
	uint64_t *bytes = m->allocs.n ? calloc(m->allocs.n, sizeof(*bytes)) : NULL;

	for (size_t i = 0; bytes && i < m->allocs.n; i++)
		if (model__alloc(m, i)->span_class == MODEL_COUNTED)
			bytes[n++] = model__alloc(m, i)->class_bytes;
	if (!n) {
		free(bytes);
		return false;
	}
	half = (n + 1) / 2;
	qsort(bytes, n, sizeof(*bytes), by_value);
	cut->bytes = bytes[half - 1];
	while (bytes[below] < cut->bytes)
		below++;
	cut->ties = half - below;
	free(bytes);
	return true;
}

/* Folds half of the rows. */
static void fold(struct model *m)
{
	struct cut cut = { .m = m };

	if (!find_cut(m, &cut)) {
		close_rows(&m->fold);
		return;
	}
	model_table__keep(&m->allocs, is_kept, &cut);
	m->fold.used = m->allocs.n * (uint64_t)ROW_BYTES;
	model_stacks__keep_used(m);
}

static bool is_full(const struct model *m)
{
	const struct model_fold *f = &m->fold;

	return f->used + f->keys.nslots * sizeof(*f->keys.slots) + model_pauses__bytes(m) >= f->limit;
}

bool model_fold__admits(struct model *m, const struct alloc_key *key)
{
	struct model_fold *f = &m->fold;

	if (!f->limit)
		return true;
	if (f->closed || is_folded(f, key))
		return false;
	if (is_full(m))
		fold(m);
	/* What others keep, stacks of growths above all, may leave no room even then. */
	if (is_full(m))
		close_rows(f);
	return !f->closed;
}

void model__begin_allocs(struct model *m)
{
	m->fold.pass++;
	m->fold.sum = (struct model_alloc){ 0 };
}

void model__end_allocs(struct model *m)
{
	struct model_alloc *other = &m->fold.other, *sum = &m->fold.sum;

	other->objects = sum->objects;
	other->bytes = sum->bytes;
	other->class_bytes = sum->class_bytes;
}

const struct model_alloc *model__other(const struct model *m)
{
	return &m->fold.other;
}

size_t model__nfolded(const struct model *m)
{
	return m->fold.nfolded;
}

void model_fold__mark(struct model *m)
{
	struct model_alloc *other = &m->fold.other;

	other->mark_objects = other->objects;
	other->mark_bytes = other->bytes;
	other->mark_class_bytes = other->class_bytes;
}

void model_fold__free(struct model *m)
{
	free(m->fold.keys.slots);
}
