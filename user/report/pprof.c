/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The pprof profile: what `go tool pprof` and everything that reads its files shows. The message of
 * profile.proto is built in an arena, packed by protobuf-c straight into zlib, and written.
 *
 * A location is one pc with all the lines inlined there; where leading runtime frames were trimmed
 * in the middle of one, the rest of its lines make a location of their own.
 */
#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "model/hash.h"
#include "report/arena.h"
#include "report/print.h"
#include "report/report.h"

#include "profile.pb-c.h"

struct string_entry {
	int64_t index;
	UT_hash_handle hh;
};

/* The string of an address that was seen before; spares cleaning and hashing the content again. */
struct seen_string {
	const char *s;
	int64_t index;
	UT_hash_handle hh;
};

struct function_entry {
	struct {
		int64_t name, file, start_line;
	} key;
	Gotrace__Pprof__Function msg;
	UT_hash_handle hh;
};

/* The outermost line is the same for all locations of a pc; the number of lines is not. */
struct location_entry {
	struct {
		uint64_t address, nlines, function, line;
	} key;
	Gotrace__Pprof__Location msg;
	UT_hash_handle hh;
};

struct builder {
	const struct report_profile *p;
	const struct report_set *set;	/* what of it the file is about */
	enum model_group group;
	const struct report_run *run;
	struct report_arena *arena;
	struct string_entry *strings;
	struct seen_string *seen;
	struct function_entry *functions;
	struct location_entry *locations;
	int64_t key_bytes, key_type, key_via, key_cause, key_from, key_to, key_kind, key_start;
	Gotrace__Pprof__Profile msg;
	int err;			/* -ENOMEM; set once, everything after is harmless */
};

static void *alloc(struct builder *b, size_t n, size_t size)
{
	void *p = report_arena__alloc(b->arena, n, size);

	if (!p)
		b->err = -ENOMEM;
	return p;
}

/* Index of a clean string in the string table, 0 after an error. */
static int64_t intern(struct builder *b, const char *s)
{
	size_t len = s ? strlen(s) : 0;
	struct string_entry *e;

	if (!s) {
		b->err = -ENOMEM;
		return 0;
	}
	HASH_FIND(hh, b->strings, s, len, e);
	if (e)
		return e->index;
	e = alloc(b, 1, sizeof(*e));
	if (!e)
		return 0;
	e->index = HASH_COUNT(b->strings);
	HASH_ADD_KEYPTR(hh, b->strings, s, len, e);
	if (!hash__added(e)) {
		b->err = -ENOMEM;
		return 0;
	}
	return e->index;
}

/* Index of a string of the caller's, which outlives the builder. */
static int64_t string(struct builder *b, const char *s)
{
	struct seen_string *e;

	HASH_FIND(hh, b->seen, &s, sizeof(s), e);
	if (e)
		return e->index;
	e = alloc(b, 1, sizeof(*e));
	if (!e)
		return 0;
	e->s = s;
	e->index = intern(b, report_print__clean(b->arena, s, ';'));
	HASH_ADD(hh, b->seen, s, sizeof(e->s), e);
	if (!hash__added(e))
		b->err = -ENOMEM;
	return e->index;
}

static uint64_t function(struct builder *b, const struct report_frame *f)
{
	struct function_entry *e, key = { 0 };

	key.key.name = string(b, f->func);
	key.key.file = string(b, f->file);
	key.key.start_line = f->start_line;
	HASH_FIND(hh, b->functions, &key.key, sizeof(key.key), e);
	if (e)
		return e->msg.id;
	e = alloc(b, 1, sizeof(*e));
	if (!e)
		return 0;
	e->key = key.key;
	gotrace__pprof__function__init(&e->msg);
	e->msg.id = HASH_COUNT(b->functions) + 1;
	e->msg.name = e->msg.system_name = e->key.name;
	e->msg.filename = e->key.file;
	e->msg.start_line = e->key.start_line;
	HASH_ADD(hh, b->functions, key, sizeof(e->key), e);
	if (!hash__added(e))
		b->err = -ENOMEM;
	return e->msg.id;
}

static void add_lines(struct builder *b, Gotrace__Pprof__Location *msg,
		      const struct report_frame *f, size_t n)
{
	Gotrace__Pprof__Line *lines = alloc(b, n, sizeof(*lines));

	msg->line = alloc(b, n, sizeof(*msg->line));
	if (!lines || !msg->line)
		return;
	for (size_t i = 0; i < n; i++) {
		gotrace__pprof__line__init(&lines[i]);
		lines[i].function_id = function(b, &f[i]);
		lines[i].line = f[i].line;
		msg->line[i] = &lines[i];
	}
	msg->n_line = n;
}

