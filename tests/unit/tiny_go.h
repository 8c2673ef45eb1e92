/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The smallest file gobin takes for a Go executable: 4 KiB with four functions, one of them with
 * two inlined calls, one type, and everything between them and the ELF header. It exists so that
 * tests can damage every byte, and a fuzzer can reach every table, in microseconds; real binaries
 * are for build_gobin_fixtures.sh. Nothing in it can run.
 *
 * File offsets and addresses differ by TINY_BASE throughout:
 *
 *	0x000 ELF header, program headers	0x700 types and their names
 *	0x180 section headers
 *	0x300 text				0x800 build info, runtime.buildVersion
 *	0x400 pclntab				0xa00 moduledata
 *	0x680 inline tree			0xd00 dynamic section, 0xd80 relocations
 *						0xf00 note, 0xf40 section names
 */
#ifndef GOTRACE_TESTS_TINY_GO_H
#define GOTRACE_TESTS_TINY_GO_H

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "gobin/internal.h"

#define TINY_SIZE 0x1000
#define TINY_BASE 0x400000ull

enum {
	TINY_TEXT = 0x300,
	TINY_TEXT_SIZE = 0x100,
	TINY_PCLN = 0x400,
	TINY_TREE = 0x680,
	TINY_TYPES = 0x700,
	TINY_BUILDINFO = 0x800,
	TINY_VERSION = 0x900,
	TINY_MD = 0xa00,
	TINY_DYNAMIC = 0xd00,
	TINY_RELA = 0xd80,
	TINY_NOTE = 0xf00,
	TINY_SECTIONS = 0x180,
	TINY_SECTION_NAMES = 0xf40,
};

struct tiny {
	uint8_t b[TINY_SIZE];
	int minor;
	bool pie; /* pointers exist as relocations only; there are no section headers */
	unsigned int nrelas;
};

static inline void tiny_put(struct tiny *t, size_t off, uint64_t v, size_t len)
{
	memcpy(t->b + off, &v, len);
}

static inline void tiny_ptr(struct tiny *t, size_t off, uint64_t target)
{
	Elf64_Rela r = { TINY_BASE + off, R_X86_64_RELATIVE, (int64_t)(TINY_BASE + target) };

	if (!t->pie) {
		tiny_put(t, off, TINY_BASE + target, 8);
		return;
	}
	memcpy(t->b + TINY_RELA + sizeof(r) * t->nrelas++, &r, sizeof(r));
}

static inline size_t tiny_str(struct tiny *t, size_t off, const char *s)
{
	memcpy(t->b + off, s, strlen(s) + 1);
	return off + strlen(s) + 1;
}

static inline void tiny_phdr(struct tiny *t, int i, uint32_t type, uint32_t flags, uint64_t off,
			     uint64_t size)
{
	Elf64_Phdr ph = {
		.p_type = type,
		.p_flags = flags,
		.p_offset = off,
		.p_vaddr = TINY_BASE + off,
		.p_filesz = size,
		.p_memsz = size,
	};

	memcpy(t->b + sizeof(Elf64_Ehdr) + sizeof(ph) * (size_t)i, &ph, sizeof(ph));
}

/* The file has as many headers as fit between the program headers and the text. */
static inline void tiny_sections(struct tiny *t, Elf64_Ehdr *eh)
{
	static const struct {
		const char *name;
		uint32_t type;
		uint64_t off, size;
	} s[] = {
		{ "", SHT_NULL, 0, 0 },
		{ ".gopclntab", SHT_PROGBITS, TINY_PCLN, TINY_TREE - TINY_PCLN },
		{ ".go.buildinfo", SHT_PROGBITS, TINY_BUILDINFO, 0x100 },
		{ ".go.module", SHT_PROGBITS, TINY_MD, 0x300 },
		{ ".shstrtab", SHT_STRTAB, TINY_SECTION_NAMES, 0x80 },
	};
	size_t name = TINY_SECTION_NAMES;

	for (size_t i = 0; i < sizeof(s) / sizeof(s[0]); i++) {
		Elf64_Shdr sh = {
			.sh_name = (uint32_t)(name - TINY_SECTION_NAMES),
			.sh_type = s[i].type,
			.sh_addr = s[i].type == SHT_PROGBITS ? TINY_BASE + s[i].off : 0,
			.sh_offset = s[i].off,
			.sh_size = s[i].size,
		};

		memcpy(t->b + TINY_SECTIONS + i * sizeof(sh), &sh, sizeof(sh));
		name = tiny_str(t, name, s[i].name);
	}
	eh->e_shoff = TINY_SECTIONS;
	eh->e_shentsize = sizeof(Elf64_Shdr);
	eh->e_shnum = 5;
	eh->e_shstrndx = 4;
}

