/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Private to gobin/: the checked reader every access to the file goes through, the parsed state,
 * and what the files of this folder offer each other.
 *
 * The rule of the folder: bytes of the file are reached through a struct span or through
 * gobin_vaddr_span(), never through a bare pointer plus an offset that came from the file.
 */
#ifndef GOTRACE_GOBIN_INTERNAL_H
#define GOTRACE_GOBIN_INTERNAL_H

#include <stdarg.h>
#include <string.h>

#include "gobin.h"

/* --- span: a bounded, read-only piece of the file ------------------------------------------- */

struct span {
	const uint8_t *base;
	uint64_t size;
};

/* The longest name (function, file, type, module path) that is believed; longer ones are damage. */
#define GOBIN_NAME_MAX 65536

static inline bool span_holds(struct span s, uint64_t off, uint64_t len)
{
	return off <= s.size && len <= s.size - off;
}

/* The part [off, off+len), cut at the end of s; empty if off is not inside. */
static inline struct span span_sub(struct span s, uint64_t off, uint64_t len)
{
	if (off >= s.size)
		return (struct span){ 0 };
	if (len > s.size - off)
		len = s.size - off;
	return (struct span){ s.base + off, len };
}

/* The fixed-size readers copy: nothing in a hostile file is promised to be aligned. */
static inline bool span_u8(struct span s, uint64_t off, uint8_t *v)
{
	if (!span_holds(s, off, sizeof(*v)))
		return false;
	*v = s.base[off];
	return true;
}

static inline bool span_u32(struct span s, uint64_t off, uint32_t *v)
{
	if (!span_holds(s, off, sizeof(*v)))
		return false;
	memcpy(v, s.base + off, sizeof(*v));
	return true;
}

static inline bool span_u64(struct span s, uint64_t off, uint64_t *v)
{
	if (!span_holds(s, off, sizeof(*v)))
		return false;
	memcpy(v, s.base + off, sizeof(*v));
	return true;
}

/* Unsigned LEB128 at *off, which moves past it. At most 10 bytes. */
bool span_varint(struct span s, uint64_t *off, uint64_t *v);
/* NUL-terminated string at off, at most GOBIN_NAME_MAX bytes with its NUL; NULL otherwise. */
const char *span_cstr(struct span s, uint64_t off);
/* First occurrence of needle at or after from, or UINT64_MAX. */
uint64_t span_find(struct span s, uint64_t from, const void *needle, size_t len);

/* --- what was parsed ------------------------------------------------------------------------- */

#define GOBIN_SEGMENTS_MAX 64
#define GOBIN_RELAS_MAX	   4

struct segment {
	uint64_t vaddr;
	uint64_t off;
	struct span bytes; /* the part that is in the file */
	uint32_t flags;	   /* PF_R | PF_W | PF_X */
};

/* A section whose name gobin looks for. Only a hint: section headers may be absent or lie. */
struct section {
	uint64_t addr;
	uint64_t size;
	uint64_t off;
	uint32_t type;
	bool present;
};

enum section_id {
	SEC_PCLNTAB,	   /* .gopclntab */
	SEC_RELRO_PCLNTAB, /* .data.rel.ro.gopclntab: internal PIE before Go 1.26 */
	SEC_RELRO,	   /* .data.rel.ro: external PIE before Go 1.26 */
	SEC_BUILDINFO,	   /* .go.buildinfo */
	SEC_MODULE,	   /* .go.module: from Go 1.26 */
	SEC_RELA_DYN,	   /* .rela.dyn */
	SEC_SYMTAB,
	SEC_STRTAB,
	SEC_INIT, /* .init: only the system linker makes one */
	SEC_COUNT,
};

/* pclntab, cut into its tables (Go 1.18 and later; runtime/symtab.go, pcHeader). */
struct pclntab {
	uint64_t vaddr;
	struct span all; /* from the header to the end of its segment, then narrowed */
	uint32_t magic;
	uint64_t nfunc;
	uint64_t nfiles;
	bool text_in_header; /* pcHeader.textStart is set: before Go 1.26 */
	uint64_t off[5];     /* funcname, cu, filetab, pctab, pcln: offsets from all.base */
	struct span names;
	struct span cutab;
	struct span files;
	struct span pctab;
	struct span funcs; /* functab, then the _func records it points to */
};

/* How this version lays out what gobin itself reads; see layout.c. */
struct layout {
	uint16_t md_types;
	uint16_t md_etypes;
	uint16_t md_gofunc;
	uint16_t md_textsectmap; /* a slice; its length is the number of text sections */
	uint8_t func_id;	 /* _func.funcID */
	uint8_t func_nfuncdata;	 /* _func.nfuncdata */
	uint8_t func_size;	 /* sizeof(_func), where pcdata[] starts */
	uint8_t func_start_line; /* _func.startLine, 0: none */
	uint8_t call_size;	 /* sizeof(inlinedCall) */
	uint8_t call_func_id;
	uint8_t call_name;
	uint8_t call_parent_pc;
	uint8_t call_start_line; /* 0: none */
	uint8_t wrapper_id;	 /* FuncIDWrapper */
	bool print_names;	 /* names are full in the file, shortened when printed */
};