/* Does this address belong to the main binary's mapping? Go code does, wherever that is. */
static bool in_mapping(const struct builder *b, const struct report_frame *f, uint64_t address)
{
	const struct report_mapping *m = &b->run->mapping;

	return f->go || (address >= m->start && address < m->limit);
}

/* The location of n frames that share a pc. */
static uint64_t location(struct builder *b, const struct report_frame *f, uint64_t address,
			 size_t n)
{
	struct location_entry *e, key = { 0 };

	key.key.address = address;
	key.key.nlines = n;
	key.key.function = function(b, &f[0]);
	key.key.line = f[0].line;
	HASH_FIND(hh, b->locations, &key.key, sizeof(key.key), e);
	if (e)
		return e->msg.id;
	e = alloc(b, 1, sizeof(*e));
	if (!e)
		return 0;
	e->key = key.key;
	gotrace__pprof__location__init(&e->msg);
	e->msg.id = HASH_COUNT(b->locations) + 1;
	e->msg.mapping_id = in_mapping(b, &f[n - 1], address);
	e->msg.address = address;
	add_lines(b, &e->msg, f, n);
	HASH_ADD(hh, b->locations, key, sizeof(e->key), e);
	if (!hash__added(e))
		b->err = -ENOMEM;
	return e->msg.id;
}

static void add_stack(struct builder *b, Gotrace__Pprof__Sample *msg,
		      const struct report_sample *s)
{
	int n;

	msg->location_id = alloc(b, s->nframes, sizeof(*msg->location_id));
	if (!msg->location_id)
		return;
	for (int i = 0; i < s->nframes; i += n) {
		for (n = 1; s->frames[i + n - 1].inlined && i + n < s->nframes; n++)
			;
		msg->location_id[msg->n_location_id++] =
			location(b, &s->frames[i], s->pcs[i], n);
	}
}

static void add_label(struct builder *b, Gotrace__Pprof__Sample *msg, int64_t key, int64_t str,
		      int64_t num)
{
	Gotrace__Pprof__Label *label = alloc(b, 1, sizeof(*label));

	if (!label)
		return;
	gotrace__pprof__label__init(label);
	label->key = key;
	label->str = str;
	label->num = num;
	label->num_unit = num ? b->key_bytes : 0;
	msg->label[msg->n_label++] = label;
}

static void add_word(struct builder *b, Gotrace__Pprof__Sample *msg, int64_t key, const char *word)
{
	if (word && *word)
		add_label(b, msg, key, string(b, word), 0);
}

static void add_alloc(struct builder *b, Gotrace__Pprof__Sample *msg,
		      const struct report_sample *s)
{
	msg->n_value = 2;
	msg->value[0] = s->objects;
	msg->value[1] = s->class_bytes;
	if (s->objects && s->class_bytes / s->objects)
		add_label(b, msg, b->key_bytes, 0, s->class_bytes / s->objects);
	add_word(b, msg, b->key_type, s->type);
	add_word(b, msg, b->key_via, s->via);
}

/* lost: nothing is known of the sizes. */
static void add_growth(struct builder *b, Gotrace__Pprof__Sample *msg,
		       const struct report_sample *s, bool lost)
{
	msg->n_value = 3;
	msg->value[0] = s->count;
	msg->value[1] = s->to > s->from ? (uint64_t)(s->to - s->from) * s->count : 0;
	msg->value[2] = s->copied;
	if (lost)
		return;
	if (s->from)
		add_label(b, msg, b->key_from, 0, s->from);
	if (s->to)
		add_label(b, msg, b->key_to, 0, s->to);
	add_word(b, msg, b->key_kind, s->kind == MODEL_REGROWTH ? "regrowth" : "growth");
	add_word(b, msg, b->key_start, s->start);
}

/* Adds a sample; cause is that of a loss, else NULL. */
static void add_sample(struct builder *b, const struct report_sample *s, const char *cause)
{
	Gotrace__Pprof__Sample *msg = alloc(b, 1, sizeof(*msg));

	if (!msg)
		return;
	gotrace__pprof__sample__init(msg);
	msg->value = alloc(b, 3, sizeof(*msg->value));
	msg->label = alloc(b, 5, sizeof(*msg->label));
	if (!msg->value || !msg->label)
		return;
	add_stack(b, msg, s);
	if (b->group == MODEL_STACK)
		add_growth(b, msg, s, cause);
	else
		add_alloc(b, msg, s);
	add_word(b, msg, b->key_cause, cause);
	b->msg.sample[b->msg.n_sample++] = msg;
}

