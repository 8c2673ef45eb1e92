/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A service whose goroutines' stacks grow, with counts that are prime and sums that are known. The
 * names are those of report_fixture.h and more; all pcs are return addresses.
 */
#ifndef GOTRACE_TESTS_GROWTH_FIXTURE_H
#define GOTRACE_TESTS_GROWTH_FIXTURE_H

#include "report_fixture.h"

#define SERVE 0x520000
#define WORKER 0x520100
#define WRAPPER 0x520200		/* made by the compiler: the names leave it out */

static const struct fixture_name growth_names[] = {
	{ 0x500200, FIXTURE_GO("main.(*server).handle", "/src/api/server.go", 123, 100) },
	{ 0x500300,
	  FIXTURE_GO("net/http.(*conn).serve", "/go/src/net/http/server.go", 2092, 1904) },
	{ 0x510000, FIXTURE_GO("main.(*template).render", "/src/api/template.go", 57, 57) },
	{ 0x510010, FIXTURE_GO("main.(*template).render", "/src/api/template.go", 71, 57) },
	{ 0x510100, FIXTURE_GO("main.walk", "/src/api/walk.go", 19, 19) },
	{ 0x510110, FIXTURE_GO("main.walk", "/src/api/walk.go", 27, 19) },
	{ 0x510200, FIXTURE_GO("encoding/json.(*encodeState).reflectValue",
			       "/go/src/encoding/json/encode.go", 339, 339) },
	{ 0x510300, FIXTURE_GO("main.worker", "/src/api/worker.go", 33, 30) },
	{ 0x510400, FIXTURE_GO("runtime.growslice", "/go/src/runtime/slice.go", 155, 155) },
	{ 0x502000, FIXTURE_GO("runtime.goexit", "/go/src/runtime/asm_amd64.s", 1700, 1699) },
	/* Something is inlined at the entry of net/http.(*conn).serve. */
	{ SERVE, FIXTURE_GO("sync/atomic.(*Int32).Load", "/go/src/sync/atomic/type.go", 21, 21) },
	{ SERVE, FIXTURE_GO("net/http.(*conn).serve", "/go/src/net/http/server.go", 1905, 1904) },
	{ WORKER, FIXTURE_GO("main.worker", "/src/api/worker.go", 30, 30) },
	{ 0, { 0 } },
};

struct fixture_growth {
	uint64_t start;
	uint32_t from, to;
	enum model_growth_kind kind;
	uint64_t count, copied, ns, max_ns;
	uint32_t flags;
	uint64_t pc[16]; /* ends with 0; none: no stack arrives */
};

#define WALK 0x510110

static const struct fixture_growth fixture_growths[] = {
	{ SERVE, 2048, 4096, MODEL_GROWTH, 20011, 33418370, 29996489, 91309, 0,
	  { 0x510000, 0x500200, 0x500300, 0x502000 } },
	{ SERVE, 4096, 8192, MODEL_GROWTH, 20011, 74040700, 35999789, 88007, 0,
	  { 0x510200, 0x510010, 0x500200, 0x500300, 0x502000 } },
	{ SERVE, 8192, 16384, MODEL_GROWTH, 3001, 22507500, 9002999, 120011, 0,
	  { 0x510200, 0x510200, 0x510010, 0x500200, 0x500300, 0x502000 } },
	/* Inside the runtime: the place that called it is what grew. */
	{ SERVE, 2048, 4096, MODEL_GROWTH, 1009, 1715300, 1210801, 10007, 0,
	  { 0x510400, 0x500200, 0x500300, 0x502000 } },
	{ WORKER, 32768, 65536, MODEL_REGROWTH, 409, 12270000, 8179591, 410009, 0,
	  { 0x510100, WALK, WALK, WALK, WALK, WALK, WALK, WALK, WALK, 0x510300, 0x502000 } },
	{ WORKER, 32768, 65536, MODEL_GROWTH, 7, 210000, 140009, 30011, 0,
	  { 0x510100, WALK, WALK, WALK, WALK, WALK, WALK, WALK, WALK, 0x510300, 0x502000 } },
	{ WRAPPER, 2048, 4096, MODEL_GROWTH, 13, 20800, 16901, 3001, 0, { 0x510100, 0x510300, 0x502000 } },
	{ WORKER, 65536, 131072, MODEL_GROWTH, 5, 325000, 130003, 50021, GT_STACK_CUT_DEPTH,
	  { 0x510100, WALK, WALK, WALK, WALK } },
	{ WORKER, 65536, 32768, MODEL_SHRINK, 419, 4190000, 2095013, 20011, 0,
	  { 0x510300, 0x502000 } },
	{ SERVE, 16384, 8192, MODEL_SHRINK, 31, 62000, 40009, 4001, 0, { 0 } },
};

#define NGROWTHS (sizeof(fixture_growths) / sizeof(fixture_growths[0]))

/* Ids that no allocation of report_fixture.h has. */
static inline uint64_t growth_stack_id(size_t i)
{
	return 1000 + i;
}

/* Puts the rows above into m, with losses of both groups. */
static inline void add_growths(struct model *m)
{
	struct model_counters c = *model__counters(m);

	for (size_t i = 0; i < NGROWTHS; i++) {
		const struct fixture_growth *f = &fixture_growths[i];
		const struct model_growth g = {
			.stack = growth_stack_id(i), .start = f->start, .from = f->from,
			.to = f->to, .kind = f->kind, .count = f->count, .copied = f->copied,
			.timed = f->count, .ns = f->ns, .max_ns = f->max_ns,
		};
		uint32_t n = 0;

		while (f->pc[n])
			n++;
		if ((n && model__add_stack(m, g.stack, f->pc, n, f->flags)) ||
		    model__set_growth(m, &g))
			abort();
		c.growths_seen += g.count;
	}
	c.loss[c.nloss++] = (struct model_loss){ MODEL_STACK, "growth table full", "full", 17,
						 34001, 0 };
	c.loss[c.nloss++] = (struct model_loss){ MODEL_ALLOC, "call-site table full", "full", 101,
						 1010, 1616 };
	c.growths_seen += 17;
	c.growths_unmatched = 3;
	model__set_counters(m, &c);
}

static inline uint64_t fixture_copies(bool shrinks)
{
	uint64_t n = 0;

	for (size_t i = 0; i < NGROWTHS; i++)
		n += (fixture_growths[i].kind == MODEL_SHRINK) == shrinks ?
			     fixture_growths[i].count : 0;
	return n;
}

static inline uint64_t fixture_copied(bool shrinks)
{
	uint64_t n = 0;

	for (size_t i = 0; i < NGROWTHS; i++)
		n += (fixture_growths[i].kind == MODEL_SHRINK) == shrinks ?
			     fixture_growths[i].copied : 0;
	return n;
}

#endif /* GOTRACE_TESTS_GROWTH_FIXTURE_H */
