/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Attaching and detaching. uprobe_multi links are made by the system call itself, because the
 * libbpf of Debian 12 (1.1) is older than they are.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "probe/attach.h"
#include "probe/closer.h"

/* Probes that come and go by one descriptor: a uprobe_multi link, or a perf event. */
struct link {
	int fd;
	enum probe_part part;
	int npoints;
};

struct probe_set {
	const struct probe_plan *plan;
	pid_t pid;
	const char *exe;
	struct bpf_program *const *progs;
	bool multi;
	int event_type;			/* of perf events that are uprobes */
	struct link links[PROBE_POINTS_MAX];
	int nlinks;
	struct closer *closer;
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

static void add_link(struct probe_set *set, int fd, enum probe_part part, int npoints)
{
	set->links[set->nlinks++] = (struct link){ fd, part, npoints };
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
	add_link(set, fd, part, (int)n);
	return 0;
}

/* The kernel's number for perf events that are uprobes, -1: it has none. */
static int read_event_type(void)
{
	FILE *file = fopen("/sys/bus/event_source/devices/uprobe/type", "re");
	int type = -1;

	if (file && fscanf(file, "%d", &type) != 1)
		type = -1;
	if (file)
		fclose(file);
	return type;
}

/* The event is opened here and not by libbpf, which lets nobody else close it. */
static int put_in_single(struct probe_set *set, const struct probe_point *p)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = (__u32)set->event_type,
		.uprobe_path = (__u64)(unsigned long)set->exe,
		.probe_offset = p->offset,
	};
	int fd = (int)syscall(SYS_perf_event_open, &attr, set->pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, bpf_program__fd(set->progs[p->prog])) ||
	    ioctl(fd, PERF_EVENT_IOC_ENABLE, 0)) {
		err = -errno;
		close(fd);
		return err;
	}
	add_link(set, fd, p->part, 1);
	return 0;
}

static int put_in_singles(struct probe_set *set, enum probe_part part, char *why)
{
	const struct probe_point *p = set->plan->points, *end = p + set->plan->npoints;
	int err;

	/* There is another way, by tracefs, but those events outlive a gotrace that is killed. */
	if (set->event_type < 0) {
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

	if (probe__is_in(set, part))
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
	set->event_type = multi ? -1 : read_event_type();
	set->closer = closer__new();
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

	for (int i = 0; i < set->nlinks; i++)
		n += set->links[i].npoints;
	return n;
}

bool probe__is_in(const struct probe_set *set, enum probe_part part)
{
	for (int i = 0; i < set->nlinks; i++)
		if (set->links[i].part == part)
			return true;
	return false;
}

/*
 * Gives links away to be closed. A perf event is switched off first, which is quick: the kernel closes
 * them one after the other (event_mutex), and the last would run its program until it is its turn.
 */
static void give(struct probe_set *set, const int *fds, int n)
{
	for (int i = 0; i < n && !set->multi; i++)
		ioctl(fds[i], PERF_EVENT_IOC_DISABLE, 0);
	closer__give(set->closer, fds, n);
}

void probe__let_go(struct probe_set *set, enum probe_part part)
{
	int left = 0, n = 0, fds[PROBE_POINTS_MAX];

	for (int i = 0; i < set->nlinks; i++) {
		if (set->links[i].part == part)
			fds[n++] = set->links[i].fd;
		else
			set->links[left++] = set->links[i];
	}
	set->nlinks = left;
	give(set, fds, n);
}

void probe__take_out(struct probe_set *set, enum probe_part part)
{
	probe__let_go(set, part);
	closer__wait(set->closer);
}

bool probe__is_leaving(struct probe_set *set)
{
	return closer__pending(set->closer) > 0;
}

void probe__detach(struct probe_set *set)
{
	int fds[PROBE_POINTS_MAX];

	if (!set)
		return;
	for (int i = 0; i < set->nlinks; i++)
		fds[i] = set->links[i].fd;
	give(set, fds, set->nlinks);
	closer__free(set->closer);
	free(set);
}
