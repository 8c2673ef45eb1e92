/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the text report share: text.c has the frame of it and the allocations,
 * text_stack.c the growth of goroutine stacks, text_advice.c what to do about it.
 */
#ifndef GOTRACE_REPORT_TEXT_H
#define GOTRACE_REPORT_TEXT_H

#include "report/print.h"
#include "report/table.h"

struct text {
	struct report_printer out;
	struct report_arena *arena;
	const struct report_profile *p;
	const struct report_run *run;
	enum report_metric metric;	/* of the allocations */
	enum report_metric growth_metric;
	unsigned int groups;
	size_t top;
	int columns;
	int objects_width, avg_width, count_width;
	bool interval, color, requested;
};

enum text_style { STYLE_BOLD, STYLE_DIM, STYLE_ALARM };

/* The escape sequences around what has a style; "" without colour. */
const char *text__on(const struct text *t, enum text_style style);
const char *text__off(const struct text *t);

/* A clean copy of a name, one of at most width characters; or "?" and an error ends the report. */
const char *text__clean(struct text *t, const char *s);
const char *text__shorten(struct text *t, const char *s, int width);
/* A function's name in at most width characters: without directories, without package, or cut. */
const char *text__func(struct text *t, const char *func, int width);

/* Per second of the period. */
double text__rate(const struct text *t, uint64_t v);
int text__digits(uint64_t v);

void text__title(struct text *t, const char *title);
/* A stack's frames, one a line, recursion folded up. */
void text__frames(struct text *t, const struct report_sample *s);
/* A paragraph, broken at blanks, whose lines after the first are indented. */
void text__paragraph(struct text *t, const char *words, int indent);
/* The causes of a group's losses, one a line. */
void text__causes(struct text *t, enum model_group group);

/* text_stack.c: all of the summary, an interval in at most *rows lines, what is missing. */
int text_stack__summary(struct text *t);
int text_stack__interval(struct text *t, size_t rows);
/* How many of the rows that an interval has are for the stacks. */
int text_stack__rows(struct text *t, size_t *rows);
void text_stack__losses(struct text *t);

#define TEXT_SIZE_LEN 16
/* A stack's size, "64 KiB"; what is no multiple of a unit is shown in bytes. Returns buf. */
char *text_stack__size(uint32_t size, char buf[TEXT_SIZE_LEN]);
/* What the copies took of the time of one CPU, "0.28 %". Returns buf. */
char *text_stack__cpu(const struct text *t, char buf[TEXT_SIZE_LEN]);

/* text_advice.c: a sentence on the growths, where the figures give cause for one. */
int text_advice__growths(struct text *t);

#endif /* GOTRACE_REPORT_TEXT_H */
