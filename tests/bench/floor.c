/* SPDX-License-Identifier: GPL-2.0 */
/*
 * floor PID SECONDS: puts an empty BPF program on the very sites that gotrace would take, the same
 * way, and waits. What the target's allocations cost meanwhile is the least that any tool can reach
 * with a probe on each.
 */
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "floor.skel.h"
#include "gobin/gobin.h"
#include "probe/attach.h"
#include "probe/plan.h"
#include "target/target.h"

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

int main(int argc, char **argv)
{
	static struct probe_plan plan;
	struct bpf_program *progs[PROBE_PROG_MAX];
	char why[GOBIN_WHY_MAX] = "out of memory";
	struct floor_bpf *skel = NULL;
	struct probe_set *set = NULL;
	struct target *target = NULL;
	struct gobin *gb = NULL;
	bool multi;
	int err;

	if (argc != 3) {
		fprintf(stderr, "usage: floor PID SECONDS\n");
		return 2;
	}
	libbpf_set_print(quiet);
	err = target__open(atoi(argv[1]), &target, why);
	if (!err)
		err = gobin__open(target__exe_fd(target), &gb, why);
	if (!err)
		err = probe_plan__alloc(gb, &plan);
	if (err)
		goto cleanup;
	multi = probe__has_uprobe_multi();
	skel = floor_bpf__open();
	if (!skel)
		goto cleanup;
	if (multi)
		bpf_program__set_expected_attach_type(skel->progs.floor_push,
						      (enum bpf_attach_type)PROBE_UPROBE_MULTI);
	err = floor_bpf__load(skel);
	if (err)
		goto cleanup;
	for (int i = 0; i < PROBE_PROG_MAX; i++)
		progs[i] = skel->progs.floor_push;
	err = probe__attach(&plan, target__pid(target), target__exe_path(target), progs, multi,
			    PROBE_PARTS_ALL, &set, why);
	if (!err) {
		printf("attached %d\n", probe__count(set));
		fflush(stdout);
		usleep((useconds_t)(atof(argv[2]) * 1e6));
	}

cleanup:
	if (!set)
		fprintf(stderr, "floor: %s\n", plan.why[0] ? plan.why : why);
	probe__detach(set);
	floor_bpf__destroy(skel);
	gobin__free(gb);
	target__free(target);
	return set ? 0 : 1;
}