static inline void tiny_elf(struct tiny *t)
{
	Elf64_Ehdr eh = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = t->pie ? ET_DYN : ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 5,
	};
	Elf64_Dyn dyn[3] = { { .d_tag = DT_RELA }, { .d_tag = DT_RELASZ } };

	if (!t->pie)
		tiny_sections(t, &eh);
	memcpy(t->b, &eh, sizeof(eh));
	tiny_phdr(t, 0, PT_LOAD, PF_R | PF_X, TINY_TEXT, TINY_TEXT_SIZE);
	tiny_phdr(t, 1, PT_LOAD, PF_R, TINY_PCLN, TINY_BUILDINFO - TINY_PCLN);
	tiny_phdr(t, 2, PT_LOAD, PF_R | PF_W, TINY_BUILDINFO, TINY_SIZE - TINY_BUILDINFO);
	tiny_phdr(t, 3, PT_DYNAMIC, PF_R, TINY_DYNAMIC, t->pie ? sizeof(dyn) : 0);
	tiny_phdr(t, 4, PT_NOTE, PF_R, TINY_NOTE, 36);
	dyn[0].d_un.d_ptr = TINY_BASE + TINY_RELA;
	dyn[1].d_un.d_val = t->nrelas * sizeof(Elf64_Rela);
	memcpy(t->b + TINY_DYNAMIC, dyn, sizeof(dyn));
	tiny_put(t, TINY_NOTE, 4, 4);
	tiny_put(t, TINY_NOTE + 4, 20, 4);
	tiny_put(t, TINY_NOTE + 8, NT_GNU_BUILD_ID, 4);
	tiny_str(t, TINY_NOTE + 12, "GNU");
	tiny_str(t, TINY_NOTE + 16, "0123456789abcdefghi");
}

/* Offsets of names in the name table: [0] is empty, as real linkers' never is. */
#define TINY_NAMES "\0main.main\0main.a[go.shape.int]\0main.b\0runtime.asm\0"
enum { TINY_N_MAIN = 1, TINY_N_A = 11, TINY_N_B = 32, TINY_N_ASM = 39 };

/* pc-value tables at their offsets in pctab; see gobin_pcvalue(). */
static const uint8_t tiny_pctab[] = {
	0,					/* offset 0 means no table */
	2,  0x80, 2, 0,				/* 1: file 0 for 0x100 bytes */
	22, 0x10, 2, 0x10, 1, 0xe0, 1, 0,	/* 5: line 10, then 11, then 10 */
	0,  8,	  2, 8,	   2, 0x10, 3, 0x20, 0, /* 13: index -1; 0 at 8; 1 at 16; -1 at 32 */
	2,  4,	  48, 0x38, 47, 4, 0,		/* 22: 0 pushed; 24 at 4; 0 again at 0x3c */
};

static inline size_t tiny_func(struct tiny *t, size_t off, uint32_t entry, uint32_t name,
			       uint8_t id, bool inlines)
{
	const struct layout *l = gobin_layout(t->minor);
	size_t pcdata = off + l->func_size;

	tiny_put(t, off, entry, 4);
	tiny_put(t, off + 4, name, 4);
	tiny_put(t, off + 16, inlines ? 22 : 0, 4);
	tiny_put(t, off + 20, 1, 4);
	tiny_put(t, off + 24, 5, 4);
	tiny_put(t, off + 28, inlines ? 3 : 0, 4);
	if (l->func_start_line)
		tiny_put(t, off + l->func_start_line, 9, 4);
	tiny_put(t, off + l->func_id, id, 1);
	tiny_put(t, off + l->func_nfuncdata, inlines ? 4 : 0, 1);
	if (!inlines)
		return pcdata;
	tiny_put(t, pcdata + 8, 13, 4);
	for (size_t i = 0; i < 3; i++)
		tiny_put(t, pcdata + 12 + 4 * i, UINT32_MAX, 4);
	tiny_put(t, pcdata + 24, 0x10, 4);
	return pcdata + 28;
}

