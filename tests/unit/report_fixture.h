/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of report/ share: a table of names in place of a binary, and a model whose sums
 * are known. Included by one test program at a time, so that everything is static.
 */
#ifndef GOTRACE_TESTS_REPORT_FIXTURE_H
#define GOTRACE_TESTS_REPORT_FIXTURE_H

#include <stdlib.h>
#include <string.h>

#include "gotrace/event.h"
#include "model/model.h"
#include "report/report.h"

/* One row a frame; rows of the same pc are one inline expansion, innermost first. */
struct fixture_name {
	uint64_t pc;
	struct report_frame frame;
};

struct fixture_type {
	uint64_t addr;
	const char *name;
};

struct fixture {
	const struct fixture_name *names; /* ends with pc 0 */
	const struct fixture_type *types; /* ends with addr 0 */
	int lookups;			  /* how often a pc was asked for */
	int exact_lookups;
};

static inline int fixture_frames(void *ctx, uint64_t pc, bool exact, struct report_frame *out,
				 int max)
{
	struct fixture *f = ctx;
	int n = 0;

	f->lookups++;
	f->exact_lookups += exact;
	for (const struct fixture_name *name = f->names; name->pc; name++) {
		if (name->pc == pc && n < max)
			out[n++] = name->frame;
	}
	return n;
}

static inline const char *fixture_type_name(void *ctx, uint64_t addr)
{
	const struct fixture *f = ctx;

	for (const struct fixture_type *t = f->types; t->addr; t++) {
		if (t->addr == addr)
			return t->name;
	}
	return "?";
}

static inline struct report_names fixture_bind(struct fixture *f)
{
	return (struct report_names){ .ctx = f,
				      .frames = fixture_frames,
				      .type = fixture_type_name };
}

static inline struct report_run fixture_run(void)
{
	return (struct report_run){
		.pid = 4711,
		.command = "api",
		.go_version = "go1.24.4",
		.kernel = "6.18.0",
		.mode = "exact",
		.command_line = "gotrace -p 4711 -d 30 -o alloc.pb.gz",
		.gotrace_version = "0.1.0",
		.mapping = { .start = 0x400000,
			     .limit = 0x900000,
			     .offset = 0x1000,
			     .file = "/usr/bin/api",
			     .build_id = "0123456789abcdef" },
	};
}

static inline struct report_options fixture_options(void)
{
	return (struct report_options){ .top = 20, .columns = 80 };
}

#define FIXTURE_GO(f, path, l, start)                                                              \
	{                                                                                          \
		.func = f, .file = path, .line = l, .start_line = start, .go = true                \
	}

/*
 * A small service. 0x401000 is the probe; pcs above 0x500000 are user code. 0x500100 is a function
 * with another inlined into it; 0x402000 has a user function inlined into a runtime one, so that
 * trimming cuts the location in two.
 */
static const struct fixture_name fixture_names[] = {
	{ 0x401000, FIXTURE_GO("runtime.mallocgc", "/go/src/runtime/malloc.go", 1010, 1009) },
	{ 0x401100, FIXTURE_GO("runtime.newobject", "/go/src/runtime/malloc.go", 1402, 1401) },
	{ 0x401200, FIXTURE_GO("runtime.growslice", "/go/src/runtime/slice.go", 264, 155) },
	{ 0x401300, FIXTURE_GO("runtime.makeslice", "/go/src/runtime/slice.go", 116, 92) },
	{ 0x401400, FIXTURE_GO("runtime.rawstring", "/go/src/runtime/string.go", 311, 310) },
	{ 0x401410, FIXTURE_GO("runtime.concatstrings", "/go/src/runtime/string.go", 50, 30) },
	{ 0x401500, FIXTURE_GO("runtime.mapassign_faststr", "/go/src/runtime/map.go", 77, 70) },
	{ 0x402000, FIXTURE_GO("runtime.makeslice", "/go/src/runtime/slice.go", 117, 92) },
	{ 0x402000, FIXTURE_GO("main.readBody", "/src/api/body.go", 41, 37) },
	{ 0x500100, FIXTURE_GO("encoding/json.(*encodeState).string",
			       "/go/src/encoding/json/encode.go", 1031, 1020) },
	{ 0x500100,
	  FIXTURE_GO("encoding/json.stringEncoder", "/go/src/encoding/json/encode.go", 617, 600) },
	{ 0x500200, FIXTURE_GO("main.(*server).handle", "/src/api/server.go", 123, 100) },
	{ 0x500210, FIXTURE_GO("main.(*server).handle", "/src/api/server.go", 131, 100) },
	{ 0x500300,
	  FIXTURE_GO("net/http.(*conn).serve", "/go/src/net/http/server.go", 2092, 1904) },
	{ 0x500400,
	  FIXTURE_GO("github.com/example/telemetry/internal/exporter.(*BatchProcessor)"
		     ".enqueueBlockOnQueueFull",
		     "/go/pkg/mod/github.com/example/telemetry/batch_processor.go", 417, 400) },
	{ 0x500500, FIXTURE_GO("main.init.0", "/src/api/main.go", 17, 15) },
	{ 0x500600, FIXTURE_GO("slices.Grow[go.shape.struct { A int; B string }]",
			       "/go/src/slices/slices.go", 433, 428) },
	{ 0x501000, FIXTURE_GO("runtime.main", "/go/src/runtime/proc.go", 283, 147) },
	{ 0x502000, FIXTURE_GO("runtime.goexit", "/go/src/runtime/asm_amd64.s", 1700, 1699) },
	{ 0x7f0000001000, { .func = "[libc.so.6]", .file = "" } },
	{ 0, { 0 } },
};

