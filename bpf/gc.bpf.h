/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The collector: stop-the-world pauses, the threads that were late for them, and what call sites wait
 * for. All sites run one program; cfg.sites says what each is.
 *
 * A stop goes through stopTheWorldWithSema and startTheWorldWithSema (runtime/proc.go), both on the
 * system stack of the requesting thread, one at a time for the process:
 *
 *	STOP		who asks, and why; from here on threads are looked at
 *	SIGNAL		a thread that still runs has taken a preemption signal: what was it doing?
 *	YIELD		a thread has stopped; if that is late, an event
 *	RESTART		from Go 1.22 on its arguments are the runtime's own times
 *	RESTARTED	returns when the world runs again; the event of the pause
 */
#ifndef GOTRACE_GC_BPF_H
#define GOTRACE_GC_BPF_H

/* In a struct ucontext: rbp, rbx, rdx, rax, rcx, rsp, rip (linux/uapi/asm/sigcontext.h). */
#define UCONTEXT_RBP 0x78
#define UCONTEXT_REGS 7

/* runtime.sigctxt: info, then ctxt. */
#define SIGCTXT_CONTEXT 8

/* Wake the reader when so much of the ring is full; else it comes by itself. */
#define RING_WAKE (1 << 18)

static __always_inline __u64 read_u64(__u64 addr)
{
	__u64 v = 0;

	bpf_probe_read_user(&v, sizeof(v), (void *)addr);
	return v;
}

/* The goroutine on whose behalf the system stack g0 works, 0 if there is none. */
static __always_inline __u64 curg_of(__u64 g0)
{
	__u64 m = read_u64(g0 + cfg.g_m);

	return m ? read_u64(m + cfg.m_curg) : 0;
}

static __always_inline __u64 task_field(__u32 offset)
{
	__u64 v = 0;

	if (offset)
		bpf_probe_read_kernel(&v, sizeof(v), (void *)(bpf_get_current_task() + offset));
	return v;
}

/* How long after begin this thread came onto its CPU; 0: it was there before, or that is unknown. */
static __always_inline __u64 waited_since(__u64 begin)
{
	__s64 offset = volatile_of(sched_offset);
	__u64 arrived;

	if (!cfg.task.last_arrival || !offset)
		return 0;
	arrived = task_field(cfg.task.last_arrival) + offset;
	return arrived > begin ? arrived - begin : 0;
}

static __always_inline __u64 page_faults(void)
{
	return task_field(cfg.task.min_flt) + task_field(cfg.task.maj_flt);
}

/* Walks and publishes. Returns KEPT or the cause why the stack is lost. */
static __always_inline __u32 keep_stack(struct gt_cpu *cpu, struct walk *w)
{
	__u32 cause = walk_alone(cpu, w) ? publish_stack(cpu, w) : GT_LOST_CONTENDED;

	if (w->cut)
		count_cut(cpu, w->cut);
	return cause;
}

static __always_inline int send(void *event, __u32 size)
{
	__u64 flags = RB_NO_WAKEUP;

	if (bpf_ringbuf_query(&events, RB_AVAIL_DATA) > RING_WAKE)
		flags = RB_FORCE_WAKEUP;
	return bpf_ringbuf_output(&events, event, size, flags);
}

/* Why the world is to be stopped. Before Go 1.21 by the caller, or else by what it wrote into m. */
static __always_inline void read_reason(struct gt_cpu *cpu, struct gt_pause *p, __u64 reason, __u64 m)
{
	__u64 caller = volatile_of(cpu->stack.pc[1]), text[2] = { 0 };

	if (cfg.stop_has_reason) {
		p->reason = reason & 0xff;
	} else if (caller - cfg.gcstart_start < cfg.gcstart_end - cfg.gcstart_start) {
		p->reason = GT_REASON_SWEEP_TERMINATION;
	} else if (caller - cfg.gcmarkdone_start < cfg.gcmarkdone_end - cfg.gcmarkdone_start) {
		p->reason = GT_REASON_MARK_TERMINATION;
	} else if (!bpf_probe_read_user(text, sizeof(text), (void *)(m + cfg.m_preemptoff)) &&
		   !bpf_probe_read_user(p->text, sizeof(p->text) - 1, (void *)text[0])) {
		p->text[sizeof(p->text) - 1] = (char)text[1];
	}
}

