/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the user sees: the table of each interval, the outputs, the summary, the start line and the
 * end block. Data goes to stdout, everything else to stderr.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "session_parts.h"

#define CLEAR_SCREEN "\033[H\033[2J"

/* Lines of an interval's table that are no rows, and a few to spare for messages. */
#define TABLE_FRAME 7

static char *output_name(const struct session *s, const struct args_output *o)
{
	return report__expand_name(o->name, target__pid(s->target), target__command(s->target),
				   model__time(s->model)->start_wall_ns);
}

static int complain(const char *name, int err)
{
	if (!strcmp(name, "-"))
		name = "stdout";
	if (err == -EEXIST)
		fprintf(stderr, "gotrace: cannot write '%s': it exists; add --force to overwrite it\n",
			name);
	else
		fprintf(stderr, "gotrace: cannot write '%s': %s\n", name, strerror(-err));
	return EXIT_FAILED;
}

int output__check(struct session *s)
{
	int err, code = 0;
	char *name;

	for (int i = 0; i < s->args->noutputs && !code; i++) {
		const struct args_output *o = &s->args->outputs[i];

		if (!strcmp(o->name, "-")) {
			if (o->format->binary && isatty(STDOUT_FILENO)) {
				fprintf(stderr, "gotrace: will not write %s to a terminal; use -o FILE\n",
					o->format->name);
				code = EXIT_USAGE;
			}
			continue;
		}
		name = output_name(s, o);
		err = name ? report__check_output(name, s->args->force) : -ENOMEM;
		if (err)
			code = complain(name ? name : o->name, err);
		free(name);
	}
	return code;
}

/* stdout is gone (a closed pipe) or full: tracing goes on for the sake of the other outputs. */
static void check_stdout(struct session *s)
{
	if (!fflush(stdout) && !ferror(stdout))
		return;
	if (!s->screen->failed)
		complain("stdout", errno ? -errno : -EIO);
	s->screen->failed = true;
	s->code = EXIT_FAILED;
}

/* How allocations have been counted so far. */
static void describe_mode(struct session *s)
{
	char ways[REPORT_WAYS_LEN];

	snprintf(s->mode, sizeof(s->mode), "%s%s", s->args->alloc == ARGS_ALLOC_AUTO ? "auto: " : "",
		 report__ways(s->model, MODEL_SUBJECT_ALLOC, ways));
	s->run.mode = s->mode;
}

static int write_format(struct session *s, FILE *out, const struct report_format *format,
			const struct report_options *options)
{
	struct report_options opts = *options;
	struct report_profile profile;
	int err;

	opts.groups = s->groups;
	describe_mode(s);
	if (!(opts.groups & report__group(opts.metric)))
		opts.metric = opts.groups & MODEL_ALLOC ? REPORT_BYTES :
			      opts.groups & MODEL_STACK ? REPORT_GROWTHS : REPORT_PAUSE_TIME;
	err = report__profile(s->model, names__report(s->names), &opts, &profile);
	if (err)
		return err;
	err = format->write(out, &profile, &s->run, &opts);
	report__profile_free(&profile);
	return err;
}

void output__interval(struct session *s, bool first)
{
	struct report_options opts = s->args->report;
	struct winsize size;
	int err, rows;

	if (!s->screen->tables || s->screen->failed)
		return;
	opts.interval = true;
	opts.sites_only = !opts.include && !opts.exclude && !opts.runtime_frames;
	opts.color = s->screen->color;
	if (s->screen->terminal) {
		if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col && size.ws_row) {
			opts.columns = size.ws_col;
			rows = size.ws_row / s->screen->sessions - TABLE_FRAME;
			if (opts.top > rows)
				opts.top = rows > 1 ? rows : 1;
		}
		if (first)
			fputs(CLEAR_SCREEN, stdout);
	}
	err = write_format(s, stdout, report__format("text"), &opts);
	if (err == -ENOMEM)
		complain("stdout", err);
	check_stdout(s);
}

/* Formats like folded have no place to say so. */
static bool is_estimated(const struct session *s)
{
	return s->groups & MODEL_ALLOC && model__counters(s->model)->samples_seen;
}

