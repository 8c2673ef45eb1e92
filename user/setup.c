/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From a pid to attached probes, with a message for each way in which that can fail.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "session_parts.h"

static int refuse(const struct session *s, int code, const char *why)
{
	fprintf(stderr, "gotrace: cannot trace '%d': %s", s->pid, why);
	if (code == EXIT_KERNEL && geteuid())
		fprintf(stderr, "; run: sudo %s", s->args->command_line);
	fprintf(stderr, "\n");
	return code;
}

static int open_target(struct session *s)
{
	char why[TARGET_WHY_MAX];
	int err = target__open(s->pid, &s->target, why);

	switch (-err) {
	case 0:
		break;
	case ENOEXEC:
		return refuse(s, EXIT_TARGET, why);
	case EACCES:
	case EPERM:
		return refuse(s, EXIT_KERNEL, "not permitted to look at it");
	default:
		return refuse(s, EXIT_FAILED, why);
	}
	if (target__tracer(s->target) && !s->args->quiet)
		fprintf(stderr, "gotrace: warning: pid %d is being traced by pid %d, which slows it "
			"and may stop it\n", target__pid(s->target), target__tracer(s->target));
	return 0;
}

static int open_binary(struct session *s)
{
	char why[GOBIN_WHY_MAX];
	int err = gobin__open(target__exe_fd(s->target), &s->gb, why);

	if (!err)
		return 0;
	return refuse(s, err == -ENOEXEC || err == -ENOPKG || err == -ENOTSUP || err == -EBADMSG ?
		      EXIT_TARGET : EXIT_FAILED, why);
}

static void print_points(const struct probe_plan *plan)
{
	for (int i = 0; i < plan->npoints; i++) {
		const struct probe_point *p = &plan->points[i];

		fprintf(stderr, "gotrace: probe %s+0x%" PRIx64 " at file offset 0x%" PRIx64 ":",
			p->func, p->why[0] ? 0 : p->vaddr - p->entry, p->offset);
		for (uint32_t j = 0; j < p->nbytes; j++)
			fprintf(stderr, " %02x", p->bytes[j]);
		if (p->why[0])
			fprintf(stderr, ": refused: %s\n", p->why);
		else
			fprintf(stderr, ": %s\n", probe_trap__name(p->trap));
	}
}

#define MODE(mode) (1u << (mode))
#define ANY_MODE   (~0u)

/* What can be planned of each group; of allocations, by the way that -a asks for: auto asks for both. */
static const struct {
	enum model_group group;
	unsigned int modes;		/* bits of enum args_alloc */
	const char *what;
	int (*plan)(const struct gobin *gb, struct probe_plan *plan);
} groups[] = {
	/* Samples are held against them. */
	{ MODEL_ALLOC, MODE(ARGS_ALLOC_AUTO) | MODE(ARGS_ALLOC_EXACT) | MODE(ARGS_ALLOC_SAMPLE),
	  "allocations", probe_plan__alloc },
	{ MODEL_ALLOC, MODE(ARGS_ALLOC_AUTO) | MODE(ARGS_ALLOC_SAMPLE), "samples of allocations",
	  probe_plan__sample },
	{ MODEL_STACK, ANY_MODE, "stack growth", probe_plan__stack },
	{ MODEL_GC, ANY_MODE, "the collector", probe_plan__gc },
};

#define NGROUPS (int)(sizeof(groups) / sizeof(groups[0]))

/* Are a group's probes there only for others to be held against? Then it goes without them. */
static bool is_for_checks(const struct session *s, int i)
{
	return s->args->alloc == ARGS_ALLOC_SAMPLE && groups[i].plan == probe_plan__alloc;
}

/* Adds one group's probes to the plan of the trace. Returns whether it can be traced. */
static bool plan_group(struct session *s, int i, struct probe_plan *plan)
{
	bool ok = !groups[i].plan(s->gb, plan);

	if (s->args->verbose)
		print_points(plan);
	if (ok && probe_plan__add(s->plan, plan)) {
		snprintf(plan->why, sizeof(plan->why), "more than %d probes", PROBE_POINTS_MAX);
		ok = false;
	}
	if (ok && !is_for_checks(s, i))
		s->groups |= groups[i].group;
	if (ok && plan->missing[0] && !s->args->quiet)
		fprintf(stderr, "gotrace: warning: of %s these cannot be traced in pid %d: %s\n",
			groups[i].what, s->pid, plan->missing);
	return ok;
}

/*
 * Does the bench ask for probes that do nothing? Then those that would be given up at its rates are not
 * there from the start.
 */
static bool is_empty(void)
{
	return getenv("GOTRACE_TEST_EMPTY");
}

