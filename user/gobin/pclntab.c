// SPDX-License-Identifier: GPL-2.0
/*
 * The pc-line table: finding it, cutting it, and the lookups everything else is made of.
 *
 * Layout from Go 1.18 (runtime/symtab.go pcHeader, cmd/link/internal/ld/pcln.go), little endian:
 *
 *	 0  u32 magic: 0xfffffff0 in 1.18 and 1.19, 0xfffffff1 from 1.20
 *	 4  u8 0, u8 0, u8 minLC (1 on amd64), u8 ptrSize (8)
 *	 8  u64 nfunc, u64 nfiles
 *	24  u64 textStart; 0 from 1.26, where only moduledata knows the start of the text
 *	32  u64 offsets from the header: names, cutab, file names, pctab, functab (in this order)
 *
 * functab is nfunc pairs {u32 entry from text, u32 _func from functab}, then a u32 end. A function
 * ends where the next begins. Nothing is read up front: an index over 100,000 functions would cost
 * more than all lookups of a short session, so each lookup checks what it touches.
 */
#include <elf.h>
#include <errno.h>

#include "internal.h"

#define MAGIC_1_2  0xfffffffbu /* Go 1.2 to 1.15 */
#define MAGIC_1_16 0xfffffffau /* Go 1.16 and 1.17 */
#define MAGIC_1_18 0xfffffff0u
#define MAGIC_1_20 0xfffffff1u

#define HEADER_SIZE 72

/* Far above any real program (kubelet: 120,000) and small enough for 32-bit offsets. */
#define NFUNC_MAX (1u << 26)

/* Tables that look right but that no moduledata points to; real files have none. */
#define CANDIDATES_MAX 8

struct search {
	uint32_t old_magic;
	int candidates;
	enum gobin_pclntab_source source;
};

static bool cut(struct gobin *gb, uint64_t vaddr, struct span at)
{
	struct pclntab *p = &gb->pcln;
	uint8_t header[HEADER_SIZE];
	uint64_t text;
	struct span h = { header, sizeof(header) };

	*p = (struct pclntab){ .vaddr = vaddr, .all = at };
	if (!gobin_relocated(gb, vaddr, header, sizeof(header)))
		return false;
	if (!span_u32(h, 0, &p->magic) || !span_u64(h, 8, &p->nfunc) ||
	    !span_u64(h, 16, &p->nfiles) || !span_u64(h, 24, &text))
		return false;
	p->text_in_header = text != 0;
	for (int i = 0; i < 5; i++) {
		if (!span_u64(h, 32 + 8 * (uint64_t)i, &p->off[i]))
			return false;
		if (p->off[i] < (i ? p->off[i - 1] : HEADER_SIZE) || p->off[i] >= at.size)
			return false;
	}
	if (!p->nfunc || p->nfunc > NFUNC_MAX)
		return false;
	p->names = span_sub(at, p->off[0], p->off[1] - p->off[0]);
	p->cutab = span_sub(at, p->off[1], p->off[2] - p->off[1]);
	p->files = span_sub(at, p->off[2], p->off[3] - p->off[2]);
	p->pctab = span_sub(at, p->off[3], p->off[4] - p->off[3]);
	p->funcs = span_sub(at, p->off[4], UINT64_MAX);
	return span_holds(p->funcs, 0, p->nfunc * 8 + 4);
}

/* Magic, two zeros, quantum and pointer size of amd64: eight bytes that occur rarely by chance. */
static bool plausible(struct span at, uint32_t *magic)
{
	uint32_t rest;

	if (!span_u32(at, 0, magic) || !span_u32(at, 4, &rest) || rest != 0x08010000)
		return false;
	return *magic == MAGIC_1_2 || *magic == MAGIC_1_16 || *magic == MAGIC_1_18 ||
	       *magic == MAGIC_1_20;
}

static bool try_header(struct gobin *gb, uint64_t vaddr, struct search *s)
{
	struct span at = gobin_vaddr_span(gb, vaddr);
	uint32_t magic;

	if (s->candidates >= CANDIDATES_MAX || !plausible(at, &magic))
		return false;
	if (magic == MAGIC_1_2 || magic == MAGIC_1_16) {
		s->old_magic = magic;
		return false;
	}
	/* Counted before it is cut: a header with absurd sizes is a damaged Go binary. */
	s->candidates++;
	if (!cut(gb, vaddr, at) || gobin_moduledata_find(gb))
		return false;
	gb->info.pclntab_source = s->source;
	return true;
}

static bool scan(struct gobin *gb, uint64_t vaddr, uint64_t size, struct search *s)
{
	struct span all = span_sub(gobin_vaddr_span(gb, vaddr), 0, size);
	static const uint8_t quantum[4] = { 0, 0, 1, 8 };

	for (uint64_t at = span_find(all, 0, quantum, 4); at != UINT64_MAX;
	     at = span_find(all, at + 1, quantum, 4)) {
		if (at < 4 || ((vaddr + at - 4) & 7))
			continue;
		if (try_header(gb, vaddr + at - 4, s))
			return true;
	}
	return false;
}

