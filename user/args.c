/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The command line, by argp.
 */
#include <argp.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"

enum {
	OPT_RUNTIME_FRAMES = 256,
	OPT_STATS,
	OPT_DRY_RUN,
	OPT_FORCE,
	OPT_JSON_SCHEMA,
	OPT_MEMLIMIT,
	OPT_MAX_OVERHEAD,
};

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "TARGET", 1 },
	{ "pid", 'p', "PID", 0, "Process to trace; repeatable", 1 },
	{ NULL, 0, NULL, 0, "EVENTS", 2 },
	{ "event", 'e', "LIST", 0,
	  "What to trace: alloc (heap allocations), stack (growth of goroutine stacks), gc "
	  "(stop-the-world pauses, and waits for the collector); default alloc,stack,gc", 2 },
	{ "alloc", 'a', "MODE", 0,
	  "How allocations are counted: auto, exact (each one), sample (spans that are filled, and large "
	  "objects: estimates, at a small part of the cost), auto (each one where --max-overhead has room "
	  "for it, else samples), off; default auto", 2 },
	{ NULL, 0, NULL, 0, "OUTPUT", 3 },
	{ "output", 'o', "FILE", 0,
	  "Write a report when tracing ends, and on USR1; the suffix names the format "
	  "(.txt .folded .pb.gz .json); '-' is stdout; %p pid, %t UTC time, %h host, %c command; "
	  "repeatable", 3 },
	{ "format", 'f', "FMT", 0,
	  "Format of all outputs: text, folded, pprof, json; without -o on stdout", 3 },
	{ "interval", 'i', "TIME", 0, "Print the call sites every TIME (default 1s)", 3 },
	{ "metric", 'm', "NAME", 0,
	  "What tables are sorted by, and what folded and pprof show: bytes, objects (of alloc), "
	  "growths, copied (of stack), pauses, pause-time, assists, assist-time (of gc); default "
	  "bytes, or growths, or pause-time, of what is traced the first", 3 },
	{ "top", 'T', "N", 0, "Rows of a table (default 20)", 3 },
	{ "force", OPT_FORCE, NULL, 0, "Overwrite outputs that exist", 3 },
	{ NULL, 0, NULL, 0, "FILTERS", 4 },
	{ "include", 'I', "GLOB", 0, "Only stacks with a function whose name matches; repeatable", 4 },
	{ "exclude", 'X', "GLOB", 0, "No stacks with a function whose name matches; repeatable", 4 },
	{ "runtime-frames", OPT_RUNTIME_FRAMES, NULL, 0,
	  "Keep the runtime's own frames at the top of stacks", 4 },
	{ "longer", 'l', "TIME", 0,
	  "Show who was late for a stop of the world from TIME on (default 100us); as -d, a bare "
	  "number is seconds", 4 },
	{ NULL, 0, NULL, 0, "LIMITS", 5 },
	{ "duration", 'd', "TIME", 0,
	  "Stop after TIME: a number of seconds, or with ns, us, ms, s, m, h (default: until Ctrl-C)", 5 },
	{ "memlimit", OPT_MEMLIMIT, "SIZE", 0,
	  "Memory that gotrace may take itself, with K, M or G (default 256M, 32M at least): beyond, "
	  "the call stacks used least become gotrace.other", 5 },
	{ "max-overhead", OPT_MAX_OVERHEAD, "PCT", 0,
	  "What the probes may cost, in percent of the target's CPU time, or of a tenth of one CPU where "
	  "it uses less (default 1 with -a auto; else only what is asked for here is kept to)", 5 },
	{ NULL, 0, NULL, 0, "MISC", 6 },
	{ "dry-run", OPT_DRY_RUN, NULL, 0, "Check everything, attach nothing", 6 },
	{ "stats", OPT_STATS, NULL, 0, "Show gotrace's own cost and the fill of its tables", 6 },
	{ "json-schema", OPT_JSON_SCHEMA, NULL, 0, "Print the JSON schema of the lines of json, and exit",
	  6 },
	{ "quiet", 'q', NULL, 0, "Only errors on stderr", 6 },
	{ "verbose", 'v', NULL, 0, "Show the probes' code bytes; -vv adds libbpf's log", 6 },
	{ "version", 'V', NULL, 0, "Print the version and exit", 6 },
	{ "help", 'h', NULL, 0, "Print this help and exit", 6 },
	{ 0 },
};

