/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The wire: what the BPF side hands to user space. Included by both compilers; the asserts at the
 * end hold the two to one layout.
 *
 * Allocations are aggregated in the kernel. These are the tables:
 *
 *   allocs   struct gt_alloc_key -> struct gt_alloc_val, one value per CPU, cumulative since the
 *            start. A key is a call stack and a type; user space adds the CPUs up.
 *   stacks   u64 stack id -> struct gt_stack, written once when a stack is first seen. The id is
 *            gt_hash() over its program counters, never 0.
 *   shorts   u64 stack id -> struct gt_short, of stacks that came when the table of stacks was full:
 *            recursive programs have more stacks than any table. The id is that of the frames kept.
 *   briefs   the same with GT_BRIEF_FRAMES, of stacks that came when shorts was full as well.
 *   cpus     one struct gt_cpu per CPU: counters, and the scratch space of the walk.
 *
 * Two stacks with one id are told apart by a second hash (check), kept in the stack and in each
 * value: a value is only added to when its check is that of the stack that was walked. A stack that
 * loses its id to another is counted (GT_LOST_COLLISION), with its objects and bytes.
 *
 * Stack copies are aggregated like allocations, by what led to them and from which size to which:
 *
 *   growths  struct gt_growth_key -> struct gt_growth_val, one value per CPU, cumulative
 *
 * The stack of a copy is the goroutine's own, from the function that needed the room on, or, of a
 * shrink, from where it waits. Unlike those of allocations its first frame is a return address too
 * (of the call of morestack, or of mcall), or an address that is made to be used like one: all its
 * frames are to be looked up at pc - 1.
 *
 * A copy is begun at copystack's first instructions and ended at an instruction that every path to
 * its return passes; the thread does nothing else in between. The two meet by thread:
 *
 *   growing  u32 thread -> struct gt_growing, begins that wait for their end
 *   shrunk   u64 address of the g -> struct gt_shrunk, sizes that the collector shrank from
 *
 * Begins and ends that find no partner are counted: ends in growths_unbegun (the copy that was under
 * way when the probes came), begins in growths_unended.
 *
 * Whatever cannot be put into the tables is added to lost[] of its cause, in objects and in bytes,
 * so that for every CPU at rest  seen = objects in allocs + objects in lost[], and for all together
 * growths_seen = count in growths + objects in growths_lost[] + growths_unended.
 */
#ifndef GOTRACE_EVENT_H
#define GOTRACE_EVENT_H

#ifndef __bpf__
#include <stdint.h>
typedef uint16_t __gt_u16;
typedef uint32_t __gt_u32;
typedef uint64_t __gt_u64;
#else
typedef __u16 __gt_u16;
typedef __u32 __gt_u32;
typedef __u64 __gt_u64;
#endif

/* Frames of a stack at most, the probed function's own included. */
#define GT_MAX_FRAMES 127

/*
 * Frames that are kept of a stack when the table of stacks is full: enough for the call site. When
 * there is no room for that many either, there is a table for fewer.
 */
#define GT_SHORT_FRAMES 12
#define GT_BRIEF_FRAMES 6

/* What ended a walk before the root of the goroutine. Bits of gt_stack.flags. */
enum gt_stack_flag {
	GT_STACK_CUT_DEPTH = 1,		/* more than GT_MAX_FRAMES */
	GT_STACK_CUT_READ = 2,		/* the next frame was not readable */
	GT_STACK_CUT_FOREIGN = 4,	/* the last pc is not Go code (cgo) */
	GT_STACK_CUT_FULL = 8,		/* no room for all of it: the first GT_SHORT_FRAMES are kept */
};

/* Why an allocation or a stack copy that was seen is not in its table. Never renumbered. */
enum gt_lost {
	GT_LOST_ALLOCS_FULL = 0,	/* table of call sites (allocs, growths) is full */
	GT_LOST_STACKS_FULL = 1,	/* table of stacks is full */
	GT_LOST_COLLISION = 2,		/* another stack has the same id */
	GT_LOST_CONTENDED = 3,		/* preempted on each of several tries */
	GT_LOST_UNREADABLE = 4,		/* the goroutine's g could not be read; stack copies only */
	GT_LOST_MAX = 5,
};

struct gt_alloc_key {
	__gt_u64 stack;			/* id in stacks */
	__gt_u64 type;			/* address of the abi.Type in the process, 0: untyped bytes */
};

struct gt_alloc_val {
	__gt_u64 check;			/* second hash of the stack */
	__gt_u64 objects;
	__gt_u64 bytes;			/* as requested */
	__gt_u64 class_bytes;		/* as the runtime books them in MemStats.TotalAlloc */
};

struct gt_stack {
	__gt_u64 check;
	__gt_u32 nframes;
	__gt_u32 flags;			/* enum gt_stack_flag */
	/* Of an allocation the probed address, then return addresses; of a copy return addresses. */
	__gt_u64 pc[GT_MAX_FRAMES];
};

