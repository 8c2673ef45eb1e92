/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Loading the BPF side: configuration, sizes of the tables, and what to do on kernels that lack
 * something. The draining is in drain.c.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collect/internal.h"
#include "probe/attach.h"

/* Room by default: a call site takes 1 KiB for its stack and 32 bytes a CPU for its totals. */
#define DEFAULT_STACKS	   16384
#define DEFAULT_ALLOCS	   32768
#define DEFAULT_GROWTHS	   4096
#define ALLOC_BYTES_BUDGET (64U << 20)

static bool verbose;

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

static uint32_t default_allocs(int ncpu)
{
	uint32_t fits = ALLOC_BYTES_BUDGET / ((uint32_t)ncpu * sizeof(struct gt_alloc_val) + 96);

	return fits < DEFAULT_ALLOCS ? fits : DEFAULT_ALLOCS;
}

static int fail(char *why, int err)
{
	switch (-err) {
	case EPERM:
	case EACCES:
		snprintf(why, COLLECT_WHY_MAX, "not permitted to load BPF programs");
		return -EPERM;
	case ENOMEM:
		snprintf(why, COLLECT_WHY_MAX, "no memory for BPF programs and tables");
		return -ENOMEM;
	default:
		snprintf(why, COLLECT_WHY_MAX, "this kernel does not load the BPF programs: %s "
			 "(-vv shows its log)", strerror(-err));
		return -ENOTSUP;
	}
}

/*
 * libbpf relocates accesses to kernel structs by the kernel's BTF. A kernel without BTF gets the
 * program's own types instead: all that is read is struct pt_regs, which never changes its layout on
 * x86-64 because ptrace shows it to user space. Returns a path for libbpf, or NULL: not needed.
 */
static const char *own_btf(int *memfd, char *path, size_t size)
{
	const void *elf;
	size_t len;

	if (!access("/sys/kernel/btf/vmlinux", R_OK))
		return NULL;
	elf = gotrace_bpf__elf_bytes(&len);
	*memfd = memfd_create("gotrace-btf", MFD_CLOEXEC);
	if (*memfd < 0 || write(*memfd, elf, len) != (ssize_t)len)
		return NULL;
	snprintf(path, size, "/proc/self/fd/%d", *memfd);
	return path;
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
		{ c->skel->maps.growths, c->max_growths, c->has_growths },
		{ c->skel->maps.growing, 0, c->has_growths },
		{ c->skel->maps.shrunk, 0, c->has_growths },
		{ c->skel->maps.stacks, c->max_stacks, true },
	};
	int err = 0;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && !err; i++) {
		if (!tables[i].needed)
			err = bpf_map__set_max_entries(tables[i].map, 1);
		else if (tables[i].entries)
			err = bpf_map__set_max_entries(tables[i].map, tables[i].entries);
	}
	return err;
}

static int configure(struct collect *c, const struct collect_options *opts)
{
	struct bpf_program *const progs[PROBE_PROG_MAX] = {
		[PROBE_ALLOC_PUSH] = c->skel->progs.gt_alloc_push,
		[PROBE_ALLOC_CHECK] = c->skel->progs.gt_alloc_check,
		[PROBE_ALLOC_DIRECT] = c->skel->progs.gt_alloc_direct,
		[PROBE_STACK_PUSH] = c->skel->progs.gt_stack_push,
		[PROBE_STACK_CHECK] = c->skel->progs.gt_stack_check,
		[PROBE_STACK_END] = c->skel->progs.gt_stack_end,
	};
	int err;

	memcpy((void *)&c->skel->rodata->cfg, &opts->config, sizeof(opts->config));
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
	c->has_growths = opts->needed[PROBE_STACK_END];
	return size_tables(c);
}

int collect__open(const struct collect_options *opts, struct collect **out, char *why)
{
	LIBBPF_OPTS(bpf_object_open_opts, open_opts);
	struct collect *c = calloc(1, sizeof(*c));
	int memfd = -1, err = -ENOMEM;
	char path[64];

	if (!c)
		return fail(why, -ENOMEM);
	libbpf_set_print(print_libbpf);
	c->ncpu = libbpf_num_possible_cpus();
	if (c->ncpu < 1) {
		err = c->ncpu;
		goto cleanup;
	}
	c->max_allocs = opts->max_allocs ? opts->max_allocs : default_allocs(c->ncpu);
	c->max_growths = opts->max_growths ? opts->max_growths : DEFAULT_GROWTHS;
	c->max_stacks = opts->max_stacks ? opts->max_stacks : DEFAULT_STACKS;
	open_opts.btf_custom_path = own_btf(&memfd, path, sizeof(path));
	c->skel = gotrace_bpf__open_opts(&open_opts);
	if (!c->skel) {
		err = -errno;
		goto cleanup;
	}
	err = configure(c, opts);
	if (!err)
		err = gotrace_bpf__load(c->skel);

cleanup:
	if (memfd >= 0)
		close(memfd);
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
	gotrace_bpf__destroy(c->skel);
	free(c->keys);
	free(c->vals);
	free(c);
}

struct bpf_program *const *collect__progs(const struct collect *c)
{
	return c->progs;
}

struct collect_usage collect__usage(const struct collect *c, const struct model *m)
{
	return (struct collect_usage){
		.allocs = (uint32_t)model__nallocs(m),
		.max_allocs = c->max_allocs,
		.growths = (uint32_t)model__ngrowths(m),
		.max_growths = c->max_growths,
		.stacks = (uint32_t)model__nstacks(m),
		.max_stacks = c->max_stacks,
	};
}
