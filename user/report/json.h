/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Private to json*.c: a writer of one JSON value a line. An error is remembered, and everything
 * after it is harmless.
 */
#ifndef GOTRACE_REPORT_JSON_H
#define GOTRACE_REPORT_JSON_H

#include <jansson.h>

#include "report/arena.h"
#include "report/flat.h"
#include "report/print.h"
#include "report/report.h"

/* Grows when a field changes its meaning, which none has yet; not when one is added. */
#define REPORT_JSON_FORMAT 1

struct json_word;
struct json_place;

struct json_writer {
	struct report_printer out;
	const struct report_profile *p;
	const struct report_run *run;
	const struct report_options *opts;
	unsigned int groups;
	struct report_arena *arena;
	struct json_word *words;	/* strings and frames that were seen before */
	struct json_place *places;
	struct flats flats;		/* for single events; made of the arena */
	int err;			/* -ENOMEM */
};

/* A new line of this kind. */
json_t *report_json__line(struct json_writer *w, const char *kind);
/* Writes the line and gives it up. */
void report_json__end(struct json_writer *w, json_t *line);

/* Each puts a value into an object; v is given up. */
void report_json__set(struct json_writer *w, json_t *to, const char *key, json_t *v);
void report_json__int(struct json_writer *w, json_t *to, const char *key, uint64_t n);
/* The same unless n is 0, which stands for unknown. */
void report_json__known(struct json_writer *w, json_t *to, const char *key, uint64_t n);
/* s is made valid and harmless; it outlives the writer. */
void report_json__string(struct json_writer *w, json_t *to, const char *key, const char *s);
/* {"func","file","line"}; what is not known of it is left out. */
void report_json__frame(struct json_writer *w, json_t *to, const char *key,
			const struct report_frame *f);

/* The name of an enum model_late_how. */
const char *report_json__how(uint32_t how);

/* json_gc.c: the lines on what the collector and other stops of the world do. */
void report_json__gc(struct json_writer *w);

/* json_ways.c: the lines on what gotrace itself did. */
void report_json__ways(struct json_writer *w);

#endif /* GOTRACE_REPORT_JSON_H */