/* What a stack copy was for. Never renumbered. */
enum gt_growth_kind {
	GT_GROWTH = 0,			/* a function needed more room */
	GT_REGROWTH = 1,		/* the same, to a size that the collector had shrunk it from */
	GT_SHRINK = 2,			/* the collector took room back */
};

struct gt_growth_key {
	__gt_u64 stack;			/* id in stacks */
	__gt_u64 start;			/* g.startpc: entry of the goroutine's function */
	__gt_u32 from, to;		/* sizes in bytes */
	__gt_u32 kind;			/* enum gt_growth_kind */
	__gt_u32 pad;
};

struct gt_growth_val {
	__gt_u64 check;			/* second hash of the stack */
	__gt_u64 count;
	__gt_u64 copied;		/* bytes in use on the old stack, which are what is copied */
	__gt_u64 ns;			/* from begin to end */
	__gt_u64 max_ns;
};

/* A copy under way. Written and read by its thread alone. */
struct gt_growing {
	__gt_u64 begin_ns;		/* CLOCK_MONOTONIC; 0: none under way */
	struct gt_growth_key key;
	__gt_u64 check;
	__gt_u64 copied;
	__gt_u32 tid;
	__gt_u32 cause;			/* enum gt_lost, GT_LOST_MAX: not lost */
};

struct gt_shrunk {
	__gt_u64 goid;			/* a g is used again for other goroutines */
	__gt_u64 size;			/* the largest that it was shrunk from */
};

/* What is kept of a stack that the table has no room for. */
struct gt_short {
	__gt_u64 check;
	__gt_u32 nframes;
	__gt_u32 flags;
	__gt_u64 pc[GT_SHORT_FRAMES];
};

/* One cause's share of what could not be attributed. */
struct gt_lost_count {
	__gt_u64 objects;
	__gt_u64 bytes;
	__gt_u64 class_bytes;
};

#define GT_SCRATCH_WORDS 128

struct gt_cpu {
	__gt_u64 seen;			/* allocations that reached the program */
	__gt_u64 left_out;		/* hits that are no calls, or are counted at their caller */
	__gt_u64 zero;			/* requests of 0 bytes, which allocate nothing */
	__gt_u64 cut_depth;		/* walks cut short, by cause */
	__gt_u64 cut_read;
	__gt_u64 cut_foreign;
	__gt_u64 cut_full;
	__gt_u64 unsure;		/* objects whose type or block could not be read */
	__gt_u64 retries;		/* walks done again after a preemption */
	__gt_u64 growths_seen;		/* copies that were begun */
	__gt_u64 growths_unbegun;
	__gt_u64 growths_unended;
	struct gt_lost_count lost[GT_LOST_MAX];
	struct gt_lost_count growths_lost[GT_LOST_MAX];
	__gt_u32 owner;			/* thread whose walk the scratch holds */
	__gt_u32 window_len;		/* bytes of the window that are filled */
	__gt_u64 window_start;		/* its address in the process */
	__gt_u64 window[GT_SCRATCH_WORDS];
	__gt_u64 id;			/* of the stack below */
	struct gt_stack stack;
};

/*
 * The two hashes of a stack, one step per pc. Both sides compute them: the program to find the id,
 * user space to prove that a stack arrived whole.
 */
#define GT_HASH_SEED 0x9e3779b97f4a7c15ULL
#define GT_CHECK_SEED 0xc2b2ae3d27d4eb4fULL

static inline __attribute__((always_inline)) __gt_u64 gt_hash_step(__gt_u64 h, __gt_u64 pc)
{
	h = (h ^ pc) * 0xff51afd7ed558ccdULL;
	return h ^ (h >> 32);
}

static inline __attribute__((always_inline)) __gt_u64 gt_check_step(__gt_u64 h, __gt_u64 pc)
{
	h = (h + pc) * 0xd6e8feb86659fd93ULL;
	return h ^ (h >> 29);
}

_Static_assert(sizeof(struct gt_alloc_key) == 16, "gt_alloc_key");
_Static_assert(sizeof(struct gt_alloc_val) == 32, "gt_alloc_val");
_Static_assert(sizeof(struct gt_short) == 16 + 8 * GT_SHORT_FRAMES, "gt_short");
_Static_assert(sizeof(struct gt_stack) == 16 + 8 * GT_MAX_FRAMES, "gt_stack");
_Static_assert(__builtin_offsetof(struct gt_stack, pc) == 16, "gt_stack.pc");
_Static_assert(__builtin_offsetof(struct gt_cpu, lost) == 96, "gt_cpu.lost");
_Static_assert(__builtin_offsetof(struct gt_cpu, window) == 352, "gt_cpu.window");
_Static_assert(sizeof(struct gt_growth_key) == 32, "gt_growth_key");
_Static_assert(sizeof(struct gt_growth_val) == 40, "gt_growth_val");
_Static_assert(sizeof(struct gt_growing) == 64, "gt_growing");

#endif /* GOTRACE_EVENT_H */