static void write_file(struct session *s, int i)
{
	const struct args_output *o = &s->args->outputs[i];
	char *name = output_name(s, o);
	struct report_file *file = NULL;
	FILE *out;
	int err;

	if (!name) {
		s->code = complain(o->name, -ENOMEM);
		return;
	}
	err = report__file_open(name, s->args->force || s->written[i], &file, &out);
	if (!err) {
		err = write_format(s, out, o->format, &s->args->report);
		if (err)
			report__file_abort(file);
		else
			err = report__file_commit(file);
	}
	if (err) {
		s->code = complain(name, err);
	} else {
		s->written[i] = true;
		if (!s->args->quiet && strcmp(name, "-")) {
			fprintf(stderr, "gotrace: wrote %s", name);
			if (is_estimated(s))
				fprintf(stderr, " (estimates from samples)");
			if (o->format->view) {
				fprintf(stderr, "; view: ");
				fprintf(stderr, o->format->view, name);
			}
			fprintf(stderr, "\n");
		}
	}
	free(name);
}

void output__write(struct session *s, bool end)
{
	struct report_options opts = s->args->report;
	struct winsize size;

	for (int i = 0; i < s->args->noutputs; i++)
		write_file(s, i);
	if (!end && s->args->noutputs)
		return;
	if (!s->screen->tables || s->screen->failed)
		return;
	opts.color = s->screen->color;
	if (s->screen->terminal) {
		if (s->screen->sessions == 1)
			fputs(CLEAR_SCREEN, stdout);
		if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col)
			opts.columns = size.ws_col;
	}
	write_format(s, stdout, report__format("text"), &opts);
	check_stdout(s);
}

/* What is traced, and how. */
static const char *group_names(const struct session *s, char *names, size_t size)
{
	static const struct {
		enum model_group group;
		const char *name;
	} groups[] = { { MODEL_ALLOC, "alloc " }, { MODEL_STACK, "stack" }, { MODEL_GC, "gc" } };
	size_t used = 0;

	names[0] = '\0';
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]) && used < size; i++)
		if (s->groups & groups[i].group)
			used += (size_t)snprintf(names + used, size - used, "%s%s%s", used ? ", " : "",
						 groups[i].name,
						 groups[i].group == MODEL_ALLOC ? s->run.mode : "");
	return names;
}

/* With uprobe_multi it is a fraction of a millisecond. */
static int decimals(double ms)
{
	return ms < 10 ? 1 : 0;
}

void output__start_line(const struct session *s)
{
	char names[64];

	if (s->args->quiet)
		return;
	if (s->args->dry_run) {
		fprintf(stderr, "gotrace: would trace pid %d (%s, %s): %s; %d probes by %s\n",
			target__pid(s->target), target__command(s->target),
			gobin__info(s->gb)->version, group_names(s, names, sizeof(names)),
			s->plan->npoints,
			s->multi ? "uprobe_multi" : "perf events");
		return;
	}
	fprintf(stderr, "gotrace: tracing pid %d (%s, %s): %s; %d probe%s attached in %.*f ms; "
		"Ctrl-C to stop\n", target__pid(s->target), target__command(s->target),
		gobin__info(s->gb)->version, group_names(s, names, sizeof(names)), s->nprobes,
		s->nprobes == 1 ? "" : "s", decimals(s->attach_ms), s->attach_ms);
}

/* What a group has lost, cause by cause. Its bytes, where it has any, are those of its main metric. */
static void print_causes(const struct session *s, enum model_group group)
{
	const struct model_counters *c = model__counters(s->model);

	for (int i = 0; i < c->nloss; i++) {
		const struct model_loss *l = &c->loss[i];

		if (l->group != group || !l->objects)
			continue;
		fprintf(stderr, "gotrace:   lost %" PRIu64, l->objects);
		if (group != MODEL_GC)
			fprintf(stderr, " (%" PRIu64 " bytes)",
				group == MODEL_ALLOC ? l->class_bytes : l->bytes);
		fprintf(stderr, ": %s\n", l->cause);
	}
}

