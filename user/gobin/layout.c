// SPDX-License-Identifier: GPL-2.0
/*
 * What differs between the Go versions gotrace knows: the layouts gobin reads in the file, the
 * fields of the running runtime that the BPF side reads, and the allocator's constants. Every
 * number of this file was read from the DWARF of a binary that the named toolchain built, or from
 * the named file of its source; docs/go-runtime.md has the command to re-derive them.
 */
#include "internal.h"

/*
 * moduledata: runtime/symtab.go. covctrs/ecovctrs arrived in 1.20 and moved types; typedesclen,
 * itaboffset and itabsize arrived in 1.27 and moved etypes, gofunc and textsectmap; epclntab
 * arrived in 1.26. _func and inlinedCall: runtime/runtime2.go, runtime/symtab.go,
 * runtime/symtabinl.go; both got startLine in 1.20. FuncIDWrapper: runtime/symtab.go until 1.20,
 * then internal/abi/symtab.go; it is the last of its enum, which grew in 1.22 (corostart) and 1.25
 * (runCleanups). Full names with a shortening on print (runtime/traceback.go, funcNameForPrint)
 * exist from 1.21; until 1.20 the linker wrote "f[...]" itself.
 */
#define FUNC_1_18                                                                                  \
	.func_id = 36, .func_nfuncdata = 39, .func_size = 40, .func_start_line = 0,                \
	.call_size = 20, .call_func_id = 2, .call_name = 12, .call_parent_pc = 16,                 \
	.call_start_line = 0
#define FUNC_1_20                                                                                  \
	.func_id = 40, .func_nfuncdata = 43, .func_size = 44, .func_start_line = 36,               \
	.call_size = 16, .call_func_id = 0, .call_name = 4, .call_parent_pc = 8,                   \
	.call_start_line = 12
#define MD_1_18 .md_types = 280, .md_etypes = 288, .md_gofunc = 304, .md_textsectmap = 312
#define MD_1_20 .md_types = 296, .md_etypes = 304, .md_gofunc = 320, .md_textsectmap = 328
#define MD_1_26 .md_types = 296, .md_etypes = 304, .md_gofunc = 320, .md_textsectmap = 336
#define MD_1_27 .md_types = 296, .md_etypes = 312, .md_gofunc = 344, .md_textsectmap = 360

static const struct layout layouts[] = {
	[18] = { FUNC_1_18, MD_1_18, .wrapper_id = 21 },
	[19] = { FUNC_1_18, MD_1_18, .wrapper_id = 21 },
	[20] = { FUNC_1_20, MD_1_20, .wrapper_id = 21 },
	[21] = { FUNC_1_20, MD_1_20, .wrapper_id = 21, .print_names = true },
	[22] = { FUNC_1_20, MD_1_20, .wrapper_id = 22, .print_names = true },
	[23] = { FUNC_1_20, MD_1_20, .wrapper_id = 22, .print_names = true },
	[24] = { FUNC_1_20, MD_1_20, .wrapper_id = 22, .print_names = true },
	[25] = { FUNC_1_20, MD_1_20, .wrapper_id = 23, .print_names = true },
	[26] = { FUNC_1_20, MD_1_26, .wrapper_id = 23, .print_names = true },
	[27] = { FUNC_1_20, MD_1_27, .wrapper_id = 23, .print_names = true },
};

/*
 * runtime/runtime2.go (g, m, p) and runtime/mcache.go. gobuf lost ret in 1.25, which moved curg and
 * p; 1.26 put 8 bytes between curg and p again; p lost a word before mcache in 1.23; mcache got
 * memProfRate before tiny in 1.24. g.stack is at 0 and g.sched at 56 in all; g got syscallbp before
 * goid in 1.23, and what lies between goid and startpc grew and shrank.
 *
 * runtime/mheap.go (mspan) and runtime/mstats.go (consistentHeapStats, heapStatsDelta): mspan got
 * allocCountBeforeCache in 1.19 (1.18 books a span when it is taken), grew before allocCount in 1.21
 * and shrank again in 1.22; heapStatsDelta lost inPtrScalarBits in 1.25.
 *
 * Allocation headers arrived in 1.22: runtime/mbitmap_allocheaders.go, then runtime/mbitmap.go,
 * then internal/runtime/gc/malloc.go (mallocHeaderSize, minSizeForMallocHeader).
 */
#define HEADERS	   .malloc_header = 8, .header_min = 512, .small_max = 32760
#define NO_HEADERS .malloc_header = 0, .header_min = 0, .small_max = 32768
#define FIELDS(curg, p, mcache, tiny, bp, id, start)                                               \
	.g_m = 48, .m_curg = (curg), .m_p = (p), .p_mcache = (mcache), .mcache_tiny = (tiny),      \
	.g_stack = 0, .g_sched_sp = 56, .g_sched_pc = 64, .g_sched_bp = (bp), .g_goid = (id),      \
	.g_startpc = (start)
#define SPANS(alloc, count, before, nelems, size, tiny_count)                                      \
	.mcache_alloc = (alloc), .span_count = (count), .span_has_before = (before),               \
	.span_nelems = (nelems), .stats_size = (size), .stats_tiny = (tiny_count)
