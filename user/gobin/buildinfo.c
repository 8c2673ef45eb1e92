// SPDX-License-Identifier: GPL-2.0
/*
 * Which Go built the file, and from what.
 *
 * The build info blob (debug/buildinfo/buildinfo.go) is 16-byte aligned, normally in a section
 * .go.buildinfo at the start of the data:
 *
 *	 0  "\xff Go buildinf:", u8 ptrSize, u8 flags (2: inline strings)
 *	16  flags & 2 clear (until Go 1.17): pointers to the string headers of version and modinfo
 *	32  flags & 2 set: varint length and version, varint length and modinfo
 *
 * modinfo is text between two 16-byte sentinels. Builders may wipe the blob; then the version is
 * looked for in runtime.buildVersion (version.c).
 */
#include <elf.h>
#include <errno.h>
#include <stdio.h>

#include "internal.h"

#define MAGIC	    "\xff Go buildinf:"
#define MAGIC_LEN   14
#define MODINFO_MAX (4u << 20) /* kubelet: 40 KB */
#define SENTINEL    16u

static void copy_text(char *dst, size_t size, struct span s)
{
	size_t n = s.size < size - 1 ? s.size : size - 1;

	for (size_t i = 0; i < n; i++)
		dst[i] = s.base[i] < ' ' || s.base[i] == 0x7f ? '?' : (char)s.base[i];
	dst[n] = '\0';
}

/* The rest of the modinfo line that starts with key. */
static struct span modinfo_line(struct span mod, const char *key)
{
	size_t len = strlen(key);
	uint64_t at = 0;

	while (at < mod.size) {
		uint64_t end = span_find(mod, at, "\n", 1);

		if (end == UINT64_MAX)
			end = mod.size;
		if (span_holds(mod, at, len) && at + len <= end && !memcmp(mod.base + at, key, len))
			return span_sub(mod, at + len, end - at - len);
		at = end + 1;
	}
	return (struct span){ 0 };
}

static void take_modinfo(struct gobin *gb, struct span mod)
{
	struct span value;

	if (mod.size < 2 * SENTINEL + 1 || mod.base[mod.size - SENTINEL - 1] != '\n')
		return;
	mod = span_sub(mod, SENTINEL, mod.size - 2 * SENTINEL);
	copy_text(gb->path, sizeof(gb->path), modinfo_line(mod, "path\t"));
	copy_text(gb->build_mode, sizeof(gb->build_mode), modinfo_line(mod, "build\t-buildmode="));
	value = modinfo_line(mod, "build\t-asan=");
	gb->info.asan = value.size == 4 && !memcmp(value.base, "true", 4);
}

static bool take_version(struct gobin *gb, struct span s, enum gobin_version_source source)
{
	if (!s.size || s.size >= sizeof(gb->version))
		return false;
	copy_text(gb->version, sizeof(gb->version), s);
	gb->info.version_source = source;
	return true;
}

static bool inline_strings(struct gobin *gb, struct span blob)
{
	uint64_t off = 32, len;
	struct span version;

	if (!span_varint(blob, &off, &len) || !span_holds(blob, off, len))
		return false;
	version = span_sub(blob, off, len);
	off += len;
	if (!take_version(gb, version, GOBIN_VERSION_BUILDINFO))
		return false;
	if (span_varint(blob, &off, &len) && len <= MODINFO_MAX && span_holds(blob, off, len))
		take_modinfo(gb, span_sub(blob, off, len));
	return true;
}

/* The bytes of the Go string whose header is at vaddr. */
static struct span go_string(const struct gobin *gb, uint64_t vaddr, uint64_t max)
{
	uint8_t header[16];
	struct span h = { header, sizeof(header) }, s;
	uint64_t ptr, len;

	if (!gobin_relocated(gb, vaddr, header, sizeof(header)) || !span_u64(h, 0, &ptr) ||
	    !span_u64(h, 8, &len) || len > max)
		return (struct span){ 0 };
	s = gobin_vaddr_span(gb, ptr);
	return span_holds(s, 0, len) ? span_sub(s, 0, len) : (struct span){ 0 };
}