static const char doc[] =
	"Shows which lines of a running Go program allocate how much, grow stacks, and wait "
	"for the garbage collector.\v"
	"Examples:\n"
	"  sudo gotrace -p 4711                   a table a second, a summary at Ctrl-C\n"
	"  sudo gotrace -p 4711 -d 30 -o a.pb.gz  30 s into a profile for go tool pprof\n"
	"  sudo gotrace -p 4711 -d 9 -f folded | flamegraph.pl --colors=mem > a.svg\n"
	"  gotrace inspect ./server               what gotrace sees in a binary\n"
	"\n"
	"Exit codes: 0 ok, 1 failure, 2 usage, 3 this target cannot be traced,\n"
	"4 not permitted or not supported by this kernel.";

/* A time as in -d, of min_ns at least. Returns false if text is none. */
static bool parse_time(const char *text, uint64_t min_ns, uint64_t *ns)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = {
		{ "", 1e9 }, { "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 },
		{ "s", 1e9 }, { "m", 60e9 }, { "h", 3600e9 },
	};
	char *end;
	double n;

	errno = 0;
	n = strtod(text, &end);
	if (end == text || errno || !isfinite(n) || n <= 0)
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].unit))
			continue;
		n *= units[i].ns;
		/* A thousand years are enough for anybody. */
		if (n < (double)min_ns || n > 3e19 / 1.1)
			return false;
		if (n > 9e18)
			n = 9e18;
		*ns = (uint64_t)n;
		return true;
	}
	return false;
}

/* Less than this is a slip where gotrace itself is to keep the time. */
#define MIN_PERIOD_NS 1000

static bool parse_number(const char *text, long min, long max, long *out)
{
	char *end;

	errno = 0;
	*out = strtol(text, &end, 10);
	return end != text && !*end && !errno && *out >= min && *out <= max;
}

/* A size as perf takes it: a number of bytes, or with B, K, M, G. */
static bool parse_size(const char *text, uint64_t *size)
{
	static const char units[] = "BKMG";
	const char *unit;
	char *end;

	errno = 0;
	*size = strtoull(text, &end, 10);
	if (end == text || *text == '-' || errno)
		return false;
	if (!*end)
		return true;
	unit = strchr(units, toupper((unsigned char)*end));
	if (!unit || end[1])
		return false;
	for (; unit > units; unit--)
		if (__builtin_mul_overflow(*size, 1024, size))
			return false;
	return true;
}

static void add_glob(struct argp_state *state, const char **list, const char *glob)
{
	int n = 0;

	while (list[n])
		n++;
	if (n == ARGS_LIST_MAX)
		argp_error(state, "more than %d filters", ARGS_LIST_MAX);
	list[n] = glob;
}

static void parse_events(struct argp_state *state, char *list, struct args *a)
{
	static const struct {
		const char *name;
		enum model_group group;
	} events[] = { { "alloc", MODEL_ALLOC }, { "stack", MODEL_STACK }, { "gc", MODEL_GC } };
	unsigned int groups = 0;

	for (char *p = strsep(&list, ","); p; p = strsep(&list, ",")) {
		unsigned int group = 0;

		for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
			if (!strcmp(p, events[i].name))
				group = events[i].group;
		if (!group)
			argp_error(state, "no event '%s': there are alloc, stack, gc", p);
		groups |= group;
	}
	a->report.groups = groups;
}

static void parse_mode(struct argp_state *state, const char *mode, struct args *a)
{
	if (!strcmp(mode, "auto"))
		a->alloc = ARGS_ALLOC_AUTO;
	else if (!strcmp(mode, "exact"))
		a->alloc = ARGS_ALLOC_EXACT;
	else if (!strcmp(mode, "sample"))
		a->alloc = ARGS_ALLOC_SAMPLE;
	else if (!strcmp(mode, "off"))
		a->alloc = ARGS_ALLOC_OFF;
	else
		argp_error(state, "no allocation mode '%s': there are auto, exact, sample, off", mode);
}

static void parse_metric(struct argp_state *state, const char *name, struct args *a)
{
	static const char *const names[] = {
		[REPORT_BYTES] = "bytes",
		[REPORT_OBJECTS] = "objects",
		[REPORT_GROWTHS] = "growths",
		[REPORT_COPIED] = "copied",
		[REPORT_PAUSES] = "pauses",
		[REPORT_PAUSE_TIME] = "pause-time",
		[REPORT_ASSISTS] = "assists",
		[REPORT_ASSIST_TIME] = "assist-time",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]))
			continue;
		a->report.metric = (enum report_metric)i;
		a->metric_given = true;
		return;
	}
	argp_error(state,
		   "no metric '%s': there are bytes, objects, growths, copied, pauses, pause-time, "
		   "assists, assist-time", name);
}

