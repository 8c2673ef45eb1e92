/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An arena: memory handed out piece by piece and given back all at once. A profile and each format
 * make many small strings and arrays that die together; none of them is freed alone.
 */
#ifndef GOTRACE_REPORT_ARENA_H
#define GOTRACE_REPORT_ARENA_H

#include <stddef.h>

struct report_arena;

struct report_arena *report_arena__new(void);	/* NULL: out of memory */
void report_arena__free(struct report_arena *a);	/* NULL-safe */

/* Zeroed memory, aligned for any object; NULL: out of memory, or n * size overflows. */
void *report_arena__alloc(struct report_arena *a, size_t n, size_t size);
/* A copy of n bytes of p. */
void *report_arena__copy(struct report_arena *a, const void *p, size_t n);

#endif /* GOTRACE_REPORT_ARENA_H */
