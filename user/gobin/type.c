// SPDX-License-Identifier: GPL-2.0
/*
 * Type descriptors (internal/abi/type.go, Type; runtime/type.go, _type until Go 1.20). The layout
 * is the same from Go 1.18 to 1.27:
 *
 *	 0  u64 size, u64 ptr_bytes, u32 hash, u8 tflag, u8 align, u8 field_align, u8 kind
 *	24  equal, gcdata (pointers)
 *	40  i32 str: the name, from moduledata.types
 *	44  i32 ptr_to_this
 *
 * A name is a flag byte, a varint length (two bytes, big endian, before Go 1.17) and the bytes.
 */
#include <errno.h>

#include "internal.h"

#define TYPE_SIZE	 48
#define TYPE_ALIGN_MASK	 7u
#define KIND_MASK	 0x1f /* bits above: direct interface (until 1.25), gc program */
#define KIND_MAX	 26   /* abi.UnsafePointer */
#define TFLAG_EXTRA_STAR 2    /* the name is that of *T, its first byte is not ours */

/* types..etypes of the file, from vaddr on. Empty if vaddr is not inside. */
static struct span type_span(const struct gobin *gb, uint64_t vaddr)
{
	if (vaddr < gb->md.types || vaddr >= gb->md.etypes)
		return (struct span){ 0 };
	return span_sub(gobin_vaddr_span(gb, vaddr), 0, gb->md.etypes - vaddr);
}

static int check_type(const struct gobin *gb, uint64_t vaddr, struct span *t)
{
	*t = type_span(gb, vaddr);
	if (!t->size)
		return -ENOENT;
	return (vaddr & TYPE_ALIGN_MASK) || t->size < TYPE_SIZE ? -EBADMSG : 0;
}

int gobin__type(const struct gobin *gb, uint64_t vaddr, struct gobin_type *out)
{
	struct gobin_type type;
	struct span t;
	int err = check_type(gb, vaddr, &t);

	if (err)
		return err;
	if (!span_u64(t, 0, &type.size) || !span_u64(t, 8, &type.ptr_bytes) ||
	    !span_u8(t, 23, &type.kind))
		return -EBADMSG;
	type.kind &= KIND_MASK;
	if (!type.kind || type.kind > KIND_MAX || type.ptr_bytes > type.size)
		return -EBADMSG;
	*out = type;
	return 0;
}

int gobin__type_name(const struct gobin *gb, uint64_t vaddr, char *buf, size_t size)
{
	struct gobin_type type;
	uint64_t off = 1, len;
	struct span t, name;
	uint32_t str;
	uint8_t tflag;
	int err;

	if (!size)
		return -EINVAL;
	buf[0] = '\0';
	err = gobin__type(gb, vaddr, &type);
	if (err)
		return err;
	t = type_span(gb, vaddr);
	if (!span_u8(t, 20, &tflag) || !span_u32(t, 40, &str) || str > INT32_MAX)
		return -EBADMSG;
	name = type_span(gb, gb->md.types + str);
	if (!name.base || !span_varint(name, &off, &len) || !len || len > GOBIN_NAME_MAX ||
	    !span_holds(name, off, len))
		return -EBADMSG;
	name = span_sub(name, off, len);
	if (!name.base)
		return -EBADMSG;
	if (tflag & TFLAG_EXTRA_STAR) {
		if (len < 2 || name.base[0] != '*')
			return -EBADMSG;
		name = span_sub(name, 1, len);
	}
	len = name.size < size - 1 ? name.size : size - 1;
	memcpy(buf, name.base, len);
	buf[len] = '\0';
	return 0;
}
