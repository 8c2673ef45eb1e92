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
 * Where allocations are sampled instead (-a sample), the samples are aggregated the same way:
 *
 *   samples  struct gt_sample_key -> struct gt_sample_val, one value per CPU, cumulative
 *
 * A sample is a call of runtime.(*mcache).refill: a P has used up its span of one class, and whoever
 * needs the next one stands for all objects that were taken from the old one since the P had it
 * (mspan.allocCount - allocCountBeforeCache, as the runtime itself books them there; before Go 1.19,
 * which has no such field, all that the span has room for). Large objects have a span each
 * and are counted one by one, at runtime.(*mcache).allocLarge.
 *
 * Who needs the next span may always be the same, if a program allocates in step with its spans. So now
 * and then each allocation is looked at for a few milliseconds beside the samples: a check. What is
 * seen then goes to allocs too, with GT_CHECK and the span class (its size instead of its number) in
 * place of the type, and into checks_seen instead of seen.
 *
 * alloc_mode says which of the tables are filled; hits of the others' probes only count as left_out.
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
 * A copy is seen at its end, an instruction of copystack that every path to its return passes. One
 * whose begin was seen too, at copystack's first instructions, is also timed; the thread does nothing
 * else in between, so the two meet by thread:
 *
 *   growing  u32 thread -> struct gt_growing, begins that wait for their end
 *   shrunk   u64 address of the g -> struct gt_shrunk, sizes that the collector shrank from
 *
 * Untimed are the copy that was under way when the probes came, and all after timing_ended was set,
 * from when on begins are not looked at. Until then a begin that finds no end is counted, in
 * growths_unended.
 *
 * What call sites wait for the collector is aggregated alike:
 *
 *   delays   struct gt_delay_key -> struct gt_delay_val, one value per CPU, cumulative
 *   pending  u64 address of a g, with the kind in its low bits -> struct gt_pending, begins that wait
 *            for their end. An assist may be parked and go on in another thread.
 *
 * Whatever cannot be put into the tables is added to lost[] of its cause, in objects and in bytes,
 * so that for every CPU at rest  seen = objects in allocs + objects in lost[], and samples_seen = hits
 * in samples + hits in samples_lost[]; for all together
 * growths_seen = count in growths + objects in growths_lost[], and
 * delays_seen = count in delays + objects in delays_lost[] + entries of pending.
 *
 * Stop-the-world pauses are few and each is of interest, so they are events in a ring buffer:
 *
 *   events   struct gt_head, then the rest of the struct that its kind says
 *
 * A pause's event is written when the world runs again. The events of the threads that were late for
 * it are written before, as they stop, and carry the same seq. An event for which the ring has no
 * room is counted in events_lost, and pauses_seen = GT_EVENT_PAUSE events + those lost of that kind.
 */
#ifndef GOTRACE_EVENT_H
#define GOTRACE_EVENT_H

#ifndef __bpf__
#include <stdint.h>
typedef uint16_t __gt_u16;
typedef int16_t __gt_s16;
typedef uint32_t __gt_u32;
typedef uint64_t __gt_u64;
#else
typedef __u16 __gt_u16;
typedef __s16 __gt_s16;
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
	GT_LOST_UNREADABLE = 4,		/* the goroutine's g, or a sample's span, could not be read */
	GT_LOST_MAX = 5,
};

struct gt_alloc_key {
	__gt_u64 stack;			/* id in stacks */
	__gt_u64 type;			/* address of the abi.Type in the process, 0: untyped bytes */
};

/* In gt_alloc_key.type: this, the size of the class times two, and one if it has no pointers. */
#define GT_CHECK (1ULL << 63)

struct gt_alloc_val {
	__gt_u64 check;			/* second hash of the stack */
	__gt_u64 objects;
	__gt_u64 bytes;			/* as requested */
	__gt_u64 class_bytes;		/* as the runtime books them in MemStats.TotalAlloc */
};

