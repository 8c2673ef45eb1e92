/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The closer: what is given to it is closed by all processes that had it, and nothing else is kept open.
 * The write end of a pipe tells: when the last one is closed, the read end has come to its end.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#include "probe/closer.h"

#define MANY 300

/* Returns the read end, which does not wait. */
static int make_pipe(int *write_end)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	*write_end = ends[1];
	return ends[0];
}

static bool is_closed(int read_end)
{
	char byte;
	ssize_t n = read(read_end, &byte, 1);

	assert_true(!n || (n < 0 && errno == EAGAIN));
	return !n;
}

static void check(struct closer *c, int n)
{
	int in[MANY], out[MANY] = { 0 };

	for (int i = 0; i < n; i++)
		in[i] = make_pipe(&out[i]);
	closer__give(c, out, n);
	closer__wait(c);
	assert_int_equal(closer__pending(c), 0);
	for (int i = 0; i < n; i++) {
		assert_true(is_closed(in[i]));
		assert_int_equal(fcntl(out[i], F_GETFD), -1);
		close(in[i]);
	}
}

static void test_closes(void **state)
{
	struct closer *c = closer__new();

	(void)state;
	assert_non_null(c);
	check(c, 0);
	check(c, 1);
	check(c, 7);
	check(c, MANY);
	check(c, 1);
	closer__free(c);
}

static void test_without(void **state)
{
	(void)state;
	check(NULL, 0);
	check(NULL, 7);
	closer__free(NULL);
}

static void test_free_waits(void **state)
{
	struct closer *c = closer__new();
	int out, in = make_pipe(&out);

	(void)state;
	closer__give(c, &out, 1);
	closer__free(c);
	assert_true(is_closed(in));
	close(in);
}

/* What was open when the helper was started, and what was opened later, is not held by it. */
static void test_holds_nothing(void **state)
{
	int before_out, before_in = make_pipe(&before_out), out, in;
	struct closer *c = closer__new();

	(void)state;
	check(c, 1);
	in = make_pipe(&out);
	check(c, 3);
	close(before_out);
	close(out);
	assert_true(is_closed(before_in));
	assert_true(is_closed(in));
	close(before_in);
	close(in);
	closer__free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_closes),
		cmocka_unit_test(test_without),
		cmocka_unit_test(test_free_waits),
		cmocka_unit_test(test_holds_nothing),
	};

	return cmocka_run_group_tests_name("closer", tests, NULL, NULL);
}
