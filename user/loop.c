/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The loop: one for all traced processes, no threads. It waits by epoll for a timer, signals and the
 * targets' pidfds, until the duration is over, somebody says stop, or no target is left.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "calibrate.h"
#include "session_parts.h"

#define NS_PER_S 1000000000ULL

/* How often the targets' state and the probes' cost are looked at, whatever the interval. */
#define TICK_MAX_NS NS_PER_S

struct loop {
	const struct args *args;
	struct screen screen;
	struct session *sessions;
	int nopen;			/* sessions that were opened, wholly or in part */
	int epoll, timer, signals;
	uint64_t next_tick_ns;		/* when the models are to be brought up to date */
	uint64_t next_interval_ns;	/* when the next table is due */
	uint64_t end_ns;		/* when the duration is over; UINT64_MAX: never */
	bool done;
};

static void each(struct loop *l, void (*call)(struct session *))
{
	for (int i = 0; i < l->args->npids; i++)
		call(&l->sessions[i]);
}

static void print_interval(struct loop *l)
{
	for (int i = 0; i < l->args->npids; i++) {
		output__interval(&l->sessions[i], i == 0);
		model__mark(l->sessions[i].model);
	}
}

static void tick(struct loop *l)
{
	uint64_t now = session__now_ns();
	bool ended = true;

	/* At the end nothing is worth keeping the probes in for. */
	if (now >= l->end_ns) {
		l->done = true;
		return;
	}
	each(l, session__tick);
	for (int i = 0; i < l->args->npids; i++)
		ended = ended && l->sessions[i].ended;
	now = session__now_ns();
	if (now >= l->next_interval_ns && !ended) {
		print_interval(l);
		while (l->next_interval_ns <= now)
			l->next_interval_ns += l->args->interval_ns;
	}
	if (ended || (l->screen.failed && !l->args->noutputs))
		l->done = true;
	l->next_tick_ns = now + TICK_MAX_NS;
	if (l->next_tick_ns > l->next_interval_ns)
		l->next_tick_ns = l->next_interval_ns;
	if (l->next_tick_ns > l->end_ns)
		l->next_tick_ns = l->end_ns;
}

/* Looks what probes cost where that is due, or where there was an alarm. */
static void look(struct loop *l, int alarm_fd)
{
	for (int i = 0; i < l->args->npids; i++) {
		struct session *s = &l->sessions[i];

		if (!s->ended && (collect__alarm_fd(s->collect) == alarm_fd ||
				  watch__next_ns(s) <= session__now_ns()))
			watch__look(s);
	}
}

/* The timer rings for the next look or the next tick: whatever comes first. */
static void set_timer(const struct loop *l)
{
	uint64_t at = l->next_tick_ns;
	struct itimerspec spec = { 0 };

	for (int i = 0; i < l->args->npids; i++)
		if (!l->sessions[i].ended && watch__next_ns(&l->sessions[i]) < at)
			at = watch__next_ns(&l->sessions[i]);
	spec.it_value.tv_sec = (time_t)(at / NS_PER_S);
	spec.it_value.tv_nsec = (long)(at % NS_PER_S);
	timerfd_settime(l->timer, TFD_TIMER_ABSTIME, &spec, NULL);
}

/* From the first request to stop on, a second one ends gotrace at once, as signals do by default. */
static void unblock_stop(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void write_snapshot(struct session *s)
{
	session__drain(s);
	output__write(s, false);
}

static void on_signal(struct loop *l)
{
	struct signalfd_siginfo info;

	while (read(l->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGUSR1:
			each(l, write_snapshot);
			break;
		case SIGWINCH:
			for (int i = 0; i < l->args->npids && l->screen.terminal; i++)
				output__interval(&l->sessions[i], i == 0);
			break;
		default:
			unblock_stop();
			l->done = true;
		}
	}
}

/* Signals are blocked before anything is attached, so that none ends gotrace half-way. */
static int block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGWINCH);
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static int watch(const struct loop *l, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev);
}

static int prepare(struct loop *l)
{
	int err;

	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	err = l->epoll < 0 || l->timer < 0 || watch(l, l->timer) || watch(l, l->signals);
	for (int i = 0; i < l->args->npids && !err; i++) {
		int fd = target__pidfd(l->sessions[i].target);

		err = fd >= 0 && watch(l, fd);
		/* Readable when so much is in it that it cannot wait for the next tick. */
		fd = collect__events_fd(l->sessions[i].collect);
		if (!err && fd >= 0)
			err = watch(l, fd);
		/* Readable when the probes are hit so often that it may be too dear. */
		fd = collect__alarm_fd(l->sessions[i].collect);
		if (!err && fd >= 0)
			err = watch(l, fd);
	}
	if (err)
		fprintf(stderr, "gotrace: cannot wait for events: %s\n", strerror(errno));
	return err ? EXIT_FAILED : 0;
}

