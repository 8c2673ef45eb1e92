/* SPDX-License-Identifier: GPL-2.0 */
/*
 * gotrace inspect: what gotrace sees in a binary, which probes it would place, and why not.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gobin/gobin.h"
#include "probe/plan.h"
#include "session.h"

static const char *const pclntab_names[] = {
	[GOBIN_PCLNTAB_SECTION] = "in a section of its own",
	[GOBIN_PCLNTAB_RELRO] = "inside .data.rel.ro",
	[GOBIN_PCLNTAB_SCAN] = "found by searching the segments",
};

static const char *const version_names[] = {
	[GOBIN_VERSION_BUILDINFO] = "build info",
	[GOBIN_VERSION_BUILDINFO_PTR] = "build info, old format",
	[GOBIN_VERSION_SYMBOL] = "runtime.buildVersion",
	[GOBIN_VERSION_PCLNTAB] = "function table's format; oldest that fits",
};

static const char *const site_names[] = {
	[PROBE_ALLOC_PUSH] = "push %rbp",
	[PROBE_ALLOC_CHECK] = "stack check, restarts left out",
	[PROBE_ALLOC_DIRECT] = "push %rbp, mallocgc's calls left out",
	[PROBE_STACK_PUSH] = "begin: push %rbp",
	[PROBE_STACK_CHECK] = "begin: stack check, restarts left out",
	[PROBE_STACK_COPY] = "end: passed once before every return",
	[PROBE_SAMPLE] = "once for each span used up, each large object",
};

/* What a site of -e gc is there for. */
static const char *event_name(uint16_t event)
{
	static const char *const names[GT_SITE_BEGIN] = {
		[GT_SITE_STOP] = "stop requested",
		[GT_SITE_STOPPED] = "all stopped",
		[GT_SITE_RESTART] = "restart begins",
		[GT_SITE_RESTARTED] = "restarted",
		[GT_SITE_YIELD] = "thread stops",
		[GT_SITE_YIELD_SYSCALL] = "thread stops in a system call",
		[GT_SITE_SIGNAL] = "thread is asked to stop",
		[GT_SITE_WORKED] = "assist has marked",
	};

	if (event < GT_SITE_BEGIN)
		return names[event];
	return event >= GT_SITE_END ? "end" : "begin";
}

/* When a site of -e gc counts: always, or if its jump is taken, or is not. */
static const char *cond_name(uint16_t cond)
{
	if (!cond)
		return "";
	return cond & GT_COND_TAKEN ? ", if it jumps" : ", unless it jumps";
}

static void print_bytes(const struct probe_point *p)
{
	printf("    %s at 0x%" PRIx64 ":", p->func, p->entry);
	for (uint32_t i = 0; i < p->nbytes; i++)
		printf(" %02x", p->bytes[i]);
	printf("\n");
}

static void print_plan(const struct probe_plan *plan, const char *event, bool verbose)
{
	printf("probes of %s:\n", event);
	for (int i = 0; i < plan->npoints; i++) {
		const struct probe_point *p = &plan->points[i];

		if (p->why[0])
			printf("  %-40s refused: %s\n", p->func, p->why);
		else
			printf("  %-40s +0x%-3" PRIx64 " offset 0x%-8" PRIx64 " %s%s; %s\n",
			       p->func, p->vaddr - p->entry, p->offset,
			       p->prog == PROBE_GC ? event_name(p->site.event) : site_names[p->prog],
			       cond_name(p->site.cond), probe_trap__name(p->trap));
		if (verbose || p->why[0])
			print_bytes(p);
	}
}

/* Plans and prints each group. Returns how many can be traced. */
static int print_groups(const struct gobin *gb, struct probe_plan *plan, bool verbose)
{
	static const struct {
		const char *event, *what;
		int (*plan)(const struct gobin *gb, struct probe_plan *plan);
	} groups[] = {
		{ "-e alloc", "allocations", probe_plan__alloc },
		{ "-e alloc -a sample", "samples of allocations", probe_plan__sample },
		{ "-e stack", "stack growth", probe_plan__stack },
		{ "-e gc", "the collector", probe_plan__gc },
	};
	int ngood = 0, err;

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		err = groups[i].plan(gb, plan);
		print_plan(plan, groups[i].event, verbose);
		if (err)
			printf("%s cannot be traced: %s\n", groups[i].what, plan->why);
		else
			ngood++;
		if (!err && plan->missing[0])
			printf("left out: %s\n", plan->missing);
		if (!err && plan->heap_stats)
			printf("totals by size class: the runtime's own, at 0x%" PRIx64 "\n",
			       plan->heap_stats);
	}
	return ngood;
}

static void print_info(const struct gobin *gb, const char *name)
{
	const struct gobin_info *info = gobin__info(gb);

	printf("file:       %s, %" PRIu64 " bytes\n", name, info->file_size);
	printf("go:         %s (from %s)%s\n", info->version, version_names[info->version_source],
	       info->experiment ? ", with experiments" : "");
	printf("package:    %s\n", info->path[0] ? info->path : "unknown");
	printf("build mode: %s, %s, %s, %s\n", info->build_mode,
	       info->stripped ? "stripped" : "not stripped",
	       info->dynamic ? "dynamically linked" : "static",
	       info->external_link ? "external linker" : "internal linker");
	printf("build id:   %s\n", info->build_id[0] ? info->build_id : "none");
	printf("functions:  %" PRIu64 ", table %s\n", info->nfuncs,
	       pclntab_names[info->pclntab_source]);
	printf("text:       0x%" PRIx64 "-0x%" PRIx64 "\n", info->text, info->etext);
}

/* A pid is a number that is no file's name. */
static int open_subject(const char *subject, char *path, size_t size)
{
	const char *p = subject;

	while (isdigit((unsigned char)*p))
		p++;
	if (!*p && access(subject, F_OK))
		snprintf(path, size, "/proc/%s/exe", subject);
	else
		snprintf(path, size, "%s", subject);
	return open(path, O_RDONLY | O_CLOEXEC);
}

int inspect__run(const struct args *args)
{
	struct probe_plan *plan = calloc(1, sizeof(*plan));
	char path[4096], why[GOBIN_WHY_MAX];
	struct gobin *gb = NULL;
	int fd, err, code = EXIT_FAILED;

	fd = open_subject(args->subject, path, sizeof(path));
	if (fd < 0 || !plan) {
		fprintf(stderr, "gotrace: cannot inspect '%s': %s\n", args->subject,
			fd < 0 && errno == ENOENT ? "no such file or process" : strerror(errno));
		code = fd < 0 && errno == EACCES ? EXIT_KERNEL : EXIT_FAILED;
		goto cleanup;
	}
	err = gobin__open(fd, &gb, why);
	if (err) {
		fprintf(stderr, "gotrace: cannot inspect '%s': %s\n", args->subject, why);
		code = err == -ENOMEM || err == -EIO || err == -EISDIR ? EXIT_FAILED : EXIT_TARGET;
		goto cleanup;
	}
	print_info(gb, args->subject);
	code = print_groups(gb, plan, args->verbose > 0) ? EXIT_OK : EXIT_TARGET;
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "gotrace: cannot write to stdout: %s\n", strerror(errno));
		code = EXIT_FAILED;
	}

cleanup:
	gobin__free(gb);
	if (fd >= 0)
		close(fd);
	free(plan);
	return code;
}