struct moduledata {
	uint64_t vaddr;
	uint64_t text, etext;
	uint64_t minpc, maxpc;
	uint64_t types, etypes;
	uint64_t gofunc;
};

struct name_pool;

#define GOBIN_VERSION_MAX 128

struct gobin {
	struct gobin_info info;
	struct span image;
	void *map; /* image is our mapping, to be unmapped */
	struct segment segments[GOBIN_SEGMENTS_MAX];
	int nsegments;
	struct span relas[GOBIN_RELAS_MAX];
	int nrelas;
	struct span notes[4];
	int nnotes;
	struct section sections[SEC_COUNT];
	struct pclntab pcln;
	struct moduledata md;
	const struct layout *layout;
	struct gobin_runtime runtime;
	char version[GOBIN_VERSION_MAX];
	char path[1024];
	char build_mode[32];
	char build_id[160];
	struct name_pool *pool; /* printed names that differ from the file's */
};

/* Writes the reason of a failure to why and returns err. */
int gobin_fail(char *why, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* elf.c: fills image-derived fields: segments, sections, relas, notes, pie/stripped/... of info. */
int gobin_elf_parse(struct gobin *gb, char *why);
/* The file's bytes from vaddr to the end of its segment; empty if no segment's file part has it. */
struct span gobin_vaddr_span(const struct gobin *gb, uint64_t vaddr);
/* The file's bytes of a section, empty if absent or outside of the file. */
struct span gobin_section_span(const struct gobin *gb, enum section_id id);
/*
 * A copy of len bytes at vaddr as they are after relocation: R_X86_64_RELATIVE addends win over
 * what the file holds. len at most GOBIN_RELOCATED_MAX.
 */
#define GOBIN_RELOCATED_MAX 512
bool gobin_relocated(const struct gobin *gb, uint64_t vaddr, uint8_t *buf, size_t len);
/*
 * Calls found() for each address whose word, after relocation, equals value: relocations first,
 * then 8-aligned words of the writable and then of the other non-executable segments. Stops when
 * found() returns true, or after GOBIN_WORD_HITS_MAX hits, and returns whether it did return true.
 */
#define GOBIN_WORD_HITS_MAX 16
bool gobin_find_word(struct gobin *gb, uint64_t value,
		     bool (*found)(struct gobin *gb, uint64_t vaddr, void *arg), void *arg);

/* buildinfo.c: version, minor, path, build mode, build id. Absent build info is no error. */
void gobin_buildinfo_parse(struct gobin *gb);
void gobin_build_id(struct gobin *gb);
/* version.c: minor of "go1.24.4" and of "devel go1.24-..."; -1 if the text names none. */
int gobin_version_minor(const char *version);
/* Refuses what is outside GOBIN_MINOR_MIN..GOBIN_MINOR_MAX. */
int gobin_version_check(const struct gobin *gb, char *why);
/* Without build info: the string of runtime.buildVersion, else what pcln.magic admits. */
int gobin_version_fallback(struct gobin *gb, char *why);

/* pclntab.c: finds the table that a moduledata vouches for; fills pcln, md (but types), source. */
int gobin_pclntab_find(struct gobin *gb, char *why);
bool gobin_pclntab_before_1_20(const struct gobin *gb);
/* The function table's i-th entry: offset from text, and of the _func record. i may be nfunc. */
bool gobin_functab(const struct gobin *gb, uint64_t i, uint32_t *entry, uint32_t *func);
/* Index of the function that contains vaddr. -ENOENT, -EBADMSG. */
int gobin_func_index(const struct gobin *gb, uint64_t vaddr, uint64_t *index);
/* The i-th function's record: from _func to the end of the table. */
bool gobin_func_record(const struct gobin *gb, uint64_t i, struct span *rec);
/*
 * Value of the pc-value table at pctab offset tab for pc, in a function that starts at entry. Takes
 * the pairs it reads off *budget, which bounds the work of one question; 0 left: not to be trusted.
 */
#define GOBIN_PCVALUE_BUDGET (1u << 24)
int32_t gobin_pcvalue(const struct gobin *gb, uint32_t tab, uint64_t entry, uint64_t pc,
		      uint32_t *budget);
/* The same, and where the run of pcs ends that have this value; UINT64_MAX: nowhere. */
int32_t gobin_pcvalue_run(const struct gobin *gb, uint32_t tab, uint64_t entry, uint64_t pc,
			  uint64_t *end, uint32_t *budget);

/* moduledata.c: finds and validates the moduledata of gb->pcln. -ENOENT if there is none. */
int gobin_moduledata_find(struct gobin *gb);
/* Reads what depends on the version, once gb->layout is known. */
int gobin_moduledata_types(struct gobin *gb, char *why);
/* Tells the layouts of Go 1.26 and 1.27 apart without a version. */
bool gobin_moduledata_is_1_27(const struct gobin *gb);

/* layout.c */
const struct layout *gobin_layout(int minor);
void gobin_runtime_fill(struct gobin *gb);

/* names.c: the name as the runtime prints it ("main.f[...]"), owned by the pool. */
const char *gobin_print_name(const struct gobin *gb, const char *name);
struct name_pool *gobin_pool_new(void);
void gobin_pool_free(struct name_pool *pool);

#endif /* GOTRACE_GOBIN_INTERNAL_H */
