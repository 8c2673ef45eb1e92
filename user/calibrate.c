/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The cost of a hit, measured on gotrace's own process.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "calibrate.h"
#include "collect/collect.h"
#include "probe/attach.h"
#include "target/target.h"

#define HITS   500
#define ROUNDS 7
#define FRAMES 8

/* What a Go function's frame pointer points to. */
struct frame {
	struct frame *caller;
	uint64_t pc;
};

/*
 * gotrace_hits(n, frames) calls gotrace_hit_site n times: AX is the size of the object, BX its type
 * (none), R14 the goroutine (none is looked at for this size), BP the caller's frame.
 */
void gotrace_hits(uint64_t n, const struct frame *frames);
extern const char gotrace_hit_site[];
/* What stands behind that for a second probe: the end of something that takes no time. */
extern const char gotrace_hit_end[];

asm(".text\n"
    ".globl gotrace_hit_site\n"
    ".globl gotrace_hit_end\n"
    ".type gotrace_hit_site, @function\n"
    "gotrace_hit_site:\n"
    "	push %rbp\n"
    "	pop %rbp\n"
    "gotrace_hit_end:\n"
    "	nop\n"
    "	ret\n"
    ".size gotrace_hit_site, . - gotrace_hit_site\n"
    ".globl gotrace_hits\n"
    ".type gotrace_hits, @function\n"
    "gotrace_hits:\n"
    "	push %rbp\n"
    "	push %rbx\n"
    "	push %r12\n"
    "	push %r14\n"
    "	mov %rdi, %r12\n"
    "	mov %rsi, %rbp\n"
    "1:	mov $32, %eax\n"
    "	xor %ebx, %ebx\n"
    "	xor %r14d, %r14d\n"
    "	call gotrace_hit_site\n"
    "	dec %r12\n"
    "	jnz 1b\n"
    "	pop %r14\n"
    "	pop %r12\n"
    "	pop %rbx\n"
    "	pop %rbp\n"
    "	ret\n"
    ".size gotrace_hits, . - gotrace_hits\n");

/* The thread's own time: what others do on a busy machine is not the cost of a hit. */
static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Median over rounds: caches may be cold and interrupts come. */
static double measure(void)
{
	struct frame frames[FRAMES];
	double rounds[ROUNDS], start;

	for (int i = 0; i < FRAMES; i++)
		frames[i] = (struct frame){ i + 1 < FRAMES ? &frames[i + 1] : NULL, 4096 + (uint64_t)i };
	gotrace_hits(HITS, frames);
	for (int i = 0; i < ROUNDS; i++) {
		start = now_ns();
		gotrace_hits(HITS, frames);
		rounds[i] = (now_ns() - start) / HITS;
	}
	qsort(rounds, ROUNDS, sizeof(rounds[0]), by_value);
	return rounds[ROUNDS / 2];
}

/* Adds a probe at addr, code of gotrace itself. */
static int add_point(const struct target *self, struct probe_plan *plan, const char *addr,
		     enum probe_prog prog, uint16_t event)
{
	uint64_t vaddr = (uint64_t)(uintptr_t)addr;
	const struct target_map *map = target__map_at(self, vaddr);
	struct probe_point *p = &plan->points[plan->npoints];

	if (!map)
		return -ENOENT;
	plan->npoints++;
	p->prog = prog;
	p->site.event = event;
	p->vaddr = vaddr;
	p->offset = vaddr - map->start + map->offset;
	snprintf(p->func, sizeof(p->func), "gotrace_hits");
	return 0;
}

/* Probes of gotrace itself, while measure is called. */
struct rig {
	struct target *self;
	struct probe_plan *plan;
	struct collect *collect;
	struct probe_set *set;
};

static int open_rig(struct rig *r)
{
	char why[TARGET_WHY_MAX];

	r->plan = calloc(1, sizeof(*r->plan));
	return r->plan ? target__open(getpid(), &r->self, why) : -ENOMEM;
}

