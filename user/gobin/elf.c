// SPDX-License-Identifier: GPL-2.0
/*
 * The ELF container: segments, the few sections gobin has a use for, relative relocations, notes.
 *
 * Segments decide; sections are hints. A Go binary runs without section headers (sstrip, packers),
 * so everything found by section has a second way through PT_LOAD. libelf reads the header tables
 * (it handles extended numbering and bad offsets); contents are read by span, because libelf's data
 * descriptors may allocate and decompress by sizes that the file chose.
 */
#include <elf.h>
#include <errno.h>
#include <gelf.h>
#include <libelf.h>

#include "internal.h"

/* clang-format off */
static const char *const section_names[SEC_COUNT] = {
	[SEC_PCLNTAB] = ".gopclntab",
	[SEC_RELRO_PCLNTAB] = ".data.rel.ro.gopclntab",
	[SEC_RELRO] = ".data.rel.ro",
	[SEC_BUILDINFO] = ".go.buildinfo",
	[SEC_MODULE] = ".go.module",
	[SEC_RELA_DYN] = ".rela.dyn",
	[SEC_SYMTAB] = ".symtab",
	[SEC_STRTAB] = ".strtab",
	[SEC_INIT] = ".init",
};
/* clang-format on */

static int check_ident(struct gobin *gb, char *why)
{
	Elf64_Ehdr eh;

	if (gb->image.size < sizeof(eh))
		return gobin_fail(why, -ENOEXEC, "not an ELF file: only %llu bytes",
				  (unsigned long long)gb->image.size);
	memcpy(&eh, gb->image.base, sizeof(eh));
	if (memcmp(eh.e_ident, ELFMAG, SELFMAG))
		return gobin_fail(why, -ENOEXEC, "not an ELF file");
	if (eh.e_ident[EI_CLASS] != ELFCLASS64)
		return gobin_fail(why, -ENOEXEC, "a 32-bit ELF file; only x86-64 is supported");
	if (eh.e_ident[EI_DATA] != ELFDATA2LSB)
		return gobin_fail(why, -ENOEXEC, "a big-endian ELF file; only x86-64 is supported");
	if (eh.e_machine == EM_AARCH64)
		return gobin_fail(why, -ENOEXEC, "arm64 binaries are not supported yet");
	if (eh.e_machine != EM_X86_64)
		return gobin_fail(why, -ENOEXEC, "ELF machine %u; only x86-64 is supported",
				  eh.e_machine);
	if (eh.e_type != ET_EXEC && eh.e_type != ET_DYN)
		return gobin_fail(why, -ENOEXEC, "ELF type %u is not an executable", eh.e_type);
	gb->info.pie = eh.e_type == ET_DYN;
	return 0;
}

static int add_segment(struct gobin *gb, const GElf_Phdr *ph, char *why)
{
	struct segment *seg;

	if (ph->p_filesz == 0)
		return 0;
	if (gb->nsegments == GOBIN_SEGMENTS_MAX)
		return gobin_fail(why, -EBADMSG, "more than %d loadable segments",
				  GOBIN_SEGMENTS_MAX);
	seg = &gb->segments[gb->nsegments];
	seg->vaddr = ph->p_vaddr;
	seg->off = ph->p_offset;
	seg->flags = ph->p_flags;
	/* A truncated file keeps the part it still has; what needs the rest will fail by itself. */
	seg->bytes = span_sub(gb->image, ph->p_offset, ph->p_filesz);
	/* No address wraps: later arithmetic on addresses inside a segment relies on it. */
	if (!seg->bytes.size || seg->vaddr > UINT64_MAX - seg->bytes.size)
		return 0;
	gb->nsegments++;
	return 0;
}

