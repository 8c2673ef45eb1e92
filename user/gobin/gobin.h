/* SPDX-License-Identifier: GPL-2.0 */
/*
 * gobin: what a Go executable says of itself.
 *
 * Opens one ELF file read-only and answers from its own tables: which Go built it, where its
 * functions are, which function, file and line a pc belongs to with inlining expanded, what a type
 * is called, and where the runtime of that version keeps the fields gotrace reads. The file is
 * untrusted: every offset that comes from it is checked before use, no recursion follows it, and no
 * allocation takes its size from it without a limit.
 *
 * All addresses are the file's own virtual addresses (as linked). Whoever traces a
 * position-independent executable subtracts the load bias first.
 */
#ifndef GOTRACE_GOBIN_H
#define GOTRACE_GOBIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gobin;

/* The Go versions whose runtime gotrace knows; outside of them gobin__open() refuses. */
#define GOBIN_MINOR_MIN 18
#define GOBIN_MINOR_MAX 27

/* How the pclntab was found; printed by "gotrace inspect". */
enum gobin_pclntab_source {
	GOBIN_PCLNTAB_SECTION = 0,	/* .gopclntab or .data.rel.ro.gopclntab */
	GOBIN_PCLNTAB_RELRO = 1,	/* inside .data.rel.ro */
	GOBIN_PCLNTAB_SCAN = 2,		/* no section named it: readable segments were searched */
};

/* Where the version string was found. */
enum gobin_version_source {
	GOBIN_VERSION_BUILDINFO = 0,	/* .go.buildinfo, inline strings (Go 1.18 and later) */
	GOBIN_VERSION_BUILDINFO_PTR = 1, /* .go.buildinfo, pointer format (before Go 1.18) */
	GOBIN_VERSION_SYMBOL = 2,	/* the string runtime.buildVersion points to */
	/*
	 * Only the tables' format. version is "go1.20+" and minor the oldest that fits, which is enough
	 * for functions, frames and types, but NOT for gobin__runtime(): whoever reads the running
	 * runtime by it has to refuse (fits: 1.18 for 1.18-1.19, 1.20 for 1.20-1.25, 1.26, 1.27).
	 */
	GOBIN_VERSION_PCLNTAB = 3,
};

struct gobin_info {
	const char *version;		/* "go1.24.4", as the binary has it; owned by the gobin */
	int minor;			/* 24 */
	enum gobin_version_source version_source;
	enum gobin_pclntab_source pclntab_source;
	const char *path;		/* main module's package path, "" if unknown */
	const char *build_mode;		/* build settings' -buildmode, else "exe"/"pie" from the ELF */
	const char *build_id;		/* GNU build id in hex, else Go's build id, "" if none */
	bool pie;			/* ET_DYN */
	bool stripped;			/* no .symtab */
	bool dynamic;			/* has PT_INTERP */
	bool external_link;		/* linked by the system linker (cgo or -linkmode=external) */
	bool asan;			/* built with -asan, says the build info */
	bool experiment;		/* version carries an X: suffix; experiments are non-standard */
	uint64_t text, etext;		/* moduledata.text, .etext */
	uint64_t nfuncs;
	uint64_t file_size;
};

/*
 * A function of the binary. Strings belong to the gobin and are NUL-terminated. They are the file's
 * bytes, so a hostile file may put control characters into them: whoever prints them escapes.
 */
struct gobin_func {
	const char *name;		/* as the pclntab has it: "main.f[go.shape.int]" from Go 1.21 */
	uint64_t entry;			/* first instruction */
	uint64_t end;			/* first address after it: the entry of the next function */
};

/* One frame of an expanded pc. Strings belong to the gobin. */
struct gobin_frame {
	const char *func;		/* as runtime.CallersFrames has it: "main.f[...]" */
	const char *file;		/* "?" if the table does not say */
	int line;			/* 0 if the table does not say */
	int start_line;			/* line of "func", 0 if unknown (before Go 1.20) */
	uint64_t entry;			/* entry of the physical function */
	bool inlined;			/* this frame was inlined into the next one */
	bool wrapper;			/* compiler-made wrapper, which runtime.CallersFrames leaves out */
};

/* A Go type descriptor (internal/abi.Type). */
struct gobin_type {
	uint64_t size;
	uint64_t ptr_bytes;		/* bytes up to the last pointer; 0: noscan */
	uint8_t kind;			/* abi.Kind, 0..26 */
};

/*
 * Where the runtime of this version keeps what the BPF side reads, and how it rounds. Offsets in
 * bytes. Source: DWARF of the toolchains' own binaries (docs/go-runtime.md says how to re-derive).
 */
struct gobin_runtime {
	uint16_t g_m;			/* g.m */
	uint16_t m_p;			/* m.p */
	uint16_t m_curg;		/* m.curg */
	uint16_t m_preemptoff;		/* m.preemptoff, why it is not to be preempted; 0 from 1.21 on */
	uint16_t p_mcache;		/* p.mcache */
	uint16_t p_assist_time;		/* p.gcAssistTime */
	uint16_t mcache_tiny;		/* mcache.tiny; tinyoffset follows it */
	uint16_t mcache_alloc;		/* mcache.alloc: spans by span class */
	/*
	 * mspan.allocCount: 16 bits; spanclass follows 2 bytes behind it, allocCountBeforeCache 6,
	 * the latter from 1.19 on.
	 */
	uint16_t span_count;
	bool span_has_before;
	uint16_t span_nelems;		/* mspan.nelems; its low 16 bits are all that are ever used */
	/* runtime.consistentHeapStats: three heapStatsDelta of so many bytes, and in each of them */
	uint16_t stats_size;
	/* tinyAllocCount; largeAlloc, largeAllocCount and smallAllocCount[68] follow it */
	uint16_t stats_tiny;
	uint16_t malloc_header;		/* bytes added to scanned objects over header_min; 0 before 1.22 */
	uint16_t g_stack;		/* g.stack: lo, then hi */
	uint16_t g_sched_sp, g_sched_pc, g_sched_bp; /* g.sched: where a goroutine that does not run is */
	uint16_t g_goid;		/* g.goid */
	uint16_t g_startpc;		/* g.startpc: entry of the goroutine's function */
	/* From 1.21 systemstack has a frame of its own, and leaves it in g.sched.bp (asm_amd64.s). */
	bool switch_has_frame;
	uint32_t header_min;		/* objects of up to this size have no header */
	uint32_t small_max;		/* largest request (with header) served from a size class */
};

