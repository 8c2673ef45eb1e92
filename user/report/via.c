/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which construct of the language allocated. The compiler turns each into a call of a runtime
 * function, and that function's frame is still on the stack: the outermost one that is known names
 * the construct. A map assignment that calls newobject is a map, not a newobject.
 *
 * Names are those of Go 1.18 to 1.27; a function that an inlined copy stands for has its frame too.
 */
#include <string.h>

#include "report/via.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static const char via_newobject[] = "newobject";
static const char via_makeslice[] = "makeslice";
static const char via_growslice[] = "growslice";
static const char via_string[] = "string";
static const char via_map[] = "map";
static const char via_chan[] = "chan";
static const char via_conversion[] = "conversion";
static const char via_closure[] = "closure";
static const char via_goroutine[] = "goroutine";
static const char via_defer[] = "defer";
static const char via_panic[] = "panic";
static const char via_array[] = "array";
static const char via_runtime[] = "runtime";

struct rule {
	const char *prefix;		/* of the function name, package included */
	const char *via;
};

static const struct rule runtime_rules[] = {
	{ "runtime.newobject", via_newobject },
	{ "runtime.makeslice", via_makeslice },		/* also makeslicecopy, makeslice64 */
	{ "runtime.growslice", via_growslice },		/* also growsliceBuf of Go 1.26 */
	{ "runtime.moveSlice", via_growslice },		/* Go 1.26 */
	{ "runtime.concatstring", via_string },
	{ "runtime.concatbyte", via_string },
	{ "runtime.rawstring", via_string },
	{ "runtime.rawbyteslice", via_string },
	{ "runtime.rawruneslice", via_string },
	{ "runtime.slicebytetostring", via_string },
	{ "runtime.slicerunetostring", via_string },
	{ "runtime.stringtoslice", via_string },	/* byte and rune */
	{ "runtime.intstring", via_string },
	{ "runtime.gostring", via_string },
	{ "runtime.makemap", via_map },
	{ "runtime.mapassign", via_map },
	{ "runtime.mapclone", via_map },
	{ "runtime.mapinit", via_map },
	{ "internal/runtime/maps.", via_map },		/* Go 1.24 */
	{ "runtime.makechan", via_chan },
	{ "runtime.convT", via_conversion },
	{ "runtime.convI", via_conversion },
	{ "runtime.newproc", via_goroutine },
	{ "runtime.malg", via_goroutine },
	{ "runtime.newdefer", via_defer },
	{ "runtime.deferproc", via_defer },
	{ "runtime.gopanic", via_panic },
	{ "runtime.goPanic", via_panic },
	{ "runtime.panic", via_panic },
	{ "runtime.newarray", via_array },
};

/*
 * Runtime functions that the linker gives the name of the package they are written for. They are
 * not trimmed (go tool pprof shows them as well) but tell the way in when they call mallocgc.
 */
static const struct rule linknamed_rules[] = {
	{ "reflect.unsafe_NewArray", via_array },
	{ "reflect.unsafe_New", via_newobject },
	{ "internal/reflectlite.unsafe_New", via_newobject },
	{ "reflect.growslice", via_growslice },
	{ "reflect.makemap", via_map },
	{ "reflect.mapassign", via_map },
	{ "maps.clone", via_map },
	{ "reflect.makechan", via_chan },
	{ "internal/bytealg.MakeNoZero", via_string },
};

static bool has_prefix(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

static const char *match(const struct rule *rules, size_t n, const char *func)
{
	for (size_t i = 0; i < n; i++) {
		if (has_prefix(func, rules[i].prefix))
			return rules[i].via;
	}
	return NULL;
}

bool report__is_runtime(const char *func)
{
	return has_prefix(func, "runtime.") || has_prefix(func, "internal/runtime/") ||
	       has_prefix(func, "runtime/internal/");
}

/* mallocgc and what it is made of: mallocgcTiny, mallocgcSmallNoScanSC4, ... */
static bool is_malloc(const char *func)
{
	return has_prefix(func, "runtime.mallocgc");
}

/* The struct the compiler makes for a closure: the code pointer F, then what it captured. */
static bool is_closure(const char *type)
{
	return has_prefix(type, "struct { F uintptr") ||
	       has_prefix(type, "noalg.struct { F uintptr");
}

const char *report__via(const struct report_frame *frames, int nframes, int nruntime,
			const char *type)
{
	const char *via = NULL;
	int i;

	for (i = nruntime - 1; i >= 0 && !via; i--)
		via = match(runtime_rules, ARRAY_SIZE(runtime_rules), frames[i].func);

	if (!via) {
		for (i = 0; i < nruntime && is_malloc(frames[i].func); i++)
			;
		if (i < nruntime)
			return via_runtime;
		if (i < nframes)
			via = match(linknamed_rules, ARRAY_SIZE(linknamed_rules), frames[i].func);
		/* Go 1.27 calls mallocgc itself for new(T), older ones for closures. */
		if (!via && nruntime && nruntime < nframes)
			via = via_newobject;
	}
	if (!via)
		return via_runtime;
	return via == via_newobject && is_closure(type) ? via_closure : via;
}
