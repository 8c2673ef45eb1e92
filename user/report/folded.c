/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Folded stacks, the input of flamegraph.pl and its kin: one line a stack, root first, frames
 * joined by ';', a space, the metric. Stacks that differ in nothing that is written (their types,
 * their lines, the step of a growth) become one line; lines are sorted, so that two files can be
 * compared.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/hash.h"
#include "report/arena.h"
#include "report/print.h"
#include "report/report.h"

struct line {
	const char *stack;
	uint64_t value;
};

static int by_stack(const void *a, const void *b)
{
	return strcmp(((const struct line *)a)->stack, ((const struct line *)b)->stack);
}

/* A function's name without what would break the format, by the name's address. */
struct name {
	const char *func, *clean;
	UT_hash_handle hh;
};

struct folder {
	struct report_arena *arena;
	struct name *names;
	enum report_metric metric;
};

/* NULL: out of memory. */
static const char *clean_name(struct folder *f, const char *func)
{
	struct name *e;

	HASH_FIND(hh, f->names, &func, sizeof(func), e);
	if (e)
		return e->clean;
	e = report_arena__alloc(f->arena, 1, sizeof(*e));
	if (!e)
		return NULL;
	e->func = func;
	e->clean = report_print__clean(f->arena, func, ',');
	if (!e->clean)
		return NULL;
	if (!*e->clean)
		e->clean = "?";
	HASH_ADD(hh, f->names, func, sizeof(e->func), e);
	return hash__added(e) ? e->clean : NULL;
}

/*
 * What stands at the leaf of a pause or a delay, so that a flame graph tells their kinds apart: the
 * call site is the same. "" for none.
 */
static const char *kind_leaf(const struct folder *f, const struct report_sample *s, char *buf,
			     size_t size)
{
	static const char *const delays[MODEL_DELAY_MAX] = {
		[MODEL_ASSIST] = "[mark assist]", [MODEL_SWEEP] = "[sweep]",
		[MODEL_GC_START] = "[gc start]", [MODEL_BARRIER] = "[barrier]",
	};

	/* Of what was lost it is not known. */
	if (!*s->what)
		return "";
	if (f->metric == REPORT_ASSISTS || f->metric == REPORT_ASSIST_TIME)
		return delays[s->code];
	snprintf(buf, size, "[%s]", model__reason_name(s->code));
	return buf;
}

/* Writes "root;...;leaf". */
static int fold(struct folder *f, const struct report_sample *s, struct line *out)
{
	char buf[64];
	const char *name, *leaf = kind_leaf(f, s, buf, sizeof(buf));
	size_t len = strlen(leaf) + 2;
	char *end;

	for (int i = 0; i < s->nframes; i++) {
		name = clean_name(f, s->frames[i].func);
		if (!name)
			return -ENOMEM;
		len += strlen(name) + 1;
	}
	out->stack = end = report_arena__alloc(f->arena, len, 1);
	if (!end)
		return -ENOMEM;
	for (int i = s->nframes - 1; i >= 0; i--) {
		if (end != out->stack)
			*end++ = ';';
		end = stpcpy(end, clean_name(f, s->frames[i].func));
	}
	if (*leaf)
		stpcpy(stpcpy(end, ";"), leaf);
	out->value = report__value(s, f->metric);
	return 0;
}

static int write_lines(FILE *out, struct line *lines, size_t n)
{
	struct report_printer pr = { .out = out };

	qsort(lines, n, sizeof(*lines), by_stack);
	for (size_t i = 0; i < n; i++) {
		if (i + 1 < n && !by_stack(&lines[i], &lines[i + 1])) {
			lines[i + 1].value += lines[i].value;
			continue;
		}
		if (lines[i].value)
			report_print__f(&pr, "%s %llu\n", lines[i].stack,
					(unsigned long long)lines[i].value);
	}
	return report_print__end(&pr);
}

int report__folded(FILE *out, const struct report_profile *p, const struct report_run *run,
		   const struct report_options *opts)
{
	struct folder f = { .arena = report_arena__new(), .metric = opts->metric };
	const struct report_set *set = report__set(p, opts->metric);
	struct line *lines;
	int err = -ENOMEM;

	(void)run;
	lines = f.arena ? report_arena__alloc(f.arena, set->nsamples + 1, sizeof(*lines)) : NULL;
	if (!lines)
		goto cleanup;
	for (size_t i = 0; i < set->nsamples; i++) {
		err = fold(&f, &set->samples[i], &lines[i]);
		if (err)
			goto cleanup;
	}
	err = fold(&f, &set->lost, &lines[set->nsamples]);
	if (!err)
		err = write_lines(out, lines, set->nsamples + 1);
cleanup:
	HASH_CLEAR(hh, f.names);
	report_arena__free(f.arena);
	return err;
}
