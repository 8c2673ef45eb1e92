/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tables of a pprof profile: strings, functions and locations, each once, in order of first use.
 *
 * A location is one pc with all the lines inlined there; where leading runtime frames were trimmed
 * in the middle of one, the rest of its lines make a location of their own.
 */
#include <errno.h>
#include <string.h>

#include "report/pprof.h"
#include "report/print.h"

struct pprof_string {
	int64_t index;
	UT_hash_handle hh;
};

/* The string of an address that was seen before; spares cleaning and hashing the content again. */
struct pprof_seen {
	const char *s;
	int64_t index;
	UT_hash_handle hh;
};

struct pprof_function {
	struct {
		int64_t name, file, start_line;
	} key;
	Gotrace__Pprof__Function msg;
	UT_hash_handle hh;
};

/* The outermost line is the same for all locations of a pc; the number of lines is not. */
struct pprof_location {
	struct {
		uint64_t address, nlines, function, line;
	} key;
	Gotrace__Pprof__Location msg;
	UT_hash_handle hh;
};

void *pprof__alloc(struct pprof *b, size_t n, size_t size)
{
	void *p = report_arena__alloc(b->arena, n, size);

	if (!p)
		b->err = -ENOMEM;
	return p;
}

int64_t pprof__intern(struct pprof *b, const char *s)
{
	size_t len = s ? strlen(s) : 0;
	struct pprof_string *e;

	if (!s) {
		b->err = -ENOMEM;
		return 0;
	}
	HASH_FIND(hh, b->strings, s, len, e);
	if (e)
		return e->index;
	e = pprof__alloc(b, 1, sizeof(*e));
	if (!e)
		return 0;
	e->index = HASH_COUNT(b->strings);
	HASH_ADD_KEYPTR(hh, b->strings, s, len, e);
	if (!hash__added(e)) {
		b->err = -ENOMEM;
		return 0;
	}
	return e->index;
}

int64_t pprof__string(struct pprof *b, const char *s)
{
	struct pprof_seen *e;

	HASH_FIND(hh, b->seen, &s, sizeof(s), e);
	if (e)
		return e->index;
	e = pprof__alloc(b, 1, sizeof(*e));
	if (!e)
		return 0;
	e->s = s;
	e->index = pprof__intern(b, report_print__clean(b->arena, s, ';'));
	HASH_ADD(hh, b->seen, s, sizeof(e->s), e);
	if (!hash__added(e))
		b->err = -ENOMEM;
	return e->index;
}

static uint64_t function(struct pprof *b, const struct report_frame *f)
{
	struct pprof_function *e, key = { 0 };

	key.key.name = pprof__string(b, f->func);
	key.key.file = pprof__string(b, f->file);
	key.key.start_line = f->start_line;
	HASH_FIND(hh, b->functions, &key.key, sizeof(key.key), e);
	if (e)
		return e->msg.id;
	e = pprof__alloc(b, 1, sizeof(*e));
	if (!e)
		return 0;
	e->key = key.key;
	gotrace__pprof__function__init(&e->msg);
	e->msg.id = HASH_COUNT(b->functions) + 1;
	e->msg.name = e->msg.system_name = e->key.name;
	e->msg.filename = e->key.file;
	e->msg.start_line = e->key.start_line;
	HASH_ADD(hh, b->functions, key, sizeof(e->key), e);
	if (!hash__added(e))
		b->err = -ENOMEM;
	return e->msg.id;
}

static void add_lines(struct pprof *b, Gotrace__Pprof__Location *msg,
		      const struct report_frame *f, size_t n)
{
	Gotrace__Pprof__Line *lines = pprof__alloc(b, n, sizeof(*lines));

	msg->line = pprof__alloc(b, n, sizeof(*msg->line));
	if (!lines || !msg->line)
		return;
	for (size_t i = 0; i < n; i++) {
		gotrace__pprof__line__init(&lines[i]);
		lines[i].function_id = function(b, &f[i]);
		lines[i].line = f[i].line;
		msg->line[i] = &lines[i];
	}
	msg->n_line = n;
}

/* Does this address belong to the main binary's mapping? Go code does, wherever that is. */
static bool in_mapping(const struct pprof *b, const struct report_frame *f, uint64_t address)
{
	const struct report_mapping *m = &b->run->mapping;

	return f->go || (address >= m->start && address < m->limit);
}

/* The location of n frames that share a pc. */
static uint64_t location(struct pprof *b, const struct report_frame *f, uint64_t address,
			 size_t n)
{
	struct pprof_location *e, key = { 0 };

	key.key.address = address;
	key.key.nlines = n;
	key.key.function = function(b, &f[0]);
	key.key.line = f[0].line;
	HASH_FIND(hh, b->locations, &key.key, sizeof(key.key), e);
	if (e)
		return e->msg.id;
	e = pprof__alloc(b, 1, sizeof(*e));
	if (!e)
		return 0;
	e->key = key.key;
	gotrace__pprof__location__init(&e->msg);
	e->msg.id = HASH_COUNT(b->locations) + 1;
	e->msg.mapping_id = in_mapping(b, &f[n - 1], address);
	e->msg.address = address;
	add_lines(b, &e->msg, f, n);
	HASH_ADD(hh, b->locations, key, sizeof(e->key), e);
	if (!hash__added(e))
		b->err = -ENOMEM;
	return e->msg.id;
}

void pprof__add_stack(struct pprof *b, Gotrace__Pprof__Sample *msg, const struct report_sample *s)
{
	int n;

	msg->location_id = pprof__alloc(b, s->nframes, sizeof(*msg->location_id));
	if (!msg->location_id)
		return;
	for (int i = 0; i < s->nframes; i += n) {
		for (n = 1; s->frames[i + n - 1].inlined && i + n < s->nframes; n++)
			;
		msg->location_id[msg->n_location_id++] =
			location(b, &s->frames[i], s->pcs[i], n);
	}
}

void pprof__add_tables(struct pprof *b)
{
	Gotrace__Pprof__Profile *msg = &b->msg;
	struct pprof_location *l;
	struct pprof_function *f;
	struct pprof_string *s;

	msg->location = pprof__alloc(b, HASH_COUNT(b->locations), sizeof(*msg->location));
	msg->function = pprof__alloc(b, HASH_COUNT(b->functions), sizeof(*msg->function));
	msg->string_table = pprof__alloc(b, HASH_COUNT(b->strings), sizeof(*msg->string_table));
	if (b->err)
		return;
	for (l = b->locations; l; l = l->hh.next)
		msg->location[msg->n_location++] = &l->msg;
	for (f = b->functions; f; f = f->hh.next)
		msg->function[msg->n_function++] = &f->msg;
	for (s = b->strings; s; s = s->hh.next)
		msg->string_table[msg->n_string_table++] = (char *)s->hh.key;
}

void pprof__clear(struct pprof *b)
{
	HASH_CLEAR(hh, b->strings);
	HASH_CLEAR(hh, b->seen);
	HASH_CLEAR(hh, b->functions);
	HASH_CLEAR(hh, b->locations);
	report_arena__free(b->arena);
}
