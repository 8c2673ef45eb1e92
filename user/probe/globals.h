/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Addresses of variables of the runtime. Stripped binaries have no symbols of data, so they are taken
 * from the instructions of a function that is known to read them.
 */
#ifndef GOTRACE_PROBE_GLOBALS_H
#define GOTRACE_PROBE_GLOBALS_H

#include <stdint.h>

#include "gobin/gobin.h"

struct probe_globals {
	uint64_t heap_live;		/* gcController.heapLive, 8 bytes; 0: not found */
	uint64_t cycles;		/* work.cycles, 4 bytes; 0: not found */
};

/*
 * Reads them out of runtime.gcTrigger.test (runtime/mgc.go of Go 1.19 to 1.27; before, it is inlined
 * everywhere): the test of the heap asks (*gcControllerState).trigger and compares with heapLive, that
 * of the cycle compares with work.cycles. What is not found is 0. Addresses are those of the file.
 */
void probe_globals__find(const struct gobin *gb, struct probe_globals *out);

/*
 * Address in the file of runtime.memstats.heapStats, the runtime's own totals by size class
 * (runtime/mstats.go, consistentHeapStats; Go 1.18 to 1.27): runtime.(*mcache).allocLarge hands it to
 * acquire() and adds to largeAlloc and largeAllocCount of what that returns, which must lie where this
 * version's layout says. 0: not found.
 */
uint64_t probe_globals__heap_stats(const struct gobin *gb);

#endif /* GOTRACE_PROBE_GLOBALS_H */