/* What a single-valued format shows if -m does not say: the first of the groups. */
static void finish_metric(struct argp_state *state, struct args *a)
{
	unsigned int groups = a->report.groups;

	if (!a->metric_given)
		a->report.metric = groups & MODEL_ALLOC ? REPORT_BYTES :
				   groups & MODEL_STACK ? REPORT_GROWTHS : REPORT_PAUSE_TIME;
	else if (!(groups & report__group(a->report.metric)))
		argp_error(state, "-m asks for what -e and -a leave out");
}

static void add_output(struct argp_state *state, struct args *a, const char *name)
{
	if (!*name)
		argp_error(state, "an output needs a name");
	if (a->noutputs == ARGS_LIST_MAX)
		argp_error(state, "more than %d outputs", ARGS_LIST_MAX);
	a->outputs[a->noutputs++].name = name;
}

/* Settles each output's format once all options are known. */
static void finish_outputs(struct argp_state *state, struct args *a, const char *format)
{
	const struct report_format *forced = format ? report__format(format) : NULL;

	if (format && !forced)
		argp_error(state, "no format '%s': there are %s", format, report__format_names());
	if (format && !a->noutputs)
		add_output(state, a, "-");
	for (int i = 0; i < a->noutputs; i++) {
		struct args_output *o = &a->outputs[i];

		o->format = forced ? forced : report__format_of(o->name);
		if (!o->format && !strcmp(o->name, "-"))
			o->format = report__format("text");
		if (!o->format)
			argp_error(state, "'%s': the suffix names no format; add -f with one of %s",
				   o->name, report__format_names());
		for (int j = 0; j < i; j++)
			if (!strcmp(a->outputs[j].name, o->name))
				argp_error(state, "output '%s' is given twice", o->name);
	}
}

/* A share in percent; more than all of the CPU time is none. */
static bool parse_percent(const char *text, double *out)
{
	char *end;

	errno = 0;
	*out = strtod(text, &end);
	if (end != text && *end == '%')
		end++;
	return end != text && !*end && !errno && isfinite(*out) && *out >= 0.01 && *out <= 100;
}

static void add_pid(struct argp_state *state, struct args *a, const char *text)
{
	long n;

	if (!parse_number(text, 1, INT_MAX, &n))
		argp_error(state, "no pid: '%s'", text);
	if (a->npids == ARGS_PIDS_MAX)
		argp_error(state, "more than %d processes", ARGS_PIDS_MAX);
	for (int i = 0; i < a->npids; i++)
		if (a->pids[i] == (pid_t)n)
			argp_error(state, "pid %ld is given twice", n);
	a->pids[a->npids++] = (pid_t)n;
}

/* Each process has its own outputs, so their names must differ. */
static void check_names(struct argp_state *state, const struct args *a)
{
	for (int i = 0; i < a->noutputs && a->npids > 1; i++) {
		const struct args_output *o = &a->outputs[i];

		if (!strcmp(o->name, "-") ? o->format->binary : !strstr(o->name, "%p"))
			argp_error(state, "'%s': with several processes a name needs %%p, the pid",
				   o->name);
	}
}

struct parse {
	struct args *args;
	const char *format;
};

static void finish(struct argp_state *state, struct parse *p)
{
	struct args *a = p->args;

	if (a->inspect) {
		if (!a->subject)
			argp_error(state, "inspect what? give a binary or a pid");
		return;
	}
	if (a->subject)
		argp_error(state, "what is '%s'? a process is given as -p PID", a->subject);
	if (!a->npids)
		argp_error(state, "no target: give one with -p PID");
	if (a->alloc == ARGS_ALLOC_OFF)
		a->report.groups &= ~(unsigned int)MODEL_ALLOC;
	if (!a->report.groups)
		argp_error(state, "nothing to trace: -e has only alloc, and -a is off");
	finish_metric(state, a);
	finish_outputs(state, a, p->format);
	check_names(state, a);
}