static const struct fixture_type fixture_types[] = {
	{ 0x600000, "main.request" },
	{ 0x600100, "map.bucket[string]*main.session" },
	{ 0x600200, "struct { F uintptr; X0 *main.server; X1 context.Context }" },
	{ 0x600300, "telemetry.Span" },
	{ 0x600400, "struct { A int; B string }" },
	{ 0, NULL },
};

/* Totals of one (stack, type) as the model has them. */
struct fixture_alloc {
	uint64_t type, objects, bytes, class_bytes;
	uint32_t flags;
	uint64_t pc[8]; /* ends with 0 */
};

static const struct fixture_alloc fixture_allocs[] = {
	{ 0x600000,
	  123457,
	  13086442,
	  13827184,
	  0,
	  { 0x401000, 0x401100, 0x500200, 0x500300, 0x502000 } },
	{ 0x600200,
	  104729,
	  2513496,
	  3351328,
	  0,
	  { 0x401000, 0x401100, 0x500210, 0x500300, 0x502000 } },
	{ 0,
	  7919,
	  60001234,
	  64872448,
	  0,
	  { 0x401000, 0x401300, 0x500100, 0x500200, 0x500300, 0x502000 } },
	{ 0,
	  65537,
	  1114129,
	  2097184,
	  0,
	  { 0x401000, 0x401400, 0x401410, 0x500100, 0x500200, 0x500300, 0x502000 } },
	{ 0x600100, 1009, 209872, 209872, 0, { 0x401000, 0x401500, 0x500200, 0x500300, 0x502000 } },
	{ 0x600300, 31337, 7019488, 7019488, GT_STACK_CUT_DEPTH, { 0x401000, 0x401100, 0x500400 } },
	{ 0x600400,
	  127,
	  1040384,
	  1040384,
	  0,
	  { 0x401000, 0x401200, 0x500600, 0x500500, 0x501000, 0x502000 } },
	{ 0, 8191, 8381000, 8387584, 0, { 0x401000, 0x402000, 0x500200, 0x500300, 0x502000 } },
	{ 0, 13, 130, 208, GT_STACK_CUT_FOREIGN, { 0x401000, 0x401300, 0x7f0000001000 } },
};

#define FIXTURE_NALLOCS (sizeof(fixture_allocs) / sizeof(fixture_allocs[0]))

/* Puts the rows above into a new model, each with its stack; NULL: out of memory. */
static inline struct model *fixture_model(void)
{
	const struct model_time time = { .start_ns = 1000000000,
					 .now_ns = 31000000000,
					 .start_wall_ns = 1735830245000000000 };
	struct model *m = model__new();
	struct model_counters c = { 0 };

	for (size_t i = 0; m && i < FIXTURE_NALLOCS; i++) {
		const struct fixture_alloc *a = &fixture_allocs[i];
		uint32_t n = 0;

		while (n < 8 && a->pc[n])
			n++;
		if (model__add_stack(m, i + 1, a->pc, n, a->flags) ||
		    model__set_alloc(m, i + 1, a->type, a->objects, a->bytes, a->class_bytes)) {
			model__free(m);
			return NULL;
		}
		c.seen += a->objects;
	}
	if (!m)
		return NULL;
	model__set_time(m, &time);
	model__set_counters(m, &c);
	return m;
}

#endif /* GOTRACE_TESTS_REPORT_FIXTURE_H */
