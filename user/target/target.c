/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Identity, life and death of the traced process. Its mappings are in maps.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "target/internal.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

/* The fields of /proc/PID/stat that gotrace uses, numbered as in proc(5). */
enum {
	STAT_UTIME = 14,
	STAT_STIME = 15,
	STAT_STARTTIME = 22,
	STAT_STARTSTACK = 28,
	STAT_MAX = 29,
};

/* Reads a small file of /proc/PID into buf as a string. Returns its length or a negative errno. */
static ssize_t read_proc(pid_t pid, const char *name, char *buf, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	if (n < 0)
		n = -errno;
	else
		buf[n] = '\0';
	close(fd);
	return n;
}

/* Numeric fields of /proc/PID/stat, and its state letter. The command, field 2, may hold anything. */
static int read_stat(pid_t pid, uint64_t field[STAT_MAX], char *state)
{
	char buf[1024], *p;
	ssize_t n = read_proc(pid, "stat", buf, sizeof(buf));

	if (n < 0)
		return n == -ENOENT ? -ESRCH : n;
	p = strrchr(buf, ')');
	if (!p || strlen(p) < 4)
		return -EIO;
	*state = p[2];
	memset(field, 0, sizeof(field[0]) * STAT_MAX);
	p += 3;
	for (int i = 4; i < STAT_MAX && *p; i++)
		field[i] = strtoull(p, &p, 10);
	return 0;
}

/* Value of a "Name:\tvalue" line of /proc/PID/status; -1 if there is none. */
static long status_value(pid_t pid, const char *name)
{
	char buf[4096] = "", *p;

	if (read_proc(pid, "status", buf, sizeof(buf)) < 0)
		return -1;
	for (p = buf; p; p = strchr(p, '\n')) {
		if (*p == '\n')
			p++;
		if (!strncmp(p, name, strlen(name)) && p[strlen(name)] == ':')
			return strtol(p + strlen(name) + 1, NULL, 10);
	}
	return -1;
}

static int fail(char *why, int err, const char *reason)
{
	snprintf(why, TARGET_WHY_MAX, "%s", reason);
	return err;
}

/* Opens the executable and learns its names. */
static int open_exe(struct target *t, char *why)
{
	static const char deleted[] = " (deleted)";
	char link[4096];
	const char *base;
	struct stat st;
	ssize_t n;

	snprintf(t->exe_path, sizeof(t->exe_path), "/proc/%d/exe", t->pid);
	n = readlink(t->exe_path, link, sizeof(link) - 1);
	if (n < 0 && errno == ENOENT)
		return fail(why, -ENOEXEC, "it is a kernel thread");
	if (n < 0)
		return fail(why, -errno, strerror(errno));
	link[n] = '\0';
	if (n > (ssize_t)sizeof(deleted) - 1 && !strcmp(link + n - (sizeof(deleted) - 1), deleted))
		link[n - (sizeof(deleted) - 1)] = '\0';
	t->exe = strdup(link);
	base = strrchr(link, '/');
	t->command = strdup(base && base[1] ? base + 1 : link);
	if (!t->exe || !t->command)
		return fail(why, -ENOMEM, "out of memory");
	t->exe_fd = open(t->exe_path, O_RDONLY | O_CLOEXEC);
	if (t->exe_fd < 0 || fstat(t->exe_fd, &st))
		return fail(why, -errno, strerror(errno));
	t->exe_dev = st.st_dev;
	t->exe_ino = st.st_ino;
	return 0;
}

