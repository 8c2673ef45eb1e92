/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The report as text: for an interval a line and the heaviest call sites of each group, for a whole
 * run the totals, tables by call site, type and way in, the heaviest stacks, the growth of goroutine
 * stacks, pauses and delays, and what was lost. Columns of every table add up to its last line, which
 * is the total, losses included.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "gotrace/event.h"
#include "report/text.h"

#define DEFAULT_TOP 20
#define MIN_COLUMNS 60
#define MAX_COLUMNS 500

/* An interval's table leaves the column of requested bytes to wider terminals. */
#define WIDE_COLUMNS 100

static const char lost_label[] = "gotrace.lost";

const char *text__on(const struct text *t, enum text_style style)
{
	static const char *const codes[] = { "\033[1m", "\033[2m", "\033[1;31m" };

	return t->color ? codes[style] : "";
}

const char *text__off(const struct text *t)
{
	return t->color ? "\033[0m" : "";
}

const char *text__clean(struct text *t, const char *s)
{
	const char *copy = report_print__clean(t->arena, s, ';');

	if (!copy && !t->out.err)
		t->out.err = -ENOMEM;
	return copy ? copy : "?";
}

const char *text__shorten(struct text *t, const char *s, int width)
{
	const char *copy = report_print__shorten(t->arena, s, width > 0 ? width : 0);

	if (!copy && !t->out.err)
		t->out.err = -ENOMEM;
	return copy ? copy : "?";
}

int text__digits(uint64_t v)
{
	int n = 1;

	for (; v >= 10; v /= 10)
		n++;
	return n;
}

/* Per second; bounded, as a period of a nanosecond would give more than an integer holds. */
double text__rate(const struct text *t, uint64_t v)
{
	double r = t->p->seconds > 0 ? v / t->p->seconds : 0;

	return r < 1e18 ? r : 1e18;
}

static double percent(const struct text *t, const struct report_sample *s)
{
	uint64_t total = report__value(&t->p->alloc.total, t->metric);

	return total ? 100.0 * report__value(s, t->metric) / total : 0;
}

static const char *metric_name(const struct text *t)
{
	return t->metric == REPORT_OBJECTS ? "objects" : "bytes";
}

