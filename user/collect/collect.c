/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Loading the BPF side: configuration, sizes of the tables, and what to do on kernels that lack
 * something. The draining is in drain.c.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "collect/internal.h"
#include "probe/attach.h"

/* Room by default: a call site takes 1 KiB for its stack and 32 bytes a CPU for its totals. */
#define DEFAULT_STACKS	   16384
#define DEFAULT_ALLOCS	   65536
#define DEFAULT_GROWTHS	   4096
#define DEFAULT_DELAYS	   4096
#define ALLOC_BYTES_BUDGET (64U << 20)

static bool verbose;

bool collect__has_ring(void)
{
	/* Tests of kernels that have none ask for it. */
	return !getenv("GOTRACE_TEST_NO_RING") &&
	       libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, NULL) != 0;
}

static int print_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	if (!verbose || level == LIBBPF_DEBUG)
		return 0;
	return vfprintf(stderr, format, args);
}

void collect__verbose(bool on)
{
	verbose = on;
}

static uint32_t default_entries(int ncpu, size_t val_size)
{
	uint32_t fits = ALLOC_BYTES_BUDGET / ((uint32_t)ncpu * (uint32_t)val_size + 96);

	return fits < DEFAULT_ALLOCS ? fits : DEFAULT_ALLOCS;
}

/* Is the kernel in the mode that keeps root from reading its memory, and libbpf from probing? */
static bool locked_down(void)
{
	FILE *file = fopen("/sys/kernel/security/lockdown", "re");
	char modes[128] = "";

	if (!file)
		return false;
	if (!fgets(modes, sizeof(modes), file))
		modes[0] = 0;
	fclose(file);
	return strstr(modes, "[confidentiality]") != NULL;
}

/* Is this kernel older than that? False where it does not say. */
static bool kernel_before(unsigned int major, unsigned int minor)
{
	unsigned int its_major, its_minor;
	struct utsname kernel;

	return !uname(&kernel) &&
	       sscanf(kernel.release, "%u.%u", &its_major, &its_minor) == 2 &&
	       (its_major < major || (its_major == major && its_minor < minor));
}

/* Kernels before 5.11 charge the tables to RLIMIT_MEMLOCK, which libbpf raises where it may. */
static bool memlock_charged(const struct rlimit *limit)
{
	return limit->rlim_cur != RLIM_INFINITY && kernel_before(5, 11);
}

static int not_permitted(char *why)
{
	struct rlimit limit;

	if (!getrlimit(RLIMIT_MEMLOCK, &limit) && memlock_charged(&limit))
		snprintf(why, COLLECT_WHY_MAX, "not permitted to load BPF programs, or RLIMIT_MEMLOCK "
			 "(%llu KiB) has no room for their tables: ulimit -l unlimited",
			 (unsigned long long)limit.rlim_cur / 1024);
	else
		snprintf(why, COLLECT_WHY_MAX, "not permitted to load BPF programs");
	return -EPERM;
}

static int fail(char *why, int err)
{
	switch (-err) {
	case EPERM:
	case EACCES:
		return not_permitted(why);
	case ENOMEM:
		snprintf(why, COLLECT_WHY_MAX, "no memory for BPF programs and tables");
		return -ENOMEM;
	case ENOSYS:
		snprintf(why, COLLECT_WHY_MAX, "this kernel has no BPF (CONFIG_BPF_SYSCALL)");
		return -ENOTSUP;
	}
	if (locked_down())
		snprintf(why, COLLECT_WHY_MAX, "the kernel is locked down (confidentiality) and does "
			 "not load the BPF programs");
	else
		snprintf(why, COLLECT_WHY_MAX, "this kernel does not load the BPF programs: %s "
			 "(-vv shows its log)", strerror(-err));
	return -ENOTSUP;
}

/*
 * A table of a group that is not traced gets the least room there is: a table that does not exist
 * could not be named in programs that are not loaded either.
 */
