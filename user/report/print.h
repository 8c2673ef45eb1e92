/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Printing: a stream that remembers its first error, names made safe to show, and figures with
 * units. Names come from the traced binary and must not reach a terminal as they are.
 */
#ifndef GOTRACE_REPORT_PRINT_H
#define GOTRACE_REPORT_PRINT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "report/arena.h"

/* Once err is set nothing more is written, and err says why. */
struct report_printer {
	FILE *out;
	int err;			/* 0 or a negative errno */
};

void report_print__f(struct report_printer *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Flushes. Returns the first error since the start. */
int report_print__end(struct report_printer *p);

/*
 * A copy of s with '?' for each control character (C0, DEL, C1), each Unicode character that turns
 * the direction of writing or breaks the line, and each byte that is not UTF-8. A ';' becomes
 * semicolon. NULL s is "". NULL: out of memory.
 */
const char *report_print__clean(struct report_arena *a, const char *s, char semicolon);

/* Characters of a clean string: what it takes on a terminal, wide characters counted as one. */
size_t report_print__width(const char *s);

/* A copy at most width (8 at least) characters wide, with "..." for what left the middle. */
const char *report_print__shorten(struct report_arena *a, const char *s, size_t width);

/* Part of a Go function name behind the directories of its package: "http.(*conn).serve". */
const char *report_print__short_func(const char *func);

/* The part of a path behind its last '/'. */
const char *report_print__base(const char *path);

/* Number of at most 4 characters and the unit: "12.3", "MiB". num has room for 8 bytes. */
const char *report_print__units(uint64_t bytes, char *num);

#define REPORT_BYTES_LEN 16
/* "12.3 MiB" into buf; returns buf. */
char *report_print__bytes(uint64_t bytes, char buf[REPORT_BYTES_LEN]);

/* The same for a time: "12.3", "us". Beyond 9999 s it is hours, of as many digits as that takes. */
const char *report_print__time_units(uint64_t ns, char *num);

#define REPORT_TIME_LEN 16
char *report_print__time(uint64_t ns, char buf[REPORT_TIME_LEN]);

#endif /* GOTRACE_REPORT_PRINT_H */