static __noinline int stop_begin(struct pt_regs *ctx)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid(), slot = 0;
	struct gt_cpu *cpu = bpf_map_lookup_elem(&cpus, &slot);
	struct gt_pause *p = &stop.pause;
	__u64 g0 = ctx->r14, curg = curg_of(g0), key = curg | GT_DELAY_GC_START;
	struct goroutine g = { 0 };
	struct walk w = { .tid = tid };
	struct gt_pending *start;

	if (!cpu || !volatile_of(gc_tracing))
		return 0;
	if (stop.open)
		count(cpu->pauses_unmatched, 1);
	__builtin_memset(p, 0, sizeof(*p));
	stop.seq++;
	stop.open = 1;
	stop.yield_ns = 0;
	p->seq = stop.seq;
	p->tid = tid;
	p->cause = GT_LOST_UNREADABLE;
	if (curg && read_goroutine(cpu, curg, &g)) {
		p->goid = g.goid;
		p->start = g.startpc;
		w.ip = g.pc;
		w.sp = g.sp;
		w.bp = g.bp;
		begin_of_left(&w, &g);
		p->cause = keep_stack(cpu, &w);
		p->stack = w.id;
		p->check = w.check;
	}
	read_reason(cpu, p, ctx->ax, read_u64(g0 + cfg.g_m));
	start = bpf_map_lookup_elem(&pending, &key);
	if (start)
		p->trigger = (__u32)start->owner + 1;
	if (cfg.heap_live)
		p->heap_begin = read_u64(cfg.heap_live);
	p->requested_ns = bpf_ktime_get_ns();
	/* Last: the threads look at this. */
	volatile_of(stop.begin_ns) = p->requested_ns;
	return 0;
}

/*
 * Before Go 1.22 the times are in memory: work.tSweepTerm or work.tMarkTerm is when PauseNs begins, and
 * work.tEnd when it ends, of mark termination. They follow cycles after 16 bytes in the struct (runtime/
 * mgc.go, Go 1.18 to 1.27). Believed only if they are of this pause.
 */
static __always_inline void read_times(struct gt_pause *p)
{
	__u64 t[4] = { 0 }, begin, end; /* tSweepTerm, tMark, tMarkTerm, tEnd */

	if (bpf_probe_read_user(t, sizeof(t), (void *)(cfg.cycles + 16)))
		return;
	begin = p->reason == GT_REASON_MARK_TERMINATION ? t[2] : t[0];
	end = t[3];
	if (begin > p->requested_ns || p->requested_ns - begin > 1000000000)
		return;
	p->head.time_ns = begin;
	if (p->reason == GT_REASON_MARK_TERMINATION && end > begin && end < p->restarting_ns)
		p->restarted_ns = end;
}

static __always_inline int restart_begin(struct pt_regs *ctx)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 slot = 0;
	struct gt_cpu *cpu = bpf_map_lookup_elem(&cpus, &slot);
	struct gt_pause *p = &stop.pause;

	if (!cpu || !stop.open) {
		if (cpu && volatile_of(gc_tracing))
			count(cpu->pauses_unmatched, 1);
		return 0;
	}
	volatile_of(stop.begin_ns) = 0;
	p->restarting_ns = now;
	p->yield_ns = volatile_of(stop.yield_ns);
	p->head.time_ns = p->requested_ns;
	if (cfg.restart_args == GT_RESTART_NONE && cfg.cycles && p->reason &&
	    p->reason <= GT_REASON_SWEEP_TERMINATION)
		read_times(p);
	if (cfg.restart_args >= GT_RESTART_START) {
		p->reason = ctx->bx & 0xff;
		p->head.time_ns = ctx->cx;
	}
	if (cfg.restart_args >= GT_RESTART_ALL)
		p->stopped_ns = ctx->di;
	if (cfg.heap_live)
		p->heap_end = read_u64(cfg.heap_live);
	if (cfg.cycles)
		p->cycle = (__u32)read_u64(cfg.cycles);
	if (p->reason == GT_REASON_SWEEP_TERMINATION)
		stop.cycles++;
	return 0;
}

