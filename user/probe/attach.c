/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Attaching and detaching. uprobe_multi links are made by the system call itself, because the
 * libbpf of Debian 12 (1.1) is older than they are.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe/attach.h"

struct probe_set {
	const struct probe_plan *plan;
	pid_t pid;
	const char *exe;
	struct bpf_program *const *progs;
	bool multi;
	int links[PROBE_PROG_MAX][PROBE_PART_MAX]; /* fds of uprobe_multi links, -1: none */
	struct bpf_link *single[PROBE_POINTS_MAX];
	enum probe_part single_part[PROBE_POINTS_MAX];
	int nsingle;
	int npoints[PROBE_PART_MAX];	/* in place */
};

/* The part of union bpf_attr that BPF_LINK_CREATE reads for uprobe_multi (Linux 6.6, uapi/bpf.h). */
struct link_create_attr {
	__u32 prog_fd;
	__u32 target_fd;
	__u32 attach_type;
	__u32 flags;
	__u64 path;
	__u64 offsets;
	__u64 ref_ctr_offsets;
	__u64 cookies;
	__u32 cnt;
	__u32 multi_flags;
	__u32 pid;
	__u32 pad;
};

/* Returns a link fd or a negative errno. */
static int link_create(int prog_fd, const char *path, const __u64 *offsets, __u32 cnt, pid_t pid)
{
	struct link_create_attr attr = {
		.prog_fd = (__u32)prog_fd,
		.attach_type = PROBE_UPROBE_MULTI,
		.path = (__u64)(unsigned long)path,
		.offsets = (__u64)(unsigned long)offsets,
		.cnt = cnt,
		.pid = (__u32)pid,
	};
	long fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));

	return fd < 0 ? -errno : (int)fd;
}

/*
 * "/" is no regular file, so a kernel that knows uprobe_multi answers EBADF. Until 6.10 (and the
 * stable releases that took the repair) the pid filter let only one thread through; the same repair
 * made pid -1 an EINVAL.
 */
static bool try_uprobe_multi(void)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts,
		    .expected_attach_type = (enum bpf_attach_type)PROBE_UPROBE_MULTI);
	const __u64 offset = 0;
	int fd, unfiltered, filtered;

	fd = bpf_prog_load(BPF_PROG_TYPE_KPROBE, "gt_try_multi", "GPL", insns, 2, &opts);
	if (fd < 0)
		return false;
	unfiltered = link_create(fd, "/", &offset, 1, 0);
	filtered = link_create(fd, "/", &offset, 1, -1);
	if (unfiltered >= 0)
		close(unfiltered);
	if (filtered >= 0)
		close(filtered);
	close(fd);
	return unfiltered == -EBADF && filtered == -EINVAL;
}

bool probe__has_uprobe_multi(void)
{
	static enum { UNKNOWN, NO, YES } known;

	/* Tests of the other way ask for it, on kernels that have both. */
	if (known == UNKNOWN)
		known = !getenv("GOTRACE_TEST_NO_UPROBE_MULTI") && try_uprobe_multi() ? YES : NO;
	return known == YES;
}

/*
 * Until Linux 6.0 a uprobe's program is not run while a bpf() system call works on a table on the
 * same CPU (trace_call_bpf(), bpf_disable_instrumentation()), and nothing counts that. From 5.11 on
 * such a call can be preempted, by the target too, on preemptible kernels. What ended it brought
 * sleepable uprobe programs as well, so those tell, whatever the version says.
 */
bool probe__may_miss(void)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .prog_flags = BPF_F_SLEEPABLE);
	unsigned int major, minor;
	struct utsname kernel;
	int fd;

	if (uname(&kernel) || !strstr(kernel.version, "PREEMPT") ||
	    sscanf(kernel.release, "%u.%u", &major, &minor) != 2 || major != 5 || minor < 11)
		return false;
	fd = bpf_prog_load(BPF_PROG_TYPE_KPROBE, "gt_try_sleep", "GPL", insns, 2, &opts);
	if (fd < 0)
		return true;
	close(fd);
	return false;
}

static int fail(char *why, int err, const char *what)
{
	switch (-err) {
	case ESRCH:
		snprintf(why, PROBE_WHY_MAX, "it exited while probes were being attached");
		break;
	case EPERM:
	case EACCES:
		snprintf(why, PROBE_WHY_MAX, "not permitted to attach %s", what);
		break;
	case EOPNOTSUPP:
	case ENOTSUP + 400:	/* ENOTSUPP of the kernel, which has no name here */
		snprintf(why, PROBE_WHY_MAX, "the kernel refuses a probe on %s", what);
		err = -ENOTSUP;
		break;
	default:
		snprintf(why, PROBE_WHY_MAX, "attaching %s failed: %s", what, strerror(-err));
	}
	return err;
}

/* One link for those points of a part that run one program. */
static int put_in_multi(struct probe_set *set, enum probe_part part, int prog)
{
	__u64 offsets[PROBE_POINTS_MAX];
	__u32 n = 0;
	int fd;

	for (int i = 0; i < set->plan->npoints; i++)
		if ((int)set->plan->points[i].prog == prog && set->plan->points[i].part == part)
			offsets[n++] = set->plan->points[i].offset;
	if (!n)
		return 0;
	fd = link_create(bpf_program__fd(set->progs[prog]), set->exe, offsets, n, set->pid);
	if (fd < 0)
		return fd;
	set->links[prog][part] = fd;
	set->npoints[part] += (int)n;
	return 0;
}

