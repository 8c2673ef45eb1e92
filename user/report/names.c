/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Names of frames and types: gobin's answers for the process's addresses, with the strings that
 * gobin does not keep.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "report/names.h"

#define INLINE_MAX 64

/* A string made for an address: a type's name, or "[libc.so.6]" for a module's name. */
struct interned {
	uint64_t addr;
	UT_hash_handle hh;
	char text[];
};

struct names {
	const struct gobin *gb;
	uint64_t bias;
	names_module_fn module;
	void *module_ctx;
	struct interned *types, *modules;
	struct report_names report;
};

/* Finds the string of addr, or makes it of the three parts. fallback when out of memory. */
static const char *intern(struct interned **table, uint64_t addr, const char *open,
			  const char *text, const char *close, const char *fallback)
{
	struct interned *e;
	size_t size = strlen(open) + strlen(text) + strlen(close) + 1;

	e = malloc(sizeof(*e) + size);
	if (!e)
		return fallback;
	e->addr = addr;
	snprintf(e->text, size, "%s%s%s", open, text, close);
	HASH_ADD(hh, *table, addr, sizeof(e->addr), e);
	/* A failed add leaves no table behind it. */
	if (!e->hh.tbl) {
		free(e);
		return fallback;
	}
	return e->text;
}

static const char *find(struct interned *table, uint64_t addr)
{
	struct interned *e;

	HASH_FIND(hh, table, &addr, sizeof(addr), e);
	return e ? e->text : NULL;
}

/* Code that is not the Go binary's: all that is said of it is the file it comes from. */
static int foreign_frame(struct names *n, uint64_t pc, struct report_frame *out)
{
	const char *module = n->module ? n->module(n->module_ctx, pc) : NULL;
	const char *text = "[unknown]";

	if (module) {
		text = find(n->modules, (uint64_t)(uintptr_t)module);
		if (!text)
			text = intern(&n->modules, (uint64_t)(uintptr_t)module, "[", module, "]",
				      "[unknown]");
	}
	*out = (struct report_frame){ .func = text, .file = "" };
	return 1;
}

static int frames(void *ctx, uint64_t pc, bool exact, struct report_frame *out, int max)
{
	struct gobin_frame raw[INLINE_MAX];
	struct names *n = ctx;
	int count, written = 0;

	count = gobin__expand(n->gb, pc - n->bias - (exact ? 0 : 1), raw, INLINE_MAX);
	if (count < 0)
		return max > 0 ? foreign_frame(n, pc, out) : 0;
	for (int i = 0; i < count && written < max; i++) {
		/* The compiler's wrappers are in no source: runtime.CallersFrames hides them too. */
		if (raw[i].wrapper)
			continue;
		out[written++] = (struct report_frame){
			.func = raw[i].func,
			.file = raw[i].file,
			.line = raw[i].line,
			.start_line = raw[i].start_line,
			.inlined = raw[i].inlined,
			.go = true,
		};
	}
	return written;
}

static bool frameless(void *ctx, uint64_t pc)
{
	const struct names *n = ctx;

	return !gobin__sp_delta(n->gb, pc - n->bias);
}

/*
 * The types under which runtime.convT64 and its kin allocate what a conversion to an interface needs
 * (runtime/iface.go): named for what they stand for.
 */
static const char *plain_type(const char *name)
{
	static const char *const types[][2] = {
		{ "runtime.uint16InterfacePtr", "uint16" },
		{ "runtime.uint32InterfacePtr", "uint32" },
		{ "runtime.uint64InterfacePtr", "uint64" },
		{ "runtime.stringInterfacePtr", "string" },
		{ "runtime.sliceInterfacePtr", "[]uint8" },
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(name, types[i][0]))
			return types[i][1];
	return name;
}

static const char *type(void *ctx, uint64_t addr)
{
	struct names *n = ctx;
	const char *text = find(n->types, addr);
	char buf[4096];
	int err;

	if (text)
		return text;
	err = gobin__type_name(n->gb, addr - n->bias, buf, sizeof(buf));
	/* Outside of the binary's types are those that reflect made on the heap. */
	if (err)
		strcpy(buf, err == -ENOENT ? "[made by reflect]" : "?");
	return intern(&n->types, addr, "", plain_type(buf), "", "?");
}

struct names *names__new(const struct gobin *gb, uint64_t bias, names_module_fn module, void *ctx)
{
	struct names *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->gb = gb;
	n->bias = bias;
	n->module = module;
	n->module_ctx = ctx;
	n->report = (struct report_names){
		.ctx = n, .frames = frames, .frameless = frameless, .type = type
	};
	return n;
}

static void free_table(struct interned **table)
{
	struct interned *e, *next;

	HASH_ITER(hh, *table, e, next) {
		HASH_DEL(*table, e);
		free(e);
	}
}

void names__free(struct names *n)
{
	if (!n)
		return;
	free_table(&n->types);
	free_table(&n->modules);
	free(n);
}

const struct report_names *names__report(const struct names *n)
{
	return &n->report;
}
