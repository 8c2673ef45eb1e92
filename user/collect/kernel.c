/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What this kernel's BTF tells: where it keeps what is read of a task, and the numbers of functions that
 * programs may call.
 *
 * libbpf holds all of the BTF twice for that, 11 MB, half of what gotrace takes at its start. So a child
 * reads it, and its memory goes with it.
 */
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collect/internal.h"

/* Offset of a member in bytes, 0 if there is none: those looked for are not the first. */
static uint32_t member(const struct btf *btf, const struct btf_type *type, const char *name,
		       const struct btf_type **of)
{
	const struct btf_member *m = btf_members(type);

	for (uint32_t i = 0; i < btf_vlen(type); i++) {
		if (strcmp(btf__name_by_offset(btf, m[i].name_off), name))
			continue;
		if (of)
			*of = btf__type_by_id(btf, m[i].type);
		return btf_member_bit_offset(type, i) / 8;
	}
	return 0;
}

static struct gt_task_layout task_layout(const struct btf *kernel)
{
	const struct btf_type *task, *sched = NULL;
	struct gt_task_layout layout = { 0 };
	uint32_t info;
	int id = btf__find_by_name_kind(kernel, "task_struct", BTF_KIND_STRUCT);

	if (id <= 0)
		return layout;
	task = btf__type_by_id(kernel, (uint32_t)id);
	layout.min_flt = member(kernel, task, "min_flt", NULL);
	layout.maj_flt = member(kernel, task, "maj_flt", NULL);
	info = member(kernel, task, "sched_info", &sched);
	if (info && sched && btf_is_struct(sched)) {
		layout.last_arrival = info + member(kernel, sched, "last_arrival", NULL);
		layout.run_delay = info + member(kernel, sched, "run_delay", NULL);
	}
	return layout;
}

static int32_t number_of(const struct btf *kernel, const char *function)
{
	int32_t id = btf__find_by_name_kind(kernel, function, BTF_KIND_FUNC);

	return id > 0 ? id : 0;
}

static struct collect_kernel read_kernel(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	struct collect_kernel kernel = { 0 };

	if (!btf || libbpf_get_error(btf))
		return kernel;
	kernel.task = task_layout(btf);
	kernel.preempt_disable = number_of(btf, "bpf_preempt_disable");
	kernel.preempt_enable = number_of(btf, "bpf_preempt_enable");
	btf__free(btf);
	return kernel;
}

static void tell(int fd)
{
	const struct collect_kernel kernel = read_kernel();

	_exit(write(fd, &kernel, sizeof(kernel)) == (ssize_t)sizeof(kernel) ? 0 : 1);
}

/* All 0 where the child could not be made or did not get to its end. */
static struct collect_kernel ask_child(void)
{
	struct collect_kernel kernel = { 0 };
	int ends[2], status;
	ssize_t n = 0;
	pid_t pid;

	if (pipe(ends))
		return (struct collect_kernel){ 0 };
	pid = fork();
	if (!pid)
		tell(ends[1]);
	close(ends[1]);
	do {
		n = read(ends[0], &kernel, sizeof(kernel));
	} while (n < 0 && errno == EINTR);
	close(ends[0]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return n == (ssize_t)sizeof(kernel) ? kernel : (struct collect_kernel){ 0 };
}

struct collect_kernel collect__kernel(void)
{
	static struct collect_kernel kernel;
	static bool known;

	if (!known)
		kernel = ask_child();
	known = true;
	return kernel;
}