/* Begins and ends of what has both, of which one was not seen. */
static void print_unmatched(const struct model_counters *c)
{
	if (c->growths_unmatched)
		fprintf(stderr, "gotrace: %" PRIu64 " begins of stack copies without an end\n",
			c->growths_unmatched);
	if (c->pauses_unmatched)
		fprintf(stderr, "gotrace: %" PRIu64 " begins or ends of pauses without the other one\n",
			c->pauses_unmatched);
	if (c->delays_unmatched)
		fprintf(stderr, "gotrace: %" PRIu64 " begins or ends of delays without the other one\n",
			c->delays_unmatched);
}

/*
 * Allocations, of which a trace may have counted some and sampled others. What is lost of samples are
 * samples here; the causes below say what they stand for.
 */
static void print_seen(const struct session *s)
{
	const struct model_counters *c = model__counters(s->model);
	uint64_t lost = model__total_loss(s->model, MODEL_ALLOC).objects;
	bool samples = s->args->alloc == ARGS_ALLOC_SAMPLE || c->samples_seen;

	if (!samples || c->seen)
		fprintf(stderr, "%" PRIu64 " allocations%s", c->seen, samples ? " and " : "");
	if (samples)
		fprintf(stderr, "%" PRIu64 " samples", c->samples_seen);
	fprintf(stderr, ", lost %" PRIu64, samples ? c->samples_lost : lost);
	if (samples && lost)
		fprintf(stderr, " samples, with those lost otherwise %" PRIu64 " objects", lost);
	fprintf(stderr, "\n");
	print_causes(s, MODEL_ALLOC);
}

/* One group's line: how many were seen, how many of them lost, and why. */
static void print_group(const struct session *s, enum model_group group, const char *when)
{
	const struct model_counters *c = model__counters(s->model);

	fprintf(stderr, "gotrace: %sseen ", when);
	switch (group) {
	case MODEL_ALLOC:
		print_seen(s);
		return;
	case MODEL_STACK:
		fprintf(stderr, "%" PRIu64 " growths", c->growths_seen);
		break;
	case MODEL_GC:
		fprintf(stderr, "%" PRIu64 " pauses, %" PRIu64 " delays", c->pauses_seen,
			c->delays_seen);
		break;
	}
	fprintf(stderr, ", lost %" PRIu64 "\n", model__total_loss(s->model, group).objects);
	print_causes(s, group);
}

static void print_losses(const struct session *s, double seconds)
{
	const struct model_counters *c = model__counters(s->model);
	char when[32];

	snprintf(when, sizeof(when), "%.1f s; ", seconds);
	for (unsigned int group = MODEL_ALLOC; group <= MODEL_GC; group <<= 1) {
		if (!(s->groups & group))
			continue;
		print_group(s, (enum model_group)group, when);
		when[0] = '\0';
	}
	print_unmatched(c);
	if (c->samples_seen && s->plan->heap_stats && !collect__has_totals(s->collect))
		fprintf(stderr, "gotrace: the runtime's own totals could not be read to the end; samples "
			"since then are taken as they are\n");
	if (c->cut_depth || c->cut_read || c->cut_foreign)
		fprintf(stderr, "gotrace: stacks cut short: %" PRIu64 " deeper than %d frames, %" PRIu64
			" unreadable, %" PRIu64 " where they leave Go code\n", c->cut_depth,
			GT_MAX_FRAMES, c->cut_read, c->cut_foreign);
	if (c->cut_full)
		fprintf(stderr, "gotrace: the table of stacks is full: %" PRIu64 " stacks end after %d "
			"or %d frames\n", c->cut_full, GT_SHORT_FRAMES, GT_BRIEF_FRAMES);
	if (c->corrupt_stacks)
		fprintf(stderr, "gotrace: %" PRIu64 " stacks arrived damaged and are not shown\n",
			c->corrupt_stacks);
	if (c->unsure)
		fprintf(stderr, "gotrace: the size class of %" PRIu64 " objects is uncertain: their type or "
			"block could not be read\n", c->unsure);
}

/* What --memlimit has made of the call stacks used least. */
static void print_folded(const struct session *s)
{
	const struct model_alloc *other = model__other(s->model);

	if (!other->objects)
		return;
	fprintf(stderr, "gotrace: %" PRIu64 " allocations (%" PRIu64 " bytes) of the call stacks used least "
		"are in gotrace.other: --memlimit=%" PRIu64 "M was reached\n", other->objects,
		other->class_bytes, s->args->memlimit >> 20);
}

