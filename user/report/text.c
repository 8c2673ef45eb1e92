/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The report as text: for an interval one line and the heaviest call sites, for a whole run the
 * totals, tables by call site, type and way in, the heaviest stacks, and what was lost. Columns of
 * every table add up to its last line, which is the total, losses included.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "report/print.h"
#include "report/table.h"

#define DEFAULT_TOP 20
#define MIN_COLUMNS 60
#define MAX_COLUMNS 500

/* An interval's table leaves the column of requested bytes to wider terminals. */
#define WIDE_COLUMNS 100

static const char lost_label[] = "gotrace.lost";

struct text {
	struct report_printer out;
	struct report_arena *arena;
	const struct report_profile *p;
	const struct report_run *run;
	enum report_metric metric;
	size_t top;
	int columns;
	int objects_width, avg_width;
	bool interval, color, requested;
};

enum style { STYLE_BOLD, STYLE_DIM, STYLE_ALARM };

static const char *on(const struct text *t, enum style style)
{
	static const char *const codes[] = { "\033[1m", "\033[2m", "\033[1;31m" };

	return t->color ? codes[style] : "";
}

static const char *off(const struct text *t)
{
	return t->color ? "\033[0m" : "";
}

/* A clean copy of a name, or "?" and an error that ends the report. */
static const char *clean(struct text *t, const char *s)
{
	const char *copy = report_print__clean(t->arena, s, ';');

	if (!copy && !t->out.err)
		t->out.err = -ENOMEM;
	return copy ? copy : "?";
}

static const char *shorten(struct text *t, const char *s, int width)
{
	const char *copy = report_print__shorten(t->arena, s, width > 0 ? width : 0);

	if (!copy && !t->out.err)
		t->out.err = -ENOMEM;
	return copy ? copy : "?";
}

static int digits(uint64_t v)
{
	int n = 1;

	for (; v >= 10; v /= 10)
		n++;
	return n;
}

/* Per second; bounded, as a period of a nanosecond would give more than an integer holds. */
static double rate(const struct text *t, uint64_t v)
{
	double r = t->p->seconds > 0 ? v / t->p->seconds : 0;

	return r < 1e18 ? r : 1e18;
}

static uint64_t value_of(const struct text *t, uint64_t objects, uint64_t class_bytes)
{
	return t->metric == REPORT_OBJECTS ? objects : class_bytes;
}

static double percent(const struct text *t, uint64_t objects, uint64_t class_bytes)
{
	uint64_t total = value_of(t, t->p->total.objects, t->p->total.class_bytes);

	return total ? 100.0 * value_of(t, objects, class_bytes) / total : 0;
}

static const char *metric_name(const struct text *t)
{
	return t->metric == REPORT_OBJECTS ? "objects" : "bytes";
}

/* "server.go:123", or "" where nothing is known. */
static const char *place_of(struct text *t, const struct report_frame *f)
{
	const char *base = clean(t, report_print__base(f->file));
	char *place;

	if (!*base)
		return "";
	base = shorten(t, base, t->columns / 4);
	place = report_arena__alloc(t->arena, strlen(base) + 16, 1);
	if (!place) {
		t->out.err = -ENOMEM;
		return "";
	}
	if (f->line)
		sprintf(place, "%s:%d", base, f->line);
	else
		strcpy(place, base);
	return place;
}

static bool fits(const char *s, int width)
{
	return width >= 0 && report_print__width(s) <= (size_t)width;
}

/*
 * A function's name in at most width characters: whole, without its directories, without its package
 * (which the file's name beside it often tells), or cut.
 */
static const char *fit_func(struct text *t, const char *func, int width)
{
	const char *name = clean(t, func), *bare;

	if (!fits(name, width))
		name = report_print__short_func(name);
	bare = strchr(name, '.');
	if (!fits(name, width) && bare && fits(bare + 1, width))
		name = bare + 1;
	return shorten(t, name, width);
}

static void print_frame(struct text *t, const struct report_frame *f, int width)
{
	const char *place = place_of(t, f);
	int room = width - (*place ? (int)report_print__width(place) + 1 : 0);

	report_print__f(&t->out, "%s", fit_func(t, f->func, room));
	if (*place)
		report_print__f(&t->out, " %s%s%s", on(t, STYLE_DIM), place, off(t));
	report_print__f(&t->out, "\n");
}

/* The figures of a row, up to and with the gap before its label. Returns their width. */
static int print_figures(struct text *t, uint64_t objects, uint64_t bytes, uint64_t class_bytes)
{
	char num[8];
	const char *unit = report_print__units(class_bytes, num);
	int width = 8 + 2 + 5 + 2 + t->objects_width + 2 + t->avg_width + 2;

	report_print__f(&t->out, "%4s %-3s  %5.1f  %*" PRIu64 "  %*" PRIu64 "  ", num, unit,
			percent(t, objects, class_bytes), t->objects_width, objects, t->avg_width,
			objects ? class_bytes / objects : 0);
	if (!t->requested)
		return width;
	unit = report_print__units(bytes, num);
	report_print__f(&t->out, " %4s %-3s  ", num, unit);
	return width + 11;
}

