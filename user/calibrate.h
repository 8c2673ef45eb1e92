/* SPDX-License-Identifier: GPL-2.0 */
/*
 * calibrate: what one probe hit costs on this machine.
 */
#ifndef GOTRACE_CALIBRATE_H
#define GOTRACE_CALIBRATE_H

#include <stdbool.h>

/*
 * Has a process of its own measure both figures below, which takes some 100 ms, while gotrace looks at
 * its target and loads its programs. The two calls then wait for what it finds. Without it, or where
 * it fails, they measure themselves.
 */
void calibrate__start(bool multi);
/* Ends that process, whether it is done or not. To be called before gotrace ends. */
void calibrate__stop(void);

/*
 * Attaches gotrace's own program to a function of gotrace itself, hits it a few thousand times with
 * the registers and a stack of eight frames as an allocation has them, and returns the ns per hit:
 * trap, walk and count together. Takes some 50 ms where the kernel has uprobe_multi. 0 if it cannot
 * be measured. The same figure each time.
 */
double calibrate__ns_per_hit(bool multi);

/*
 * What of a duration that is measured by two probes is the probes' own, in ns; 0 if that cannot be
 * measured. As above.
 */
double calibrate__pair_ns(bool multi);

#endif /* GOTRACE_CALIBRATE_H */