/* What was not watched in the same way all the time. */
static void print_ways(const struct session *s)
{
	uint64_t n = model__changes_seen(s->model);
	char ways[REPORT_WAYS_LEN];

	for (int i = 0; i < MODEL_SUBJECT_MAX; i++) {
		report__ways(s->model, (enum model_subject)i, ways);
		if (strchr(ways, '%'))
			fprintf(stderr, "gotrace: %s: %s of the time\n",
				model__subject_name((enum model_subject)i), ways);
	}
	fprintf(stderr, "gotrace: %" PRIu64 " change%s of what is watched how\n", n, n == 1 ? "" : "s");
}

static void print_cost(const struct session *s, double seconds)
{
	double ns = (double)session__hits(s) * s->run.ns_per_hit;

	if (s->run.ns_per_hit > 0 && seconds > 0) {
		fprintf(stderr, "gotrace: probes cost %.0f ns a hit: %.2g %% of one CPU",
			s->run.ns_per_hit, ns / (seconds * 1e7));
		if (s->run.target_cpu_ns > 0)
			fprintf(stderr, ", %.2g %% of the target's CPU time",
				100 * ns / s->run.target_cpu_ns);
		if (s->run.max_overhead > 0)
			fprintf(stderr, " (budget %.4g %%)", s->run.max_overhead);
		fprintf(stderr, "\n");
	}
	if (model__changes_seen(s->model))
		print_ways(s);
	fprintf(stderr, "gotrace: %d probe%s attached in %.*f ms, detached in %.0f ms\n", s->nprobes,
		s->nprobes == 1 ? "" : "s", decimals(s->attach_ms), s->attach_ms, s->detach_ms);
}

/* In KiB; 0: unknown. Not getrusage()'s, which remembers who started gotrace. */
static long most_resident(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[256];
	long kib = 0;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmHWM: %ld", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

static void print_stats(const struct session *s, double seconds)
{
	const struct model_counters *c = model__counters(s->model);
	struct collect_usage use = collect__usage(s->collect, s->model);
	struct rusage ru;
	double cpu;

	getrusage(RUSAGE_SELF, &ru);
	cpu = (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
	      (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
	fprintf(stderr, "gotrace: own cost: %.3f s of CPU (%.2g %% of one), %ld KiB resident at most\n",
		cpu, seconds > 0 ? 100 * cpu / seconds : 0, most_resident());
	fprintf(stderr, "gotrace: tables: %u of %u (call site, type) pairs, %u of %u (call site, class) "
		"pairs, %u of %u kinds of stack "
		"copies, %u of %u delays, %u of %u stacks\n", use.allocs, use.max_allocs,
		use.samples, use.max_samples, use.growths,
		use.max_growths, use.delays, use.max_delays, use.stacks, use.max_stacks);
	fprintf(stderr,
		"gotrace: hits: %" PRIu64 " allocations, %" PRIu64 " samples, %" PRIu64
		" stack copies, %" PRIu64 " begins of them, %" PRIu64
		" of the collector, %" PRIu64 " left out, %" PRIu64
		" of zero size, %" PRIu64 " walks repeated; by %s\n", c->seen,
		c->samples_seen, c->growths_seen, c->growths_begun, c->gc_hits, c->left_out, c->zero,
		c->retries, s->multi ? "uprobe_multi" : "perf events");
}

void output__end_block(const struct session *s)
{
	const struct model_time *t = model__time(s->model);
	double seconds = (double)(t->now_ns - t->start_ns) / 1e9;

	if (s->screen->sessions > 1 && !s->args->quiet)
		fprintf(stderr, "gotrace: pid %d (%s):\n", s->pid, target__command(s->target));
	if (!s->args->quiet || model__total_loss(s->model, MODEL_ALLOC).objects ||
	    model__total_loss(s->model, MODEL_STACK).objects ||
	    model__total_loss(s->model, MODEL_GC).objects)
		print_losses(s, seconds);
	print_folded(s);
	if (!s->args->quiet)
		print_cost(s, seconds);
	if (s->args->stats)
		print_stats(s, seconds);
}