static void print_head(struct text *t, const char *what)
{
	report_print__f(&t->out, "%s%8s  %5s  %*s  %*s  %s%s%s\n", on(t, STYLE_BOLD), "BYTES",
			t->metric == REPORT_OBJECTS ? "% OBJ" : "%", t->objects_width, "OBJECTS",
			t->avg_width, "AVG B", t->requested ? "REQUESTED  " : "", what, off(t));
}

static void print_row(struct text *t, const struct report_row *row, enum report_table_kind kind)
{
	int used = print_figures(t, row->objects, row->bytes, row->class_bytes);

	if (kind == REPORT_TABLE_SITES)
		print_frame(t, &row->sample->frames[0], t->columns - used);
	else
		report_print__f(&t->out, "%s\n",
				shorten(t, clean(t, row->label), t->columns - used));
}

static void add(struct report_row *to, const struct report_row *from)
{
	to->objects += from->objects;
	to->bytes += from->bytes;
	to->class_bytes += from->class_bytes;
}

/* What the table does not show: the rows beyond the top, and the losses. */
static void print_rest(struct text *t, const struct report_table *table)
{
	const struct report_sample *lost = &t->p->lost;
	struct report_row more = { 0 };

	for (size_t i = t->top; i < table->nrows; i++)
		add(&more, &table->rows[i]);
	if (table->nrows > t->top) {
		print_figures(t, more.objects, more.bytes, more.class_bytes);
		report_print__f(&t->out, "... %zu more\n", table->nrows - t->top);
	}
	if (lost->objects || lost->class_bytes) {
		print_figures(t, lost->objects, lost->bytes, lost->class_bytes);
		report_print__f(&t->out, "%s%s%s\n", on(t, STYLE_ALARM), lost_label, off(t));
	}
}

static int print_table(struct text *t, enum report_table_kind kind, const char *what)
{
	const struct report_sample *total = &t->p->total;
	struct report_table table;
	int err;

	err = report_table__make(t->p, kind, t->metric, t->arena, &table);
	if (err)
		return err;
	print_head(t, what);
	for (size_t i = 0; i < table.nrows && i < t->top; i++)
		print_row(t, &table.rows[i], kind);
	print_rest(t, &table);
	print_figures(t, total->objects, total->bytes, total->class_bytes);
	report_print__f(&t->out, "%stotal%s\n", on(t, STYLE_BOLD), off(t));
	return t->out.err;
}

static void print_title(struct text *t, const char *title)
{
	report_print__f(&t->out, "\n%s%s%s\n", on(t, STYLE_BOLD), title, off(t));
}

static void print_stack(struct text *t, const struct report_row *row)
{
	const struct report_sample *s = row->sample;
	char buf[REPORT_BYTES_LEN];
	int width;

	width = snprintf(NULL, 0, "%5.1f %%  %s  %" PRIu64 " objects, %s of ",
			 percent(t, s->objects, s->class_bytes),
			 report_print__bytes(s->class_bytes, buf), s->objects, s->via);
	report_print__f(&t->out, "%s%5.1f %%%s  %s  %" PRIu64 " objects, %s of %s\n",
			on(t, STYLE_BOLD), percent(t, s->objects, s->class_bytes), off(t), buf,
			s->objects, s->via,
			*s->type ? shorten(t, clean(t, s->type), t->columns - width) :
				   "untyped bytes");
	for (int i = 0; i < s->nframes; i++) {
		report_print__f(&t->out, "         ");
		print_frame(t, &s->frames[i], t->columns - 9);
	}
}

/* Stacks are long: a quarter as many as rows of a table. */
static int print_stacks(struct text *t)
{
	struct report_row more = { 0 };
	struct report_table table;
	char buf[REPORT_BYTES_LEN];
	size_t shown = (t->top + 3) / 4;
	int err;

	err = report_table__make(t->p, REPORT_TABLE_STACKS, t->metric, t->arena, &table);
	if (err)
		return err;
	print_title(t, "Heaviest stacks, allocating function first");
	for (size_t i = 0; i < table.nrows; i++) {
		if (i < shown)
			print_stack(t, &table.rows[i]);
		else
			add(&more, &table.rows[i]);
	}
	if (table.nrows > shown)
		report_print__f(&t->out, "%5.1f %%  %s  %" PRIu64 " objects in %zu more\n",
				percent(t, more.objects, more.class_bytes),
				report_print__bytes(more.class_bytes, buf), more.objects,
				table.nrows - shown);
	return t->out.err;
}