/* Span classes of the runtime: a size class times two, plus one if it has no pointers; 0, 1: large. */
#define GT_SIZE_CLASSES 68
#define GT_SPAN_CLASSES (2 * GT_SIZE_CLASSES)

struct gt_sample_key {
	__gt_u64 stack;			/* id in stacks */
	__gt_u64 span_class;		/* below GT_SPAN_CLASSES */
};

struct gt_sample_val {
	__gt_u64 check;			/* second hash of the stack */
	__gt_u64 hits;
	__gt_u64 objects;		/* that they stand for */
	__gt_u64 bytes;			/* of large objects: as requested; of others: class_bytes */
	__gt_u64 class_bytes;		/* as the runtime books them in MemStats.TotalAlloc */
	__gt_u64 squares;		/* sum of the squares of each hit's objects; large: of its pages */
};

/* Samples that could not be attributed. */
struct gt_sample_lost {
	__gt_u64 hits;
	__gt_u64 objects;
	__gt_u64 bytes;
	__gt_u64 class_bytes;
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
	__gt_u64 timed;			/* of count, those that the two below are of */
	__gt_u64 ns;			/* from begin to end */
	__gt_u64 max_ns;
};

/* A copy under way. Written and read by its thread alone. */
struct gt_growing {
	__gt_u64 begin_ns;		/* CLOCK_MONOTONIC; 0: none under way */
	__gt_u32 tid;
	__gt_u32 pad;
};

struct gt_shrunk {
	__gt_u64 goid;			/* a g is used again for other goroutines */
	__gt_u64 size;			/* the largest that it was shrunk from */
};

/* What a call site was held up by. Never renumbered. */
enum gt_delay_kind {
	GT_DELAY_ASSIST = 0,		/* gcAssistAlloc: marking in proportion to what it allocates */
	GT_DELAY_SWEEP = 1,		/* sweepone in deductSweepCredit: sweeping before a span is taken */
	GT_DELAY_GC_START = 2,		/* gcStart: starting a cycle, its first pause included */
	GT_DELAY_BARRIER = 3,		/* forEachP: waiting for every P to pass a safe point */
	GT_DELAY_MAX = 4,
};

struct gt_delay_key {
	__gt_u64 stack;			/* id in stacks */
	__gt_u32 kind;			/* enum gt_delay_kind */
	__gt_u32 pad;
};

struct gt_delay_val {
	__gt_u64 check;			/* second hash of the stack */
	__gt_u64 count;
	__gt_u64 ns;			/* from begin to end */
	__gt_u64 work_ns;		/* of an assist: marking; the rest it waited or was parked */
	__gt_u64 max_ns;
};

struct gt_pending {
	__gt_u64 begin_ns;		/* CLOCK_MONOTONIC */
	__gt_u64 stack, check;
	__gt_u64 work_ns;
	__gt_u64 owner;			/* GT_DELAY_GC_START: what set it off */
	__gt_u64 depth;			/* bytes of stack in use where it was begun */
	__gt_u32 cause;			/* enum gt_lost, GT_LOST_MAX: not lost */
	__gt_u32 inside;		/* calls of the same function from within that have not ended */
};

/* The head of every event in the ring. */
struct gt_head {
	__gt_u16 kind;			/* enum gt_event_kind */
	__gt_u16 flags;			/* 0 */
	__gt_u32 size;			/* of the whole event, in bytes */
	__gt_u64 time_ns;		/* CLOCK_MONOTONIC */
};

/* Never renumbered. */
enum gt_event_kind {
	GT_EVENT_PAUSE = 1,
	GT_EVENT_LATE = 2,
};

/* Of the runtime's stwReason those that begin and end a GC cycle; the same from Go 1.21 to 1.27. */
#define GT_REASON_MARK_TERMINATION  1
#define GT_REASON_SWEEP_TERMINATION 2

#define GT_REASON_TEXT 24

/*
 * One stop of the world. The head's time is when the runtime began to stop it. All times are in ns of
 * CLOCK_MONOTONIC. They are the runtime's own where it hands them over or leaves them in memory (see
 * bpf/gc.bpf.h), and else taken by the probes.
 */
