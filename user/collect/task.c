/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where this kernel keeps what is read of a task: offsets out of its BTF.
 *
 * libbpf would read all of it twice into memory and check it, which takes a tenth of gotrace's start
 * and half of its memory there. Here the types are gone through once, where they lie: the file can be
 * mapped from Linux 6.16 on, and is read into memory before. Format: Documentation/bpf/btf.rst.
 */
#include <fcntl.h>
#include <linux/btf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collect/internal.h"

#define BTF_FILE "/sys/kernel/btf/vmlinux"

/* Far above any kernel's: 6 MB. */
#define BTF_BYTES_MAX (256U << 20)

struct image {
	const char *data;
	size_t size;
	bool mapped;
};

struct btf_view {
	const char *types, *strings;
	uint32_t types_len, strings_len;
};

static bool read_all(int fd, char *data, size_t size)
{
	ssize_t n;

	for (size_t done = 0; done < size; done += (size_t)n) {
		n = read(fd, data + done, size - done);
		if (n <= 0)
			return false;
	}
	return true;
}

static bool open_image(struct image *image)
{
	int fd = open(BTF_FILE, O_RDONLY | O_CLOEXEC);
	char *data = MAP_FAILED;
	struct stat st;

	if (fd < 0)
		return false;
	*image = (struct image){ .mapped = true };
	if (!fstat(fd, &st) && st.st_size > 0 && st.st_size <= BTF_BYTES_MAX) {
		image->size = (size_t)st.st_size;
		data = mmap(NULL, image->size, PROT_READ, MAP_PRIVATE, fd, 0);
	}
	if (data == MAP_FAILED) {
		image->mapped = false;
		data = image->size ? malloc(image->size) : NULL;
		if (data && !read_all(fd, data, image->size)) {
			free(data);
			data = NULL;
		}
	}
	close(fd);
	image->data = data;
	return data != NULL;
}

static void close_image(struct image *image)
{
	if (image->mapped)
		munmap((void *)image->data, image->size);
	else
		free((void *)image->data);
}

static bool view(const struct image *image, struct btf_view *v)
{
	struct btf_header h;
	size_t body;

	if (image->size < sizeof(h))
		return false;
	memcpy(&h, image->data, sizeof(h));
	if (h.magic != BTF_MAGIC || h.hdr_len > image->size)
		return false;
	body = image->size - h.hdr_len;
	if (h.type_off > body || h.type_len > body - h.type_off || h.str_off > body ||
	    h.str_len > body - h.str_off)
		return false;
	v->types = image->data + h.hdr_len + h.type_off;
	v->types_len = h.type_len;
	v->strings = image->data + h.hdr_len + h.str_off;
	v->strings_len = h.str_len;
	return true;
}

static bool is_named(const struct btf_view *v, uint32_t off, const char *name)
{
	size_t len = strlen(name) + 1;

	return off < v->strings_len && len <= v->strings_len - off &&
	       !memcmp(v->strings + off, name, len);
}

/* Bytes of a type behind its head; -1: a kind that is not known, so that the next cannot be found. */
static int64_t rest_of(const struct btf_type *t)
{
	uint32_t n = BTF_INFO_VLEN(t->info);

	switch (BTF_INFO_KIND(t->info)) {
	case 1:		/* integer */
	case 14:	/* variable */
	case 17:	/* tag of a declaration */
		return 4;
	case 3:		/* array */
		return 12;
	case 4:		/* structure */
	case 5:		/* union */
	case 15:	/* section */
	case 19:	/* enumeration of 64 bits */
		return 12 * (int64_t)n;
	case 6:		/* enumeration */
	case 13:	/* prototype */
		return 8 * (int64_t)n;
	case 2:		/* pointer */
	case 7:		/* forward declaration */
	case 8:		/* typedef, volatile, const, restrict */
	case 9:
	case 10:
	case 11:
	case 12:	/* function */
	case 16:	/* floating point */
	case 18:	/* tag of a type */
		return 0;
	default:
		return -1;
	}
}

/* Finds a structure by name, or by its number where there is no name. False: there is none. */
static bool find_struct(const struct btf_view *v, const char *name, uint32_t id,
			struct btf_type *type, const char **members)
{
	uint32_t number = 1;
	int64_t rest;

	for (size_t at = 0; v->types_len - at >= sizeof(*type); number++) {
		memcpy(type, v->types + at, sizeof(*type));
		at += sizeof(*type);
		rest = rest_of(type);
		if (rest < 0 || (size_t)rest > v->types_len - at)
			return false;
		*members = v->types + at;
		at += (size_t)rest;
		if (name ? is_named(v, type->name_off, name) : number == id) {
			if (BTF_INFO_KIND(type->info) == BTF_KIND_STRUCT)
				return true;
			if (!name)
				return false;
		}
	}
	return false;
}

/* Offset of a member in bytes, 0 if there is none: those looked for are not the first. */
static uint32_t member(const struct btf_view *v, const struct btf_type *type, const char *members,
		       const char *name, uint32_t *of)
{
	struct btf_member m;

	for (uint32_t i = 0; i < BTF_INFO_VLEN(type->info); i++) {
		memcpy(&m, members + i * sizeof(m), sizeof(m));
		if (!is_named(v, m.name_off, name))
			continue;
		*of = m.type;
		return (BTF_INFO_KFLAG(type->info) ? BTF_MEMBER_BIT_OFFSET(m.offset) : m.offset) / 8;
	}
	return 0;
}

static struct gt_task_layout read_layout(const struct btf_view *v)
{
	struct gt_task_layout layout = { 0 };
	const char *members;
	struct btf_type type;
	uint32_t info, of = 0;

	if (!find_struct(v, "task_struct", 0, &type, &members))
		return layout;
	layout.min_flt = member(v, &type, members, "min_flt", &of);
	layout.maj_flt = member(v, &type, members, "maj_flt", &of);
	info = member(v, &type, members, "sched_info", &of);
	if (info && find_struct(v, NULL, of, &type, &members)) {
		layout.last_arrival = info + member(v, &type, members, "last_arrival", &of);
		layout.run_delay = info + member(v, &type, members, "run_delay", &of);
	}
	return layout;
}

struct gt_task_layout collect__task_layout(void)
{
	struct gt_task_layout layout = { 0 };
	struct btf_view v;
	struct image image;

	if (!open_image(&image))
		return layout;
	if (view(&image, &v))
		layout = read_layout(&v);
	close_image(&image);
	return layout;
}