static inline size_t tiny_pclntab(struct tiny *t, size_t off[5])
{
	static const uint32_t names[4] = { TINY_N_MAIN, TINY_N_B, TINY_N_ASM, TINY_N_ASM };
	const struct layout *l = gobin_layout(t->minor);
	size_t at = TINY_PCLN + 72, ftab;

	off[0] = at;
	memcpy(t->b + at, TINY_NAMES, sizeof(TINY_NAMES));
	off[1] = at += 64;
	off[2] = at += 4;
	off[3] = (tiny_str(t, at, "/src/main.go") + 7) & ~7ull;
	memcpy(t->b + off[3], tiny_pctab, sizeof(tiny_pctab));
	off[4] = ftab = (off[3] + sizeof(tiny_pctab) + 7) & ~7ull;
	at = ftab + 4 * 8 + 8;
	for (uint32_t i = 0; i < 4; i++) {
		tiny_put(t, ftab + 8 * i, 0x40 * i, 4);
		tiny_put(t, ftab + 8 * i + 4, at - ftab, 4);
		at = tiny_func(t, at, 0x40 * i, names[i], i == 2 ? l->wrapper_id : 0, !i);
	}
	tiny_put(t, ftab + 32, TINY_TEXT_SIZE, 4);
	tiny_put(t, TINY_PCLN, t->minor < 20 ? 0xfffffff0 : 0xfffffff1, 4);
	tiny_put(t, TINY_PCLN + 6, 0x0801, 2);
	tiny_put(t, TINY_PCLN + 8, 4, 8);
	tiny_put(t, TINY_PCLN + 16, 1, 8);
	if (t->minor < 26)
		tiny_ptr(t, TINY_PCLN + 24, TINY_TEXT);
	for (size_t i = 0; i < 5; i++)
		tiny_put(t, TINY_PCLN + 32 + 8 * i, off[i] - TINY_PCLN, 8);
	return at - ftab;
}

static inline void tiny_tree(struct tiny *t)
{
	const struct layout *l = gobin_layout(t->minor);
	static const struct {
		uint32_t name, parent_pc;
	} calls[2] = { { TINY_N_A, 4 }, { TINY_N_B, 8 } };

	for (size_t i = 0; i < 2; i++) {
		size_t at = TINY_TREE + 0x10 + i * l->call_size;

		tiny_put(t, at + l->call_name, calls[i].name, 4);
		tiny_put(t, at + l->call_parent_pc, calls[i].parent_pc, 4);
		if (l->call_start_line)
			tiny_put(t, at + l->call_start_line, 20 + i, 4);
	}
}

static inline void tiny_moduledata(struct tiny *t, const size_t off[5], size_t pclntable)
{
	const struct layout *l = gobin_layout(t->minor);

	tiny_ptr(t, TINY_MD, TINY_PCLN);
	for (size_t i = 0; i < 5; i++)
		tiny_ptr(t, TINY_MD + 8 + 24 * i, off[i]);
	tiny_put(t, TINY_MD + 112, pclntable, 8);
	tiny_ptr(t, TINY_MD + 128, off[4]);
	tiny_put(t, TINY_MD + 136, 5, 8);
	tiny_ptr(t, TINY_MD + 160, TINY_TEXT);
	tiny_ptr(t, TINY_MD + 168, TINY_TEXT + TINY_TEXT_SIZE);
	tiny_ptr(t, TINY_MD + 176, TINY_TEXT);
	tiny_ptr(t, TINY_MD + 184, TINY_TEXT + TINY_TEXT_SIZE);
	tiny_ptr(t, TINY_MD + l->md_types, TINY_TYPES);
	tiny_ptr(t, TINY_MD + l->md_etypes, TINY_BUILDINFO);
	tiny_ptr(t, TINY_MD + l->md_gofunc, TINY_TREE);
	tiny_put(t, TINY_MD + l->md_textsectmap + 8u, 1, 8);
	if (t->minor >= 27)
		tiny_put(t, TINY_MD + 304, 0x40, 8);
}

