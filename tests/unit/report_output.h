/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of the formats share: a profile of a fixture, a format's output, and readers of the
 * outputs that judge what every one of them must hold to. Included by one test program at a time.
 */
#ifndef GOTRACE_TESTS_REPORT_OUTPUT_H
#define GOTRACE_TESTS_REPORT_OUTPUT_H

/* cmocka.h wants to be behind the headers it needs, so the includer brings all of them. */
#include <zlib.h>

#include "report/print.h"
#include "report_fixture.h"

#include "profile.pb-c.h"

static inline struct report_profile make(const struct model *m, const struct fixture_name *table,
				  const struct fixture_type *types,
				  const struct report_options *opts)
{
	struct fixture fx = { .names = table, .types = types };
	struct report_names names = fixture_bind(&fx);
	struct report_profile p;

	assert_int_equal(report__profile(m, &names, opts, &p), 0);
	return p;
}

/* What a format writes, malloc'ed. */
static inline char *render(const char *format, const struct report_profile *p,
		    const struct report_options *opts, size_t *len)
{
	struct report_run run = fixture_run();
	char *buf = NULL;
	size_t n;
	FILE *out = open_memstream(&buf, &n);

	assert_non_null(out);
	assert_int_equal(report__format(format)->write(out, p, &run, opts), 0);
	fclose(out);
	if (len)
		*len = n;
	return buf;
}

static inline char *next_line(char **text)
{
	char *line = *text, *end;

	if (!line || !*line)
		return NULL;
	end = strchr(line, '\n');
	assert_non_null(end);
	*end = '\0';
	*text = end + 1;
	return line;
}

static inline uint64_t fold_sum(char *text, const char *suffix)
{
	uint64_t sum = 0;
	const char *last = "";
	char *line;

	while ((line = next_line(&text))) {
		char *space = strrchr(line, ' ');

		assert_non_null(space);
		assert_true(strcmp(last, line) < 0);
		*space = '\0';
		last = line;
		if (!*suffix || (strlen(line) >= strlen(suffix) &&
				 !strcmp(line + strlen(line) - strlen(suffix), suffix)))
			sum += strtoull(space + 1, NULL, 10);
	}
	return sum;
}

static inline unsigned char *gunzip(const char *data, size_t len, size_t *out_len)
{
	static unsigned char buf[1 << 20];
	z_stream z = { .next_in = (unsigned char *)data,
		       .avail_in = len,
		       .next_out = buf,
		       .avail_out = sizeof(buf) };

	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	*out_len = z.total_out;
	inflateEnd(&z);
	return buf;
}

static inline Gotrace__Pprof__Profile *decode(const struct report_profile *p,
				       const struct report_options *opts)
{
	Gotrace__Pprof__Profile *msg;
	size_t len, raw_len;
	char *data = render("pprof", p, opts, &len);
	unsigned char *raw = gunzip(data, len, &raw_len);

	msg = gotrace__pprof__profile__unpack(NULL, raw_len, raw);
	assert_non_null(msg);
	free(data);
	return msg;
}

static inline const char *str(const Gotrace__Pprof__Profile *msg, int64_t i)
{
	assert_true(i >= 0 && (size_t)i < msg->n_string_table);
	return msg->string_table[i];
}

/* Every id leads somewhere, is not 0, and is the row's place in its table plus one. */
static inline void check_references(const Gotrace__Pprof__Profile *msg)
{
	assert_string_equal(msg->string_table[0], "");
	for (size_t i = 0; i < msg->n_function; i++) {
		assert_int_equal(msg->function[i]->id, i + 1);
		assert_true(*str(msg, msg->function[i]->name));
		str(msg, msg->function[i]->filename);
	}
	for (size_t i = 0; i < msg->n_location; i++) {
		const Gotrace__Pprof__Location *l = msg->location[i];

		assert_int_equal(l->id, i + 1);
		assert_true(l->mapping_id <= msg->n_mapping);
		assert_true(l->n_line > 0);
		for (size_t k = 0; k < l->n_line; k++)
			assert_in_range(l->line[k]->function_id, 1, msg->n_function);
	}
	for (size_t i = 0; i < msg->n_sample; i++) {
		const Gotrace__Pprof__Sample *s = msg->sample[i];

		assert_int_equal(s->n_value, msg->n_sample_type);
		assert_true(s->n_location_id > 0);
		for (size_t k = 0; k < s->n_location_id; k++)
			assert_in_range(s->location_id[k], 1, msg->n_location);
	}
}

static inline const Gotrace__Pprof__Label *label(const Gotrace__Pprof__Profile *msg,
					  const Gotrace__Pprof__Sample *s, const char *key)
{
	for (size_t i = 0; i < s->n_label; i++) {
		if (!strcmp(str(msg, s->label[i]->key), key))
			return s->label[i];
	}
	return NULL;
}

static inline bool has_comment(const Gotrace__Pprof__Profile *msg, const char *text)
{
	for (size_t i = 0; i < msg->n_comment; i++) {
		if (!strcmp(str(msg, msg->comment[i]), text))
			return true;
	}
	return false;
}

/*
 * Names a binary may carry. All of them are in one stack; each also is a file and a type.
 */
static char long_name[10001];

static const char *const hostile[] = {
	"a;b",
	"two\nlines",
	"\033]0;title\007",
	"\033[2J",
	"caf\303\251.\344\270\226",
	"",
	"\302\233 1m",
	"\377\376",
	"cut\342\202",
	"\342\200\256txt.exe",
	"tab\tcr\r",
	" ",
	"12 34",
	"%s%n",
	long_name,
};

#define NHOSTILE (sizeof(hostile) / sizeof(hostile[0]))

static inline void check_harmless(const char *text)
{
	for (const char *s = text; *s; s++) {
		unsigned char c = *s;

		assert_true(c == '\n' || c >= 0x20);
		assert_int_not_equal(c, 0x7f);
		assert_int_not_equal(c, 0xff);
	}
	assert_null(strstr(text, "\302\233"));
	assert_null(strstr(text, "\342\200\256"));
}

#endif /* GOTRACE_TESTS_REPORT_OUTPUT_H */
