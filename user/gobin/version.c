// SPDX-License-Identifier: GPL-2.0
/*
 * The Go version: reading one out of a text, deciding whether it is known, and finding it where the
 * build info was wiped.
 *
 * Without build info there is still the variable runtime.buildVersion, a Go string that the linker
 * sets like -X does (cmd/link/internal/ld/data.go, addstrdata): a symbol of its own, NUL-terminated
 * unlike every string of the program. With symbols it is looked up. Without, all string headers of
 * the data are searched for texts that are a whole, NUL-terminated version; a program may contain
 * more such texts (a list of releases is one), so only a single distinct answer is believed. If
 * that fails too, the tables' own format admits a range, of which the oldest is taken.
 */
#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "internal.h"

#define SYMBOL "runtime.buildVersion"

/* What ends the version proper: a patch level, an experiment or vendor suffix, or nothing. */
static int parse_minor(const char *s)
{
	unsigned int minor = 0;
	int digits = 0;

	if (strncmp(s, "go1.", 4))
		return -1;
	for (s += 4; isdigit((unsigned char)*s) && digits < 4; s++, digits++)
		minor = minor * 10 + (unsigned int)(*s - '0');
	if (!digits || isdigit((unsigned char)*s) || isalpha((unsigned char)*s)) {
		/* "go1.21rc2" and "go1.18beta1" are of that minor too. */
		if (!digits || (strncmp(s, "rc", 2) && strncmp(s, "beta", 4)))
			return -1;
	}
	return (int)minor;
}

int gobin_version_minor(const char *version)
{
	/* "devel go1.24-1f6c83d Tue ..." (before 1.21 or so), "go1.24-devel_1f6c83d" */
	if (!strncmp(version, "devel ", 6))
		version += 6;
	return parse_minor(version);
}

int gobin_version_check(const struct gobin *gb, char *why)
{
	int minor = gb->info.minor;

	if (minor < 0)
		return gobin_fail(why, -ENOTSUP,
				  "built by \"%.100s\", which names no Go version; supported are "
				  "Go 1.%d to 1.%d",
				  gb->version, GOBIN_MINOR_MIN, GOBIN_MINOR_MAX);
	if (minor < GOBIN_MINOR_MIN || minor > GOBIN_MINOR_MAX)
		return gobin_fail(why, -ENOTSUP, "built by %.100s; supported are Go 1.%d to 1.%d",
				  gb->version, GOBIN_MINOR_MIN, GOBIN_MINOR_MAX);
	return 0;
}

/*
 * The version text of a string header {ptr, len}: the whole string, printable, with the NUL the
 * linker puts behind it. dst has room for GOBIN_VERSION_MAX bytes.
 */
static bool version_text(const struct gobin *gb, uint64_t ptr, uint64_t len, char *dst)
{
	struct span s;

	if (len < 6 || len >= GOBIN_VERSION_MAX)
		return false;
	s = gobin_vaddr_span(gb, ptr);
	if (!span_holds(s, 0, len + 1) || s.base[len] ||
	    (memcmp(s.base, "go1.", 4) && memcmp(s.base, "devel ", 6)))
		return false;
	for (uint64_t i = 0; i < len; i++)
		if (!isprint(s.base[i]))
			return false;
	memcpy(dst, s.base, len + 1);
	return gobin_version_minor(dst) >= 0;
}

static bool version_at(const struct gobin *gb, uint64_t vaddr, char *dst)
{
	uint8_t header[16];
	uint64_t ptr, len;

	if (!gobin_relocated(gb, vaddr, header, sizeof(header)))
		return false;
	memcpy(&ptr, header, 8);
	memcpy(&len, header + 8, 8);
	return version_text(gb, ptr, len, dst);
}

static bool version_from_symtab(const struct gobin *gb, char *dst)
{
	struct span syms = gobin_section_span(gb, SEC_SYMTAB);
	struct span strs = gobin_section_span(gb, SEC_STRTAB);
	Elf64_Sym sym;

	for (uint64_t off = 0; span_holds(syms, off, sizeof(sym)); off += sizeof(sym)) {
		memcpy(&sym, syms.base + off, sizeof(sym));
		if (span_holds(strs, sym.st_name, sizeof(SYMBOL)) &&
		    !memcmp(strs.base + sym.st_name, SYMBOL, sizeof(SYMBOL)))
			return version_at(gb, sym.st_value, dst);
	}
	return false;
}

struct votes {
	char text[GOBIN_VERSION_MAX];
	bool several;
};

static void vote(struct votes *v, const char *text)
{
	if (!v->text[0])
		memcpy(v->text, text, sizeof(v->text));
	else if (strcmp(v->text, text))
		v->several = true;
}

static void search_segment(const struct gobin *gb, const struct segment *seg, struct votes *v)
{
	uint64_t off = (8 - (seg->vaddr & 7)) & 7, ptr, len;
	char text[GOBIN_VERSION_MAX] = "";

	for (; span_u64(seg->bytes, off, &ptr) && span_u64(seg->bytes, off + 8, &len); off += 8)
		if (len >= 6 && len < GOBIN_VERSION_MAX && version_text(gb, ptr, len, text))
			vote(v, text);
}

/* A PIE's pointers may exist as relocations only; the length behind is always in the file. */
static void search_relocations(const struct gobin *gb, struct votes *v)
{
	char text[GOBIN_VERSION_MAX] = "";
	Elf64_Rela r;
	uint64_t len;

	for (int t = 0; t < gb->nrelas; t++) {
		struct span s = gb->relas[t];

		for (uint64_t i = 0; span_holds(s, i, sizeof(r)); i += sizeof(r)) {
			memcpy(&r, s.base + i, sizeof(r));
			if (r.r_info != R_X86_64_RELATIVE ||
			    !span_u64(gobin_vaddr_span(gb, r.r_offset), 8, &len))
				continue;
			if (version_text(gb, (uint64_t)r.r_addend, len, text))
				vote(v, text);
		}
	}
}

static bool version_from_data(const struct gobin *gb, char *dst)
{
	struct votes v = { 0 };

	for (int i = 0; i < gb->nsegments; i++)
		if ((gb->segments[i].flags & (PF_W | PF_X)) == PF_W)
			search_segment(gb, &gb->segments[i], &v);
	search_relocations(gb, &v);
	if (!v.text[0] || v.several)
		return false;
	memcpy(dst, v.text, sizeof(v.text));
	return true;
}

int gobin_version_fallback(struct gobin *gb, char *why)
{
	if (version_from_symtab(gb, gb->version) || version_from_data(gb, gb->version)) {
		gb->info.version_source = GOBIN_VERSION_SYMBOL;
		gb->info.minor = gobin_version_minor(gb->version);
		return gobin_version_check(gb, why);
	}
	gb->info.version_source = GOBIN_VERSION_PCLNTAB;
	if (gobin_pclntab_before_1_20(gb))
		gb->info.minor = 18;
	else if (gb->pcln.text_in_header)
		gb->info.minor = 20;
	else
		gb->info.minor = gobin_moduledata_is_1_27(gb) ? 27 : 26;
	snprintf(gb->version, sizeof(gb->version), "go1.%d+", gb->info.minor);
	return 0;
}