struct gt_pause {
	struct gt_head head;
	__gt_u64 requested_ns;		/* the probe at the begin of stopTheWorldWithSema */
	__gt_u64 stopped_ns;		/* all threads had stopped */
	__gt_u64 restarting_ns;		/* the probe at the begin of startTheWorldWithSema */
	__gt_u64 restarted_ns;		/* what startTheWorldWithSema returned */
	__gt_u64 yield_ns;		/* the last thread but the requester stopped; 0: none was seen to */
	__gt_u64 goid, start;		/* who asked for it: goroutine, entry of its function */
	__gt_u64 stack, check;		/* and where, id in stacks; 0: none */
	__gt_u64 heap_begin, heap_end;	/* gcController.heapLive before and after; 0: unknown */
	__gt_u32 seq;			/* 1, 2, 3 ... */
	__gt_u32 reason;		/* stwReason of Go 1.21 and later; 0: see text */
	__gt_u32 cycle;			/* work.cycles at the restart; 0: unknown */
	__gt_u32 trigger;		/* gcTriggerKind + 1 of the gcStart around it; 0: none */
	__gt_u32 tid;
	__gt_u32 cause;			/* enum gt_lost of its stack, GT_LOST_MAX: not lost */
	/* The reason before Go 1.21, m.preemptoff: so much of it, then its length; else all 0. */
	char text[GT_REASON_TEXT];
};

/* What an event of a late thread knows. Bits of gt_late.flags. */
enum gt_late_flag {
	GT_LATE_SAMPLED = 1,		/* stack is where a preemption signal last interrupted it */
	GT_LATE_SYSCALL = 2,		/* it stopped by entering a system call */
};

/*
 * A thread that stopped cfg.longer_ns or more after the runtime had begun to stop the world. The
 * head's time is when it stopped.
 *
 * The stack of GT_LATE_SAMPLED is of any instruction whatever: its first frame is that instruction,
 * its second what lies on top of the stack there, which is the return address only in functions that
 * have no frame; then the return addresses by the chain of frame pointers.
 */
struct gt_late {
	struct gt_head head;
	__gt_u64 begin_ns;		/* the probe at the begin of stopTheWorldWithSema */
	__gt_u64 first_ns, last_ns;	/* of the preemption signals that it took meanwhile; 0: none */
	__gt_u64 waited_ns;		/* how long it was runnable and had no CPU; 0 if that is unknown */
	__gt_u64 goid, start;		/* goroutine and entry of its function; 0: unknown */
	__gt_u64 stack, check;		/* 0: none */
	__gt_u32 seq;			/* of the pause */
	__gt_u32 tid;
	__gt_u32 flags;			/* enum gt_late_flag */
	__gt_u32 samples;		/* signals that it took */
	__gt_u32 faults;		/* page faults since the first of them */
	__gt_u32 cause;			/* enum gt_lost of its stack, GT_LOST_MAX: not lost */
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

/* 2 KiB of stack, the frame record that begins behind, and what is copied faster than not. */
#define GT_SCRATCH_WORDS 264

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
	__gt_u64 growths_seen;		/* copies that were ended */
	__gt_u64 growths_begun;		/* begins that were looked at */
	__gt_u64 growths_unended;	/* those of them that found no end */
	struct gt_lost_count lost[GT_LOST_MAX];
	__gt_u64 delays_seen;		/* delays that were begun */
	__gt_u64 delays_unbegun;
	__gt_u64 delays_unended;	/* begun again before they ended */
	__gt_u64 gc_hits;		/* hits of the probes of -e gc, whatever came of them */
	__gt_u64 pauses_seen;		/* pauses that were begun and ended */
	__gt_u64 pauses_unmatched;	/* begins without an end, and ends without a begin */
	__gt_u64 sweep_hits;		/* those of them that are of sweeping */
	__gt_u64 pauses_lost, lates_lost; /* events for which the ring had no room */
	struct gt_lost_count growths_lost[GT_LOST_MAX];
	struct gt_lost_count delays_lost[GT_LOST_MAX];
	__gt_u64 checks_seen;		/* allocations that were looked at in checks */
	__gt_u64 checks_lost;		/* of them, those that no table had room for */
	__gt_u64 samples_seen;		/* spans that were filled, and large objects */
	struct gt_sample_lost samples_lost[GT_LOST_MAX];
	__gt_u64 samples_lost_by_class[GT_SIZE_CLASSES]; /* the same again: class_bytes */
	__gt_u32 owner;			/* thread whose walk the scratch holds */
	__gt_u32 pad;
	__gt_u64 text_len;		/* of gt_config's text; the walk needs it beside the window */
	__gt_u64 window_start;		/* the window's address in the process */
	__gt_u64 window[GT_SCRATCH_WORDS];
	__gt_u64 id;			/* of the stack below */
	struct gt_stack stack;
};