/* A pidfd stays readable: a target that has gone is looked at once and no longer waited for. */
static void forget_ended(const struct loop *l)
{
	for (int i = 0; i < l->args->npids; i++) {
		const struct session *s = &l->sessions[i];

		if (s->ended && target__pidfd(s->target) >= 0)
			epoll_ctl(l->epoll, EPOLL_CTL_DEL, target__pidfd(s->target), NULL);
	}
}

static bool is_alarm(const struct loop *l, int fd)
{
	for (int i = 0; i < l->args->npids; i++)
		if (fd == collect__alarm_fd(l->sessions[i].collect))
			return true;
	return false;
}

/* What woke the loop: the timer, a target that ended, a ring of events, or an alarm. */
static void on_event(struct loop *l, int fd)
{
	bool timer = fd == l->timer, alarm = is_alarm(l, fd);
	uint64_t rings;

	while (timer && read(l->timer, &rings, sizeof(rings)) > 0)
		;
	if (timer || alarm)
		look(l, fd);
	if (!(timer || alarm) || session__now_ns() >= l->next_tick_ns)
		tick(l);
	forget_ended(l);
}

static int wait_and_see(struct loop *l)
{
	struct epoll_event ev;
	int n;

	l->next_interval_ns = session__now_ns() + l->args->interval_ns;
	l->end_ns = l->args->duration_ns ? session__now_ns() + l->args->duration_ns : UINT64_MAX;
	tick(l);
	while (!l->done) {
		set_timer(l);
		n = epoll_wait(l->epoll, &ev, 1, -1);
		if (n < 0 && errno != EINTR) {
			fprintf(stderr, "gotrace: waiting failed: %s\n", strerror(errno));
			return EXIT_FAILED;
		}
		if (n <= 0)
			continue;
		if (ev.data.fd == l->signals) {
			on_signal(l);
			continue;
		}
		on_event(l, ev.data.fd);
	}
	return 0;
}

static int open_all(struct loop *l)
{
	int code = 0;

	for (int i = 0; i < l->args->npids && !code; i++) {
		l->nopen++;
		code = session__open(&l->sessions[i], l->args, l->args->pids[i], &l->screen);
	}
	return code ? code : prepare(l);
}

/*
 * All probes go before any report is written: that may take its time, and the targets must not pay
 * for it.
 */
static int trace_all(struct loop *l)
{
	int code = 0;

	for (int i = 0; i < l->args->npids && !code; i++)
		code = session__start(&l->sessions[i]);
	if (code)
		return code;
	code = wait_and_see(l);
	each(l, session__detach);
	each(l, session__finish);
	for (int i = 0; i < l->args->npids && !code; i++)
		code = l->sessions[i].code;
	return code;
}

static void choose_screen(struct screen *screen, const struct args *args)
{
	const char *term = getenv("TERM");

	screen->terminal = isatty(STDOUT_FILENO) && !args->quiet && term && strcmp(term, "dumb");
	screen->color = screen->terminal && !getenv("NO_COLOR");
	screen->tables = !args->noutputs || screen->terminal || args->interval_given;
	screen->sessions = args->npids;
	for (int i = 0; i < args->noutputs; i++)
		if (!strcmp(args->outputs[i].name, "-"))
			screen->tables = screen->terminal = false;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

int loop__run(const struct args *args)
{
	struct loop l = { .args = args, .epoll = -1, .timer = -1 };
	int code = EXIT_FAILED;

	l.sessions = calloc((size_t)args->npids, sizeof(*l.sessions));
	if (!l.sessions)
		return code;
	choose_screen(&l.screen, args);
	l.signals = block_signals();
	if (!args->dry_run)
		calibrate__start(probe__has_uprobe_multi());
	code = open_all(&l);
	for (int i = 0; i < args->npids && !code && args->dry_run; i++)
		output__start_line(&l.sessions[i]);
	if (!code && !args->dry_run)
		code = trace_all(&l);
	for (int i = 0; i < l.nopen; i++)
		session__close(&l.sessions[i]);
	calibrate__stop();
	close_fd(l.epoll);
	close_fd(l.timer);
	close_fd(l.signals);
	free(l.sessions);
	return code;
}