static bool pointed_strings(struct gobin *gb, uint64_t vaddr)
{
	uint8_t header[32];
	struct span h = { header, sizeof(header) };
	uint64_t version, mod;

	if (!gobin_relocated(gb, vaddr, header, sizeof(header)) || !span_u64(h, 16, &version) ||
	    !span_u64(h, 24, &mod) || header[14] != 8)
		return false;
	if (!take_version(gb, go_string(gb, version, sizeof(gb->version) - 1),
			  GOBIN_VERSION_BUILDINFO_PTR))
		return false;
	take_modinfo(gb, go_string(gb, mod, MODINFO_MAX));
	return true;
}

static bool try_blob(struct gobin *gb, uint64_t vaddr)
{
	struct span blob = gobin_vaddr_span(gb, vaddr);

	if (!span_holds(blob, 0, 32) || memcmp(blob.base, MAGIC, MAGIC_LEN) || blob.base[15] & 1)
		return false;
	return blob.base[15] & 2 ? inline_strings(gb, blob) : pointed_strings(gb, vaddr);
}

static bool search_segment(struct gobin *gb, const struct segment *seg)
{
	for (uint64_t at = span_find(seg->bytes, 0, MAGIC, MAGIC_LEN); at != UINT64_MAX;
	     at = span_find(seg->bytes, at + 1, MAGIC, MAGIC_LEN))
		if (!((seg->vaddr + at) & 15) && try_blob(gb, seg->vaddr + at))
			return true;
	return false;
}

static bool find_blob(struct gobin *gb)
{
	if (gb->sections[SEC_BUILDINFO].present && try_blob(gb, gb->sections[SEC_BUILDINFO].addr))
		return true;
	/* In the data; read-only if an external linker sorted it into a segment of its own. */
	for (int writable = 1; writable >= 0; writable--)
		for (int i = 0; i < gb->nsegments; i++)
			if (!!(gb->segments[i].flags & PF_W) == writable &&
			    !(gb->segments[i].flags & PF_X) && search_segment(gb, &gb->segments[i]))
				return true;
	return false;
}

void gobin_buildinfo_parse(struct gobin *gb)
{
	if (!find_blob(gb))
		gb->version[0] = '\0';
	if (!gb->build_mode[0])
		memcpy(gb->build_mode, gb->info.pie ? "pie" : "exe", sizeof("exe"));
}

/* One ELF note of the owner and type asked for; its descriptor, or empty. */
static struct span find_note(const struct gobin *gb, const char *owner, uint32_t type)
{
	for (int i = 0; i < gb->nnotes; i++) {
		struct span s = gb->notes[i];
		uint32_t namesz, descsz, kind;

		while (span_u32(s, 0, &namesz) && span_u32(s, 4, &descsz) &&
		       span_u32(s, 8, &kind)) {
			uint64_t desc = 12 + (((uint64_t)namesz + 3) & ~3ull);

			if (kind == type && namesz == 4 && span_holds(s, 12, 4) &&
			    !memcmp(s.base + 12, owner, 4))
				return span_holds(s, desc, descsz) ? span_sub(s, desc, descsz)
								   : (struct span){ 0 };
			s = span_sub(s, desc + (((uint64_t)descsz + 3) & ~3ull), UINT64_MAX);
		}
	}
	return (struct span){ 0 };
}

void gobin_build_id(struct gobin *gb)
{
	struct span id = find_note(gb, "GNU", NT_GNU_BUILD_ID);

	/* Note type 4 of owner "Go" is Go's build id, a text (cmd/link/internal/ld/elf.go). */
	if (!id.size) {
		copy_text(gb->build_id, sizeof(gb->build_id), find_note(gb, "Go\0", 4));
		return;
	}
	id = span_sub(id, 0, (sizeof(gb->build_id) - 1) / 2);
	for (uint64_t i = 0; i < id.size; i++)
		snprintf(gb->build_id + 2 * i, 3, "%02x", id.base[i]);
}
