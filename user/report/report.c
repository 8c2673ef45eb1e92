/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The formats there are. A new one is a row here and a file beside this one.
 */
#include <string.h>

#include "report/report.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static const struct report_format formats[] = {
	{
		.name = "text",
		.suffixes = { ".txt" },
		.view = "less %s",
		.write = report__text,
	},
	{
		.name = "folded",
		.suffixes = { ".folded", ".collapsed" },
		.view = "flamegraph.pl --colors=mem %s > flame.svg",
		.write = report__folded,
	},
	{
		.name = "pprof",
		.suffixes = { ".pb.gz", ".pprof", ".pb" },
		.binary = true,
		.view = "go tool pprof -http=: %s",
		.write = report__pprof,
	},
	{
		.name = "json",
		.suffixes = { ".json", ".ndjson", ".jsonl" },
		.view = "jq . %s",
		.write = report__json,
	},
};

const struct report_format *report__format(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		if (!strcmp(formats[i].name, name))
			return &formats[i];
	}
	return NULL;
}

static bool ends_with(const char *s, const char *suffix)
{
	size_t n = strlen(s), k = strlen(suffix);

	return n >= k && !strcmp(s + n - k, suffix);
}

const struct report_format *report__format_of(const char *filename)
{
	if (ends_with(filename, ".trace.json"))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		for (const char *const *s = formats[i].suffixes; *s; s++) {
			if (ends_with(filename, *s))
				return &formats[i];
		}
	}
	return NULL;
}

const char *report__format_names(void)
{
	static char names[128];
	char *end = names;

	if (*names)
		return names;
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		end += snprintf(end, names + sizeof(names) - end, "%s%s", i ? ", " : "",
				formats[i].name);
	return names;
}
