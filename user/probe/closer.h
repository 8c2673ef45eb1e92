/* SPDX-License-Identifier: GPL-2.0 */
/*
 * closer: closes file descriptors of probes elsewhere. Closing the last one of a probe takes the kernel
 * some 20 to 100 ms, nearly all of it waiting (bpf_uprobe_multi_link_release() and
 * perf_uprobe_destroy() wait for RCU grace periods when the breakpoints are gone already). There are
 * no threads here, so a helper process does it, each descriptor in a child of its own: the waits of
 * many are one wait, and gotrace need not wait at all.
 */
#ifndef GOTRACE_PROBE_CLOSER_H
#define GOTRACE_PROBE_CLOSER_H

struct closer;

/*
 * Starts the helper. It holds none of this process's descriptors, ends with it, and is small where
 * it is started early. NULL if there is no process to be had: closer__give() closes by itself then.
 */
struct closer *closer__new(void);
/* Waits for all that was given, then ends the helper. NULL-safe. */
void closer__free(struct closer *c);

/* Has n descriptors closed side by side; they are no longer the caller's. c may be NULL. */
void closer__give(struct closer *c, const int *fds, int n);
/* Returns when all that was given is closed, so that none of those probes fires any more. */
void closer__wait(struct closer *c);
/* How many have been given and are not known to be closed. Does not wait. */
int closer__pending(struct closer *c);

#endif /* GOTRACE_PROBE_CLOSER_H */
