// SPDX-License-Identifier: GPL-2.0
/*
 * From a pc to its frames: function, file, line, and the calls that were inlined at it.
 *
 * Does what runtime.CallersFrames does (runtime/symtab.go, runtime/symtabinl.go), except that it
 * keeps wrappers. PCDATA_InlTreeIndex gives the innermost inlined call of a pc, or -1. The call's
 * parentPc is a pc of the same physical function that stands for the call site; its index gives the
 * next call outwards, its file and line those of that frame.
 */
#include <errno.h>

#include "internal.h"

#define PCDATA_INL_TREE_INDEX 2 /* internal/abi/symtab.go; the same in 1.18 to 1.27 */
#define FUNCDATA_INL_TREE     3

#define FUNC_PCSP 16 /* _func.pcsp, runtime/runtime2.go; the same in 1.18 to 1.27 */

/* No compiler inlines this deep; a chain that does is a cycle in a damaged tree. */
#define INLINE_DEPTH_MAX 1024

struct func {
	uint64_t entry;
	const char *name;
	uint32_t pcfile, pcln;
	uint32_t cu; /* where this compilation unit's files begin in cutab */
	uint32_t start_line;
	uint8_t id;
	uint32_t index_tab; /* pc-value table of PCDATA_InlTreeIndex, 0: none */
	struct span tree;   /* FUNCDATA_InlTree, empty: nothing inlined */
};

/* The _func is followed by u32 pcdata[npcdata], u32 funcdata[nfuncdata]. */
static bool read_inlining(const struct gobin *gb, struct span rec, struct func *f)
{
	const struct layout *l = gb->layout;
	uint64_t arrays = l->func_size;
	uint32_t npcdata, off;
	uint8_t nfuncdata;

	if (!span_u32(rec, 28, &npcdata) || !span_u8(rec, l->func_nfuncdata, &nfuncdata))
		return false;
	if (npcdata <= PCDATA_INL_TREE_INDEX || nfuncdata <= FUNCDATA_INL_TREE)
		return true;
	if (!span_u32(rec, arrays + 4ull * PCDATA_INL_TREE_INDEX, &f->index_tab) ||
	    !span_u32(rec, arrays + 4 * ((uint64_t)npcdata + FUNCDATA_INL_TREE), &off))
		return false;
	if (off != UINT32_MAX)
		f->tree = gobin_vaddr_span(gb, gb->md.gofunc + off);
	return true;
}

static bool read_func(const struct gobin *gb, uint64_t i, struct func *f)
{
	const struct layout *l = gb->layout;
	uint32_t entry, name;
	struct span rec;

	*f = (struct func){ 0 };
	if (!gobin_func_record(gb, i, &rec) || !span_u32(rec, 0, &entry) ||
	    !span_u32(rec, 4, &name) || !span_u32(rec, 20, &f->pcfile) ||
	    !span_u32(rec, 24, &f->pcln) || !span_u32(rec, 32, &f->cu) ||
	    !span_u8(rec, l->func_id, &f->id))
		return false;
	if (l->func_start_line && !span_u32(rec, l->func_start_line, &f->start_line))
		return false;
	f->entry = gb->md.text + entry;
	f->name = span_cstr(gb->pcln.names, name);
	return f->name && read_inlining(gb, rec, f);
}

static void file_line(const struct gobin *gb, const struct func *f, uint64_t pc,
		      struct gobin_frame *frame, uint32_t *budget)
{
	int32_t file = gobin_pcvalue(gb, f->pcfile, f->entry, pc, budget);
	int32_t line = gobin_pcvalue(gb, f->pcln, f->entry, pc, budget);
	const char *name;
	uint32_t off;

	frame->file = "?";
	frame->line = 0;
	if (file < 0 || line == -1)
		return;
	frame->line = line;
	/* cutab holds one file number per file of each compilation unit; -1: dead code's file. */
	if (!span_u32(gb->pcln.cutab, 4 * ((uint64_t)f->cu + (uint32_t)file), &off))
		return;
	if (off != UINT32_MAX && (name = span_cstr(gb->pcln.files, off)))
		frame->file = name;
}

/* Fills frame from record ix of the inline tree; *pc becomes the call site's. */
static bool inlined_frame(const struct gobin *gb, const struct func *f, uint32_t ix,
			  struct gobin_frame *frame, uint64_t *pc)
{
	const struct layout *l = gb->layout;
	struct span call = span_sub(f->tree, (uint64_t)ix * l->call_size, l->call_size);
	uint32_t name, parent_pc, start = 0;
	const char *func;
	uint8_t id;

	if (!span_u8(call, l->call_func_id, &id) || !span_u32(call, l->call_name, &name) ||
	    !span_u32(call, l->call_parent_pc, &parent_pc))
		return false;
	if (l->call_start_line && !span_u32(call, l->call_start_line, &start))
		return false;
	func = span_cstr(gb->pcln.names, name);
	if (!func)
		return false;
	frame->func = gobin_print_name(gb, func);
	frame->start_line = (int)start;
	frame->inlined = true;
	frame->wrapper = id == l->wrapper_id;
	*pc = f->entry + (uint64_t)(int64_t)(int32_t)parent_pc;
	return true;
}

