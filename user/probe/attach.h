/* SPDX-License-Identifier: GPL-2.0 */
/*
 * attach: puts planned probes into a process and takes them out again. One uprobe_multi link for all
 * probes of a program where the kernel has it (6.6 or later, with its pid filter repaired), one
 * perf-event uprobe per probe where not.
 */
#ifndef GOTRACE_PROBE_ATTACH_H
#define GOTRACE_PROBE_ATTACH_H

#include <stdbool.h>
#include <sys/types.h>

#include "probe/plan.h"

struct bpf_program;
struct probe_set;

/* Expected attach type of programs for uprobe_multi: enum bpf_attach_type of Linux 6.6. */
#define PROBE_UPROBE_MULTI 48

/*
 * Does this kernel attach uprobe_multi links with a working pid filter? Tried with a program of two
 * instructions, once per run of gotrace. Needs the permission to load programs; false without it.
 */
bool probe__has_uprobe_multi(void);

/*
 * May hits of perf-event uprobes go uncounted on this kernel, where nothing tells how many? True on
 * preemptible kernels from 5.11 to 5.19.
 */
bool probe__may_miss(void);

/*
 * Attaches the plan's points of some parts (bits 1 << enum probe_part) to process pid, whose executable
 * is exe ("/proc/PID/exe"). progs is indexed by enum probe_prog; multi says that they were loaded for
 * uprobe_multi. plan, exe and progs must outlive the set. On failure nothing stays attached, why
 * (PROBE_WHY_MAX bytes) has the reason, and the result is -ESRCH (the process is gone), -EPERM,
 * -ENOTSUP (the kernel has no uprobes) or another negative errno.
 */
int probe__attach(const struct probe_plan *plan, pid_t pid, const char *exe,
		  struct bpf_program *const progs[PROBE_PROG_MAX], bool multi, unsigned int parts,
		  struct probe_set **out, char *why);

/* Puts a part's points in; without effect if they are. On failure it is as before; errors as above. */
int probe__put_in(struct probe_set *set, enum probe_part part, char *why);

/* How many probes are in place. */
int probe__count(const struct probe_set *set);

/* Takes a part's points out; the others stay. When it returns none of the part fires any more. */
void probe__take_out(struct probe_set *set, enum probe_part part);

/*
 * The same without waiting: a helper process sees to it. The kernel first removes the breakpoints, then
 * waits for hits under way, so that hits end some ms before the probes are gone by probe__is_leaving().
 * Meanwhile the part can be put in again, which may wait for the breakpoints to be removed (up to 70 ms;
 * 0 to 20 ms otherwise).
 */
void probe__let_go(struct probe_set *set, enum probe_part part);

/* Is anything that was let go still on its way out? Does not wait. */
bool probe__is_leaving(struct probe_set *set);

/* Are a part's points in? False of a part without points, and of one that was let go. */
bool probe__is_in(const struct probe_set *set, enum probe_part part);

/*
 * Takes all probes out and frees the set. When it returns no probe fires any more. Each link or perf
 * event takes 20 to 100 ms to go, so they go side by side. NULL-safe.
 */
void probe__detach(struct probe_set *set);

#endif /* GOTRACE_PROBE_ATTACH_H */