#define GOBIN_NCLASS_MAX 72

/* Why gobin__open() failed, for a person: lower case, no newline. */
#define GOBIN_WHY_MAX 256

/*
 * Opens the executable behind fd (borrowed: the caller closes it, any time after the call). The
 * file is mapped and must not shrink until gobin__free(); the kernel sees to that for one that runs.
 * On success *out is the caller's, freed by gobin__free(). On failure returns
 *   -ENOEXEC  not an ELF executable for this machine's word size and byte order (x86-64)
 *   -ENOPKG   ELF, but no Go pclntab in it: not a Go program
 *   -ENOTSUP  a Go program of a version gotrace does not know
 *   -EBADMSG  a Go program whose tables are damaged or lie
 *   -ENOMEM, or the errno of a failed read
 * and writes the reason to why (GOBIN_WHY_MAX bytes).
 */
int gobin__open(int fd, struct gobin **out, char *why);
/* The same for bytes in memory, which the caller keeps alive until gobin__free(). Used by tests. */
int gobin__open_mem(const void *data, size_t size, struct gobin **out, char *why);
void gobin__free(struct gobin *gb);

const struct gobin_info *gobin__info(const struct gobin *gb);
const struct gobin_runtime *gobin__runtime(const struct gobin *gb);

/* Number of functions, and the i-th in address order. -ERANGE, -EBADMSG. */
int gobin__func(const struct gobin *gb, uint64_t i, struct gobin_func *out);
/*
 * The function of this exact pclntab name ("runtime.mallocgc"). Of an assembly function and its ABI
 * wrapper, which share the name, the function. -ENOENT. Linear in the functions (50,000: 2 ms).
 */
int gobin__func_by_name(const struct gobin *gb, const char *name, struct gobin_func *out);
/* The function that contains vaddr. -ENOENT outside of Go text. */
int gobin__func_at(const struct gobin *gb, uint64_t vaddr, struct gobin_func *out);

/*
 * Expands vaddr into frames, innermost inlined function first, the physical function last. For a
 * return address the caller passes ra - 1 (the call instruction decides the line). Wrappers are
 * included and marked. Returns the number of frames written (at least 1, at most max; if max cuts
 * the list, the outermost frames are missing and the last one is marked inlined), or -ENOENT if
 * vaddr is not Go code, -EBADMSG if the tables around it are damaged, -EINVAL if max < 1.
 */
int gobin__expand(const struct gobin *gb, uint64_t vaddr, struct gobin_frame *frames, int max);
/*
 * The first address behind vaddr for which gobin__expand() may name other functions; those in between
 * differ in their lines at most. UINT64_MAX: there is none in this function, or vaddr is not Go code.
 */
uint64_t gobin__expand_end(const struct gobin *gb, uint64_t vaddr);
/*
 * Bytes that the function has on the stack below its return address before the instruction at vaddr
 * runs: 0 is where rsp points to the return address. -ENOENT if vaddr is not Go code, -EBADMSG if the
 * tables around it are damaged. Where assembly moves rsp by hand it is not right. Source: _func.pcsp,
 * as runtime.funcspdelta reads it (runtime/symtab.go).
 */
int gobin__sp_delta(const struct gobin *gb, uint64_t vaddr);

/* Bytes of the file at vaddr: pointer into the file image valid until free, *avail bytes long. NULL
 * if no file-backed segment holds vaddr. */
const uint8_t *gobin__bytes(const struct gobin *gb, uint64_t vaddr, size_t *avail);
/* File offset of vaddr (what a uprobe is placed by). -ENOENT. */
int gobin__file_offset(const struct gobin *gb, uint64_t vaddr, uint64_t *off);
/* Virtual address of the byte at file offset off in an executable segment. -ENOENT. */
int gobin__exec_vaddr(const struct gobin *gb, uint64_t off, uint64_t *vaddr);

/*
 * Name of the type whose descriptor is at vaddr, as reflect prints it ("*main.Node", "[]uint8"),
 * copied to buf (truncated to size, always terminated). -ENOENT if vaddr is not inside the types of
 * the binary (made at run time by reflect), -EBADMSG if what is there is no descriptor.
 */
int gobin__type_name(const struct gobin *gb, uint64_t vaddr, char *buf, size_t size);
int gobin__type(const struct gobin *gb, uint64_t vaddr, struct gobin_type *out);

/*
 * The runtime's size classes of this version: classes[i] is the size in bytes of class i, classes[0]
 * is 0. Returns their number. Source: runtime/sizeclasses.go (internal/runtime/gc from Go 1.25).
 */
int gobin__size_classes(const struct gobin *gb, uint32_t classes[GOBIN_NCLASS_MAX]);

#endif /* GOTRACE_GOBIN_H */