static int read_segments(struct gobin *gb, Elf *elf, struct span *dynamic, char *why)
{
	size_t n;
	int err;

	if (elf_getphdrnum(elf, &n))
		return gobin_fail(why, -ENOEXEC, "no program headers: %s", elf_errmsg(-1));
	for (size_t i = 0; i < n && i <= PN_XNUM; i++) {
		GElf_Phdr ph;

		if (!gelf_getphdr(elf, (int)i, &ph))
			return gobin_fail(why, -ENOEXEC, "bad program header %zu: %s", i,
					  elf_errmsg(-1));
		if (ph.p_type == PT_INTERP)
			gb->info.dynamic = true;
		else if (ph.p_type == PT_GNU_EH_FRAME)
			/* The Go linker (through 1.27) writes none, ld/gold/lld always do. */
			gb->info.external_link = true;
		else if (ph.p_type == PT_DYNAMIC)
			*dynamic = span_sub(gb->image, ph.p_offset, ph.p_filesz);
		else if (ph.p_type == PT_NOTE && gb->nnotes < 4)
			gb->notes[gb->nnotes++] = span_sub(gb->image, ph.p_offset, ph.p_filesz);
		else if (ph.p_type == PT_LOAD && (err = add_segment(gb, &ph, why)))
			return err;
	}
	if (!gb->nsegments)
		return gobin_fail(why, -ENOEXEC, "no loadable segment");
	return 0;
}

static void read_sections(struct gobin *gb, Elf *elf)
{
	Elf_Scn *scn = NULL;
	size_t strndx, left = 4096;

	if (elf_getshdrstrndx(elf, &strndx))
		return;
	/* Bounded; real files stay below 100. */
	while (left-- && (scn = elf_nextscn(elf, scn))) {
		const char *name;
		GElf_Shdr sh;

		if (!gelf_getshdr(scn, &sh) || !(name = elf_strptr(elf, strndx, sh.sh_name)))
			continue;
		for (int i = 0; i < SEC_COUNT; i++) {
			struct section *sec = &gb->sections[i];

			if (sec->present || strcmp(name, section_names[i]))
				continue;
			*sec = (struct section){ sh.sh_addr, sh.sh_size, sh.sh_offset, sh.sh_type,
						 true };
		}
	}
}

static void add_rela(struct gobin *gb, struct span s)
{
	for (int i = 0; i < gb->nrelas; i++)
		if (gb->relas[i].base == s.base)
			return;
	if (s.size >= sizeof(Elf64_Rela) && gb->nrelas < GOBIN_RELAS_MAX)
		gb->relas[gb->nrelas++] = s;
}

/* DT_RELA first: it is what the dynamic loader itself uses, and exists without section headers. */
static void read_relocations(struct gobin *gb, struct span dynamic)
{
	uint64_t rela = 0, size = 0;
	Elf64_Dyn dyn;

	for (uint64_t off = 0; span_holds(dynamic, off, sizeof(dyn)); off += sizeof(dyn)) {
		memcpy(&dyn, dynamic.base + off, sizeof(dyn));
		if (dyn.d_tag == DT_NULL)
			break;
		if (dyn.d_tag == DT_RELA)
			rela = dyn.d_un.d_ptr;
		else if (dyn.d_tag == DT_RELASZ)
			size = dyn.d_un.d_val;
	}
	if (rela && size)
		add_rela(gb, span_sub(gobin_vaddr_span(gb, rela), 0, size));
	add_rela(gb, gobin_section_span(gb, SEC_RELA_DYN));
}

int gobin_elf_parse(struct gobin *gb, char *why)
{
	struct span dynamic = { 0 };
	Elf *elf;
	int err;

	err = check_ident(gb, why);
	if (err)
		return err;
	elf_version(EV_CURRENT);
	/* libelf does not write to an image opened this way; its prototype just is not const. */
	elf = elf_memory((char *)(uintptr_t)gb->image.base, gb->image.size);
	if (!elf)
		return gobin_fail(why, -ENOEXEC, "unreadable ELF file: %s", elf_errmsg(-1));
	err = read_segments(gb, elf, &dynamic, why);
	if (err)
		goto cleanup;
	read_sections(gb, elf);
	read_relocations(gb, dynamic);
	gb->info.stripped = !gb->sections[SEC_SYMTAB].present;
	if (gb->sections[SEC_INIT].present)
		gb->info.external_link = true;
cleanup:
	elf_end(elf);
	return err;
}

struct span gobin_section_span(const struct gobin *gb, enum section_id id)
{
	const struct section *sec = &gb->sections[id];

	if (!sec->present || sec->type == SHT_NOBITS)
		return (struct span){ 0 };
	return span_sub(gb->image, sec->off, sec->size);
}

