/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The pprof profile: what `go tool pprof` and everything that reads its files shows. The message of
 * profile.proto is built in an arena, packed by protobuf-c straight into zlib, and written.
 */
#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "report/pprof.h"
#include "report/print.h"

static void add_mapping(struct pprof *b)
{
	const struct report_mapping *from = &b->run->mapping;
	Gotrace__Pprof__Mapping *m = pprof__alloc(b, 1, sizeof(*m));

	b->msg.mapping = pprof__alloc(b, 1, sizeof(*b->msg.mapping));
	if (!m || !b->msg.mapping)
		return;
	gotrace__pprof__mapping__init(m);
	m->id = 1;
	m->memory_start = from->start;
	m->memory_limit = from->limit;
	m->file_offset = from->offset;
	m->filename = pprof__string(b, from->file);
	m->build_id = pprof__string(b, from->build_id);
	m->has_functions = m->has_filenames = true;
	m->has_line_numbers = m->has_inline_frames = true;
	b->msg.mapping[0] = m;
	b->msg.n_mapping = 1;
}

static void add_comment(struct pprof *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void add_comment(struct pprof *b, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (len >= 0)
		text = pprof__alloc(b, len + 1, 1);
	if (!text)
		return;
	va_start(ap, fmt);
	vsnprintf(text, len + 1, fmt, ap);
	va_end(ap);
	b->msg.comment[b->msg.n_comment++] = pprof__intern(b, report_print__clean(b->arena, text, ';'));
}

static void comment_word(struct pprof *b, const char *what, const char *word)
{
	if (word && *word)
		add_comment(b, "%s: %s", what, word);
}

static void comment_figures(struct pprof *b, const char *what, const struct report_sample *s)
{
	int64_t v[PPROF_VALUES_MAX];

	b->kind->values(s, v);
	add_comment(b, "%s: %lld %s, %lld %s", what, (long long)v[0], b->kind->noun,
		    (long long)v[b->kind->ntypes - 1], b->kind->unit);
}

static void comment_unmatched(struct pprof *b, uint64_t n)
{
	add_comment(b, "unmatched: %llu %s", (unsigned long long)n, b->kind->noun);
}

/* What belongs to the set and is in no sample. */
static void comment_others(struct pprof *b)
{
	const struct report_profile *p = b->p;

	if (b->set == &p->growth) {
		if (report__counts(&p->shrink.total))
			comment_figures(b, "shrunk by the collector", &p->shrink.total);
		comment_unmatched(b, p->counters.growths_unmatched);
	} else if (b->set == &p->pause) {
		comment_unmatched(b, p->counters.pauses_unmatched);
	} else if (b->set == &p->delay) {
		comment_unmatched(b, p->counters.delays_unmatched);
	}
}

/* When and why something was watched in another way; of many changes the first ones. */
#define COMMENTED_CHANGES 32

static void comment_changes(struct pprof *b)
{
	const struct model *m = b->p->model;
	uint64_t seen = model__changes_seen(m);
	const struct model_change *c;

	for (size_t i = 0; i < COMMENTED_CHANGES && (c = model__change(m, i)) != NULL; i++)
		add_comment(b, "changed at %.1f s: %s %s -> %s, %s",
			    (double)(c->time_ns - b->p->time.start_ns) / 1e9,
			    model__subject_name(c->subject), model__way_name(c->subject, c->from),
			    model__way_name(c->subject, c->to), model__why_name(c->why));
	if (seen > COMMENTED_CHANGES)
		add_comment(b, "changed %llu times more",
			    (unsigned long long)(seen - COMMENTED_CHANGES));
}

static void add_comments(struct pprof *b)
{
	const struct model_counters *c = &b->p->counters;
	const struct report_run *run = b->run;

	/* Room for all below. */
	b->msg.comment = pprof__alloc(b, 18 + MODEL_LOSS_MAX + COMMENTED_CHANGES,
				      sizeof(*b->msg.comment));
	if (!b->msg.comment)
		return;
	comment_word(b, "command line", run->command_line);
	comment_word(b, "gotrace", run->gotrace_version);
	add_comment(b, "pid: %d", run->pid);
	comment_word(b, "command", run->command);
	comment_word(b, "Go", run->go_version);
	comment_word(b, "kernel", run->kernel);
	comment_word(b, "mode", b->kind->exact ? "exact" : run->mode);
	if (b->set->total.est.class_bytes > 0)
		add_comment(b, "estimated from samples: true bytes lie within %.0f of the total in 19 of "
			    "20 cases; labels bytes_error and objects_error say it of each stack",
			    report__error(&b->set->total, REPORT_BYTES));
	comment_figures(b, "lost", &b->set->lost);
	for (int i = 0; i < c->nloss; i++) {
		struct report_sample s;

		if (pprof__loss(b, i, &s))
			comment_figures(b, c->loss[i].cause, &s);
	}
	if (report__counts(&b->set->filtered))
		comment_figures(b, "filtered out", &b->set->filtered);
	comment_others(b);
	comment_changes(b);
	add_comment(b, "walks cut short: %llu",
		    (unsigned long long)c->cut_depth + c->cut_read + c->cut_foreign + c->cut_full);
}

static void add_time(struct pprof *b, bool interval)
{
	const struct model_time *t = &b->p->time;
	uint64_t from = interval ? t->mark_ns : t->start_ns;

	b->msg.time_nanos = t->start_wall_ns + (int64_t)(from - t->start_ns);
	b->msg.duration_nanos = t->now_ns > from ? t->now_ns - from : 0;
}

/*
 * A protobuf-c buffer that compresses what is appended and writes it. protobuf-c appends field by
 * field, a few bytes at a time: they are gathered first.
 */
struct gz_buffer {
	ProtobufCBuffer base;
	z_stream z;
	FILE *out;
	int err;
	size_t used;
	unsigned char in[32768];
};

static void gz_run(struct gz_buffer *gz, int flush)
{
	unsigned char chunk[16384];
	int ret;

	gz->z.next_in = gz->in;
	gz->z.avail_in = gz->used;
	gz->used = 0;
	do {
		size_t n;

		gz->z.next_out = chunk;
		gz->z.avail_out = sizeof(chunk);
		ret = deflate(&gz->z, flush);
		n = sizeof(chunk) - gz->z.avail_out;
		errno = 0;
		/* cppcheck-suppress uninitvar; deflate() has written n bytes of it */
		if (n && fwrite(chunk, 1, n, gz->out) != n)
			gz->err = errno ? -errno : -EIO;
	} while (!gz->err && (flush == Z_FINISH ? ret == Z_OK : !gz->z.avail_out));
	if (ret == Z_STREAM_ERROR)
		gz->err = -EIO;
}

static void gz_append(ProtobufCBuffer *base, size_t len, const uint8_t *data)
{
	struct gz_buffer *gz = (struct gz_buffer *)base;

	while (len && !gz->err) {
		size_t room = sizeof(gz->in) - gz->used, n = len < room ? len : room;

		memcpy(gz->in + gz->used, data, n);
		gz->used += n;
		data += n;
		len -= n;
		if (gz->used == sizeof(gz->in))
			gz_run(gz, Z_NO_FLUSH);
	}
}

static int write_gzip(FILE *out, const ProtobufCMessage *msg)
{
	struct gz_buffer gz = { .base.append = gz_append, .out = out };

	/* 15 bits of window; 16 more ask for a gzip header instead of zlib's. */
	if (deflateInit2(&gz.z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	protobuf_c_message_pack_to_buffer(msg, &gz.base);
	if (!gz.err)
		gz_run(&gz, Z_FINISH);
	deflateEnd(&gz.z);
	if (!gz.err) {
		struct report_printer pr = { .out = out };

		gz.err = report_print__end(&pr);
	}
	return gz.err;
}

int report__pprof(FILE *out, const struct report_profile *p, const struct report_run *run,
		  const struct report_options *opts)
{
	struct pprof b = {
		.p = p,
		.set = report__set(p, opts->metric),
		.kind = pprof__kind(opts->metric),
		.run = run,
		.arena = report_arena__new(),
	};
	int err;

	if (!b.arena)
		return -ENOMEM;
	gotrace__pprof__profile__init(&b.msg);
	pprof__intern(&b, "");			/* string_table[0] has to be empty */
	pprof__add_types(&b, opts->metric);
	add_mapping(&b);
	pprof__add_samples(&b);
	add_comments(&b);
	add_time(&b, opts->interval);
	pprof__add_tables(&b);
	err = b.err ? b.err : write_gzip(out, &b.msg.base);
	pprof__clear(&b);
	return err;
}
