/* SPDX-License-Identifier: GPL-2.0 */
/*
 * calibrate: what one probe hit costs on this machine.
 */
#ifndef GOTRACE_CALIBRATE_H
#define GOTRACE_CALIBRATE_H

#include <stdbool.h>

/*
 * Attaches gotrace's own program to a function of gotrace itself, hits it a few thousand times with
 * the registers and a stack of eight frames as an allocation has them, and returns the ns per hit:
 * trap, walk and count together. Takes some 50 ms where the kernel has uprobe_multi. 0 if it cannot
 * be measured.
 */
double calibrate__ns_per_hit(bool multi);

/*
 * What of a duration that is measured by two probes is the probes' own, in ns; 0 if that cannot be
 * measured. As above.
 */
double calibrate__pair_ns(bool multi);

#endif /* GOTRACE_CALIBRATE_H */
