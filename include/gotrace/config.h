/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What user space tells the BPF side before it is loaded: read-only to the programs, so that the
 * verifier drops what does not apply.
 */
#ifndef GOTRACE_CONFIG_H
#define GOTRACE_CONFIG_H

#include "gotrace/event.h"

/*
 * The runtime's own tables go from a request's size to its class in two steps of resolution: 8 bytes
 * up to 1024 - 8, 128 bytes above (runtime/sizeclasses.go: smallSizeMax, smallSizeDiv, largeSizeDiv).
 * Here the tables hold the size of the class itself.
 */
#define GT_CLASS_SMALL_MAX 1024
#define GT_CLASS_SMALL	   129	/* index: (size + 7) / 8 */
#define GT_CLASS_LARGE	   250	/* index: (size - 1024 + 127) / 128 */
#define GT_PAGE_SHIFT	   13	/* Go's pages are 8 KiB on every platform */
#define GT_TINY_SIZE	   16	/* maxTinySize: smaller pointer-free objects share blocks of it */

struct gt_config {
	__gt_u64 text_start, text_end;	/* Go code of the process: a stack's frames lie in it */
	__gt_u64 caller_start, caller_end; /* gt_alloc_direct leaves out calls from this function */
	__gt_u32 small_max;		/* largest request served from a size class */
	__gt_u32 header_min;		/* larger ones with pointers get a malloc header ... */
	__gt_u32 header;		/* ... of so many bytes; 0: this Go has none */
	__gt_u32 pad;
	__gt_u32 g_m, m_p, p_mcache, mcache_tiny;
	/* Of a g: offsets. The first three lie within 16 words of its start; hi follows lo, pc sp. */
	__gt_u32 g_stack, g_sched_sp, g_sched_bp, g_goid, g_startpc, g_pad;
	/* Where a goroutine that does not run was left, addresses in the process; 0: not there. */
	__gt_u64 morestack, morestack_noctxt, mcall;
	__gt_u64 switch_start, switch_end; /* systemstack_switch */
	__gt_u64 switch_has_frame;	/* g.sched.bp is systemstack's own frame, not its caller's */
	__gt_u64 id_mask;		/* bits of a stack id in use: all, but for tests of collisions */
	__gt_u16 class_small[GT_CLASS_SMALL];
	__gt_u16 class_large[GT_CLASS_LARGE];
};

#endif /* GOTRACE_CONFIG_H */
