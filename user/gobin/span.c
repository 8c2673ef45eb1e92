// SPDX-License-Identifier: GPL-2.0
/*
 * The parts of the checked reader that need a loop: varints, strings and searches. All of them stay
 * inside the span they are given, whatever it contains.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "internal.h"

bool span_varint(struct span s, uint64_t *off, uint64_t *v)
{
	uint64_t val = 0;
	uint8_t b;

	for (unsigned int shift = 0; shift < 70; shift += 7) {
		if (!span_u8(s, *off, &b))
			return false;
		(*off)++;
		if (shift < 64)
			val |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80)) {
			*v = val;
			return true;
		}
	}
	return false;
}

const char *span_cstr(struct span s, uint64_t off)
{
	struct span tail = span_sub(s, off, GOBIN_NAME_MAX);

	if (!tail.size || !memchr(tail.base, '\0', tail.size))
		return NULL;
	return (const char *)tail.base;
}

uint64_t span_find(struct span s, uint64_t from, const void *needle, size_t len)
{
	struct span tail = span_sub(s, from, UINT64_MAX);
	const uint8_t *hit;

	if (!tail.base || tail.size < len)
		return UINT64_MAX;
	hit = memmem(tail.base, tail.size, needle, len);
	return hit ? (uint64_t)(hit - s.base) : UINT64_MAX;
}