static int size_tables(struct collect *c)
{
	const struct {
		struct bpf_map *map;
		uint32_t entries;	/* 0: as it is */
		bool needed;
	} tables[] = {
		{ c->skel->maps.allocs, c->max_allocs, c->has_allocs },
		{ c->skel->maps.samples, c->max_samples, c->has_samples },
		{ c->skel->maps.growths, c->max_growths, c->has_growths },
		{ c->skel->maps.growing, 0, c->has_growths },
		{ c->skel->maps.shrunk, 0, c->has_growths },
		{ c->skel->maps.delays, c->max_delays, c->has_gc },
		{ c->skel->maps.pending, 0, c->has_gc },
		{ c->skel->maps.runners, 0, c->has_gc },
		{ c->skel->maps.stacks, c->max_stacks, true },
		{ c->skel->maps.shorts, c->max_shorts, true },
		{ c->skel->maps.briefs, c->max_shorts, true },
	};
	/* Kernels before 5.8 have none, and do without it. */
	int err = bpf_map__set_autocreate(c->skel->maps.events, c->has_gc);

	if (!err)
		err = bpf_map__set_autocreate(c->skel->maps.alarms, c->skel->rodata->cfg.has_alarms);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && !err; i++) {
		if (!tables[i].needed)
			err = bpf_map__set_max_entries(tables[i].map, 1);
		else if (tables[i].entries)
			err = bpf_map__set_max_entries(tables[i].map, tables[i].entries);
	}
	return err;
}

/*
 * The tables of stacks are large and mostly empty. From Linux 6.1 on the kernel has an allocator of its
 * own for entries that are made in programs (kernel/bpf/memalloc.c), before that programs like these
 * were warned of. Where it has nothing for a stack, the first frames go into the next table, of which
 * the last one is made in full. Values per CPU stay as they are: those it finds less easily, and what
 * cannot be added is lost.
 */
static int size_on_demand(struct collect *c)
{
	int err;

	if (kernel_before(6, 1))
		return 0;
	err = bpf_map__set_map_flags(c->skel->maps.stacks, BPF_F_NO_PREALLOC);
	return err ? err : bpf_map__set_map_flags(c->skel->maps.shorts, BPF_F_NO_PREALLOC);
}

static int configure(struct collect *c, const struct collect_options *opts)
{
	struct bpf_program *const progs[PROBE_PROG_MAX] = {
		[PROBE_ALLOC_PUSH] = c->skel->progs.gt_alloc_push,
		[PROBE_ALLOC_CHECK] = c->skel->progs.gt_alloc_check,
		[PROBE_ALLOC_DIRECT] = c->skel->progs.gt_alloc_direct,
		[PROBE_STACK_PUSH] = c->skel->progs.gt_stack_push,
		[PROBE_STACK_CHECK] = c->skel->progs.gt_stack_check,
		[PROBE_STACK_COPY] = c->skel->progs.gt_stack_copy,
		[PROBE_GC] = c->skel->progs.gt_gc,
		[PROBE_SAMPLE] = c->skel->progs.gt_sample,
	};
	struct bpf_program *const allocs[] = {
		c->skel->progs.gt_alloc_push,
		c->skel->progs.gt_alloc_check,
		c->skel->progs.gt_alloc_direct,
	};
	struct gt_config *cfg = (struct gt_config *)&c->skel->rodata->cfg;
	const struct collect_kernel kernel = collect__kernel();
	int err;

	memcpy(cfg, &opts->config, sizeof(opts->config));
	cfg->can_be_alone = collect__let_alone(&kernel, allocs, sizeof(allocs) / sizeof(allocs[0]));
	c->has_gc = opts->needed[PROBE_GC];
	if (c->has_gc && !opts->no_task_layout)
		cfg->task = kernel.task;
	cfg->has_alarms = collect__has_ring();
	c->events.longer_ns = opts->config.longer_ns;
	err = bpf_program__set_autoload(c->skel->progs.gt_clock, c->has_gc && cfg->task.last_arrival);
	if (err)
		return err;
	for (int i = 0; i < PROBE_PROG_MAX; i++) {
		err = bpf_program__set_autoload(progs[i], opts->needed[i]);
		if (!err && opts->multi)
			err = bpf_program__set_expected_attach_type(
				progs[i], (enum bpf_attach_type)PROBE_UPROBE_MULTI);
		if (err)
			return err;
		c->progs[i] = opts->needed[i] ? progs[i] : NULL;
	}
	c->has_allocs = opts->needed[PROBE_ALLOC_PUSH] || opts->needed[PROBE_ALLOC_CHECK] ||
			opts->needed[PROBE_ALLOC_DIRECT];
	c->has_samples = opts->needed[PROBE_SAMPLE];
	c->has_growths = opts->needed[PROBE_STACK_COPY];
	return size_tables(c);
}

