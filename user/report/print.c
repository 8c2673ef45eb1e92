/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The small things every textual output needs: a stream with an error, clean names, short names,
 * figures with units.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "report/print.h"

void report_print__f(struct report_printer *p, const char *fmt, ...)
{
	va_list ap;

	if (p->err)
		return;
	errno = 0;
	va_start(ap, fmt);
	if (vfprintf(p->out, fmt, ap) < 0)
		p->err = errno ? -errno : -EIO;
	va_end(ap);
}

int report_print__end(struct report_printer *p)
{
	errno = 0;
	if (!p->err && (fflush(p->out) || ferror(p->out)))
		p->err = errno ? -errno : -EIO;
	return p->err;
}

/*
 * Reads one UTF-8 character: its length, and its code point in *cp. 0: not one (cut short,
 * overlong, a surrogate, beyond U+10FFFF).
 */
static int decode(const unsigned char *s, uint32_t *cp)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	int n;

	if (s[0] < 0x80) {
		*cp = s[0];
		return 1;
	}
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	*cp = s[0] & (0x7f >> n);
	for (int i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*cp = *cp << 6 | (s[i] & 0x3f);
	}
	if (*cp < least[n] || *cp > 0x10ffff || (*cp >= 0xd800 && *cp <= 0xdfff))
		return 0;
	return n;
}

static bool is_harmful(uint32_t cp)
{
	/* Control characters. */
	if (cp < 0x20 || (cp >= 0x7f && cp < 0xa0))
		return true;
	/* Direction marks. */
	if (cp == 0x061c || cp == 0x200e || cp == 0x200f)
		return true;
	/* Line breaks, embeddings and overrides, isolates. */
	return (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069);
}

const char *report_print__clean(struct report_arena *a, const char *s, char semicolon)
{
	const unsigned char *in = (const unsigned char *)(s ? s : "");
	char *copy = report_arena__alloc(a, strlen((const char *)in) + 1, 1);
	char *out = copy;

	if (!copy)
		return NULL;
	while (*in) {
		uint32_t cp = 0;
		int n = decode(in, &cp);

		if (!n || is_harmful(cp)) {
			*out++ = '?';
		} else if (cp == ';') {
			*out++ = semicolon;
		} else {
			memcpy(out, in, n);
			out += n;
		}
		in += n ? n : 1;
	}
	*out = '\0';
	return copy;
}

static bool is_start(char c)
{
	return ((unsigned char)c & 0xc0) != 0x80;
}

size_t report_print__width(const char *s)
{
	size_t width = 0;

	for (; *s; s++)
		width += is_start(*s);
	return width;
}

/* Where the n-th character of s begins. */
static const char *skip(const char *s, size_t n)
{
	for (; *s; s++) {
		if (is_start(*s) && !n--)
			break;
	}
	return s;
}

const char *report_print__shorten(struct report_arena *a, const char *s, size_t width)
{
	size_t have = report_print__width(s), nhead, ntail;
	const char *head_end, *tail;
	char *copy;

	if (width < 8)
		width = 8;
	if (have <= width)
		return s;
	/* The end of a name tells more than its beginning: it gets the larger part. */
	nhead = (width - 3) * 2 / 5;
	ntail = width - 3 - nhead;
	head_end = skip(s, nhead);
	tail = skip(s, have - ntail);
	copy = report_arena__alloc(a, (head_end - s) + 3 + strlen(tail) + 1, 1);
	if (!copy)
		return NULL;
	memcpy(copy, s, head_end - s);
	strcpy(copy + (head_end - s), "...");
	strcat(copy, tail);
	return copy;
}

const char *report_print__short_func(const char *func)
{
	/* A type argument or a receiver may have slashes of its own: stop before it. */
	const char *end = func + strcspn(func, "[("), *s = end;

	while (s > func && s[-1] != '/')
		s--;
	return s;
}

const char *report_print__base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

const char *report_print__units(uint64_t bytes, char *num)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double v = bytes;
	int i = 0;

	/* 1023.5 would be printed as 1024 of the unit below. */
	while (v >= (i ? 1023.5 : 1024)) {
		v /= 1024;
		i++;
	}
	if (!i)
		snprintf(num, 8, "%d", (int)bytes);
	else
		snprintf(num, 8, v < 9.995 ? "%.2f" : v < 99.95 ? "%.1f" : "%.0f", v);
	return units[i];
}

char *report_print__bytes(uint64_t bytes, char buf[REPORT_BYTES_LEN])
{
	char num[8];
	const char *unit = report_print__units(bytes, num);

	snprintf(buf, REPORT_BYTES_LEN, "%s %s", num, unit);
	return buf;
}

const char *report_print__time_units(uint64_t ns, char *num)
{
	static const char *const units[] = { "ns", "us", "ms", "s" };
	double v = ns;
	int i = 0;

	while (i < 3 && v >= 999.5) {
		v /= 1000;
		i++;
	}
	if (v >= 9999.5) {
		snprintf(num, 8, "%.0f", v / 3600);
		return "h";
	}
	snprintf(num, 8, !i || v >= 99.95 ? "%.0f" : v < 9.995 ? "%.2f" : "%.1f", v);
	return units[i];
}

char *report_print__time(uint64_t ns, char buf[REPORT_TIME_LEN])
{
	char num[8];
	const char *unit = report_print__time_units(ns, num);

	snprintf(buf, REPORT_TIME_LEN, "%s %s", num, unit);
	return buf;
}