static int start_rig(struct rig *r, bool multi)
{
	struct collect_options opts = {
		.config = { .text_end = ~0ULL, .small_max = 32768, .id_mask = ~0ULL },
		.multi = multi,
		.max_allocs = 64,
		.max_stacks = 64,
		.max_delays = 64,
		.max_shorts = 64,
		.no_task_layout = true,
	};
	char why[PROBE_WHY_MAX];
	int err;

	for (int i = 0; i < r->plan->npoints; i++)
		opts.needed[r->plan->points[i].prog] = true;
	probe_plan__sites(r->plan, 0, &opts.config);
	err = collect__open(&opts, &r->collect, why);
	if (err)
		return err;
	collect__set_alloc_mode(r->collect, GT_ALLOC_EXACT);
	return probe__attach(r->plan, getpid(), target__exe_path(r->self),
			     collect__progs(r->collect), multi, PROBE_PARTS_ALL, &r->set, why);
}

static void close_rig(struct rig *r)
{
	probe__detach(r->set);
	collect__free(r->collect);
	target__free(r->self);
	free(r->plan);
}

static double hit_ns(bool multi)
{
	struct rig r = { 0 };
	double ns = 0;

	if (!open_rig(&r) && !add_point(r.self, r.plan, gotrace_hit_site, PROBE_ALLOC_PUSH, 0) &&
	    !start_rig(&r, multi))
		ns = measure();
	close_rig(&r);
	return ns;
}

/*
 * What the delays of a round took on average, in ns: the least of several rounds, since all that others
 * do on a busy machine comes on top. 0 if none was counted.
 */
static double least_delay(struct collect *c)
{
	struct model *m = model__new();
	struct frame frame = { NULL, 4096 };
	uint64_t count = 0, ns = 0;
	double least = 0, mean;

	for (int i = 0; m && i < ROUNDS; i++) {
		const struct model_delay *d;

		gotrace_hits(HITS / ROUNDS, &frame);
		if (collect__drain(c, m) || !model__ndelays(m))
			break;
		d = model__delay(m, 0);
		if (d->count == count)
			break;
		mean = (double)(d->ns - ns) / (double)(d->count - count);
		if (!least || mean < least)
			least = mean;
		count = d->count;
		ns = d->ns;
	}
	model__free(m);
	return least;
}

static double begin_to_end_ns(bool multi)
{
	struct rig r = { 0 };
	double ns = 0;

	if (!open_rig(&r) &&
	    !add_point(r.self, r.plan, gotrace_hit_site, PROBE_GC, GT_SITE_BEGIN + GT_DELAY_BARRIER) &&
	    !add_point(r.self, r.plan, gotrace_hit_end, PROBE_GC, GT_SITE_END + GT_DELAY_BARRIER) &&
	    !start_rig(&r, multi)) {
		collect__set_tracing(r.collect, true);
		ns = least_delay(r.collect);
	}
	close_rig(&r);
	return ns;
}

/* A process that measures while gotrace does other things; what it finds comes by a pipe. */
static struct {
	pid_t pid;			/* 0: none */
	int fd;
	bool pair_read, hit_read;
	double pair, hit;
} helper = { .fd = -1 };

static void tell(int fd, double ns)
{
	if (write(fd, &ns, sizeof(ns)) != sizeof(ns))
		_exit(1);
}

void calibrate__start(bool multi)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return;
	helper.pid = fork();
	if (!helper.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ends[0]);
		tell(ends[1], begin_to_end_ns(multi));
		tell(ends[1], hit_ns(multi));
		_exit(0);
	}
	close(ends[1]);
	helper.fd = ends[0];
	if (helper.pid < 0)
		calibrate__stop();
}

void calibrate__stop(void)
{
	if (helper.fd >= 0)
		close(helper.fd);
	helper.fd = -1;
	if (helper.pid > 0) {
		kill(helper.pid, SIGKILL);
		while (waitpid(helper.pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	helper.pid = 0;
}

/* The next figure of the helper; waits for it. False: none will come. */
static bool next_figure(double *ns)
{
	ssize_t n;

	if (helper.fd < 0)
		return false;
	do {
		n = read(helper.fd, ns, sizeof(*ns));
	} while (n < 0 && errno == EINTR);
	return n == sizeof(*ns);
}

double calibrate__pair_ns(bool multi)
{
	if (!helper.pair_read && !next_figure(&helper.pair))
		helper.pair = begin_to_end_ns(multi);
	helper.pair_read = true;
	return helper.pair;
}

double calibrate__ns_per_hit(bool multi)
{
	/* They come in this order. */
	if (!helper.pair_read && helper.fd >= 0)
		calibrate__pair_ns(multi);
	if (!helper.hit_read && !next_figure(&helper.hit))
		helper.hit = hit_ns(multi);
	helper.hit_read = true;
	return helper.hit;
}
