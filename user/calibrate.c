/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The cost of a hit, measured on gotrace's own process.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
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

asm(".text\n"
    ".globl gotrace_hit_site\n"
    ".type gotrace_hit_site, @function\n"
    "gotrace_hit_site:\n"
    "	push %rbp\n"
    "	pop %rbp\n"
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

/* A plan of one probe, on the function above. */
static int plan_self(const struct target *self, struct probe_plan *plan)
{
	uint64_t addr = (uint64_t)(uintptr_t)gotrace_hit_site;
	const struct target_map *map = target__map_at(self, addr);

	if (!map)
		return -1;
	plan->npoints = 1;
	plan->points[0].prog = PROBE_ALLOC_PUSH;
	plan->points[0].offset = addr - map->start + map->offset;
	snprintf(plan->points[0].func, sizeof(plan->points[0].func), "gotrace_hit_site");
	return 0;
}

double calibrate__ns_per_hit(bool multi)
{
	struct collect_options opts = {
		.config = { .text_end = ~0ULL, .small_max = 32768, .id_mask = ~0ULL },
		.multi = multi,
		.needed = { [PROBE_ALLOC_PUSH] = true },
		.max_allocs = 64,
		.max_stacks = 64,
	};
	char why[TARGET_WHY_MAX];
	struct probe_plan *plan = calloc(1, sizeof(*plan));
	struct probe_set *set = NULL;
	struct collect *c = NULL;
	struct target *self = NULL;
	double ns = 0;

	if (!plan || target__open(getpid(), &self, why) || plan_self(self, plan))
		goto cleanup;
	if (collect__open(&opts, &c, why) ||
	    probe__attach(plan, getpid(), target__exe_path(self), collect__progs(c), multi, &set, why))
		goto cleanup;
	ns = measure();

cleanup:
	probe__detach(set);
	collect__free(c);
	target__free(self);
	free(plan);
	return ns;
}