#define SPANS_1_18  SPANS(40, 96, false, 56, 1176, 48)
#define SPANS_1_19  SPANS(40, 96, true, 56, 1176, 48)
#define SPANS_1_21  SPANS(40, 104, true, 56, 1176, 48)
#define SPANS_1_22  SPANS(40, 96, true, 50, 1176, 48)
#define SPANS_1_24  SPANS(48, 96, true, 50, 1176, 48)
#define SPANS_1_25  SPANS(48, 96, true, 50, 1168, 40)
#define FIELDS_1_18 FIELDS(192, 208, 64, 16, 104, 152, 312)
#define FIELDS_1_21 FIELDS(192, 208, 64, 16, 104, 152, 296)
#define FIELDS_1_23 FIELDS(192, 208, 56, 16, 104, 160, 304)
#define FIELDS_1_24 FIELDS(192, 208, 56, 24, 104, 160, 304)
#define FIELDS_1_25 FIELDS(184, 200, 56, 24, 96, 152, 296)
#define FIELDS_1_26 FIELDS(184, 208, 56, 24, 96, 152, 304)

static const struct gobin_runtime runtimes[] = {
	[18] = { FIELDS_1_18, SPANS_1_18, NO_HEADERS,
		 .p_assist_time = 4632, .m_preemptoff = 248 },
	[19] = { FIELDS_1_18, SPANS_1_19, NO_HEADERS,
		 .p_assist_time = 4632, .m_preemptoff = 248 },
	[20] = { FIELDS_1_18, SPANS_1_19, NO_HEADERS,
		 .p_assist_time = 4624, .m_preemptoff = 248 },
	[21] = { FIELDS_1_21, SPANS_1_21, NO_HEADERS,
		 .p_assist_time = 4632, .switch_has_frame = true },
	[22] = { FIELDS_1_21, SPANS_1_22, HEADERS,
		 .p_assist_time = 4664, .switch_has_frame = true },
	[23] = { FIELDS_1_23, SPANS_1_22, HEADERS,
		 .p_assist_time = 4640, .switch_has_frame = true },
	[24] = { FIELDS_1_24, SPANS_1_24, HEADERS,
		 .p_assist_time = 4640, .switch_has_frame = true },
	[25] = { FIELDS_1_25, SPANS_1_25, HEADERS,
		 .p_assist_time = 4640, .switch_has_frame = true },
	[26] = { FIELDS_1_26, SPANS_1_25, HEADERS,
		 .p_assist_time = 4648, .switch_has_frame = true },
	[27] = { FIELDS_1_26, SPANS_1_25, HEADERS,
		 .p_assist_time = 4648, .switch_has_frame = true },
};

/* runtime/sizeclasses.go, identical in 1.18 to 1.27 (internal/runtime/gc from 1.25). */
static const uint16_t size_classes[] = {
	0,     8,     16,    24,    32,	   48,	  64,	 80,	96,    112,   128,   144,
	160,   176,   192,   208,   224,   240,	  256,	 288,	320,   352,   384,   416,
	448,   480,   512,   576,   640,   704,	  768,	 896,	1024,  1152,  1280,  1408,
	1536,  1792,  2048,  2304,  2688,  3072,  3200,	 3456,	4096,  4864,  5376,  6144,
	6528,  6784,  6912,  8192,  9472,  9728,  10240, 10880, 12288, 13568, 14336, 16384,
	18432, 19072, 20480, 21760, 24576, 27264, 28672, 32768,
};

const struct layout *gobin_layout(int minor)
{
	if (minor < GOBIN_MINOR_MIN || minor > GOBIN_MINOR_MAX)
		return NULL;
	return &layouts[minor];
}

void gobin_runtime_fill(struct gobin *gb)
{
	gb->runtime = runtimes[gb->info.minor];
	/* The experiment could be switched off in 1.22 only (mbitmap_noallocheaders.go). */
	if (gb->info.minor == 22 && strstr(gb->version, "noallocheaders"))
		gb->runtime = (struct gobin_runtime){ FIELDS_1_21, SPANS_1_22, NO_HEADERS,
						     .p_assist_time = 4664,
						     .switch_has_frame = true };
}

int gobin__size_classes(const struct gobin *gb, uint32_t classes[GOBIN_NCLASS_MAX])
{
	(void)gb;
	for (size_t i = 0; i < sizeof(size_classes) / sizeof(size_classes[0]); i++)
		classes[i] = size_classes[i];
	return sizeof(size_classes) / sizeof(size_classes[0]);
}

_Static_assert(sizeof(size_classes) / sizeof(size_classes[0]) == 68, "_NumSizeClasses is 68");
_Static_assert(sizeof(layouts) / sizeof(layouts[0]) == GOBIN_MINOR_MAX + 1, "a layout per version");
_Static_assert(sizeof(runtimes) / sizeof(runtimes[0]) == GOBIN_MINOR_MAX + 1,
	       "runtime fields per version");
