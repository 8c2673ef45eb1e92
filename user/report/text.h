/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the text report share: text.c has the frame of it and the allocations,
 * text_stack.c the growth of goroutine stacks, text_advice.c what to do about it, text_gc.c the
 * pauses and cycles, text_late.c who was late, text_delay.c the delays, text_advice_gc.c what to do
 * about these, text_ways.c what gotrace itself did.
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
	uint64_t longer_ns;		/* -l */
	size_t top;
	int columns;
	int objects_width, avg_width, count_width;
	bool interval, color, requested;
	bool estimated;			/* some of the allocations' figures are estimates */
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

/* "", or the s of a plural. */
const char *text__plural(uint64_t n);
#define TEXT_PERCENT_LEN 16
/* "0.28 %", "under 0.01 %", "12 %". Returns buf. */
char *text__percent(double v, char buf[TEXT_PERCENT_LEN]);
/* What so many ns are of the period, or of the time of one CPU, in percent. */
double text__share(const struct text *t, uint64_t ns);
/* The wall clock at ns of CLOCK_MONOTONIC, in the reader's time zone, by strftime. */
void text__clock(const struct text *t, uint64_t ns, const char *fmt, char *buf, size_t size);

void text__title(struct text *t, const char *title);
/* A sample's first frame and place in so many characters, what was trimmed in brackets; a line. */
void text__site(struct text *t, const struct report_sample *s, int width);
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

/* text_gc.c: the same for pauses, cycles, late threads and delays. */
int text_gc__summary(struct text *t);
int text_gc__interval(struct text *t, size_t rows);
int text_gc__rows(struct text *t, size_t *rows);
void text_gc__losses(struct text *t);

/* text_late.c: a part of the summary. */
int text_late__summary(struct text *t);
/* What kept a late thread, in a word or two; a static string. */
const char *text_late__how(enum model_late_how how);

/* text_delay.c: parts of the summary; the line of an interval, and rows if there is room. */
int text_delay__summary(struct text *t);
int text_delay__tax(struct text *t);
int text_delay__interval(struct text *t, size_t rows);

/* text_advice_gc.c: what stands out. */
int text_advice__gc(struct text *t);

/* text_ways.c: when and why gotrace changed what it watches how; nothing if it did not. */
void text_ways__summary(struct text *t);

#define TEXT_SIZE_LEN 16
/* A stack's size, "64 KiB"; what is no multiple of a unit is shown in bytes. Returns buf. */
char *text_stack__size(uint32_t size, char buf[TEXT_SIZE_LEN]);
/* "~" in front of a time that is an estimate, in all or in part; or "". */
const char *text_stack__about(const struct report_sample *s);
/* What the copies took of the time of one CPU, "0.28 %" or "~0.28 %". Returns buf. */
char *text_stack__cpu(const struct text *t, char buf[TEXT_SIZE_LEN]);

/* text_advice.c: a sentence on the growths, where the figures give cause for one. */
int text_advice__growths(struct text *t);

#endif /* GOTRACE_REPORT_TEXT_H */
