// SPDX-License-Identifier: GPL-2.0
/*
 * runtime.firstmoduledata: where the text, the types and the function data begin.
 *
 * It has no name in a stripped binary, but its first word is the address of the pclntab header, and
 * so many of its other words repeat what the header says that a chance match is excluded. Up to
 * maxpc, etext (offset 192) its layout is the same from Go 1.18 to 1.27:
 *
 *	  0  *pcHeader
 *	  8  funcnametab, 32 cutab, 56 filetab, 80 pctab, 104 pclntable, 128 ftab: {ptr, len, cap}
 *	152  findfunctab
 *	160  minpc, maxpc, text, etext
 *
 * In a PIE all of its pointers are R_X86_64_RELATIVE relocations whose addends are the truth; the
 * linkers seen also store them in the file, but none promises to.
 */
#include <elf.h>
#include <errno.h>

#include "internal.h"

#define MD_SLICES	 8
#define MD_PCLNTABLE_LEN 112
#define MD_FTAB		 128
#define MD_FTAB_LEN	 136
#define MD_MINPC	 160
#define MD_MAXPC	 168
#define MD_TEXT		 176
#define MD_ETEXT	 184
#define MD_COMMON_SIZE	 192

static uint64_t word(const uint8_t *md, size_t off)
{
	uint64_t v;

	memcpy(&v, md + off, sizeof(v));
	return v;
}

/* The header's tables and the slices of moduledata have to be the same. */
static bool same_tables(const struct gobin *gb, const uint8_t *md)
{
	const struct pclntab *p = &gb->pcln;

	if (word(md, 0) != p->vaddr)
		return false;
	for (size_t i = 0; i < 5; i++)
		if (word(md, MD_SLICES + 24 * i) != p->vaddr + p->off[i])
			return false;
	return word(md, MD_FTAB) == p->vaddr + p->off[4] && word(md, MD_FTAB_LEN) == p->nfunc + 1 &&
	       word(md, MD_PCLNTABLE_LEN) <= p->funcs.size &&
	       word(md, MD_PCLNTABLE_LEN) >= p->nfunc * 8 + 4;
}

/* text..etext lies in one executable segment, the functions lie in it, and both tables agree. */
static bool sane_text(const struct gobin *gb, const struct moduledata *md)
{
	uint32_t first = 0, end = 0, unused;

	if (md->text > md->minpc || md->minpc >= md->maxpc || md->maxpc > md->etext)
		return false;
	/* runtime/symtab.go, moduledataverify1(), checks the same when the program starts. */
	if (!gobin_functab(gb, 0, &first, &unused) ||
	    !gobin_functab(gb, gb->pcln.nfunc, &end, &unused))
		return false;
	if (md->text + first != md->minpc || md->text + end != md->maxpc)
		return false;
	for (int i = 0; i < gb->nsegments; i++) {
		const struct segment *seg = &gb->segments[i];

		if ((seg->flags & PF_X) && md->text >= seg->vaddr &&
		    span_holds(seg->bytes, md->text - seg->vaddr, md->maxpc - md->text))
			return true;
	}
	return false;
}

static bool accept(struct gobin *gb, uint64_t vaddr, void *arg)
{
	uint8_t buf[MD_COMMON_SIZE];
	struct moduledata md;

	(void)arg;
	if (vaddr & 7 || !gobin_relocated(gb, vaddr, buf, sizeof(buf)) || !same_tables(gb, buf))
		return false;
	md = (struct moduledata){
		.vaddr = vaddr,
		.minpc = word(buf, MD_MINPC),
		.maxpc = word(buf, MD_MAXPC),
		.text = word(buf, MD_TEXT),
		.etext = word(buf, MD_ETEXT),
	};
	if (!sane_text(gb, &md))
		return false;
	gb->md = md;
	gb->pcln.funcs = span_sub(gb->pcln.funcs, 0, word(buf, MD_PCLNTABLE_LEN));
	return true;
}

int gobin_moduledata_find(struct gobin *gb)
{
	const struct section *sec = &gb->sections[SEC_MODULE];

	/* From Go 1.26 moduledata has a section of its own. */
	if (sec->present && accept(gb, sec->addr, NULL))
		return 0;
	return gobin_find_word(gb, gb->pcln.vaddr, accept, NULL) ? 0 : -ENOENT;
}

bool gobin_moduledata_is_1_27(const struct gobin *gb)
{
	uint8_t md[GOBIN_RELOCATED_MAX];

	/* 1.27 put typedesclen, a length, where 1.26 has etypes, an address. */
	if (!gobin_relocated(gb, gb->md.vaddr, md, 320))
		return false;
	return word(md, 304) < word(md, 296);
}

int gobin_moduledata_types(struct gobin *gb, char *why)
{
	const struct layout *l = gb->layout;
	struct moduledata *m = &gb->md;
	uint8_t md[GOBIN_RELOCATED_MAX];

	if (!gobin_relocated(gb, m->vaddr, md, l->md_textsectmap + 16u))
		return gobin_fail(why, -EBADMSG, "moduledata is cut off");
	/*
	 * Only linkers of architectures with short branches split the text (cmd/link,
	 * -debugtextsize aside); function offsets would then need textsectmap.
	 */
	if (word(md, l->md_textsectmap + 8u) > 1)
		return gobin_fail(why, -ENOTSUP, "the text is split into %llu sections",
				  (unsigned long long)word(md, l->md_textsectmap + 8u));
	m->types = word(md, l->md_types);
	m->etypes = word(md, l->md_etypes);
	m->gofunc = word(md, l->md_gofunc);
	if (m->types > m->etypes || !gobin_vaddr_span(gb, m->types).size)
		return gobin_fail(why, -EBADMSG,
				  "moduledata.types..etypes (%#llx..%#llx) is not in "
				  "the file",
				  (unsigned long long)m->types, (unsigned long long)m->etypes);
	return 0;
}