static __always_inline int restart_end(struct pt_regs *ctx, __s32 result)
{
	__u32 slot = 0;
	struct gt_cpu *cpu = bpf_map_lookup_elem(&cpus, &slot);
	struct gt_pause *p = &stop.pause;

	if (!cpu || !stop.open || !p->restarting_ns) {
		if (cpu && volatile_of(gc_tracing))
			count(cpu->pauses_unmatched, 1);
		return 0;
	}
	stop.open = 0;
	if (!p->restarted_ns)
		p->restarted_ns = result == GT_RESULT_AX ? ctx->ax : read_u64(ctx->sp + result);
	p->head.kind = GT_EVENT_PAUSE;
	p->head.size = sizeof(*p);
	count(cpu->pauses_seen, 1);
	if (send(p, sizeof(*p)))
		count(cpu->pauses_lost, 1);
	return 0;
}

/* Not on the stack of programs, where room is scarce. */
static const struct running not_running = { 0 };

/* A thread that has to stop took a preemption signal: where it was, and since when it runs. */
static __noinline int signal_hit(struct pt_regs *ctx)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid(), slot = 0;
	struct gt_cpu *cpu = bpf_map_lookup_elem(&cpus, &slot);
	struct running *r;
	__u64 regs[UCONTEXT_REGS], now = bpf_ktime_get_ns(), gp = ctx->ax, context;
	struct walk w = { .tid = tid, .interrupted = true };

	if (!cpu || !volatile_of(stop.begin_ns))
		return 0;
	context = read_u64(ctx->bx + SIGCTXT_CONTEXT);
	if (bpf_probe_read_user(regs, sizeof(regs), (void *)(context + UCONTEXT_RBP)))
		return 0;
	r = bpf_map_lookup_elem(&runners, &tid);
	if (!r) {
		bpf_map_update_elem(&runners, &tid, &not_running, BPF_ANY);
		r = bpf_map_lookup_elem(&runners, &tid);
		if (!r)
			return 0;
	}
	if (r->seq != volatile_of(stop.seq)) {
		r->seq = volatile_of(stop.seq);
		r->samples = 0;
		r->yielded = 0;
		r->first_ns = now;
		r->faults = page_faults();
		r->run_delay = task_field(cfg.task.run_delay);
		r->waited_ns = waited_since(volatile_of(stop.begin_ns));
		r->goid = read_u64(gp + cfg.g_goid);
		r->start = read_u64(gp + cfg.g_startpc);
	}
	w.ip = regs[6];
	w.sp = regs[5];
	w.bp = regs[0];
	r->stack[0] = r->stack[1];
	r->check[0] = r->check[1];
	r->cause[0] = r->cause[1];
	r->cause[1] = keep_stack(cpu, &w);
	r->stack[1] = w.id;
	r->check[1] = w.check;
	r->samples++;
	r->last_ns = now;
	volatile_of(stop.runner) = tid;
	return 0;
}

/*
 * Who left the stack of g0 last: mcall leaves the goroutine that called it just below where g0's own
 * stack begins, for the function it calls (runtime/asm_amd64.s). 0 if that cannot be told.
 */
static __always_inline __u64 left_by(struct gt_cpu *cpu, __u64 g0, struct goroutine *g)
{
	__u64 gp = read_u64(read_u64(g0 + cfg.g_sched_sp) - 8);

	/* Somebody else runs it by now, or it is no g. */
	if (!gp || gp & 7 || is_go_code(gp) || !read_goroutine(cpu, gp, g) ||
	    read_u64(gp + cfg.g_m))
		return 0;
	return g->sp - g->lo < g->hi - g->lo ? gp : 0;
}

/* The stack of a late thread that took no signal: of the goroutine it had run. */
static __always_inline void describe_left(struct gt_cpu *cpu, struct gt_late *late, __u64 g0,
					  __u64 begin)
{
	struct goroutine g = { 0 };
	struct walk w = { .tid = late->tid };
	__u64 gp = curg_of(g0);

	late->waited_ns = waited_since(begin);
	if (!(gp ? read_goroutine(cpu, gp, &g) : left_by(cpu, g0, &g)))
		return;
	late->goid = g.goid;
	late->start = g.startpc;
	w.ip = g.pc;
	w.sp = g.sp;
	w.bp = g.bp;
	begin_of_left(&w, &g);
	late->cause = keep_stack(cpu, &w);
	late->stack = w.id;
	late->check = w.check;
}

/*
 * Of several signals the last but one is told: the last may be the one that worked, when the thread
 * had already come to where it can be stopped.
 */
