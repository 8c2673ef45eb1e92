/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Walks a Go stack by its frame pointers into the CPU's scratch space.
 *
 * Touching user memory is what costs (30 ns for the first 16 bytes, 25 ns more for 2 KiB), so the
 * stack is copied a window at a time and walked inside the copy. Go keeps a frame-pointer chain on
 * amd64 in every function that calls another; at the root of a goroutine the saved pointer is 0.
 */
#ifndef GOTRACE_UNWIND_BPF_H
#define GOTRACE_UNWIND_BPF_H

/* A frame record: the caller's record and the return address. */
struct frame {
	__u64 bp, pc;
};

#define WINDOW_BYTES (GT_SCRATCH_WORDS * 8)
#define WINDOW_LAST  2048 /* where in a window the last record may begin */
#define WINDOW_ALIGN 64	  /* copies from such places are faster */

/* A walk under way: what has been found so far. */
struct chain {
	__u64 id, check;		/* hashes of the frames */
	__u64 bp;			/* record of the next frame */
	__u64 n;			/* frames */
	__u32 flags;			/* what ended it, enum gt_stack_flag */
};

static __always_inline bool is_go_code(__u64 pc)
{
	return pc - cfg.text_start < cfg.text_end - cfg.text_start;
}

static __always_inline void chain_add(struct gt_cpu *cpu, struct chain *c, __u64 pc)
{
	if (c->n < GT_MAX_FRAMES)
		cpu->stack.pc[c->n++] = pc;
	c->id = gt_hash_step(c->id, pc);
	c->check = gt_check_step(c->check, pc);
}

/*
 * Follows the chain through the window, from the record at *off on, until it leaves it, leaves Go code,
 * or there is no room for more frames. Returns the last pc less cfg.text_start. odd collects the low
 * bits of all records' places.
 *
 * This is the loop that a hit spends most of its time in. By hand, because compilers run out of
 * registers and put the hashes into memory: as it is, nothing but a record's address depends on the
 * record before, seven cycles from one to the next, and the rest is done meanwhile.
 */
static __always_inline __u64 chain_follow(struct gt_cpu *cpu, struct chain *c, __u64 *off,
					  __u64 *odd)
{
	__u64 *to = &cpu->stack.pc[c->n], pc, at;

	asm volatile(".Lloop%=:\n\t"
		     "%[at] = %[window]\n\t"
		     "%[at] += %[off]\n\t"
		     "%[pc] = *(u64 *)(%[at] + 8)\n\t"
		     "%[off] = *(u64 *)(%[at] + 0)\n\t"
		     "%[at] = *(u64 *)(%[window] - 8)\n\t" /* window_start */
		     "%[off] -= %[at]\n\t"
		     "%[odd] |= %[off]\n\t"
		     "*(u64 *)(%[to] + 0) = %[pc]\n\t"
		     "%[to] += 8\n\t"
		     "%[n] += 1\n\t"
		     "%[id] += %[pc]\n\t"
		     "%[id] *= %[id_mul]\n\t"
		     "%[check] ^= %[pc]\n\t"
		     "%[check] *= %[check_mul]\n\t"
		     "%[at] = *(u64 *)(%[window] - 16)\n\t" /* text_len */
		     "%[pc] -= %[text]\n\t"
		     "if %[pc] >= %[at] goto .Lout%=\n\t"
		     "if %[n] == %[max] goto .Lout%=\n\t"
		     "if %[off] <= %[last] goto .Lloop%=\n"
		     ".Lout%=:\n\t"
		     : [at] "=&r"(at), [pc] "=&r"(pc), [off] "+r"(*off), [to] "+r"(to), [n] "+r"(c->n),
		       [id] "+r"(c->id), [check] "+r"(c->check), [odd] "+r"(*odd)
		     : [window] "r"(cpu->window), [text] "r"(cfg.text_start), [max] "i"(GT_MAX_FRAMES),
		       [last] "i"(WINDOW_LAST), [id_mul] "i"(GT_HASH_MUL), [check_mul] "i"(GT_CHECK_MUL)
		     : "memory");
	return pc;
}

/* Copies the stack from a bit below addr on. Returns where in the window addr is, or more than that. */
static __always_inline __u64 window_fill(struct gt_cpu *cpu, __u64 addr)
{
	__u64 start = addr & ~(WINDOW_ALIGN - 1ULL);

	cpu->window_start = start;
	if (bpf_probe_read_user(cpu->window, WINDOW_BYTES, (void *)start))
		return WINDOW_BYTES;
	return addr - start;
}

/*
 * The walk as it is on nearly every hit. False: this stack is none of those. A copy that runs into the
 * unmapped end of a stack fails as a whole, and no record lies at an odd place.
 */
