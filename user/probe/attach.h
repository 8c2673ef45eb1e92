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
 * Attaches the plan's points to process pid, whose executable is exe ("/proc/PID/exe"). progs is
 * indexed by enum probe_prog; multi says that they were loaded for uprobe_multi. On failure nothing
 * stays attached, why (PROBE_WHY_MAX bytes) has the reason, and the result is -ESRCH (the process
 * is gone), -EPERM, -ENOTSUP (the kernel has no uprobes) or another negative errno.
 */
int probe__attach(const struct probe_plan *plan, pid_t pid, const char *exe,
		  struct bpf_program *const progs[PROBE_PROG_MAX], bool multi,
		  struct probe_set **out, char *why);

/* How many probes are in place. */
int probe__count(const struct probe_set *set);

/* Takes out a set of spare ones, for good; the others stay. How many are left counts as above. */
void probe__detach_spare(struct probe_set *set, enum probe_spare spare);

/*
 * Takes all probes out and frees the set. When it returns no probe fires any more. Single uprobes
 * take over 100 ms each to go, so they go side by side. NULL-safe.
 */
void probe__detach(struct probe_set *set);

#endif /* GOTRACE_PROBE_ATTACH_H */
