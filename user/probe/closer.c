/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Descriptors go to the helper over a socket (SCM_RIGHTS), which holds them while they are on their
 * way; gotrace closes its own, which are not the last and do not wait, and says by one more byte that
 * it has. Then the helper makes a child for each, and lets them close when each has nothing but its
 * own: a fork waits while the kernel removes breakpoints anywhere (dup_mmap_sem), so all are made
 * before. When its close has returned a child answers by one byte.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe/closer.h"

struct closer {
	int sock;
	pid_t pid;
	int pending;
};

/* The kernel takes 253 at most (SCM_MAX_FD). */
#define BATCH_MAX 128

/* Room for descriptors beside one byte. */
union control {
	struct cmsghdr head;
	char room[CMSG_SPACE(BATCH_MAX * sizeof(int))];
};

static int send_fds(int sock, const int *fds, int n)
{
	char byte = 0;
	size_t size = (size_t)n * sizeof(*fds);
	union control control = { .room = { 0 } };
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.room, .msg_controllen = CMSG_SPACE(size),
	};
	struct cmsghdr *head = CMSG_FIRSTHDR(&msg);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(head), fds, size);
	return sendmsg(sock, &msg, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

/* Returns how many have come, or 0 when there will be none any more. */
static int receive_fds(int sock, int fds[BATCH_MAX])
{
	char byte;
	union control control = { .room = { 0 } };
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.room, .msg_controllen = sizeof(control.room),
	};
	struct cmsghdr *head;
	size_t size;
	ssize_t n;

	do {
		n = recvmsg(sock, &msg, 0);
	} while (n < 0 && errno == EINTR);
	head = n == 1 ? CMSG_FIRSTHDR(&msg) : NULL;
	if (!head || head->cmsg_type != SCM_RIGHTS)
		return 0;
	size = head->cmsg_len - CMSG_LEN(0);
	memcpy(fds, CMSG_DATA(head), size);
	return (int)(size / sizeof(*fds));
}

static void read_byte(int fd)
{
	char byte;

	while (read(fd, &byte, 1) < 0 && errno == EINTR)
		;
}

static void write_byte(int fd)
{
	char byte = 0;

	/* Fails where gotrace was killed meanwhile; what was to be closed still is. */
	if (write(fd, &byte, 1) != 1)
		errno = 0;
}

static void close_others(const int *fds, int n, int own)
{
	for (int i = 0; i < n; i++)
		if (i != own)
			close(fds[i]);
}

/* A child: gives up all but its own, says so, and closes that one when all have. */
static void close_one(int sock, const int *fds, int n, int own, const int ready[2], const int go[2])
{
	close(go[1]);
	close_others(fds, n, own);
	write_byte(ready[1]);
	read_byte(go[0]);
	close(fds[own]);
	write_byte(sock);
	_exit(0);
}

/* Closes a batch: each by a child, or here what there is no child for. */
static void close_batch(int sock, const int *fds, int n)
{
	bool own[BATCH_MAX] = { false };
	int ready[2] = { -1, -1 }, go[2] = { -1, -1 }, started = 0;

	if (pipe(ready) || pipe(go)) {
		for (int i = 0; i < n; i++)
			own[i] = true;
	}
	for (int i = 0; i < n && go[0] >= 0; i++) {
		pid_t pid = fork();

		if (!pid)
			close_one(sock, fds, n, i, ready, go);
		own[i] = pid < 0;
		started += pid > 0;
	}
	for (int i = 0; i < started; i++)
		read_byte(ready[0]);
	for (int i = 0; i < n; i++)
		if (!own[i])
			close(fds[i]);
	close(go[0]);
	close(go[1]);
	close(ready[0]);
	close(ready[1]);
	for (int i = 0; i < n; i++) {
		if (own[i]) {
			close(fds[i]);
			write_byte(sock);
		}
	}
}

/* What the helper does, until gotrace's end of the socket is closed. */
static void serve(int sock)
{
	const struct sched_param lowest = { .sched_priority = 1 };
	int fds[BATCH_MAX], n;

	/* Nobody waits for the children, nor is anything lost by an answer to nobody. */
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	/*
	 * A target that hits the probes without end makes the machine busy until they have gone: who takes
	 * them out must not wait for its turn. It is a matter of milliseconds, now and then.
	 */
	sched_setscheduler(0, SCHED_FIFO, &lowest);
	while ((n = receive_fds(sock, fds)) > 0) {
		read_byte(sock);
		close_batch(sock, fds, n);
	}
	_exit(0);
}

/* Leaves the helper with one descriptor, 0: what else it kept open would stay alive with it. */
static void keep_only(int sock)
{
	long max;

	if (sock && dup2(sock, 0))
		_exit(1);
#ifdef SYS_close_range
	if (!syscall(SYS_close_range, 1U, ~0U, 0U))
		return;
#endif
	/* Before Linux 5.9. */
	max = sysconf(_SC_OPEN_MAX);
	for (int fd = 1; fd < max; fd++)
		close(fd);
}

struct closer *closer__new(void)
{
	struct closer *c = calloc(1, sizeof(*c));
	int ends[2];

	if (!c)
		return NULL;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) {
		free(c);
		return NULL;
	}
	c->pid = fork();
	if (!c->pid) {
		keep_only(ends[1]);
		serve(0);
	}
	close(ends[1]);
	c->sock = ends[0];
	if (c->pid < 0) {
		close(c->sock);
		free(c);
		return NULL;
	}
	return c;
}

/* Takes answers in; waits for the first of them if it may. False: there will be no more. */
static bool take_answers(struct closer *c, int flags)
{
	char bytes[64];
	ssize_t n;

	do {
		n = recv(c->sock, bytes, sizeof(bytes), flags);
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		c->pending -= n < c->pending ? (int)n : c->pending;
	else if (!n || errno != EAGAIN)
		c->pending = 0;
	return n > 0;
}

void closer__give(struct closer *c, const int *fds, int n)
{
	char byte = 0;

	for (int done = 0, some; done < n; done += some) {
		some = n - done < BATCH_MAX ? n - done : BATCH_MAX;
		bool sent = c && !send_fds(c->sock, fds + done, some);

		for (int i = 0; i < some; i++)
			close(fds[done + i]);
		if (sent && send(c->sock, &byte, 1, MSG_NOSIGNAL) == 1)
			c->pending += some;
	}
}

void closer__wait(struct closer *c)
{
	while (c && c->pending && take_answers(c, 0))
		;
}

int closer__pending(struct closer *c)
{
	while (c && c->pending && take_answers(c, MSG_DONTWAIT))
		;
	return c ? c->pending : 0;
}

void closer__free(struct closer *c)
{
	if (!c)
		return;
	closer__wait(c);
	close(c->sock);
	while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
		;
	free(c);
}