struct span gobin_vaddr_span(const struct gobin *gb, uint64_t vaddr)
{
	for (int i = 0; i < gb->nsegments; i++) {
		const struct segment *seg = &gb->segments[i];

		if (vaddr >= seg->vaddr && vaddr - seg->vaddr < seg->bytes.size)
			return span_sub(seg->bytes, vaddr - seg->vaddr, UINT64_MAX);
	}
	return (struct span){ 0 };
}

static bool relative(struct span relas, uint64_t i, Elf64_Rela *r)
{
	if (!span_holds(relas, i, sizeof(*r)))
		return false;
	memcpy(r, relas.base + i, sizeof(*r));
	return true;
}

bool gobin_relocated(const struct gobin *gb, uint64_t vaddr, uint8_t *buf, size_t len)
{
	struct span s = gobin_vaddr_span(gb, vaddr);
	Elf64_Rela r;

	if (len > GOBIN_RELOCATED_MAX || !span_holds(s, 0, len))
		return false;
	memcpy(buf, s.base, len);
	for (int t = 0; t < gb->nrelas; t++) {
		for (uint64_t i = 0; relative(gb->relas[t], i, &r); i += sizeof(r)) {
			uint64_t at = r.r_offset - vaddr;

			if (at >= len || len - at < 8 || r.r_info != R_X86_64_RELATIVE)
				continue;
			memcpy(buf + at, &r.r_addend, 8);
		}
	}
	return true;
}

struct word_search {
	bool (*found)(struct gobin *gb, uint64_t vaddr, void *arg);
	void *arg;
	int left;
};

static bool find_in_segment(struct gobin *gb, const struct segment *seg, uint64_t value,
			    struct word_search *ws)
{
	/* Aligned by address, not by file offset: that is what the linker aligned. */
	uint64_t off = (8 - (seg->vaddr & 7)) & 7, word;

	for (; ws->left && span_u64(seg->bytes, off, &word); off += 8) {
		if (word != value)
			continue;
		ws->left--;
		if (ws->found(gb, seg->vaddr + off, ws->arg))
			return true;
	}
	return false;
}

bool gobin_find_word(struct gobin *gb, uint64_t value,
		     bool (*found)(struct gobin *gb, uint64_t vaddr, void *arg), void *arg)
{
	struct word_search ws = { found, arg, GOBIN_WORD_HITS_MAX };
	Elf64_Rela r;

	for (int t = 0; t < gb->nrelas; t++) {
		for (uint64_t i = 0; ws.left && relative(gb->relas[t], i, &r); i += sizeof(r)) {
			if ((uint64_t)r.r_addend != value || r.r_info != R_X86_64_RELATIVE)
				continue;
			ws.left--;
			if (found(gb, r.r_offset, arg))
				return true;
		}
	}
	for (int writable = 1; writable >= 0; writable--) {
		for (int i = 0; i < gb->nsegments; i++) {
			const struct segment *seg = &gb->segments[i];

			if (!!(seg->flags & PF_W) != writable || (seg->flags & PF_X))
				continue;
			if (find_in_segment(gb, seg, value, &ws))
				return true;
		}
	}
	return false;
}

const uint8_t *gobin__bytes(const struct gobin *gb, uint64_t vaddr, size_t *avail)
{
	struct span s = gobin_vaddr_span(gb, vaddr);

	if (avail)
		*avail = s.size;
	return s.size ? s.base : NULL;
}

int gobin__file_offset(const struct gobin *gb, uint64_t vaddr, uint64_t *off)
{
	struct span s = gobin_vaddr_span(gb, vaddr);

	if (!s.size)
		return -ENOENT;
	*off = (uint64_t)(s.base - gb->image.base);
	return 0;
}

int gobin__exec_vaddr(const struct gobin *gb, uint64_t off, uint64_t *vaddr)
{
	for (int i = 0; i < gb->nsegments; i++) {
		const struct segment *seg = &gb->segments[i];

		if ((seg->flags & PF_X) && off >= seg->off && off - seg->off < seg->bytes.size) {
			*vaddr = seg->vaddr + (off - seg->off);
			return 0;
		}
	}
	return -ENOENT;
}
