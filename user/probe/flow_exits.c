/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ends that are sets of instructions, where results are, and calls: what is read off a function's
 * control flow beside the one end of flow.c.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "probe/flow_parts.h"

/* What a conditional jump is known by in both encodings: the low four bits of its opcode. */
static uint16_t condition(const struct flow *f, uint32_t off, bool taken)
{
	const uint8_t *b = f->code + off;

	return (uint16_t)((taken ? GT_COND_TAKEN : GT_COND_NOT_TAKEN) |
			  ((b[0] == 0x0f ? b[1] : b[0]) & 0xf));
}

/* Adds the way from the emulated instruction at off to the one at to. */
static int add_exit(const struct flow *f, struct probe_flow_exit *exits, int *n, int max,
		    uint32_t off, uint32_t to)
{
	const struct insn *in = &f->at[off];
	uint16_t cond = GT_COND_ALWAYS;

	if (in->kind == BRANCH && in->target != off + in->size)
		cond = condition(f, off, in->target == to);
	for (int i = 0; i < *n; i++) {
		if (exits[i].offset != off)
			continue;
		/* Both ways lead to a return. */
		if (exits[i].cond != cond)
			exits[i].cond = GT_COND_ALWAYS;
		return 0;
	}
	if (*n == max) {
		snprintf(f->why, PROBE_WHY_MAX, "more than %d ways to its returns", max);
		return -EINVAL;
	}
	exits[(*n)++] = (struct probe_flow_exit){ .offset = off, .cond = cond };
	return 0;
}

/* All emulated instructions from which the code goes straight to the return at off. */
static int exits_to(struct flow *f, uint32_t off, struct probe_flow_exit *exits, int *n, int max)
{
	uint32_t next[2], to;
	int err = 0;

	f->ntodo = 0;
	flow__put(f, off);
	while (f->ntodo && !err) {
		to = f->todo[--f->ntodo];
		if (!to)
			return flow__refuse(f, off, "nothing that is emulated before the return");
		for (uint32_t from = 0; from < f->len && !err; from++) {
			if (f->at[from].kind <= INSIDE)
				continue;
			int nnext = flow__successors(&f->at[from], from, next);

			if (!(nnext > 0 && next[0] == to) && !(nnext > 1 && next[1] == to))
				continue;
			if (f->at[from].emulated)
				err = add_exit(f, exits, n, max, from, to);
			else if (f->at[from].kind == BRANCH)
				err = flow__refuse(f, from, "a conditional jump that is not emulated");
			else
				flow__put(f, from);
		}
	}
	return err;
}

int probe_flow__exits(const uint8_t *code, size_t len, struct probe_flow_exit *exits, int max,
		      uint32_t *size, char *why)
{
	struct flow f;
	int n = 0, err = flow__open(&f, code, len, why);

	for (uint32_t off = 0; off < len && !err; off++)
		f.at[off].seen = false;
	for (uint32_t off = 0; off < len && !err; off++) {
		if (f.at[off].kind != RETURN)
			continue;
		if (f.at[off].emulated)
			err = add_exit(&f, exits, &n, max, off, off);
		else
			err = exits_to(&f, off, exits, &n, max);
	}
	*size = f.size;
	flow__close(&f);
	if (!err && !n) {
		snprintf(why, PROBE_WHY_MAX, "it does not return");
		err = -EINVAL;
	}
	return err ? err : n;
}

int probe_flow__returns(const uint8_t *code, size_t len, uint32_t *offsets, int max, uint32_t *size,
			char *why)
{
	struct flow f;
	int n = 0, err = flow__open(&f, code, len, why);

	for (uint32_t off = 0; off < len && !err; off++) {
		if (f.at[off].kind != RETURN)
			continue;
		if (n == max || code[off] != 0xc3)
			err = flow__refuse(&f, off, n == max ? "one return too many" : "a jump out of it");
		else
			offsets[n++] = off;
	}
	*size = f.size;
	flow__close(&f);
	if (!err && !n) {
		snprintf(why, PROBE_WHY_MAX, "it does not return");
		err = -EINVAL;
	}
	return err ? err : n;
}

/* How many instructions lead to the one at off. */
static int count_ways(const struct flow *f, uint32_t off)
{
	uint32_t next[2];
	int ways = 0;

	for (uint32_t from = 0; from < f->len; from++) {
		if (f->at[from].kind <= INSIDE)
			continue;
		for (int i = flow__successors(&f->at[from], from, next) - 1; i >= 0; i--)
			ways += next[i] == off;
	}
	return ways;
}

static bool calls(const struct flow *f, uint32_t off, uint64_t entry, uint64_t callee)
{
	int32_t rel;

	if (f->at[off].kind != PLAIN || f->at[off].size != 5 || f->code[off] != 0xe8)
		return false;
	memcpy(&rel, f->code + off + 1, sizeof(rel));
	return entry + off + 5 + (uint64_t)(int64_t)rel == callee;
}

static int find_call(struct flow *f, uint64_t entry, uint64_t callee, struct probe_flow_call *call)
{
	uint32_t off;
	int n = 0;

	for (off = 0; off < f->len; off++) {
		if (f->at[off].kind > INSIDE && calls(f, off, entry, callee)) {
			call->offset = off;
			n++;
		}
	}
	call->size = f->size;
	if (n != 1) {
		snprintf(f->why, PROBE_WHY_MAX, "%d calls where one was expected", n);
		return -EINVAL;
	}
	for (off = call->offset + 5; off < f->len && count_ways(f, off) == 1;
	     off += f->at[off].size) {
		call->after = off;
		if (f->at[off].emulated)
			return 0;
		if (f->at[off].kind != PLAIN)
			break;
	}
	return flow__refuse(f, call->offset, "nothing that is emulated behind the call");
}

int probe_flow__call(const uint8_t *code, size_t len, uint64_t entry, uint64_t callee,
		     struct probe_flow_call *call, char *why)
{
	struct flow f;
	int err = flow__open(&f, code, len, why);

	if (!err)
		err = find_call(&f, entry, callee, call);
	flow__close(&f);
	return err;
}
