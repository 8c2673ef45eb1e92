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

/*
 * The probes of -e gc run one program, which finds what a site is by its address: at most one link
 * to attach and detach for some thirty sites.
 */
enum gt_site_event {
	GT_SITE_STOP = 1,		/* begin of stopTheWorldWithSema */
	GT_SITE_STOPPED = 2,		/* its return, before Go 1.23 */
	GT_SITE_RESTART = 3,		/* begin of startTheWorldWithSema */
	GT_SITE_RESTARTED = 4,		/* its return */
	GT_SITE_YIELD = 5,		/* begin of gcstopm */
	GT_SITE_YIELD_SYSCALL = 6,	/* begin of entersyscall_gcwait, entersyscallHandleGCWait */
	GT_SITE_SIGNAL = 7,		/* begin of doSigPreempt */
	GT_SITE_WORKED = 8,		/* end of gcAssistAlloc1: an assist has marked */
	GT_SITE_BEGIN = 16,		/* + enum gt_delay_kind: begin of a delay */
	GT_SITE_END = 32,		/* + enum gt_delay_kind: its end */
};

/*
 * A conditional jump counts only when it goes one way; its opcode's low four bits say which flags
 * that depends on (Intel SDM volume 2, appendix B, "tttn").
 */
#define GT_COND_ALWAYS	  0x00
#define GT_COND_TAKEN	  0x10
#define GT_COND_NOT_TAKEN 0x20

/* The function's own frame has been made. */
#define GT_SITE_IN_FRAME 1

#define GT_RESULT_AX (-1)

struct gt_site {
	__gt_u64 addr;			/* in the process; 0: none */
	__gt_u16 event;			/* enum gt_site_event */
	__gt_u16 cond;			/* GT_COND_ */
	__gt_u16 flags;			/* GT_SITE_IN_FRAME */
	__gt_s16 result;		/* where a result is: GT_RESULT_AX, or above the stack pointer */
};

/* Slot of an address: the top bits of (address * site_mul), which makes them all different. */
#define GT_SITE_BITS 8
#define GT_SITES     (1 << GT_SITE_BITS)

/* What startTheWorldWithSema is given, by Go version. */
enum gt_restart_args {
	GT_RESTART_NONE = 0,		/* before 1.22 */
	GT_RESTART_START = 1,		/* 1.22: reason, when the stop began */
	GT_RESTART_ALL = 2,		/* 1.23 and later: when all had stopped as well */
};

/* Where a kernel keeps what is read of a task; 0: not known. Offsets into struct task_struct. */
struct gt_task_layout {
	__gt_u32 last_arrival;		/* sched_info.last_arrival: when it came onto its CPU */
	__gt_u32 run_delay;		/* sched_info.run_delay: ns that it waited for one, all in all */
	__gt_u32 min_flt, maj_flt;
};

/* So much of a g holds all that is read of it, in every version; runtime/runtime2.go. */
#define GT_G_BYTES 320

/* Which table allocations go to. */
enum gt_alloc_mode {
	GT_ALLOC_NONE = 0,
	GT_ALLOC_EXACT = 1,		/* allocs */
	GT_ALLOC_SAMPLE = 2,		/* samples */
	GT_ALLOC_CHECK = 3,		/* samples, and allocs with GT_CHECK to hold them against */
};

/*
 * Calls that stand in the programs for those kernel functions, which have other numbers in each kernel:
 * user space puts them in before loading (user/collect/alone.c). No helper has these numbers.
 */
#define GT_CALL_PREEMPT_DISABLE 0x7fff0001
#define GT_CALL_PREEMPT_ENABLE	0x7fff0002

struct gt_config {
	__gt_u64 text_start, text_end;	/* Go code of the process: a stack's frames lie in it */
	__gt_u64 caller_start, caller_end; /* gt_alloc_direct leaves out calls from this function */
	__gt_u32 small_max;		/* largest request served from a size class */
	__gt_u32 header_min;		/* larger ones with pointers get a malloc header ... */
	__gt_u32 header;		/* ... of so many bytes; 0: this Go has none */
	__gt_u32 pad;
	__gt_u32 g_m, m_p, p_mcache, mcache_tiny;
	/* Of a g: offsets, all within GT_G_BYTES; hi follows lo, pc sp. */
	__gt_u32 g_stack, g_sched_sp, g_sched_bp, g_goid, g_startpc;
	__gt_u32 copy_gp;		/* -e stack: where copystack has its gp, from the stack pointer */
	/* Where a goroutine that does not run was left, addresses in the process; 0: not there. */
	__gt_u64 morestack, morestack_noctxt, mcall;
	__gt_u64 switch_start, switch_end; /* systemstack_switch */
	__gt_u64 switch_has_frame;	/* g.sched.bp is systemstack's own frame, not its caller's */
	__gt_u64 can_be_alone;		/* the kernel lets programs disable preemption (Linux 6.10) */
	__gt_u64 id_mask;		/* bits of a stack id in use: all, but for tests of collisions */
	/* -e gc */
	__gt_u64 longer_ns;		/* a thread is late after so long */
	__gt_u64 heap_live, cycles;	/* addresses of gcController.heapLive, work.cycles; 0: unknown */
	__gt_u64 gcstart_start, gcstart_end; /* before 1.21 the caller tells the reason */
	__gt_u64 gcmarkdone_start, gcmarkdone_end;
	__gt_u32 m_curg, m_preemptoff;
	__gt_u32 p_assist_time;
	__gt_u32 empty;			/* hits do nothing: what the probes alone cost, for the bench */
	__gt_u32 stop_has_reason;	/* stopTheWorldWithSema's argument, from 1.21 */
	__gt_u32 restart_args;		/* enum gt_restart_args */
	__gt_u32 has_alarms;		/* the ring that wakes user space is there */
	__gt_u32 pad3;
	struct gt_task_layout task;
	__gt_u64 site_mul;
	struct gt_site sites[GT_SITES];
	__gt_u16 class_small[GT_CLASS_SMALL];
	__gt_u16 class_large[GT_CLASS_LARGE];
	/* -a sample */
	__gt_u64 large;			/* address of allocLarge's probe: the other one is refill's */
	__gt_u32 sample_check;		/* both are on the stack check's jump */
	__gt_u32 mcache_alloc;		/* offset: spans by span class */
	__gt_u32 span_count;		/* offset of mspan.allocCount; what is read with it follows there */
	__gt_u32 span_has_before;	/* mspan.allocCountBeforeCache is there, from 1.19 on */
	__gt_u32 span_nelems;		/* offset, where the probe is nextFree's; 0: it is refill's */
	__gt_u32 pad2;
	__gt_u16 class_size[GT_SIZE_CLASSES];
};

#endif /* GOTRACE_CONFIG_H */