static __always_inline void describe_running(struct gt_late *late, const struct running *r)
{
	__u32 i = r->samples > 1 ? 0 : 1;

	late->flags |= GT_LATE_SAMPLED;
	late->first_ns = r->first_ns;
	late->last_ns = r->last_ns;
	late->goid = r->goid;
	late->start = r->start;
	late->stack = i ? r->stack[1] : r->stack[0];
	late->check = i ? r->check[1] : r->check[0];
	late->cause = i ? r->cause[1] : r->cause[0];
	late->samples = r->samples;
}

/* What only the thread itself can tell: this must be it. */
static __always_inline void describe_self(struct gt_late *late, const struct running *r)
{
	late->faults = (__u32)(page_faults() - r->faults);
	late->waited_ns = r->waited_ns + task_field(cfg.task.run_delay) - r->run_delay;
}

static __always_inline void send_late(struct gt_cpu *cpu, struct gt_late *late)
{
	late->head.kind = GT_EVENT_LATE;
	late->head.size = sizeof(*late);
	if (send(late, sizeof(*late)))
		count(cpu->lates_lost, 1);
}

/*
 * A thread that took no signal has not run in this stop: it was given the P of one that had. That is how
 * a goroutine stops which is locked to its thread (stoplockedm), at a place without a probe: then the
 * thread that took a signal last, and was not seen to stop, is told, up to that signal.
 */
static __noinline int tell_runner(void)
{
	__u32 self = (__u32)bpf_get_current_pid_tgid(), tid = volatile_of(stop.runner), slot = 0;
	struct gt_cpu *cpu = bpf_map_lookup_elem(&cpus, &slot);
	struct running *r = bpf_map_lookup_elem(&runners, &self);
	__u64 begin = volatile_of(stop.begin_ns);
	struct gt_late late = { .begin_ns = begin, .tid = tid, .seq = volatile_of(stop.seq) };

	if (!cpu || !begin || (r && r->seq == late.seq))
		return 0;
	r = bpf_map_lookup_elem(&runners, &tid);
	if (!r || r->seq != late.seq || r->yielded || r->last_ns - begin < cfg.longer_ns)
		return 0;
	r->yielded = 1;
	late.head.time_ns = r->last_ns;
	describe_running(&late, r);
	late.waited_ns = r->waited_ns;
	send_late(cpu, &late);
	return 0;
}

static __noinline int yield_hit(struct pt_regs *ctx, __u32 event)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid(), slot = 0;
	struct gt_cpu *cpu = bpf_map_lookup_elem(&cpus, &slot);
	__u64 now = bpf_ktime_get_ns(), begin = volatile_of(stop.begin_ns);
	struct gt_late late = { 0 };
	struct running *r;

	if (!cpu || !begin)
		return 0;
	volatile_of(stop.yield_ns) = now;
	r = bpf_map_lookup_elem(&runners, &tid);
	if (r)
		r->yielded = 1;
	if (now - begin < cfg.longer_ns || now < begin)
		return 0;
	late.head.time_ns = now;
	late.begin_ns = begin;
	late.seq = volatile_of(stop.seq);
	late.tid = tid;
	late.cause = GT_LOST_UNREADABLE;
	late.flags = event == GT_SITE_YIELD_SYSCALL ? GT_LATE_SYSCALL : 0;
	if (r && r->seq == late.seq && r->samples) {
		describe_running(&late, r);
		describe_self(&late, r);
	} else {
		describe_left(cpu, &late, ctx->r14, begin);
	}
	send_late(cpu, &late);
	return 0;
}

/* A goroutine's, or of what runs on a system stack without blocking, the thread's own. */
static __always_inline __u64 pending_key(__u64 g, __u32 kind)
{
	return g | kind;
}

/* How deep on the stack of g this is, which a copy of the stack does not change. */
static __always_inline __u64 depth_of(__u64 g, __u64 sp)
{
	return read_u64(g + cfg.g_stack + 8) - sp;
}

/*
 * To wait for a semaphore the runtime may have to allocate, which may call gcAssistAlloc or gcStart again
 * and find at once that it is not the time: that is part of the delay under way. It lies deeper on the
 * stack; what does not is a new delay, and the one before has never ended.
 */
static __always_inline bool is_inside(const struct gt_pending *outer, __u64 depth)
{
	return outer->depth < depth;
}