static error_t parse_limit(int key, char *arg, struct argp_state *state, struct args *a)
{
	long n;

	switch (key) {
	case 'p':
		add_pid(state, a, arg);
		return 0;
	case 'd':
		if (!parse_time(arg, MIN_PERIOD_NS, &a->duration_ns))
			argp_error(state, "no time: '%s' (examples: 30, 500ms, 2m)", arg);
		return 0;
	case 'i':
		if (!parse_time(arg, MIN_PERIOD_NS, &a->interval_ns))
			argp_error(state, "no time: '%s' (examples: 1, 500ms, 2m)", arg);
		a->interval_given = true;
		return 0;
	case 'l':
		if (!parse_time(arg, 1, &a->report.longer_ns))
			argp_error(state, "no time: '%s' (examples: 100us, 1ms, 0.5)", arg);
		return 0;
	case OPT_MEMLIMIT:
		if (!parse_size(arg, &a->memlimit) || a->memlimit < ARGS_MEMLIMIT_MIN)
			argp_error(state, "no size, or less than %uM: '%s' (examples: 64M, 1G)",
				   ARGS_MEMLIMIT_MIN >> 20, arg);
		return 0;
	case OPT_MAX_OVERHEAD:
		if (!parse_percent(arg, &a->max_overhead))
			argp_error(state, "no share from 0.01 to 100 percent: '%s'", arg);
		a->overhead_given = true;
		return 0;
	case 'T':
		if (!parse_number(arg, 1, 1000000, &n))
			argp_error(state, "no number of rows: '%s'", arg);
		a->report.top = (int)n;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;
	struct args *a = p->args;

	switch (key) {
	case 'e': parse_events(state, arg, a); return 0;
	case 'a': parse_mode(state, arg, a); return 0;
	case 'o': add_output(state, a, arg); return 0;
	case 'f': p->format = arg; return 0;
	case 'm': parse_metric(state, arg, a); return 0;
	case 'I': add_glob(state, a->include, arg); return 0;
	case 'X': add_glob(state, a->exclude, arg); return 0;
	case 'q': a->quiet = true; return 0;
	case 'v': a->verbose++; return 0;
	case OPT_RUNTIME_FRAMES: a->report.runtime_frames = true; return 0;
	case OPT_STATS: a->stats = true; return 0;
	case OPT_DRY_RUN: a->dry_run = true; return 0;
	case OPT_FORCE: a->force = true; return 0;
	case OPT_JSON_SCHEMA:
		exit(report__json_schema(stdout) ? EXIT_FAILED : EXIT_OK);
	case 'V':
		printf("gotrace %s\n", GOTRACE_VERSION);
		exit(EXIT_OK);
	case 'h':
		argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
		exit(EXIT_OK);
	case ARGP_KEY_ARG:
		if (a->subject)
			argp_error(state, "one argument too many: '%s'", arg);
		a->subject = arg;
		return 0;
	case ARGP_KEY_END:
		finish(state, p);
		return 0;
	default:
		return parse_limit(key, arg, state, a);
	}
}

/* The command line as one string, for the reports. NULL: out of memory. */
static char *join(int argc, char **argv)
{
	char *line = NULL;
	size_t size;
	FILE *f = open_memstream(&line, &size);

	if (!f)
		return NULL;
	for (int i = 0; i < argc; i++)
		fprintf(f, "%s%s", i ? " " : "", argv[i]);
	fclose(f);
	return line;
}

void args__parse(int argc, char **argv, struct args *out)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.args_doc = "-p PID\ninspect BINARY|PID",
		.doc = doc,
	};
	struct parse p = { .args = out };

	memset(out, 0, sizeof(*out));
	out->interval_ns = 1000000000;
	out->report.top = 20;
	out->report.groups = MODEL_ALLOC | MODEL_STACK | MODEL_GC;
	out->report.longer_ns = 100000;
	out->memlimit = 256U << 20;
	out->report.columns = 80;
	out->max_overhead = 1;
	out->command_line = join(argc, argv);
	if (argc > 1 && !strcmp(argv[1], "inspect")) {
		out->inspect = true;
		argv[1] = argv[0];
		argc--;
		argv++;
	}
	/* What the messages of argp and getopt begin with. */
	program_invocation_name = argv[0] = program_invocation_short_name;
	argp_err_exit_status = EXIT_USAGE;
	setenv("ARGP_HELP_FMT", "opt-doc-col=26,rmargin=79", 0);
	argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, &p);
	out->report.include = out->include[0] ? out->include : NULL;
	out->report.exclude = out->exclude[0] ? out->exclude : NULL;
}

void args__free(struct args *a)
{
	free(a->command_line);
}