/*
 * The two hashes of a stack, one step per pc. Both sides compute them: the program to find the id,
 * user space to prove that a stack arrived whole. A step is what it costs on each frame of each hit:
 * two instructions, with a multiplier that fits into one of them. An odd multiplier loses nothing, so
 * stacks that differ in one pc differ in both hashes; those that differ in more are told apart by two
 * polynomials with unrelated bases, of which one adds and the other takes the exclusive or.
 */
#define GT_HASH_SEED 0x9e3779b97f4a7c15ULL
#define GT_CHECK_SEED 0xc2b2ae3d27d4eb4fULL
#define GT_HASH_MUL   (-0x3d4d51cbLL)
#define GT_CHECK_MUL  (-0x61c8864fLL)

static inline __attribute__((always_inline)) __gt_u64 gt_hash_step(__gt_u64 h, __gt_u64 pc)
{
	return (h + pc) * (__gt_u64)GT_HASH_MUL;
}

static inline __attribute__((always_inline)) __gt_u64 gt_check_step(__gt_u64 h, __gt_u64 pc)
{
	return (h ^ pc) * (__gt_u64)GT_CHECK_MUL;
}

_Static_assert(sizeof(struct gt_alloc_key) == 16, "gt_alloc_key");
_Static_assert(sizeof(struct gt_alloc_val) == 32, "gt_alloc_val");
_Static_assert(sizeof(struct gt_sample_key) == 16, "gt_sample_key");
_Static_assert(sizeof(struct gt_sample_val) == 48, "gt_sample_val");
_Static_assert(sizeof(struct gt_sample_lost) == 32, "gt_sample_lost");
_Static_assert(sizeof(struct gt_short) == 16 + 8 * GT_SHORT_FRAMES, "gt_short");
_Static_assert(sizeof(struct gt_stack) == 16 + 8 * GT_MAX_FRAMES, "gt_stack");
_Static_assert(__builtin_offsetof(struct gt_stack, pc) == 16, "gt_stack.pc");
_Static_assert(__builtin_offsetof(struct gt_cpu, lost) == 96, "gt_cpu.lost");
_Static_assert(__builtin_offsetof(struct gt_cpu, window) == 1280, "gt_cpu.window");
_Static_assert(sizeof(struct gt_growth_key) == 32, "gt_growth_key");
_Static_assert(sizeof(struct gt_growth_val) == 48, "gt_growth_val");
_Static_assert(sizeof(struct gt_growing) == 16, "gt_growing");
_Static_assert(sizeof(struct gt_delay_key) == 16, "gt_delay_key");
_Static_assert(sizeof(struct gt_delay_val) == 40, "gt_delay_val");
_Static_assert(sizeof(struct gt_pending) == 56, "gt_pending");
_Static_assert(sizeof(struct gt_head) == 16, "gt_head");
_Static_assert(sizeof(struct gt_pause) == 152, "gt_pause");
_Static_assert(sizeof(struct gt_late) == 104, "gt_late");

#endif /* GOTRACE_EVENT_H */
