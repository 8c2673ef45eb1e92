/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The life of a trace: set up, wait for what ends it, detach, report. One loop, no threads: epoll
 * over a timer, signals and the target's pidfd.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "calibrate.h"
#include "session_parts.h"

#define NS_PER_S 1000000000ULL

/* How often the target's state and the probes' cost are looked at, whatever the interval. */
#define TICK_MAX_NS NS_PER_S

/* The share of the target's CPU time above which the user is warned, in percent. */
#define COST_WARNING 5

/* Below so many hits a second the cost is nothing to look for. */
#define COST_MIN_RATE 1000

struct loop {
	struct session *s;
	int epoll, timer, signals;
	uint64_t next_interval_ns;	/* when the next table is due */
	uint64_t end_ns;		/* when the duration is over; UINT64_MAX: never */
	uint64_t cost_ns, cost_hits, cost_cpu_ns;	/* at the last look at the cost */
	bool calibrated, warned, done;
};

static uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

uint64_t session__now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t session__hits(const struct session *s)
{
	const struct model_counters *c = model__counters(s->model);

	return c->seen + c->left_out + c->zero;
}

static void note(const struct session *s, const char *what)
{
	if (!s->args->quiet)
		fprintf(stderr, "gotrace: pid %d %s\n", target__pid(s->target), what);
}

/* Brings the model up to now. */
static void drain(struct session *s)
{
	struct model_time t = *model__time(s->model);
	int err = collect__drain(s->collect, s->model);

	if (err) {
		fprintf(stderr, "gotrace: reading the tables failed: %s\n", strerror(-err));
		s->code = EXIT_FAILED;
	}
	t.now_ns = session__now_ns();
	model__set_time(s->model, &t);
}

static void calibrate(struct loop *l)
{
	if (l->calibrated)
		return;
	l->calibrated = true;
	l->s->run.ns_per_hit = calibrate__ns_per_hit(l->s->multi);
}

/* Warns once if the probes cost the target more than it may like. */
static void watch_cost(struct loop *l)
{
	struct session *s = l->s;
	uint64_t now = session__now_ns(), hits = session__hits(s), cpu = target__cpu_ns(s->target);
	double rate = (double)(hits - l->cost_hits) * 1e9 / (double)(now - l->cost_ns);
	double percent;

	if (l->warned || cpu <= l->cost_cpu_ns || now - l->cost_ns < NS_PER_S / 2)
		return;
	if (rate >= COST_MIN_RATE) {
		calibrate(l);
		percent = 100 * (double)(hits - l->cost_hits) * s->run.ns_per_hit /
			  (double)(cpu - l->cost_cpu_ns);
		if (percent > COST_WARNING) {
			l->warned = true;
			if (!s->args->quiet)
				fprintf(stderr, "gotrace: warning: counting each of %.0f allocations/s "
					"costs the target %.0f ns apiece, %.0f %% of its CPU time\n",
					rate, s->run.ns_per_hit, percent);
		}
	}
	l->cost_ns = now;
	l->cost_hits = hits;
	l->cost_cpu_ns = cpu;
}

static void check_target(struct loop *l)
{
	switch (target__state(l->s->target)) {
	case TARGET_ALIVE:
		break;
	case TARGET_GONE:
		note(l->s, "has exited; this is what was gathered");
		l->done = true;
		break;
	case TARGET_EXECED:
		note(l->s, "runs another program now; this is what was gathered before");
		l->done = true;
		break;
	}
}

static void tick(struct loop *l)
{
	struct session *s = l->s;
	uint64_t now = session__now_ns();

	check_target(l);
	if (l->done)
		return;
	drain(s);
	if (now >= l->next_interval_ns && now < l->end_ns) {
		output__interval(s);
		model__mark(s->model);
		while (l->next_interval_ns <= now)
			l->next_interval_ns += s->args->interval_ns;
	}
	watch_cost(l);
	if (now >= l->end_ns || (s->stdout_failed && !s->args->noutputs))
		l->done = true;
}

