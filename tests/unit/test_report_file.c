/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Output files: whole or not at all, never over something that exists, and no trace of a failure.
 * Each test works in a directory of its own that has to be empty, but for what it expects, at the
 * end.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "report/report.h"

static char home[4096];

static int setup(void **state)
{
	char dir[] = "/tmp/gotrace-test-XXXXXX";

	(void)state;
	if (!getcwd(home, sizeof(home)) || !mkdtemp(dir))
		return -1;
	umask(022);
	return chdir(dir);
}

static int teardown(void **state)
{
	char dir[64], cmd[128];

	(void)state;
	if (!getcwd(dir, sizeof(dir)) || chdir(home))
		return -1;
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	return system(cmd);
}

static int count_files(void)
{
	struct dirent *e;
	DIR *d = opendir(".");
	int n = 0;

	assert_non_null(d);
	while ((e = readdir(d)))
		n += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
	closedir(d);
	return n;
}

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void check_content(const char *path, const char *expected)
{
	char buf[256] = "";
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	buf[fread(buf, 1, sizeof(buf) - 1, f)] = '\0';
	fclose(f);
	assert_string_equal(buf, expected);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static int write_file(const char *path, bool force, const char *text)
{
	struct report_file *f;
	FILE *out;
	int err;

	err = report__file_open(path, force, &f, &out);
	if (err)
		return err;
	fputs(text, out);
	return report__file_commit(f);
}

static void test_appears_at_commit(void **state)
{
	struct report_file *f;
	struct stat st;
	FILE *out;

	(void)state;
	assert_int_equal(report__check_output("a.txt", false), 0);
	assert_int_equal(count_files(), 0);
	assert_int_equal(report__file_open("a.txt", false, &f, &out), 0);
	fputs("whole", out);
	assert_int_equal(stat("a.txt", &st), -1);
	assert_int_equal(count_files(), 1);
	assert_int_equal(report__file_commit(f), 0);
	check_content("a.txt", "whole");
	assert_int_equal(count_files(), 1);
	assert_int_equal(mode_of("a.txt"), 0644);
}

static void test_abort_leaves_nothing(void **state)
{
	struct report_file *f;
	FILE *out;

	(void)state;
	report__file_abort(NULL);
	assert_int_equal(report__file_open("a.txt", false, &f, &out), 0);
	fputs("half", out);
	report__file_abort(f);
	assert_int_equal(count_files(), 0);
}

static void test_umask(void **state)
{
	(void)state;
	umask(027);
	assert_int_equal(write_file("a", false, ""), 0);
	assert_int_equal(mode_of("a"), 0640);
}

static void test_existing_file(void **state)
{
	(void)state;
	put("a", "old");
	assert_int_equal(report__check_output("a", false), -EEXIST);
	assert_int_equal(write_file("a", false, "new"), -EEXIST);
	check_content("a", "old");
	assert_int_equal(report__check_output("a", true), 0);
	assert_int_equal(chmod("a", 0600), 0);
	assert_int_equal(write_file("a", true, "new"), 0);
	check_content("a", "new");
	assert_int_equal(mode_of("a"), 0600);
	assert_int_equal(count_files(), 1);
}

/* Somebody makes the file while it is written. */
static void test_no_overwrite_of_a_latecomer(void **state)
{
	struct report_file *f;
	FILE *out;

	(void)state;
	assert_int_equal(report__file_open("a", false, &f, &out), 0);
	fputs("mine", out);
	put("a", "theirs");
	assert_int_equal(report__file_commit(f), -EEXIST);
	check_content("a", "theirs");
	assert_int_equal(count_files(), 1);
}

static void test_places_that_are_none(void **state)
{
	struct report_file *f;
	FILE *out;

	(void)state;
	assert_int_equal(mkdir("dir", 0755), 0);
	put("file", "");
	for (int force = 0; force < 2; force++) {
		assert_int_equal(report__check_output("dir", force), -EISDIR);
		assert_int_equal(report__check_output("dir/", force), -EISDIR);
		assert_int_equal(report__check_output("new/", force), -EISDIR);
		assert_int_equal(report__check_output("none/a", force), -ENOENT);
		assert_int_equal(report__check_output("file/a", force), -ENOTDIR);
		assert_int_equal(report__check_output("", force), -ENOENT);
		assert_int_equal(report__file_open("dir", force, &f, &out), -EISDIR);
		assert_int_equal(report__file_open("none/a", force, &f, &out), -ENOENT);
		assert_int_equal(report__file_open("", force, &f, &out), -ENOENT);
	}
	assert_int_equal(report__check_output("/dev/fd/999", false), -EBADF);
	assert_int_equal(report__file_open("/dev/fd/999", false, &f, &out), -EBADF);
	if (geteuid()) {
		assert_int_equal(chmod("dir", 0555), 0);
		assert_int_equal(report__check_output("dir/a", false), -EACCES);
		assert_int_equal(report__file_open("dir/a", false, &f, &out), -EACCES);
	}
	assert_int_equal(count_files(), 2);
}

static void test_full_disk(void **state)
{
	(void)state;
	assert_int_equal(report__check_output("/dev/full", false), 0);
	assert_int_equal(write_file("/dev/full", false, "text"), -ENOSPC);
	assert_int_equal(write_file("/dev/null", false, "text"), 0);
	assert_int_equal(count_files(), 0);
}

/* A file size limit in place of a full disk, for a file of its own name. */
static void test_write_error_removes_the_file(void **state)
{
	struct rlimit old, limit;
	struct report_file *f;
	FILE *out;
	int err;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = 4096;
	assert_int_equal(report__file_open("a", false, &f, &out), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	for (int i = 0; i < 10000; i++)
		fputs("0123456789", out);
	err = report__file_commit(f);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_true(err == -EFBIG || err == -EIO);
	assert_int_equal(count_files(), 0);
}

static void test_fifo(void **state)
{
	struct report_file *f;
	char buf[8] = "";
	FILE *out;
	int fd;

	(void)state;
	assert_int_equal(mkfifo("fifo", 0600), 0);
	fd = open("fifo", O_RDONLY | O_NONBLOCK);
	assert_int_equal(report__check_output("fifo", false), 0);
	assert_int_equal(report__file_open("fifo", false, &f, &out), 0);
	fputs("text", out);
	assert_int_equal(report__file_commit(f), 0);
	assert_int_equal(read(fd, buf, sizeof(buf)), 4);
	assert_string_equal(buf, "text");
	close(fd);

	/* Nobody reads any more. */
	signal(SIGPIPE, SIG_IGN);
	fd = open("fifo", O_RDONLY | O_NONBLOCK);
	assert_int_equal(report__file_open("fifo", false, &f, &out), 0);
	close(fd);
	fputs("text", out);
	assert_int_equal(report__file_commit(f), -EPIPE);
	assert_int_equal(count_files(), 1);
}

/* A redirected /dev/stdout is a file that exists, and is not to be truncated or renamed over. */
static void test_descriptor_names(void **state)
{
	char name[32];
	int fd;

	(void)state;
	fd = open("a", O_RDWR | O_CREAT, 0600);
	assert_int_equal(write(fd, "one ", 4), 4);
	snprintf(name, sizeof(name), "/dev/fd/%d", fd);
	assert_int_equal(report__check_output(name, false), 0);
	assert_int_equal(write_file(name, false, "two"), 0);
	check_content("a", "one two");
	close(fd);
	assert_int_equal(report__check_output("-", false), 0);
	assert_int_equal(write_file("-", false, ""), 0);
	assert_int_equal(write_file("/dev/stdout", false, ""), 0);
	assert_int_equal(fflush(stdout), 0);
}

static void test_symlinks(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(mkdir("d", 0755), 0);
	put("d/real", "old");
	assert_int_equal(symlink("d/real", "link"), 0);
	assert_int_equal(report__check_output("link", false), -EEXIST);
	assert_int_equal(write_file("link", true, "new"), 0);
	check_content("d/real", "new");
	assert_int_equal(lstat("link", &st), 0);
	assert_true(S_ISLNK(st.st_mode));

	assert_int_equal(symlink("nowhere", "dangling"), 0);
	assert_int_equal(report__check_output("dangling", false), -EEXIST);
	assert_int_equal(write_file("dangling", false, "new"), -EEXIST);
	assert_int_equal(write_file("dangling", true, "new"), 0);
	check_content("dangling", "new");
	assert_int_equal(lstat("dangling", &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(count_files(), 3);
}

static void test_longest_name(void **state)
{
	char name[256];

	(void)state;
	memset(name, 'n', 255);
	name[255] = '\0';
	assert_int_equal(write_file(name, false, "text"), 0);
	check_content(name, "text");
	assert_int_equal(count_files(), 1);
}

static void check_expansion(const char *tmpl, const char *command, const char *expected)
{
	char *name = report__expand_name(tmpl, 4711, command, 1136214245999999999);

	assert_non_null(name);
	assert_string_equal(name, expected);
	free(name);
}

static void test_expand_name(void **state)
{
	char host[256] = "", *name;

	(void)state;
	check_expansion("a.txt", "api", "a.txt");
	check_expansion("", "api", "");
	check_expansion("%c-%p-%t.pb.gz", "api", "api-4711-20060102T150405Z.pb.gz");
	check_expansion("100%%", "api", "100%");
	check_expansion("%%p", "api", "%p");
	check_expansion("%x%", "api", "%x%");
	check_expansion("%c", "../../etc/passwd", ".._.._etc_passwd");
	check_expansion("%c", "a\nb\033", "a_b_");
	check_expansion("%c", "", "unknown");
	check_expansion("%c", NULL, "unknown");
	gethostname(host, sizeof(host) - 1);
	name = report__expand_name("%h", 1, "api", 0);
	assert_string_equal(name, host);
	free(name);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_appears_at_commit),
		TEST(test_abort_leaves_nothing),
		TEST(test_umask),
		TEST(test_existing_file),
		TEST(test_no_overwrite_of_a_latecomer),
		TEST(test_places_that_are_none),
		TEST(test_full_disk),
		TEST(test_write_error_removes_the_file),
		TEST(test_fifo),
		TEST(test_descriptor_names),
		TEST(test_symlinks),
		TEST(test_longest_name),
		TEST(test_expand_name),
	};

	return cmocka_run_group_tests_name("report files", tests, NULL, NULL);
}