int gobin__expand(const struct gobin *gb, uint64_t vaddr, struct gobin_frame *frames, int max)
{
	uint32_t budget = GOBIN_PCVALUE_BUDGET;
	uint64_t i, pc = vaddr;
	struct func f;
	int err;

	if (max < 1)
		return -EINVAL;
	err = gobin_func_index(gb, vaddr, &i);
	if (err)
		return err;
	if (!read_func(gb, i, &f))
		return -EBADMSG;
	for (int n = 0; n < max; n++) {
		struct gobin_frame *frame = &frames[n];
		int32_t ix = -1;

		*frame = (struct gobin_frame){ .entry = f.entry };
		file_line(gb, &f, pc, frame, &budget);
		if (f.tree.size)
			ix = gobin_pcvalue(gb, f.index_tab, f.entry, pc, &budget);
		if (!budget)
			return -EBADMSG;
		if (ix < 0) {
			frame->func = gobin_print_name(gb, f.name);
			frame->start_line = (int)f.start_line;
			frame->wrapper = f.id == gb->layout->wrapper_id;
			return n + 1;
		}
		if (n >= INLINE_DEPTH_MAX || !inlined_frame(gb, &f, (uint32_t)ix, frame, &pc))
			return -EBADMSG;
	}
	return max;
}

uint64_t gobin__expand_end(const struct gobin *gb, uint64_t vaddr)
{
	uint32_t budget = GOBIN_PCVALUE_BUDGET;
	uint64_t i, end;
	struct func f;

	if (gobin_func_index(gb, vaddr, &i) || !read_func(gb, i, &f) || !f.tree.size)
		return UINT64_MAX;
	gobin_pcvalue_run(gb, f.index_tab, f.entry, vaddr, &end, &budget);
	return end;
}

int gobin__sp_delta(const struct gobin *gb, uint64_t vaddr)
{
	uint32_t budget = GOBIN_PCVALUE_BUDGET, entry, tab;
	struct span rec;
	int32_t delta;
	uint64_t i;
	int err;

	err = gobin_func_index(gb, vaddr, &i);
	if (err)
		return err;
	if (!gobin_func_record(gb, i, &rec) || !span_u32(rec, 0, &entry) ||
	    !span_u32(rec, FUNC_PCSP, &tab))
		return -EBADMSG;
	delta = gobin_pcvalue(gb, tab, gb->md.text + entry, vaddr, &budget);
	/* What is pushed is words: the runtime throws at any other number. */
	return delta < 0 || delta % 8 || !budget ? -EBADMSG : delta;
}

static int fill_func(const struct gobin *gb, uint64_t i, struct gobin_func *out)
{
	uint32_t entry, end, name, unused;
	struct span rec;

	if (!gobin_functab(gb, i, &entry, &unused) || !gobin_functab(gb, i + 1, &end, &unused) ||
	    !gobin_func_record(gb, i, &rec) || !span_u32(rec, 4, &name))
		return -EBADMSG;
	out->name = span_cstr(gb->pcln.names, name);
	out->entry = gb->md.text + entry;
	out->end = gb->md.text + end;
	if (!out->name || end < entry || out->end > gb->md.maxpc)
		return -EBADMSG;
	return 0;
}

int gobin__func(const struct gobin *gb, uint64_t i, struct gobin_func *out)
{
	return i < gb->pcln.nfunc ? fill_func(gb, i, out) : -ERANGE;
}

int gobin__func_at(const struct gobin *gb, uint64_t vaddr, struct gobin_func *out)
{
	uint64_t i;
	int err = gobin_func_index(gb, vaddr, &i);

	return err ? err : fill_func(gb, i, out);
}

/*
 * An assembly function called from Go has two entries of one name: itself and its ABI wrapper,
 * which is marked as such (cmd/internal/obj/plist.go). The function is the one without the mark.
 */
int gobin__func_by_name(const struct gobin *gb, const char *name, struct gobin_func *out)
{
	size_t len = strlen(name) + 1;
	int ret = -ENOENT;

	for (uint64_t i = 0; i < gb->pcln.nfunc; i++) {
		struct gobin_func f;
		struct span rec;
		uint32_t off;
		uint8_t id;

		if (!gobin_func_record(gb, i, &rec) || !span_u32(rec, 4, &off) ||
		    !span_holds(gb->pcln.names, off, len) ||
		    memcmp(gb->pcln.names.base + off, name, len))
			continue;
		if (!span_u8(rec, gb->layout->func_id, &id) || fill_func(gb, i, &f))
			return -EBADMSG;
		if (ret)
			*out = f;
		ret = 0;
		if (id != gb->layout->wrapper_id) {
			*out = f;
			break;
		}
	}
	return ret;
}