/* The timer rings at the next table, the end, or in a second: whatever comes first. */
static void set_timer(const struct loop *l)
{
	uint64_t at = session__now_ns() + TICK_MAX_NS;
	struct itimerspec spec = { 0 };

	if (at > l->next_interval_ns)
		at = l->next_interval_ns;
	if (at > l->end_ns)
		at = l->end_ns;
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

static void on_signal(struct loop *l)
{
	struct signalfd_siginfo info;

	while (read(l->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGUSR1:
			drain(l->s);
			output__write(l->s, false);
			break;
		case SIGWINCH:
			if (l->s->terminal)
				output__interval(l->s);
			break;
		default:
			unblock_stop();
			l->done = true;
		}
	}
}

static int watch(const struct loop *l, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	return fd < 0 ? 0 : epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev);
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

static int loop(struct loop *l)
{
	struct session *s = l->s;
	struct epoll_event ev;
	uint64_t rings;
	int n;

	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (l->epoll < 0 || l->timer < 0 || watch(l, l->timer) || watch(l, l->signals) ||
	    watch(l, target__pidfd(s->target))) {
		fprintf(stderr, "gotrace: cannot wait for events: %s\n", strerror(errno));
		return EXIT_FAILED;
	}
	l->next_interval_ns = s->start_ns + s->args->interval_ns;
	l->end_ns = s->args->duration_ns ? s->start_ns + s->args->duration_ns : UINT64_MAX;
	l->cost_ns = s->start_ns;
	l->cost_cpu_ns = s->start_cpu_ns;
	while (!l->done) {
		set_timer(l);
		n = epoll_wait(l->epoll, &ev, 1, -1);
		if (n < 0 && errno != EINTR)
			return EXIT_FAILED;
		if (n <= 0)
			continue;
		if (ev.data.fd == l->signals) {
			on_signal(l);
		} else {
			if (read(l->timer, &rings, sizeof(rings)) < 0 && errno != EAGAIN)
				return EXIT_FAILED;
			tick(l);
		}
	}
	return 0;
}

/* What the reports say of the run; the outputs' names need the time. */
static void describe(struct session *s)
{
	struct model_time t = { .start_wall_ns = (int64_t)clock_ns(CLOCK_REALTIME) };

	model__set_time(s->model, &t);
	s->run.pid = target__pid(s->target);
	s->run.command = target__command(s->target);
	s->run.go_version = gobin__info(s->gb)->version;
	s->run.kernel = s->kernel.release;
	s->run.mode = "exact";
	s->run.command_line = s->args->command_line;
	s->run.gotrace_version = GOTRACE_VERSION;
}

static void start(struct session *s)
{
	struct model_time t = *model__time(s->model);

	s->start_ns = session__now_ns();
	s->start_cpu_ns = target__cpu_ns(s->target);
	t.start_ns = t.now_ns = t.mark_ns = s->start_ns;
	model__set_time(s->model, &t);
}

/* Probes go first: what follows may take its time, and the target must not pay for it. */
static void finish(struct loop *l)
{
	struct session *s = l->s;
	uint64_t begin = session__now_ns();

	probe__detach(s->probes);
	s->probes = NULL;
	s->detach_ms = (double)(session__now_ns() - begin) / 1e6;
	drain(s);
	if (session__hits(s))
		calibrate(l);
	output__write(s, true);
	output__end_block(s);
}

static void trace(struct loop *l)
{
	struct session *s = l->s;

	start(s);
	output__start_line(s);
	/* Between opening and attaching the process may have gone or become another. */
	check_target(l);
	if (!l->done)
		s->code = loop(l);
	finish(l);
}

static void release(struct session *s)
{
	probe__detach(s->probes);
	names__free(s->names);
	collect__free(s->collect);
	gobin__free(s->gb);
	target__free(s->target);
	model__free(s->model);
	free(s->plan);
}

int session__run(const struct args *args)
{
	struct session s = { .args = args };
	struct loop l = { .s = &s, .epoll = -1, .timer = -1 };

	uname(&s.kernel);
	s.terminal = isatty(STDOUT_FILENO) && !args->quiet;
	s.tables = !args->noutputs || s.terminal || args->interval_given;
	for (int i = 0; i < args->noutputs; i++)
		if (!strcmp(args->outputs[i].name, "-"))
			s.tables = s.terminal = false;
	l.signals = block_signals();
	s.code = setup__open(&s);
	if (!s.code) {
		describe(&s);
		s.code = output__check(&s);
	}
	if (!s.code && !args->dry_run)
		s.code = setup__attach(&s);
	if (!s.code && args->dry_run)
		output__start_line(&s);
	else if (!s.code)
		trace(&l);
	release(&s);
	if (l.epoll >= 0)
		close(l.epoll);
	if (l.timer >= 0)
		close(l.timer);
	if (l.signals >= 0)
		close(l.signals);
	return s.code;
}