static void drop_extra(struct probe_plan *plan)
{
	int n = 0;

	for (int i = 0; i < plan->npoints; i++)
		if (plan->points[i].part != PROBE_PART_SWEEPS &&
		    plan->points[i].part != PROBE_PART_TIMING)
			plan->points[n++] = plan->points[i];
	plan->npoints = n;
}

/* What this kernel lacks for a group, NULL: nothing. */
static const char *kernel_lacks(enum model_group group)
{
	return group == MODEL_GC && !collect__has_ring() ?
	       "this kernel has no BPF ring buffer (Linux 5.8 has)" : NULL;
}

/*
 * Plans every group that was asked for. One that cannot be traced is left out with a warning; if
 * none is left, the target cannot be traced.
 */
static int plan_probes(struct session *s)
{
	char why[PROBE_WHY_MAX + 128], missing[NGROUPS][PROBE_WHY_MAX];
	struct probe_plan *plan = calloc(1, sizeof(*plan));
	const char *lacks;
	int refused = -1;

	if (!plan)
		return refuse(s, EXIT_FAILED, "out of memory");
	for (int i = 0; i < NGROUPS; i++) {
		missing[i][0] = '\0';
		if (!(s->args->report.groups & groups[i].group) ||
		    !(groups[i].modes & MODE(s->args->alloc)))
			continue;
		lacks = kernel_lacks(groups[i].group);
		if ((!lacks && plan_group(s, i, plan)) || is_for_checks(s, i))
			continue;
		snprintf(missing[i], sizeof(missing[i]), "%s", lacks ? lacks : plan->why);
		if (refused < 0)
			refused = i;
	}
	free(plan);
	if (is_empty())
		drop_extra(s->plan);
	if (!s->groups && kernel_lacks(groups[refused].group))
		return refuse(s, EXIT_KERNEL, missing[refused]);
	if (!s->groups) {
		snprintf(why, sizeof(why), "no safe place for a probe in %s: %s; try: gotrace inspect "
			 "-v %d", gobin__info(s->gb)->version, missing[refused], s->pid);
		return refuse(s, EXIT_TARGET, why);
	}
	for (int i = 0; i < NGROUPS && !s->args->quiet; i++)
		if (missing[i][0])
			fprintf(stderr, "gotrace: warning: %s of pid %d cannot be traced: %s\n",
				groups[i].what, s->pid, missing[i]);
	if (s->args->metric_given && !(s->groups & report__group(s->args->report.metric)))
		return refuse(s, EXIT_TARGET, "what -m asks for cannot be traced");
	return 0;
}

/* Where the process's copy of the binary lies, from where its first probe's code is mapped. */
static int find_bias(struct session *s)
{
	const struct probe_point *p = &s->plan->points[0];
	const struct target_map *map = target__text_map(s->target, p->offset);

	if (!map)
		return refuse(s, EXIT_TARGET, "its executable's code is not mapped in it");
	s->bias = map->start + (p->offset - map->offset) - p->vaddr;
	s->run.mapping = (struct report_mapping){
		.start = map->start,
		.limit = map->end,
		.offset = map->offset,
		.file = target__exe(s->target),
		.build_id = gobin__info(s->gb)->build_id,
	};
	return 0;
}

/*
 * Is the code in memory the code that was decoded? Where another tracer's breakpoint stands on an
 * instruction, its first byte is an int3, and where it stands on a nop, that may be a call; the kernel lets
 * both be.
 */
static bool is_same_code(const uint8_t *now, const uint8_t *code, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (now[i] == code[i] || now[i] == 0xcc)
			continue;
		if (now[i] != 0xe8 || n - i < PROBE_NOP_SIZE ||
		    memcmp(code + i, probe_site_nop, PROBE_NOP_SIZE))
			return false;
		i += PROBE_NOP_SIZE - 1;
	}
	return true;
}

/* The same for a whole function. 0, -EBADMSG or the error of a failed read. */
static int check_point(const struct session *s, const struct probe_point *p)
{
	const uint8_t *code;
	uint8_t now[256];
	size_t len;

	for (uint32_t done = 0, n; done < p->proven; done += n) {
		int err;

		n = p->proven - done < sizeof(now) ? p->proven - done : sizeof(now);
		code = gobin__bytes(s->gb, p->entry + done, &len);
		if (!code || len < n)
			return -EBADMSG;
		err = target__read(s->target, p->entry + done + s->bias, now, n);
		if (err)
			return err;
		if (!is_same_code(now, code, n))
			return -EBADMSG;
	}
	return 0;
}