/* The type at TINY_TYPES: main.Node, a struct of 56 bytes, 8 of them up to its last pointer. */
static inline void tiny_types(struct tiny *t)
{
	tiny_put(t, TINY_TYPES, 56, 8);
	tiny_put(t, TINY_TYPES + 8, 8, 8);
	tiny_put(t, TINY_TYPES + 20, 2 | 4, 1);
	tiny_put(t, TINY_TYPES + 23, 25, 1);
	tiny_put(t, TINY_TYPES + 40, 0x40, 4);
	tiny_put(t, TINY_TYPES + 0x41, 10, 1);
	tiny_str(t, TINY_TYPES + 0x42, "*main.Node");
}

static inline void tiny_buildinfo(struct tiny *t, const char *version)
{
	static const char mod[] = "0123456789abcdefpath\tx.org/tiny\nbuild\t-buildmode=exe\n"
				  "0123456789abcdef";
	size_t at = TINY_BUILDINFO;

	memcpy(t->b + at, "\xff Go buildinf:\x08\x02", 16);
	at += 32;
	t->b[at++] = (uint8_t)strlen(version);
	memcpy(t->b + at, version, strlen(version));
	at += strlen(version);
	t->b[at++] = sizeof(mod) - 1;
	memcpy(t->b + at, mod, sizeof(mod) - 1);
	tiny_ptr(t, TINY_VERSION, TINY_VERSION + 16);
	tiny_put(t, TINY_VERSION + 8, strlen(version), 8);
	tiny_str(t, TINY_VERSION + 16, version);
}

static inline void tiny_build(struct tiny *t, int minor, bool pie)
{
	char version[32];
	size_t off[5];

	memset(t, 0, sizeof(*t));
	t->minor = minor;
	t->pie = pie;
	snprintf(version, sizeof(version), "go1.%d.3", minor);
	tiny_moduledata(t, off, tiny_pclntab(t, off));
	tiny_tree(t);
	tiny_types(t);
	tiny_buildinfo(t, version);
	tiny_elf(t);
}

/* Asks everything of an opened file, whatever it answers; for tests that damage it. */
static inline void tiny_query_all(const struct gobin *gb, const uint64_t *addrs, size_t n)
{
	struct gobin_frame frames[16];
	struct gobin_func f = { 0 };
	struct gobin_type type;
	size_t avail, sum = 0;
	char name[300];
	uint64_t v;

	for (uint64_t i = 0; i < gobin__info(gb)->nfuncs && i < 64; i++)
		if (!gobin__func(gb, i, &f))
			sum += strlen(f.name);
	gobin__func_by_name(gb, "runtime.asm", &f);
	for (size_t i = 0; i < n; i++) {
		int got = gobin__expand(gb, addrs[i], frames, 16);

		for (int k = 0; k < got; k++)
			sum += strlen(frames[k].func) + strlen(frames[k].file);
		got = gobin__sp_delta(gb, addrs[i]);
		sum += got < 0 ? (size_t)-got : (size_t)got % 8;
		gobin__func_at(gb, addrs[i], &f);
		gobin__type(gb, addrs[i], &type);
		gobin__type_name(gb, addrs[i], name, sizeof(name));
		gobin__bytes(gb, addrs[i], &avail);
		if (!gobin__file_offset(gb, addrs[i], &v))
			gobin__exec_vaddr(gb, v, &v);
	}
	/* The strings were read to their ends, as a report would. */
	__asm__ volatile("" : : "r"(sum));
}

#endif /* GOTRACE_TESTS_TINY_GO_H */