static int put_in_single(struct probe_set *set, const struct probe_point *p)
{
	struct bpf_link *link = bpf_program__attach_uprobe(set->progs[p->prog], false, set->pid,
							   set->exe, p->offset);
	int err = -errno;

	if (!link || libbpf_get_error(link))
		return err ? err : -EINVAL;
	set->single[set->nsingle] = link;
	set->single_part[set->nsingle++] = p->part;
	set->npoints[p->part]++;
	return 0;
}

static int put_in_singles(struct probe_set *set, enum probe_part part, char *why)
{
	const struct probe_point *p = set->plan->points, *end = p + set->plan->npoints;
	int err;

	/* libbpf would go by tracefs then, where its events outlive a gotrace that is killed. */
	if (access("/sys/bus/event_source/devices/uprobe/type", R_OK)) {
		snprintf(why, PROBE_WHY_MAX, "this kernel has no uprobes (CONFIG_UPROBE_EVENTS), or "
			 "/sys is not mounted");
		return -ENOTSUP;
	}
	for (; p < end; p++) {
		err = p->part == part ? put_in_single(set, p) : 0;
		if (err)
			return fail(why, err, p->func);
	}
	return 0;
}

int probe__put_in(struct probe_set *set, enum probe_part part, char *why)
{
	int err = 0;

	if (set->npoints[part])
		return 0;
	for (int prog = 0; set->multi && prog < PROBE_PROG_MAX && !err; prog++) {
		err = put_in_multi(set, part, prog);
		if (err)
			err = fail(why, err, "uprobes");
	}
	if (!set->multi)
		err = put_in_singles(set, part, why);
	if (err)
		probe__take_out(set, part);
	return err;
}

int probe__attach(const struct probe_plan *plan, pid_t pid, const char *exe,
		  struct bpf_program *const progs[PROBE_PROG_MAX], bool multi, unsigned int parts,
		  struct probe_set **out, char *why)
{
	struct probe_set *set = calloc(1, sizeof(*set));
	int err = 0;

	if (!set)
		return fail(why, -ENOMEM, "probes");
	set->plan = plan;
	set->pid = pid;
	set->exe = exe;
	set->progs = progs;
	set->multi = multi;
	memset(set->links, -1, sizeof(set->links));
	for (int part = 0; part < PROBE_PART_MAX && !err; part++)
		if (parts & 1u << part)
			err = probe__put_in(set, (enum probe_part)part, why);
	if (err) {
		probe__detach(set);
		return err;
	}
	*out = set;
	return 0;
}

int probe__count(const struct probe_set *set)
{
	int n = 0;

	for (int part = 0; part < PROBE_PART_MAX; part++)
		n += set->npoints[part];
	return n;
}

bool probe__is_in(const struct probe_set *set, enum probe_part part)
{
	return set->npoints[part] > 0;
}

/* What one helper process does: give up all links but its own, then end, which closes that one. */
static void hold_one(struct probe_set *set, int own, int ready_fd, int go_fd)
{
	char c = 0;

	for (int i = 0; i < set->nsingle; i++)
		if (i != own)
			bpf_link__destroy(set->single[i]);
	if (write(ready_fd, &c, 1) == 1)
		while (read(go_fd, &c, 1) < 0 && errno == EINTR)
			;
	_exit(0);
}

/*
 * Closing the last reference of a perf-event uprobe waits for several RCU grace periods. There are
 * no threads here, so the waits are spread over processes: each child keeps one link open, the
 * parent closes its own references, which ends nothing yet, and then lets all children go at once.
 */
static void detach_singles(struct probe_set *set)
{
	pid_t child[PROBE_POINTS_MAX];
	int ready[2], go[2], started = 0;
	char c;

	if (pipe(ready))
		goto plain;
	if (pipe(go)) {
		close(ready[0]);
		close(ready[1]);
		goto plain;
	}
	for (int i = 0; i < set->nsingle; i++) {
		child[started] = fork();
		if (child[started] == 0) {
			close(ready[0]);
			close(go[1]);
			hold_one(set, i, ready[1], go[0]);
		}
		if (child[started] > 0)
			started++;
	}
	close(ready[1]);
	close(go[0]);
	for (int i = 0; i < started; i++)
		while (read(ready[0], &c, 1) < 0 && errno == EINTR)
			;
	for (int i = 0; i < set->nsingle; i++)
		bpf_link__destroy(set->single[i]);
	close(go[1]);
	for (int i = 0; i < started; i++)
		while (waitpid(child[i], NULL, 0) < 0 && errno == EINTR)
			;
	close(ready[0]);
	return;

plain:
	for (int i = 0; i < set->nsingle; i++)
		bpf_link__destroy(set->single[i]);
}

void probe__take_out(struct probe_set *set, enum probe_part part)
{
	int left = 0;

	for (int prog = 0; prog < PROBE_PROG_MAX; prog++) {
		if (set->links[prog][part] >= 0)
			close(set->links[prog][part]);
		set->links[prog][part] = -1;
	}
	for (int i = 0; i < set->nsingle; i++) {
		if (set->single_part[i] == part) {
			bpf_link__destroy(set->single[i]);
			continue;
		}
		set->single[left] = set->single[i];
		set->single_part[left++] = set->single_part[i];
	}
	set->nsingle = left;
	set->npoints[part] = 0;
}

void probe__detach(struct probe_set *set)
{
	if (!set)
		return;
	for (int prog = 0; prog < PROBE_PROG_MAX; prog++)
		for (int part = 0; part < PROBE_PART_MAX; part++)
			if (set->links[prog][part] >= 0)
				close(set->links[prog][part]);
	if (set->nsingle)
		detach_singles(set);
	free(set);
}
