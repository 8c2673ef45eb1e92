/* SPDX-License-Identifier: GPL-2.0 */
/* An empty program: what a hit costs when nothing is done with it. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

SEC("uprobe")
int floor_push(struct pt_regs *ctx)
{
	(void)ctx;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