int target__open(pid_t pid, struct target **out, char *why)
{
	uint64_t field[STAT_MAX];
	struct target *t;
	char state;
	long tgid;
	int err;

	tgid = status_value(pid, "Tgid");
	if (tgid <= 0)
		return fail(why, -ESRCH, "no such process");
	t = calloc(1, sizeof(*t));
	if (!t)
		return fail(why, -ENOMEM, "out of memory");
	t->pid = (pid_t)tgid;
	t->exe_fd = -1;
	t->pidfd = (int)syscall(SYS_pidfd_open, t->pid, 0);
	err = read_stat(t->pid, field, &state);
	if (err) {
		fail(why, err, err == -ESRCH ? "no such process" : strerror(-err));
		goto error;
	}
	if (state == 'Z' || state == 'X') {
		err = fail(why, -ESRCH, "it has exited and waits for its parent");
		goto error;
	}
	t->start_ticks = field[STAT_STARTTIME];
	t->start_stack = field[STAT_STARTSTACK];
	err = open_exe(t, why);
	if (err)
		goto error;
	err = target__read_maps(t);
	if (err) {
		fail(why, err, strerror(-err));
		goto error;
	}
	*out = t;
	return 0;

error:
	target__free(t);
	return err;
}

void target__free(struct target *t)
{
	if (!t)
		return;
	if (t->exe_fd >= 0)
		close(t->exe_fd);
	if (t->pidfd >= 0)
		close(t->pidfd);
	target_maps__free(t);
	free(t->exe);
	free(t->command);
	free(t);
}

pid_t target__pid(const struct target *t)
{
	return t->pid;
}

const char *target__command(const struct target *t)
{
	return t->command;
}

const char *target__exe(const struct target *t)
{
	return t->exe;
}

const char *target__exe_path(const struct target *t)
{
	return t->exe_path;
}

int target__exe_fd(const struct target *t)
{
	return t->exe_fd;
}

int target__pidfd(const struct target *t)
{
	return t->pidfd;
}

pid_t target__tracer(const struct target *t)
{
	long pid = status_value(t->pid, "TracerPid");

	return pid > 0 ? (pid_t)pid : 0;
}

uint64_t target__start_ticks(const struct target *t)
{
	return t->start_ticks;
}

/* The kernel draws the stack's start anew at each exec, so it tells an exec of the same file too. */
enum target_state target__state(const struct target *t)
{
	struct pollfd pfd = { .fd = t->pidfd, .events = POLLIN };
	uint64_t field[STAT_MAX];
	struct stat st;
	char state;

	if (t->pidfd >= 0 && poll(&pfd, 1, 0) > 0)
		return TARGET_GONE;
	if (read_stat(t->pid, field, &state) || state == 'Z' || state == 'X' ||
	    field[STAT_STARTTIME] != t->start_ticks)
		return TARGET_GONE;
	if (stat(t->exe_path, &st))
		return TARGET_GONE;
	if (st.st_dev != t->exe_dev || st.st_ino != t->exe_ino ||
	    field[STAT_STARTSTACK] != t->start_stack)
		return TARGET_EXECED;
	return TARGET_ALIVE;
}

uint64_t target__cpu_ns(const struct target *t)
{
	struct pollfd pfd = { .fd = t->pidfd, .events = POLLIN };
	uint64_t field[STAT_MAX];
	struct timespec ts;
	clockid_t clock;
	char state;

	/* The clock is exact to the ns; while the pidfd says that it lives, the pid is this process's. */
	if (t->pidfd >= 0) {
		if (poll(&pfd, 1, 0) > 0 || clock_getcpuclockid(t->pid, &clock) ||
		    clock_gettime(clock, &ts))
			return 0;
		return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
	}
	/* Before Linux 5.3: in ticks of 10 ms. */
	if (read_stat(t->pid, field, &state) || field[STAT_STARTTIME] != t->start_ticks)
		return 0;
	return (field[STAT_UTIME] + field[STAT_STIME]) *
	       (1000000000ULL / (uint64_t)sysconf(_SC_CLK_TCK));
}

/* Unlike /proc/PID/mem this asks for the right to ptrace alone, not for the file's as well. */
int target__read(const struct target *t, uint64_t addr, void *buf, size_t len)
{
	struct iovec local = { buf, len }, remote = { (void *)(uintptr_t)addr, len };
	ssize_t n = process_vm_readv(t->pid, &local, 1, &remote, 1, 0);

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}