/* "server.go:123", or "" where nothing is known. */
static const char *place_of(struct text *t, const struct report_frame *f)
{
	const char *base = text__clean(t, report_print__base(f->file));
	char *place;

	if (!*base)
		return "";
	base = text__shorten(t, base, t->columns / 4);
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

/* The package may be left out: the file's name beside it often tells. */
const char *text__func(struct text *t, const char *func, int width)
{
	const char *name = text__clean(t, func), *bare;

	if (!fits(name, width))
		name = report_print__short_func(name);
	bare = strchr(name, '.');
	if (!fits(name, width) && bare && fits(bare + 1, width))
		name = bare + 1;
	return text__shorten(t, name, width);
}

/* hint: what is put in brackets behind the name, or "". */
static void print_hinted(struct text *t, const struct report_frame *f, const char *hint, int width)
{
	const char *place = place_of(t, f);
	int room = width - (*place ? (int)report_print__width(place) + 1 : 0) -
		   (*hint ? (int)report_print__width(hint) + 3 : 0);

	report_print__f(&t->out, "%s", text__func(t, f->func, room));
	if (*hint)
		report_print__f(&t->out, " (%s)", hint);
	if (*place)
		report_print__f(&t->out, " %s%s%s", text__on(t, STYLE_DIM), place, text__off(t));
	report_print__f(&t->out, "\n");
}

static void print_frame(struct text *t, const struct report_frame *f, int width)
{
	print_hinted(t, f, "", width);
}

void text__site(struct text *t, const struct report_sample *s, int width)
{
	const char *hint = text__clean(t, report_print__short_func(s->leaf)), *bare;

	/* It is the runtime's. */
	bare = strchr(hint, '.');
	print_hinted(t, &s->frames[0], text__shorten(t, bare ? bare + 1 : hint, width / 3), width);
}

const char *text__plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

char *text__percent(double v, char buf[TEXT_PERCENT_LEN])
{
	if (v < 0.01)
		strcpy(buf, v > 0 ? "under 0.01 %" : "0 %");
	else
		snprintf(buf, TEXT_PERCENT_LEN, "%.*f %%", v < 10 ? 2 : 0, v < 1e9 ? v : 1e9);
	return buf;
}

double text__share(const struct text *t, uint64_t ns)
{
	return t->p->seconds > 0 ? ns / t->p->seconds / 1e7 : 0;
}

/* A figure's error in percent of it, five columns; "" for one that is exact. */
static const char *print_error(const struct text *t, const struct report_sample *s, char *buf,
			       size_t size)
{
	double value = report__value(s, t->metric), off = report__error(s, t->metric);
	double share = value > 0 ? 100 * off / value : 0;

	buf[0] = '\0';
	if (share >= 999)
		snprintf(buf, size, ">999");
	else if (off > 0)
		snprintf(buf, size, "%.*f", share < 99.5 ? 1 : 0, share);
	return buf;
}

/* The figures of a row, up to and with the gap before its label. Returns their width. */
static int print_figures(struct text *t, const struct report_sample *s)
{
	char num[8], error[16];
	const char *unit = report_print__units(s->class_bytes, num);
	int width = 8 + 2 + 5 + 2 + t->objects_width + 2 + t->avg_width + 2;

	if (t->estimated) {
		report_print__f(&t->out, "%s", s->est.class_bytes > 0 ? "~" : " ");
		width += 8;
	}
	report_print__f(&t->out, "%4s %-3s  %5.1f  ", num, unit, percent(t, s));
	if (t->estimated)
		report_print__f(&t->out, "%5s  ", print_error(t, s, error, sizeof(error)));
	report_print__f(&t->out, "%*" PRIu64 "  %*" PRIu64 "  ", t->objects_width, s->objects,
			t->avg_width, s->objects ? s->class_bytes / s->objects : 0);
	if (!t->requested)
		return width;
	unit = report_print__units(s->bytes, num);
	report_print__f(&t->out, " %4s %-3s  ", num, unit);
	return width + 11;
}

static void print_head(struct text *t, const char *what)
{
	report_print__f(&t->out, "%s%s%8s  %5s  %s%*s  %*s  %s%s%s\n", text__on(t, STYLE_BOLD),
			t->estimated ? " " : "", "BYTES",
			t->metric == REPORT_OBJECTS ? "% OBJ" : "%", t->estimated ? "  +-%  " : "",
			t->objects_width, "OBJECTS",
			t->avg_width, "AVG B", t->requested ? "REQUESTED  " : "", what, text__off(t));
}

static void print_row(struct text *t, const struct report_row *row, enum report_table_kind kind)
{
	int used = print_figures(t, &row->sum);

	if (kind == REPORT_TABLE_SITES)
		print_frame(t, &row->sample->frames[0], t->columns - used);
	else
		report_print__f(&t->out, "%s\n",
				text__shorten(t, text__clean(t, row->label), t->columns - used));
}

/* What the table does not show: the rows beyond the top, and the losses. */
static void print_rest(struct text *t, const struct report_table *table)
{
	const struct report_sample *lost = &t->p->alloc.lost;
	struct report_sample more = { 0 };

	for (size_t i = t->top; i < table->nrows; i++)
		report__add(&more, &table->rows[i].sum);
	if (table->nrows > t->top) {
		print_figures(t, &more);
		report_print__f(&t->out, "... %zu more\n", table->nrows - t->top);
	}
	if (lost->objects || lost->class_bytes) {
		print_figures(t, lost);
		report_print__f(&t->out, "%s%s%s\n", text__on(t, STYLE_ALARM), lost_label,
				text__off(t));
	}
}

static int print_table(struct text *t, enum report_table_kind kind, const char *what)
{
	struct report_table table;
	int err;

	err = report_table__make(&t->p->alloc, kind, t->metric, t->arena, &table);
	if (err)
		return err;
	print_head(t, what);
	for (size_t i = 0; i < table.nrows && i < t->top; i++)
		print_row(t, &table.rows[i], kind);
	print_rest(t, &table);
	print_figures(t, &t->p->alloc.total);
	report_print__f(&t->out, "%stotal%s\n", text__on(t, STYLE_BOLD), text__off(t));
	return t->out.err;
}

void text__title(struct text *t, const char *title)
{
	report_print__f(&t->out, "\n%s%s%s\n", text__on(t, STYLE_BOLD), title, text__off(t));
}

static bool same_place(const struct report_frame *a, const struct report_frame *b)
{
	return a->line == b->line && !strcmp(a->func, b->func) && !strcmp(a->file, b->file);
}

void text__frames(struct text *t, const struct report_sample *s)
{
	int n;

	for (int i = 0; i < s->nframes; i += n) {
		for (n = 1; i + n < s->nframes; n++) {
			if (!same_place(&s->frames[i], &s->frames[i + n]))
				break;
		}
		if (n == 2)
			n = 1;
		report_print__f(&t->out, "         ");
		print_frame(t, &s->frames[i], t->columns - 9);
		if (n > 1)
			report_print__f(&t->out, "         %s... %d more of it%s\n",
					text__on(t, STYLE_DIM), n - 1, text__off(t));
	}
}

void text__paragraph(struct text *t, const char *words, int indent)
{
	int column = 0;

	while (*words) {
		size_t bytes = strcspn(words, " ");
		int width = 0;

		for (size_t i = 0; i < bytes; i++)
			width += ((unsigned char)words[i] & 0xc0) != 0x80;
		if (column && column + 1 + width > t->columns) {
			report_print__f(&t->out, "\n%*s", indent, "");
			column = indent;
		} else if (column) {
			report_print__f(&t->out, " ");
			column++;
		}
		report_print__f(&t->out, "%.*s", (int)bytes, words);
		column += width;
		words += bytes + strspn(words + bytes, " ");
	}
	report_print__f(&t->out, "\n");
}

static void print_stack(struct text *t, const struct report_row *row)
{
	const struct report_sample *s = row->sample;
	const char *about = s->est.class_bytes > 0 ? "~" : "";
	char buf[REPORT_BYTES_LEN];
	int width;

	width = snprintf(NULL, 0, "%5.1f %%  %s%s  %" PRIu64 " objects, %s of ", percent(t, s), about,
			 report_print__bytes(s->class_bytes, buf), s->objects, s->via);
	report_print__f(&t->out, "%s%5.1f %%%s  %s%s  %" PRIu64 " objects, %s of %s\n",
			text__on(t, STYLE_BOLD), percent(t, s), text__off(t), about, buf, s->objects,
			s->via,
			*s->type ? text__shorten(t, text__clean(t, s->type), t->columns - width) :
				   "untyped bytes");
	text__frames(t, s);
}

/* Stacks are long: a quarter as many as rows of a table. */
static int print_stacks(struct text *t)
{
	struct report_sample more = { 0 };
	struct report_table table;
	char buf[REPORT_BYTES_LEN];
	size_t shown = (t->top + 3) / 4;
	int err;

	err = report_table__make(&t->p->alloc, REPORT_TABLE_STACKS, t->metric, t->arena, &table);
	if (err)
		return err;
	text__title(t, "Heaviest stacks, allocating function first");
	for (size_t i = 0; i < table.nrows; i++) {
		if (i < shown)
			print_stack(t, &table.rows[i]);
		else
			report__add(&more, &table.rows[i].sum);
	}
	if (table.nrows > shown)
		report_print__f(&t->out, "%5.1f %%  %s%s  %" PRIu64 " objects in %zu more\n",
				percent(t, &more), more.est.class_bytes > 0 ? "~" : "",
				report_print__bytes(more.class_bytes, buf), more.objects,
				table.nrows - shown);
	return t->out.err;
}

static void print_loss_row(struct text *t, const char *cause, uint64_t objects, uint64_t bytes)
{
	char num[8];
	const char *unit = report_print__units(bytes, num);

	report_print__f(&t->out, "  %12" PRIu64 "  %4s %-3s  %s\n", objects, num, unit, cause);
}

void text__causes(struct text *t, enum model_group group)
{
	const struct model_counters *c = &t->p->counters;

	for (int i = 0; i < c->nloss; i++) {
		const struct model_loss *l = &c->loss[i];

		uint64_t bytes = group == MODEL_STACK ? l->bytes : l->class_bytes;

		if (l->group != group || !(l->objects || bytes))
			continue;
		if (group == MODEL_GC)
			report_print__f(&t->out, "  %12" PRIu64 "  %s\n", l->objects,
					text__clean(t, l->cause));
		else
			print_loss_row(t, text__clean(t, l->cause), l->objects, bytes);
	}
}

/* What samples were held against, and what came of it. */
static void print_checks(struct text *t)
{
	if (!t->p->nchecks)
		return;
	report_print__f(&t->out, "checks of the samples: %" PRIu64 ", of %" PRIu64 " allocations",
			t->p->nchecks, t->p->counters.checks_seen);
	if (t->p->ndoubted)
		report_print__f(&t->out, "; in %" PRIu64 " size class%s samples are in step with the "
				"program: shares there are by checks", t->p->ndoubted,
				t->p->ndoubted > 1 ? "es" : "");
	report_print__f(&t->out, "\n");
}

/*
 * At rest every allocation seen is in the table or in a loss; read from a running process the
 * tables and the counters are some microseconds apart.
 */
static void print_balance(struct text *t)
{
	const struct report_set *set = &t->p->alloc;
	uint64_t told = set->total.objects + set->filtered.objects, seen = t->p->counters.seen;

	if (t->p->counters.samples_seen || t->estimated) {
		report_print__f(&t->out, "seen: %" PRIu64 " samples (%" PRIu64 " of them lost)",
				t->p->counters.samples_seen, t->p->counters.samples_lost);
		if (seen)
			report_print__f(&t->out, ", and %" PRIu64 " allocations one by one", seen);
		report_print__f(&t->out, "\n");
		print_checks(t);
		return;
	}
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

	return c->cut_depth + c->cut_read + c->cut_foreign + c->cut_full;
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
	if (c->cut_full)
		report_print__f(&t->out, "of these for want of room: %" PRIu64 ", after %d or %d frames\n",
				c->cut_full, GT_SHORT_FRAMES, GT_BRIEF_FRAMES);
	if (c->corrupt_stacks)
		report_print__f(&t->out, "stacks damaged: %" PRIu64 "\n", c->corrupt_stacks);
	if (c->unsure)
		report_print__f(&t->out,
				"uncertain: %" PRIu64
				" objects, whose type or block could not be read;"
				" bytes may be off by 16 each\n",
				c->unsure);
}

static void print_alloc_losses(struct text *t)
{
	const struct report_sample *lost = &t->p->alloc.lost, *filtered = &t->p->alloc.filtered;
	char buf[REPORT_BYTES_LEN];

	print_balance(t);
	if (lost->objects || lost->class_bytes) {
		report_print__f(&t->out,
				"%slost: %" PRIu64 " objects, %s%s (%.1f %% of all %s)\n",
				text__on(t, STYLE_ALARM), lost->objects,
				report_print__bytes(lost->class_bytes, buf), text__off(t),
				percent(t, lost), metric_name(t));
		text__causes(t, MODEL_ALLOC);
	} else {
		report_print__f(&t->out, "lost: 0\n");
	}
	if (filtered->objects || filtered->class_bytes)
		report_print__f(&t->out,
				"filtered out: %" PRIu64 " objects, %s (not in the total)\n",
				filtered->objects,
				report_print__bytes(filtered->class_bytes, buf));
}

static void print_losses(struct text *t)
{
	text__title(t, "Completeness");
	if (t->groups & MODEL_ALLOC)
		print_alloc_losses(t);
	if (t->groups & MODEL_STACK)
		text_stack__losses(t);
	if (t->groups & MODEL_GC)
		text_gc__losses(t);
	print_cuts(t);
}

/* Each hit is a trap into the kernel, whether it ended up counted or not. */
static void print_cost(struct text *t)
{
	const struct model_counters *c = &t->p->counters;
	uint64_t hits = c->seen + c->left_out + c->zero + c->checks_seen + c->samples_seen + +
			c->growths_begun + c->growths_seen + c->gc_hits;
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
	if (t->run->max_overhead > 0)
		report_print__f(&t->out, "            at most %.4g %% of it, or of a tenth of one CPU, are "
				"allowed\n", t->run->max_overhead);
}

void text__clock(const struct text *t, uint64_t ns, const char *fmt, char *buf, size_t size)
{
	const struct model_time *mt = &t->p->time;
	time_t sec = (mt->start_wall_ns + (int64_t)(ns - mt->start_ns)) / 1000000000;
	struct tm tm;

	*buf = '\0';
	if (localtime_r(&sec, &tm))
		strftime(buf, size, fmt, &tm);
}

static void print_interval_head(struct text *t)
{
	const struct report_sample *total = &t->p->alloc.total, *lost = &t->p->alloc.lost;
	char when[32], buf[REPORT_BYTES_LEN];

	text__clock(t, t->p->time.now_ns, "%H:%M:%S", when, sizeof(when));
	report_print__f(&t->out, "%s  pid %d %s%s%s", when, t->run->pid, text__on(t, STYLE_BOLD),
			text__shorten(t, text__clean(t, t->run->command), 16), text__off(t));
	if (t->groups & MODEL_ALLOC)
		report_print__f(&t->out, "  %.0f objects/s  %s/s  %slost %" PRIu64 "%s",
				text__rate(t, total->objects),
				report_print__bytes(text__rate(t, total->class_bytes), buf),
				lost->objects ? text__on(t, STYLE_ALARM) : "", lost->objects,
				lost->objects ? text__off(t) : "");
	if (cut_walks(t))
		report_print__f(&t->out, "  cut %" PRIu64, cut_walks(t));
	report_print__f(&t->out, "\n");
}

/* The groups share the rows; the allocations come first and keep at least one. */
static int print_interval(struct text *t)
{
	size_t rows = 0, gc_rows = 0;
	int err = 0;

	print_interval_head(t);
	if (t->groups & MODEL_GC)
		err = text_gc__rows(t, &gc_rows);
	if (t->groups != MODEL_GC)
		t->top = t->top > gc_rows ? t->top - gc_rows : 1;
	if (!err && t->groups & MODEL_STACK)
		err = text_stack__rows(t, &rows);
	if (!err && t->groups & MODEL_ALLOC) {
		t->top = t->top > rows ? t->top - rows : 1;
		err = print_table(t, REPORT_TABLE_SITES, "CALL SITE");
	}
	if (!err && t->groups & MODEL_STACK)
		err = text_stack__interval(t, rows);
	if (!err && t->groups & MODEL_GC)
		err = text_gc__interval(t, gc_rows);
	return err;
}

static void print_summary_head(struct text *t)
{
	static const char *const subjects[] = {
		[MODEL_ALLOC] = "Heap allocations", [MODEL_STACK] = "Goroutine stacks",
		[MODEL_ALLOC | MODEL_STACK] = "Heap and stacks",
		[MODEL_GC] = "Pauses and delays",
		[MODEL_ALLOC | MODEL_GC] = "Heap and collector",
		[MODEL_STACK | MODEL_GC] = "Stacks and collector",
		[MODEL_ALLOC | MODEL_STACK | MODEL_GC] = "Heap, stacks and collector",
	};
	char when[32];

	text__clock(t, t->p->time.start_ns, "%Y-%m-%d %H:%M:%S %z", when, sizeof(when));
	report_print__f(&t->out, "%s%s of %s%s, pid %d, %s, Linux %s\n", text__on(t, STYLE_BOLD),
			subjects[t->groups],
			text__shorten(t, text__clean(t, t->run->command), 16), text__off(t),
			t->run->pid, text__shorten(t, text__clean(t, t->run->go_version), 24),
			text__shorten(t, text__clean(t, t->run->kernel), 24));
	report_print__f(&t->out, "%.*f s from %s", t->p->seconds < 100 ? 1 : 0, t->p->seconds,
			when);
	if (t->groups & MODEL_ALLOC)
		report_print__f(&t->out, "; mode %s%s",
				text__shorten(t, text__clean(t, t->run->mode), 64),
				t->estimated ? "" : ", period 1");
	report_print__f(&t->out, "\n");
}

static void print_alloc_head(struct text *t)
{
	const struct report_sample *total = &t->p->alloc.total;
	char bytes[REPORT_BYTES_LEN], asked[REPORT_BYTES_LEN], speed[REPORT_BYTES_LEN];
	const char *about = t->estimated ? "~" : "";

	report_print__f(&t->out, "%s%" PRIu64 " objects, %s%s ", about, total->objects, about,
			report_print__bytes(total->class_bytes, bytes));
	if (t->estimated)
		report_print__f(&t->out, "+- %s; ",
				report_print__bytes(report__error(total, REPORT_BYTES), asked));
	else
		report_print__f(&t->out, "(%s requested); ",
				report_print__bytes(total->bytes, asked));
	report_print__f(&t->out, "%.0f objects/s, %s/s\n", text__rate(t, total->objects),
			report_print__bytes(text__rate(t, total->class_bytes), speed));
	report_print__f(&t->out, "%sBYTES are size classes, as MemStats.TotalAlloc counts them%s\n",
			text__on(t, STYLE_DIM), text__off(t));
	if (t->estimated)
		report_print__f(&t->out, "%s~ is estimated from samples; 19 of 20 true figures lie "
				"within +-%%%s\n", text__on(t, STYLE_DIM), text__off(t));
}

static int print_alloc_summary(struct text *t)
{
	int err;

	print_alloc_head(t);
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
	return err ? err : print_stacks(t);
}

static int print_summary(struct text *t)
{
	int err = 0;

	print_summary_head(t);
	if (t->groups & MODEL_ALLOC)
		err = print_alloc_summary(t);
	if (!err && t->groups & MODEL_STACK)
		err = text_stack__summary(t);
	if (!err && t->groups & MODEL_GC)
		err = text_gc__summary(t);
	if (err)
		return err;
	text_ways__summary(t);
	print_losses(t);
	print_cost(t);
	return 0;
}

static uint64_t heaviest_average(const struct report_set *p)
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

static int width_of(uint64_t v, int least)
{
	int width = text__digits(v);

	return width > least ? width : least;
}

static void set_layout(struct text *t)
{
	const struct report_set *const sets[] = {
		&t->p->growth, &t->p->shrink, &t->p->pause, &t->p->late, &t->p->delay
	};
	uint64_t most = 0;

	if (t->columns < MIN_COLUMNS)
		t->columns = MIN_COLUMNS;
	if (t->columns > MAX_COLUMNS)
		t->columns = MAX_COLUMNS;
	/* A sample knows no more than the size class. */
	t->estimated = t->p->alloc.total.est.class_bytes > 0;
	t->requested = (!t->interval || t->columns >= WIDE_COLUMNS) && !t->estimated;
	t->objects_width = width_of(t->p->alloc.total.objects, 7);
	t->avg_width = width_of(heaviest_average(&t->p->alloc), 5);
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		most = sets[i]->total.count > most ? sets[i]->total.count : most;
	t->count_width = width_of(most, 7);
}

int report__text(FILE *out, const struct report_profile *p, const struct report_run *run,
		 const struct report_options *opts)
{
	const unsigned int all = MODEL_ALLOC | MODEL_STACK | MODEL_GC;
	struct text t = {
		.out = { .out = out },
		.arena = report_arena__new(),
		.p = p,
		.run = run,
		.metric = opts->metric == REPORT_OBJECTS ? REPORT_OBJECTS : REPORT_BYTES,
		.growth_metric = opts->metric == REPORT_GROWTHS ? REPORT_GROWTHS : REPORT_COPIED,
		.groups = opts->groups & all ? opts->groups & all : MODEL_ALLOC,
		.longer_ns = opts->longer_ns,
		.top = opts->top > 0 ? opts->top : DEFAULT_TOP,
		.columns = opts->columns,
		.interval = opts->interval,
		.color = opts->color,
	};
	int err;

	if (!t.arena)
		return -ENOMEM;
	set_layout(&t);
	err = t.interval ? print_interval(&t) : print_summary(&t);
	if (!err)
		err = report_print__end(&t.out);
	report_arena__free(t.arena);
	return err;
}