static void print_loss_row(struct text *t, const char *cause, uint64_t objects,
			   uint64_t class_bytes)
{
	char num[8];
	const char *unit = report_print__units(class_bytes, num);

	report_print__f(&t->out, "  %12" PRIu64 "  %4s %-3s  %s\n", objects, num, unit, cause);
}

static void print_causes(struct text *t)
{
	const struct model_counters *c = &t->p->counters;

	for (int i = 0; i < c->nloss; i++) {
		const struct model_loss *l = &c->loss[i];

		if (l->objects || l->class_bytes)
			print_loss_row(t, clean(t, l->cause), l->objects, l->class_bytes);
	}
}

/*
 * At rest every allocation seen is in the table or in a loss; read from a running process the
 * tables and the counters are some microseconds apart.
 */
static void print_balance(struct text *t)
{
	const struct report_profile *p = t->p;
	uint64_t told = p->total.objects + p->filtered.objects, seen = p->counters.seen;

	report_print__f(&t->out, "seen: %" PRIu64 " allocations", seen);
	if (seen > told)
		report_print__f(&t->out, ", %" PRIu64 " of them not in the tables yet",
				seen - told);
	else if (seen < told)
		report_print__f(&t->out, ", %" PRIu64 " more in the tables by then", told - seen);
	report_print__f(&t->out, "\n");
}

static uint64_t cut_walks(const struct text *t)
{
	const struct model_counters *c = &t->p->counters;

	return c->cut_depth + c->cut_read + c->cut_foreign;
}

static void print_cuts(struct text *t)
{
	const struct model_counters *c = &t->p->counters;
	uint64_t cut = cut_walks(t);

	report_print__f(&t->out, "stacks cut off: %" PRIu64, cut);
	if (cut)
		report_print__f(&t->out,
				" (%" PRIu64 " too deep, %" PRIu64 " unreadable, %" PRIu64
				" not Go code)",
				c->cut_depth, c->cut_read, c->cut_foreign);
	report_print__f(&t->out, "\n");
	if (c->corrupt_stacks)
		report_print__f(&t->out, "stacks damaged: %" PRIu64 "\n", c->corrupt_stacks);
	if (c->tiny_unsure)
		report_print__f(&t->out,
				"uncertain: %" PRIu64
				" tiny allocations, counted as 16 bytes each\n",
				c->tiny_unsure);
}

static void print_losses(struct text *t)
{
	const struct report_sample *lost = &t->p->lost, *filtered = &t->p->filtered;
	char buf[REPORT_BYTES_LEN];

	print_title(t, "Completeness");
	print_balance(t);
	if (lost->objects || lost->class_bytes) {
		report_print__f(&t->out,
				"%slost: %" PRIu64 " objects, %s%s (%.1f %% of all %s)\n",
				on(t, STYLE_ALARM), lost->objects,
				report_print__bytes(lost->class_bytes, buf), off(t),
				percent(t, lost->objects, lost->class_bytes), metric_name(t));
		print_causes(t);
	} else {
		report_print__f(&t->out, "lost: 0\n");
	}
	print_cuts(t);
	if (filtered->objects || filtered->class_bytes)
		report_print__f(&t->out,
				"filtered out: %" PRIu64 " objects, %s (not in the total)\n",
				filtered->objects,
				report_print__bytes(filtered->class_bytes, buf));
}

/* Each hit is a trap into the kernel, whether it ended up counted or not. */
static void print_cost(struct text *t)
{
	const struct model_counters *c = &t->p->counters;
	uint64_t hits = c->seen + c->left_out + c->zero;
	double ns = hits * t->run->ns_per_hit;

	report_print__f(&t->out, "probe cost: ");
	if (t->run->ns_per_hit <= 0) {
		report_print__f(&t->out, "%" PRIu64 " hits, time not measured\n", hits);
		return;
	}
	report_print__f(&t->out, "%" PRIu64 " hits x %.0f ns = %.2f s", hits, t->run->ns_per_hit,
			ns / 1e9);
	if (t->p->seconds > 0)
		report_print__f(&t->out, ", %.2f %% of one CPU", ns / t->p->seconds / 1e7);
	report_print__f(&t->out, "\n");
	if (t->run->target_cpu_ns > 0)
		report_print__f(&t->out, "            %.2f %% of the CPU time the process used\n",
				100 * ns / t->run->target_cpu_ns);
}

/* The wall clock at ns of CLOCK_MONOTONIC, in the reader's time zone. */
static void format_time(const struct text *t, uint64_t ns, const char *fmt, char *buf, size_t size)
{
	const struct model_time *mt = &t->p->time;
	time_t sec = (mt->start_wall_ns + (int64_t)(ns - mt->start_ns)) / 1000000000;
	struct tm tm;

	*buf = '\0';
	if (localtime_r(&sec, &tm))
		strftime(buf, size, fmt, &tm);
}