static __always_inline bool walk_windows(struct gt_cpu *cpu, struct chain *c, __u64 sp)
{
	__u64 text_len = cfg.text_end - cfg.text_start, off = window_fill(cpu, sp), odd = sp, pc;

	cpu->text_len = text_len;
	if (off > WINDOW_LAST)
		return false;
	pc = *(__u64 *)((char *)cpu->window + off);
	chain_add(cpu, c, pc);
	c->flags = GT_STACK_CUT_FOREIGN;
	if (!is_go_code(pc))
		return true;
	off = c->bp - cpu->window_start;
	while (c->n < GT_MAX_FRAMES) {
		if (off > WINDOW_LAST) {
			c->flags = 0;
			if (!c->bp)
				return true;
			off = window_fill(cpu, c->bp);
			if (off > WINDOW_LAST)
				return false;
		}
		c->flags = GT_STACK_CUT_FOREIGN;
		if (chain_follow(cpu, c, &off, &odd) >= text_len)
			break;
		c->bp = off + cpu->window_start;
		c->flags = c->bp ? GT_STACK_CUT_DEPTH : 0;
	}
	return !(odd & 7);
}

/*
 * The same, record by record. interrupted: the stack of an instruction at which a thread was interrupted,
 * where what is at sp may be anything; what is no code is written as 0, and does not end the walk.
 */
static __always_inline void walk_records(struct gt_cpu *cpu, struct chain *c, __u64 sp, bool interrupted)
{
	struct frame next;

	c->flags = GT_STACK_CUT_READ;
	if (bpf_probe_read_user(&next.pc, sizeof(next.pc), (void *)sp))
		return;
	next.bp = c->bp;
	if (interrupted && !is_go_code(next.pc))
		next.pc = 0;
	while (c->n < GT_MAX_FRAMES) {
		chain_add(cpu, c, next.pc);
		c->flags = GT_STACK_CUT_FOREIGN;
		if (!is_go_code(next.pc) && !(interrupted && c->n == 2))
			return;
		c->flags = next.bp ? GT_STACK_CUT_READ : 0;
		if (!next.bp || next.bp & 7 ||
		    bpf_probe_read_user(&next, sizeof(next), (void *)next.bp))
			return;
	}
	c->flags = GT_STACK_CUT_DEPTH;
}

static __always_inline void chain_begin(struct gt_cpu *cpu, struct chain *c, __u64 ip, __u64 bp)
{
	c->id = GT_HASH_SEED;
	c->check = GT_CHECK_SEED;
	c->bp = bp;
	c->n = 0;
	chain_add(cpu, c, ip);
}

static __always_inline __u64 stack_id(const struct chain *c)
{
	return (c->id & cfg.id_mask) | 1;
}

static __always_inline void chain_end(struct gt_cpu *cpu, const struct chain *c)
{
	cpu->stack.nframes = c->n;
	cpu->stack.flags = c->flags;
	cpu->stack.check = c->check;
	cpu->id = stack_id(c);
}

/*
 * Walks from a probe on a function's first instructions, before its own frame exists: the return
 * address is at sp and bp is the caller's frame. Id and frames, the probe's own address first, go to
 * the CPU's scratch space. Returns 0: this stack takes walk_slowly().
 *
 * A global function, so that the verifier looks at the walk once and not once for each call.
 */
__noinline int walk_stack(__u64 ip, __u64 sp, __u64 bp)
{
	__u32 slot = 0;
	struct gt_cpu *cpu = bpf_map_lookup_elem(&cpus, &slot);
	struct chain c;

	if (!cpu)
		return 0;
	chain_begin(cpu, &c, ip, bp);
	if (!walk_windows(cpu, &c, sp))
		return 0;
	chain_end(cpu, &c);
	return 1;
}

/*
 * The same for any stack. interrupted: ip is any instruction at which a thread was interrupted, sp and bp
 * are its registers. Where the function has no frame there, its return address is at sp and bp is its
 * caller's frame; where it has one, what is at sp is of no use. User space knows which.
 */
__noinline int walk_slowly(__u64 ip, __u64 sp, __u64 bp, bool interrupted)
{
	__u32 slot = 0;
	struct gt_cpu *cpu = bpf_map_lookup_elem(&cpus, &slot);
	struct chain c;

	if (!cpu)
		return 0;
	chain_begin(cpu, &c, ip, bp);
	c.flags = GT_STACK_CUT_FOREIGN;
	if (!interrupted || is_go_code(ip))
		walk_records(cpu, &c, sp, interrupted);
	chain_end(cpu, &c);
	return 0;
}

#endif /* GOTRACE_UNWIND_BPF_H */