/* A cause's figures; the frames are those of what is lost. */
static struct report_sample loss_sample(const struct builder *b, const struct model_loss *l)
{
	struct report_sample s = b->set->lost;

	if (b->group == MODEL_STACK) {
		s.count = l->objects;
		s.copied = l->bytes;
	} else {
		s.objects = l->objects;
		s.bytes = l->bytes;
		s.class_bytes = l->class_bytes;
	}
	return s;
}

/* Is it a loss of what the file is about, with anything to show for it? */
static bool is_ours(const struct builder *b, const struct model_loss *l)
{
	return l->group == b->group &&
	       (l->objects || (b->group == MODEL_STACK ? l->bytes : l->class_bytes));
}

static void add_samples(struct builder *b)
{
	const struct model_counters *c = &b->p->counters;

	b->msg.sample = alloc(b, b->set->nsamples + MODEL_LOSS_MAX, sizeof(*b->msg.sample));
	for (size_t i = 0; i < b->set->nsamples && !b->err; i++)
		add_sample(b, &b->set->samples[i], NULL);
	for (int i = 0; i < c->nloss && !b->err; i++) {
		struct report_sample s = loss_sample(b, &c->loss[i]);

		if (is_ours(b, &c->loss[i]))
			add_sample(b, &s, c->loss[i].cause);
	}
}

static Gotrace__Pprof__ValueType *value_type(struct builder *b, const char *type, const char *unit)
{
	Gotrace__Pprof__ValueType *v = alloc(b, 1, sizeof(*v));

	if (!v)
		return NULL;
	gotrace__pprof__value_type__init(v);
	v->type = intern(b, type);
	v->unit = intern(b, unit);
	return v;
}

static void add_types(struct builder *b)
{
	Gotrace__Pprof__Profile *msg = &b->msg;

	msg->sample_type = alloc(b, 3, sizeof(*msg->sample_type));
	if (!msg->sample_type)
		return;
	msg->period = 1;
	if (b->group == MODEL_STACK) {
		msg->sample_type[0] = value_type(b, "growths", "count");
		msg->sample_type[1] = value_type(b, "stack_space", "bytes");
		msg->sample_type[2] = value_type(b, "copied", "bytes");
		msg->n_sample_type = 3;
		msg->period_type = value_type(b, "growths", "count");
		msg->default_sample_type = intern(b, "copied");
		return;
	}
	msg->sample_type[0] = value_type(b, "alloc_objects", "count");
	msg->sample_type[1] = value_type(b, "alloc_space", "bytes");
	msg->n_sample_type = 2;
	msg->period_type = value_type(b, "space", "bytes");
	msg->default_sample_type = intern(b, "alloc_space");
}

static void add_mapping(struct builder *b)
{
	const struct report_mapping *from = &b->run->mapping;
	Gotrace__Pprof__Mapping *m = alloc(b, 1, sizeof(*m));

	b->msg.mapping = alloc(b, 1, sizeof(*b->msg.mapping));
	if (!m || !b->msg.mapping)
		return;
	gotrace__pprof__mapping__init(m);
	m->id = 1;
	m->memory_start = from->start;
	m->memory_limit = from->limit;
	m->file_offset = from->offset;
	m->filename = string(b, from->file);
	m->build_id = string(b, from->build_id);
	m->has_functions = m->has_filenames = true;
	m->has_line_numbers = m->has_inline_frames = true;
	b->msg.mapping[0] = m;
	b->msg.n_mapping = 1;
}