void collect__undisturbed_begin(const struct collect *c)
{
	const struct sched_param lowest = { .sched_priority = 1 };

	/* Without the permission it stays as it is: there was a warning. */
	if (c->undisturbed)
		sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &lowest);
}

void collect__undisturbed_end(const struct collect *c)
{
	const struct sched_param none = { 0 };

	if (c->undisturbed)
		sched_setscheduler(0, SCHED_OTHER, &none);
}

int collect__open(const struct collect_options *opts, struct collect **out, char *why)
{
	struct collect *c = calloc(1, sizeof(*c));
	int err = -ENOMEM;

	if (!c)
		return fail(why, -ENOMEM);
	libbpf_set_print(print_libbpf);
	c->ncpu = libbpf_num_possible_cpus();
	if (c->ncpu < 1) {
		err = c->ncpu;
		goto cleanup;
	}
	c->undisturbed = !opts->multi && probe__may_miss();
	c->max_allocs = opts->max_allocs ? opts->max_allocs :
			default_entries(c->ncpu, sizeof(struct gt_alloc_val));
	c->max_samples = opts->max_samples ? opts->max_samples :
			 default_entries(c->ncpu, sizeof(struct gt_sample_val));
	c->max_growths = opts->max_growths ? opts->max_growths : DEFAULT_GROWTHS;
	c->max_delays = opts->max_delays ? opts->max_delays : DEFAULT_DELAYS;
	c->max_stacks = opts->max_stacks ? opts->max_stacks : DEFAULT_STACKS;
	c->max_shorts = opts->max_shorts;
	c->skel = gotrace_bpf__open();
	if (!c->skel) {
		err = -errno;
		goto cleanup;
	}
	err = configure(c, opts);
	if (!err)
		err = size_on_demand(c);
	if (!err) {
		/* Loading fills tables, and the cost is measured while the target is traced. */
		collect__undisturbed_begin(c);
		err = gotrace_bpf__load(c->skel);
		collect__undisturbed_end(c);
	}
	if (!err && c->has_gc)
		err = collect_events__open(c);
	if (!err && c->has_samples)
		err = collect_samples__open(c, &opts->totals);
	if (!err)
		err = collect_hits__open(c);

cleanup:
	if (err) {
		collect__free(c);
		return fail(why, err);
	}
	*out = c;
	return 0;
}

void collect__free(struct collect *c)
{
	if (!c)
		return;
	ring_buffer__free(c->ring);
	collect_samples__free(c);
	collect_checks__free(c);
	collect_hits__free(c);
	gotrace_bpf__destroy(c->skel);
	free(c->cpus);
	free(c->cpus_now);
	free(c->keys);
	free(c->vals);
	free(c);
}

struct bpf_program *const *collect__progs(const struct collect *c)
{
	return c->progs;
}

void collect__set_tracing(struct collect *c, bool on)
{
	c->tracing = on;
	__atomic_store_n(&c->skel->bss->tracing, on, __ATOMIC_RELEASE);
	collect__set_gc_tracing(c, on);
}

void collect__set_alloc_mode(struct collect *c, enum gt_alloc_mode mode)
{
	if (c->samples)
		collect_samples__set_mode(c, mode);
	__atomic_store_n(&c->skel->bss->alloc_mode, (uint32_t)mode, __ATOMIC_RELEASE);
}

void collect__set_pair_ns(struct collect *c, uint64_t ns)
{
	__atomic_store_n(&c->skel->bss->pair_ns, ns, __ATOMIC_RELEASE);
}

void collect__end_timing(struct collect *c)
{
	__atomic_store_n(&c->skel->bss->timing_ended, true, __ATOMIC_RELEASE);
}

int collect__events_fd(const struct collect *c)
{
	return c->ring ? ring_buffer__epoll_fd(c->ring) : -1;
}

struct collect_usage collect__usage(const struct collect *c, const struct model *m)
{
	return (struct collect_usage){
		.allocs = (uint32_t)model__nallocs(m) - collect_samples__count(c),
		.max_allocs = c->max_allocs,
		.samples = collect_samples__count(c),
		.max_samples = c->max_samples,
		.growths = (uint32_t)model__ngrowths(m),
		.max_growths = c->max_growths,
		.delays = (uint32_t)model__ndelays(m),
		.max_delays = c->max_delays,
		.stacks = (uint32_t)model__nstacks(m),
		.max_stacks = c->max_stacks,
	};
}