static bool scan_segments(struct gobin *gb, struct search *s)
{
	/* Executable segments last: only linkers told to merge read-only data into text do that. */
	for (uint32_t exec = 0; exec <= PF_X; exec += PF_X) {
		for (int i = 0; i < gb->nsegments; i++) {
			const struct segment *seg = &gb->segments[i];

			if ((seg->flags & PF_X) == exec && scan(gb, seg->vaddr, seg->bytes.size, s))
				return true;
		}
	}
	return false;
}

int gobin_pclntab_find(struct gobin *gb, char *why)
{
	const struct section *relro = &gb->sections[SEC_RELRO];
	struct search s = { .source = GOBIN_PCLNTAB_SECTION };

	for (int id = SEC_PCLNTAB; id <= SEC_RELRO_PCLNTAB; id++)
		if (gb->sections[id].present && try_header(gb, gb->sections[id].addr, &s))
			return 0;
	s.source = GOBIN_PCLNTAB_RELRO;
	if (relro->present && scan(gb, relro->addr, relro->size, &s))
		return 0;
	s.source = GOBIN_PCLNTAB_SCAN;
	s.candidates = 0;
	if (scan_segments(gb, &s))
		return 0;
	if (s.candidates)
		return gobin_fail(why, -EBADMSG,
				  "a Go program, but no moduledata matches its "
				  "pclntab");
	if (s.old_magic)
		return gobin_fail(why, -ENOTSUP, "built by Go %s; supported are Go 1.%d to 1.%d",
				  s.old_magic == MAGIC_1_2 ? "1.15 or older" : "1.16 or 1.17",
				  GOBIN_MINOR_MIN, GOBIN_MINOR_MAX);
	if (gb->version[0])
		return gobin_fail(why, -EBADMSG, "built by %.100s, but it has no pclntab",
				  gb->version);
	return gobin_fail(why, -ENOPKG, "not a Go program: no pclntab");
}

bool gobin_pclntab_before_1_20(const struct gobin *gb)
{
	return gb->pcln.magic == MAGIC_1_18;
}

bool gobin_functab(const struct gobin *gb, uint64_t i, uint32_t *entry, uint32_t *func)
{
	if (i > gb->pcln.nfunc || !span_u32(gb->pcln.funcs, i * 8, entry))
		return false;
	return i == gb->pcln.nfunc || span_u32(gb->pcln.funcs, i * 8 + 4, func);
}

int gobin_func_index(const struct gobin *gb, uint64_t vaddr, uint64_t *index)
{
	uint64_t lo = 0, hi = gb->pcln.nfunc, off;
	uint32_t entry, next, func;

	if (vaddr < gb->md.minpc || vaddr >= gb->md.maxpc)
		return -ENOENT;
	off = vaddr - gb->md.text;
	/* Invariant, if the table is sorted: entry(lo) <= off < entry(hi). */
	while (hi - lo > 1) {
		uint64_t mid = lo + (hi - lo) / 2;

		if (!gobin_functab(gb, mid, &entry, &func))
			return -EBADMSG;
		if (entry <= off)
			lo = mid;
		else
			hi = mid;
	}
	if (!gobin_functab(gb, lo, &entry, &func) || !gobin_functab(gb, lo + 1, &next, &func))
		return -EBADMSG;
	if (off < entry || off >= next)
		return -EBADMSG;
	*index = lo;
	return 0;
}

bool gobin_func_record(const struct gobin *gb, uint64_t i, struct span *rec)
{
	uint32_t entry, func = 0, own;

	if (i >= gb->pcln.nfunc || !gobin_functab(gb, i, &entry, &func))
		return false;
	*rec = span_sub(gb->pcln.funcs, func, UINT64_MAX);
	/* The record repeats its entry; a record that belongs to another function is damage. */
	return span_holds(*rec, 0, gb->layout->func_size) && span_u32(*rec, 0, &own) &&
	       own == entry;
}

/*
 * Pairs of varints: a zigzag difference of the value, then a difference of the pc, from (-1, entry)
 * on; a value difference of 0 ends the table, except in the first pair. As the runtime in its
 * lenient mode (runtime/symtab.go, pcvalue and step), an unusable table means -1.
 */
int32_t gobin_pcvalue(const struct gobin *gb, uint32_t tab, uint64_t entry, uint64_t pc,
		      uint32_t *budget)
{
	uint64_t end;

	return gobin_pcvalue_run(gb, tab, entry, pc, &end, budget);
}

int32_t gobin_pcvalue_run(const struct gobin *gb, uint32_t tab, uint64_t entry, uint64_t pc,
			  uint64_t *end, uint32_t *budget)
{
	struct span s = gb->pcln.pctab;
	uint64_t off = tab, at = entry, dval, dpc;
	uint32_t val = UINT32_MAX;

	*end = UINT64_MAX;
	if (!tab)
		return -1;
	for (; *budget; --*budget) {
		if (!span_varint(s, &off, &dval) || (!dval && at != entry))
			return -1;
		if (!span_varint(s, &off, &dpc))
			return -1;
		val += (uint32_t)(-(dval & 1) ^ (dval >> 1));
		at += (uint32_t)dpc;
		if (pc < at) {
			*end = at;
			return (int32_t)val;
		}
	}
	return -1;
}
