/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The plan of -a sample refuses what it cannot tell: a program without the functions it needs, and one
 * that does not say which Go built it. Plans of real binaries are the end-to-end tests' (inspect).
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "probe/plan.h"
#include "tiny_go.h"

static struct gobin *open_tiny(const struct tiny *t)
{
	char why[GOBIN_WHY_MAX] = "";
	struct gobin *gb = NULL;
	int fd = memfd_create("tiny", 0);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, t->b, sizeof(t->b)), sizeof(t->b));
	assert_int_equal(gobin__open(fd, &gb, why), 0);
	close(fd);
	return gb;
}

static void check_refused(const struct tiny *t, const char *word)
{
	struct probe_plan *plan = calloc(1, sizeof(*plan));
	struct gobin *gb = open_tiny(t);

	assert_non_null(plan);
	assert_int_equal(probe_plan__sample(gb, plan), -ENOTSUP);
	assert_non_null(strstr(plan->why, word));
	assert_int_equal(plan->large, 0);
	assert_int_equal(plan->heap_stats, 0);
	assert_int_equal(probe_globals__heap_stats(gb), 0);
	gobin__free(gb);
	free(plan);
}

static void test_without_the_functions(void **state)
{
	struct tiny t;

	(void)state;
	for (int minor = GOBIN_MINOR_MIN; minor <= GOBIN_MINOR_MAX; minor++) {
		tiny_build(&t, minor, false);
		check_refused(&t, "(*mcache).refill");
	}
}

static void test_without_a_version(void **state)
{
	struct tiny t;

	(void)state;
	tiny_build(&t, 24, false);
	memset(t.b + TINY_BUILDINFO, 0, 0x100);
	memset(t.b + TINY_VERSION, 0, 0x40);
	check_refused(&t, "does not say which Go built it");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_the_functions),
		cmocka_unit_test(test_without_a_version),
	};

	return cmocka_run_group_tests_name("plan_sample", tests, NULL, NULL);
}