static __noinline int delay_begin(struct pt_regs *ctx, __u32 kind, bool in_frame)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid(), slot = 0;
	struct gt_cpu *cpu = bpf_map_lookup_elem(&cpus, &slot);
	__u64 key = pending_key(ctx->r14, kind);
	struct gt_pending p = { .owner = ctx->ax }, *outer;
	struct walk w = { .tid = tid, .ip = ctx->ip, .sp = ctx->sp, .bp = ctx->bp };

	if (!cpu || !volatile_of(gc_tracing) || (kind == GT_DELAY_SWEEP && volatile_of(sweeps_ended)))
		return 0;
	outer = bpf_map_lookup_elem(&pending, &key);
	p.depth = depth_of(ctx->r14, ctx->sp);
	if (outer && is_inside(outer, p.depth)) {
		outer->inside++;
		return 0;
	}
	if (outer)
		count(cpu->delays_unended, 1);
	count(cpu->delays_seen, 1);
	if (in_frame)
		begin_at_frame(&w, ctx->bp);
	p.cause = keep_stack(cpu, &w);
	p.stack = w.id;
	p.check = w.check;
	if (bpf_map_update_elem(&pending, &key, &p, BPF_ANY)) {
		count(cpu->delays_lost[GT_LOST_ALLOCS_FULL].objects, 1);
		return 0;
	}
	outer = bpf_map_lookup_elem(&pending, &key);
	/* Last: what the program itself takes is none of the delay. */
	if (outer)
		outer->begin_ns = bpf_ktime_get_ns();
	return 0;
}

/* As add_growth(): the maximum is not atomic. */
static __always_inline __u32 add_delay(const struct gt_pending *p, __u32 kind, __u64 ns)
{
	struct gt_delay_key key = { .stack = p->stack, .kind = kind };
	struct gt_delay_val first = { .check = p->check }, *val;

	if (p->cause < GT_LOST_MAX)
		return p->cause;
	val = bpf_map_lookup_elem(&delays, &key);
	if (!val) {
		bpf_map_update_elem(&delays, &key, &first, BPF_NOEXIST);
		val = bpf_map_lookup_elem(&delays, &key);
	}
	if (!val)
		return GT_LOST_ALLOCS_FULL;
	if (!val->check)
		val->check = p->check;
	if (val->check != p->check)
		return GT_LOST_COLLISION;
	count(val->count, 1);
	count(val->ns, ns);
	count(val->work_ns, volatile_of(p->work_ns));
	if (ns > volatile_of(val->max_ns))
		volatile_of(val->max_ns) = ns;
	return KEPT;
}

static __noinline int delay_end(struct pt_regs *ctx, __u32 kind)
{
	__u64 now = bpf_ktime_get_ns(), key = pending_key(ctx->r14, kind);
	__u32 slot = 0, cause;
	struct gt_cpu *cpu = bpf_map_lookup_elem(&cpus, &slot);
	struct gt_pending *p = bpf_map_lookup_elem(&pending, &key);

	if (!cpu)
		return 0;
	if (!p) {
		if (volatile_of(gc_tracing) &&
		    !(kind == GT_DELAY_SWEEP && volatile_of(sweeps_ended)))
			count(cpu->delays_unbegun, 1);
		return 0;
	}
	if (p->inside) {
		p->inside--;
		return 0;
	}
	cause = add_delay(p, kind, elapsed(p->begin_ns, now));
	if (cause < GT_LOST_MAX)
		count(cpu->delays_lost[cause].objects, 1);
	bpf_map_delete_elem(&pending, &key);
	return 0;
}

/* m.curg and m.p lie within so many words (runtime/runtime2.go, Go 1.18 to 1.27): one read for both. */
#define M_WORDS 4

/*
 * What p.gcAssistTime, which is own now, has grown by since it was last looked at. Whoever finds more
 * than gcAssistTimeSlack in it books and clears it, behind the probe; each cycle begins with 0.
 */
static __always_inline __u64 work_since(__u64 p, __u64 own)
{
	struct marked now = { .ns = own > ASSIST_TIME_SLACK ? 0 : own, .cycle = stop.cycles };
	struct marked *last = bpf_map_lookup_elem(&marked, &p);
	__u64 before = last && last->cycle == now.cycle ? last->ns : 0;

	if (last)
		*last = now;
	else
		bpf_map_update_elem(&marked, &p, &now, BPF_ANY);
	return own >= before ? own - before : own;
}

/*
 * gcAssistAlloc1 has marked, on the system stack of a thread that keeps its P, and has added the time
 * that it took to p.gcAssistTime (runtime/mgcmark.go): that is part of the assist under way. In the
 * cycle that runs when tracing begins it is not known what was there before: it is no more than the
 * assist has taken so far.
 */