static void add_comment(struct builder *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void add_comment(struct builder *b, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (len >= 0)
		text = alloc(b, len + 1, 1);
	if (!text)
		return;
	va_start(ap, fmt);
	vsnprintf(text, len + 1, fmt, ap);
	va_end(ap);
	b->msg.comment[b->msg.n_comment++] = intern(b, report_print__clean(b->arena, text, ';'));
}

static void comment_word(struct builder *b, const char *what, const char *word)
{
	if (word && *word)
		add_comment(b, "%s: %s", what, word);
}

static void comment_figures(struct builder *b, const char *what, const struct report_sample *s)
{
	if (b->group == MODEL_STACK)
		add_comment(b, "%s: %llu stack copies, %llu bytes", what,
			    (unsigned long long)s->count, (unsigned long long)s->copied);
	else
		add_comment(b, "%s: %llu objects, %llu bytes", what,
			    (unsigned long long)s->objects, (unsigned long long)s->class_bytes);
}

/* What belongs to the stack copies and is in no sample. */
static void comment_copies(struct builder *b)
{
	if (report__counts(&b->p->shrink.total))
		comment_figures(b, "shrunk by the collector", &b->p->shrink.total);
	add_comment(b, "unmatched: %llu stack copies",
		    (unsigned long long)b->p->counters.growths_unmatched);
}

static void add_comments(struct builder *b)
{
	const struct model_counters *c = &b->p->counters;
	const struct report_run *run = b->run;

	/* Room for all below. */
	b->msg.comment = alloc(b, 16 + MODEL_LOSS_MAX, sizeof(*b->msg.comment));
	if (!b->msg.comment)
		return;
	comment_word(b, "command line", run->command_line);
	comment_word(b, "gotrace", run->gotrace_version);
	add_comment(b, "pid: %d", run->pid);
	comment_word(b, "command", run->command);
	comment_word(b, "Go", run->go_version);
	comment_word(b, "kernel", run->kernel);
	/* The mode is that of the allocations; stack copies are all counted, whatever it is. */
	comment_word(b, "mode", b->group == MODEL_STACK ? "exact" : run->mode);
	comment_figures(b, "lost", &b->set->lost);
	for (int i = 0; i < c->nloss; i++) {
		struct report_sample s = loss_sample(b, &c->loss[i]);

		if (is_ours(b, &c->loss[i]))
			comment_figures(b, c->loss[i].cause, &s);
	}
	if (report__counts(&b->set->filtered))
		comment_figures(b, "filtered out", &b->set->filtered);
	if (b->group == MODEL_STACK)
		comment_copies(b);
	add_comment(b, "walks cut short: %llu",
		    (unsigned long long)c->cut_depth + c->cut_read + c->cut_foreign + c->cut_full);
}

static void add_time(struct builder *b, bool interval)
{
	const struct model_time *t = &b->p->time;
	uint64_t from = interval ? t->mark_ns : t->start_ns;

	b->msg.time_nanos = t->start_wall_ns + (int64_t)(from - t->start_ns);
	b->msg.duration_nanos = t->now_ns > from ? t->now_ns - from : 0;
}

/* The tables, gathered while everything else was added, go into the message. */
static void add_tables(struct builder *b)
{
	Gotrace__Pprof__Profile *msg = &b->msg;
	struct location_entry *l;
	struct function_entry *f;
	struct string_entry *s;

	msg->location = alloc(b, HASH_COUNT(b->locations), sizeof(*msg->location));
	msg->function = alloc(b, HASH_COUNT(b->functions), sizeof(*msg->function));
	msg->string_table = alloc(b, HASH_COUNT(b->strings), sizeof(*msg->string_table));
	if (b->err)
		return;
	for (l = b->locations; l; l = l->hh.next)
		msg->location[msg->n_location++] = &l->msg;
	for (f = b->functions; f; f = f->hh.next)
		msg->function[msg->n_function++] = &f->msg;
	for (s = b->strings; s; s = s->hh.next)
		msg->string_table[msg->n_string_table++] = (char *)s->hh.key;
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
	struct builder b = {
		.p = p,
		.set = report__set(p, opts->metric),
		.group = report__group(opts->metric),
		.run = run,
		.arena = report_arena__new(),
	};
	int err;

	if (!b.arena)
		return -ENOMEM;
	gotrace__pprof__profile__init(&b.msg);
	intern(&b, "");				/* string_table[0] has to be empty */
	b.key_bytes = intern(&b, "bytes");
	b.key_type = intern(&b, "type");
	b.key_via = intern(&b, "via");
	b.key_cause = intern(&b, "cause");
	if (b.group == MODEL_STACK) {
		b.key_from = intern(&b, "from");
		b.key_to = intern(&b, "to");
		b.key_kind = intern(&b, "kind");
		b.key_start = intern(&b, "start");
	}
	add_types(&b);
	add_mapping(&b);
	add_samples(&b);
	add_comments(&b);
	add_time(&b, opts->interval);
	add_tables(&b);
	err = b.err ? b.err : write_gzip(out, &b.msg.base);

	HASH_CLEAR(hh, b.strings);
	HASH_CLEAR(hh, b.seen);
	HASH_CLEAR(hh, b.functions);
	HASH_CLEAR(hh, b.locations);
	report_arena__free(b.arena);
	return err;
}