static int check_code(struct session *s)
{
	char why[PROBE_WHY_MAX];

	for (int i = 0; i < s->plan->npoints; i++) {
		switch (-check_point(s, &s->plan->points[i])) {
		case 0:
			break;
		case EACCES:
		case EPERM:
			return refuse(s, EXIT_KERNEL, "not permitted to read its memory");
		case EBADMSG:
			snprintf(why, sizeof(why), "the code of %s in memory is not that of its file",
				 s->plan->points[i].func);
			return refuse(s, EXIT_TARGET, why);
		default:
			return refuse(s, EXIT_FAILED, "its memory cannot be read; has it exited?");
		}
	}
	return 0;
}

/* A table size or mask that a test asks for. */
static uint64_t test_value(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

/* Only while the process still is what it was: another program has something else at this address. */
static int read_target(void *ctx, uint64_t addr, void *buf, size_t len)
{
	int err = target__read(ctx, addr, buf, len);

	return !err && target__state(ctx) != TARGET_ALIVE ? -ESRCH : err;
}

static int open_collect(struct session *s)
{
	struct collect_options opts = {
		.max_allocs = (uint32_t)test_value("GOTRACE_TEST_MAX_ALLOCS", 0),
		.max_samples = (uint32_t)test_value("GOTRACE_TEST_MAX_SAMPLES", 0),
		.max_growths = (uint32_t)test_value("GOTRACE_TEST_MAX_GROWTHS", 0),
		.max_delays = (uint32_t)test_value("GOTRACE_TEST_MAX_DELAYS", 0),
		.max_stacks = (uint32_t)test_value("GOTRACE_TEST_MAX_STACKS", 0),
		.max_shorts = (uint32_t)test_value("GOTRACE_TEST_MAX_SHORTS", 0),
	};
	char why[COLLECT_WHY_MAX];
	int err;

	if (s->plan->heap_stats)
		opts.totals = (struct collect_totals){
			.addr = s->plan->heap_stats + s->bias,
			.size = gobin__runtime(s->gb)->stats_size,
			.tiny = gobin__runtime(s->gb)->stats_tiny,
			.read = read_target,
			.ctx = s->target,
		};
	collect__verbose(s->args->verbose > 1);
	probe_plan__config(s->plan, s->gb, s->bias, &opts.config);
	opts.config.longer_ns = s->args->report.longer_ns;
	opts.config.empty = is_empty();
	opts.config.id_mask = test_value("GOTRACE_TEST_ID_MASK", ~0ULL);
	for (int i = 0; i < s->plan->npoints; i++)
		opts.needed[s->plan->points[i].prog] = true;
	s->multi = probe__has_uprobe_multi();
	opts.multi = s->multi;
	if (!s->multi && !s->args->quiet && probe__may_miss())
		fprintf(stderr, "gotrace: warning: this preemptible kernel skips probes unseen while another "
			"program's bpf() call on the same CPU is preempted; if there is one, counts "
			"may be too small (Linux 6.0 does not)\n");
	err = collect__open(&opts, &s->collect, why);
	if (!err)
		return 0;
	return refuse(s, err == -EPERM || err == -ENOTSUP ? EXIT_KERNEL : EXIT_FAILED, why);
}

static const char *module_at(void *ctx, uint64_t addr)
{
	const struct target_map *map = target__map_at(ctx, addr);

	return map ? map->file : NULL;
}

int setup__open(struct session *s)
{
	int code;

	s->plan = calloc(1, sizeof(*s->plan));
	s->model = model__new();
	if (!s->plan || !s->model)
		return refuse(s, EXIT_FAILED, "out of memory");
	model__set_limit(s->model, (s->args->memlimit - ARGS_OWN_BYTES) / (uint64_t)s->args->npids);
	code = open_target(s);
	if (!code)
		code = open_binary(s);
	if (!code)
		code = plan_probes(s);
	if (!code)
		code = find_bias(s);
	if (!code)
		code = check_code(s);
	if (!code)
		code = open_collect(s);
	if (code)
		return code;
	s->names = names__new(s->gb, s->bias, module_at, s->target);
	if (!s->names || watch__open(s))
		return refuse(s, EXIT_FAILED, "out of memory");
	return 0;
}

int setup__attach(struct session *s)
{
	char why[PROBE_WHY_MAX];
	uint64_t start = session__now_ns();
	int err = probe__attach(s->plan, target__pid(s->target), target__exe_path(s->target),
				collect__progs(s->collect), s->multi, watch__parts(s), &s->probes, why);

	if (err)
		return refuse(s, err == -EPERM || err == -ENOTSUP ? EXIT_KERNEL : EXIT_FAILED, why);
	s->attach_ms = (double)(session__now_ns() - start) / 1e6;
	s->nprobes = probe__count(s->probes);
	return 0;
}