static int print_interval(struct text *t)
{
	const struct report_sample *total = &t->p->total, *lost = &t->p->lost;
	char when[32], buf[REPORT_BYTES_LEN];

	format_time(t, t->p->time.now_ns, "%H:%M:%S", when, sizeof(when));
	report_print__f(&t->out, "%s  pid %d %s%s%s  %.0f objects/s  %s/s  ", when, t->run->pid,
			on(t, STYLE_BOLD), shorten(t, clean(t, t->run->command), 16), off(t),
			rate(t, total->objects),
			report_print__bytes(rate(t, total->class_bytes), buf));
	report_print__f(&t->out, "%slost %" PRIu64 "%s", lost->objects ? on(t, STYLE_ALARM) : "",
			lost->objects, lost->objects ? off(t) : "");
	if (cut_walks(t))
		report_print__f(&t->out, "  cut %" PRIu64, cut_walks(t));
	report_print__f(&t->out, "\n");
	return print_table(t, REPORT_TABLE_SITES, "CALL SITE");
}

static void print_summary_head(struct text *t)
{
	const struct report_sample *total = &t->p->total;
	char when[32], bytes[REPORT_BYTES_LEN], asked[REPORT_BYTES_LEN], speed[REPORT_BYTES_LEN];

	format_time(t, t->p->time.start_ns, "%Y-%m-%d %H:%M:%S %z", when, sizeof(when));
	report_print__f(&t->out, "%sHeap allocations of %s%s, pid %d, %s, Linux %s\n",
			on(t, STYLE_BOLD), shorten(t, clean(t, t->run->command), 16), off(t),
			t->run->pid, shorten(t, clean(t, t->run->go_version), 24),
			shorten(t, clean(t, t->run->kernel), 24));
	report_print__f(&t->out, "%.*f s from %s; mode %s, period 1\n",
			t->p->seconds < 100 ? 1 : 0, t->p->seconds, when,
			shorten(t, clean(t, t->run->mode), 16));
	report_print__f(&t->out, "%" PRIu64 " objects, %s (%s requested); %.0f objects/s, %s/s\n",
			total->objects, report_print__bytes(total->class_bytes, bytes),
			report_print__bytes(total->bytes, asked), rate(t, total->objects),
			report_print__bytes(rate(t, total->class_bytes), speed));
	report_print__f(&t->out, "%sBYTES are size classes, as MemStats.TotalAlloc counts them%s\n",
			on(t, STYLE_DIM), off(t));
}

static int print_summary(struct text *t)
{
	int err;

	print_summary_head(t);
	report_print__f(&t->out, "\n");
	err = print_table(t, REPORT_TABLE_SITES, "CALL SITE");
	if (err)
		return err;
	report_print__f(&t->out, "\n");
	err = print_table(t, REPORT_TABLE_TYPES, "TYPE");
	if (err)
		return err;
	report_print__f(&t->out, "\n");
	err = print_table(t, REPORT_TABLE_VIA, "WAY IN");
	if (err)
		return err;
	err = print_stacks(t);
	if (err)
		return err;
	print_losses(t);
	print_cost(t);
	return 0;
}

static uint64_t heaviest_average(const struct report_profile *p)
{
	uint64_t max = 0;

	for (size_t i = 0; i < p->nsamples; i++) {
		const struct report_sample *s = &p->samples[i];
		uint64_t avg = s->objects ? s->class_bytes / s->objects : 0;

		max = avg > max ? avg : max;
	}
	if (p->lost.objects && p->lost.class_bytes / p->lost.objects > max)
		max = p->lost.class_bytes / p->lost.objects;
	return max;
}

int report__text(FILE *out, const struct report_profile *p, const struct report_run *run,
		 const struct report_options *opts)
{
	struct text t = {
		.out = { .out = out },
		.arena = report_arena__new(),
		.p = p,
		.run = run,
		.metric = opts->metric,
		.top = opts->top > 0 ? opts->top : DEFAULT_TOP,
		.columns = opts->columns,
		.interval = opts->interval,
		.color = opts->color,
	};
	int err, width;

	if (!t.arena)
		return -ENOMEM;
	if (t.columns < MIN_COLUMNS)
		t.columns = MIN_COLUMNS;
	if (t.columns > MAX_COLUMNS)
		t.columns = MAX_COLUMNS;
	t.requested = !t.interval || t.columns >= WIDE_COLUMNS;
	width = digits(p->total.objects);
	t.objects_width = width > 7 ? width : 7;
	width = digits(heaviest_average(p));
	t.avg_width = width > 5 ? width : 5;

	err = t.interval ? print_interval(&t) : print_summary(&t);
	if (!err)
		err = report_print__end(&t.out);
	report_arena__free(t.arena);
	return err;
}