static __noinline int work_end(struct pt_regs *ctx)
{
	__u64 w[M_WORDS] = { 0 }, key, p, ns, most;
	struct gt_pending *assist;

	if (!volatile_of(gc_tracing) ||
	    bpf_probe_read_user(w, sizeof(w), (void *)(read_u64(ctx->r14 + cfg.g_m) + cfg.m_curg)))
		return 0;
	p = w[(cfg.m_p - cfg.m_curg) >> 3 & (M_WORDS - 1)];
	ns = work_since(p, read_u64(p + cfg.p_assist_time));
	key = pending_key(w[0], GT_DELAY_ASSIST);
	assist = bpf_map_lookup_elem(&pending, &key);
	if (!assist)
		return 0;
	most = bpf_ktime_get_ns() - assist->begin_ns - assist->work_ns;
	assist->work_ns += ns < most ? ns : most;
	return 0;
}

/* Do the flags send the conditional jump at the probe the way that counts? */
static __always_inline bool goes(const struct pt_regs *ctx, __u32 cond)
{
	bool cf = ctx->flags & 1, pf = ctx->flags & 4, zf = ctx->flags & 0x40;
	bool sf = ctx->flags & 0x80, of = ctx->flags & 0x800, taken = false;

	switch (cond & 0xe) {
	case 0x0:
		taken = of;
		break;
	case 0x2:
		taken = cf;
		break;
	case 0x4:
		taken = zf;
		break;
	case 0x6:
		taken = cf || zf;
		break;
	case 0x8:
		taken = sf;
		break;
	case 0xa:
		taken = pf;
		break;
	case 0xc:
		taken = sf != of;
		break;
	case 0xe:
		taken = zf || sf != of;
		break;
	}
	if (cond & 1)
		taken = !taken;
	return taken == ((cond & GT_COND_TAKEN) != 0);
}

/* What was under way when the probes went is none of what is seen since they are back. */
static __always_inline void forget_old_stop(void)
{
	__u32 epoch = volatile_of(gc_epoch);

	if (volatile_of(stop.epoch) == epoch)
		return;
	stop.open = 0;
	volatile_of(stop.begin_ns) = 0;
	volatile_of(stop.epoch) = epoch;
}

static __always_inline int gc_event(struct pt_regs *ctx, __u32 event, __u32 flags, __s32 result)
{
	switch (event) {
	case GT_SITE_STOP:
		return stop_begin(ctx);
	case GT_SITE_STOPPED:
		if (stop.open)
			stop.pause.stopped_ns = bpf_ktime_get_ns();
		return 0;
	case GT_SITE_RESTART:
		return restart_begin(ctx);
	case GT_SITE_RESTARTED:
		return restart_end(ctx, result);
	case GT_SITE_YIELD:
	case GT_SITE_YIELD_SYSCALL:
		tell_runner();
		return yield_hit(ctx, event);
	case GT_SITE_SIGNAL:
		return signal_hit(ctx);
	case GT_SITE_WORKED:
		return work_end(ctx);
	default:
		return event >= GT_SITE_END ? delay_end(ctx, event - GT_SITE_END)
					    : delay_begin(ctx, event - GT_SITE_BEGIN,
							  flags & GT_SITE_IN_FRAME);
	}
}

static __always_inline int gc_hit(struct pt_regs *ctx)
{
	__u32 slot = 0, event, cond, flags;
	struct gt_cpu *cpu = bpf_map_lookup_elem(&cpus, &slot);
	__u32 i = (__u32)((ctx->ip * cfg.site_mul) >> (64 - GT_SITE_BITS));

	keep_own_stack(ctx);
	if (cfg.empty)
		return 0;
	i &= GT_SITES - 1;
	event = cfg.sites[i].event;
	cond = cfg.sites[i].cond;
	flags = cfg.sites[i].flags;
	if (!cpu || cfg.sites[i].addr != ctx->ip)
		return 0;
	count(cpu->gc_hits, 1);
	if ((event & 15) == GT_DELAY_SWEEP && event >= GT_SITE_BEGIN)
		count(cpu->sweep_hits, 1);
	if (cond != GT_COND_ALWAYS && !goes(ctx, cond))
		return 0;
	forget_old_stop();
	return gc_event(ctx, event, flags, cfg.sites[i].result);
}

#endif /* GOTRACE_GC_BPF_H */
