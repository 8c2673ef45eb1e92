// SPDX-License-Identifier: GPL-2.0
/*
 * Opening and closing: the order in which the other files of this folder are asked, and what is
 * refused. The image is mapped, not read; a file that shrinks while it is mapped would raise
 * SIGBUS, which a running executable cannot do (the kernel answers ETXTBSY to whoever tries).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "internal.h"

int gobin_fail(char *why, int err, const char *fmt, ...)
{
	va_list ap;

	if (!why)
		return err;
	va_start(ap, fmt);
	vsnprintf(why, GOBIN_WHY_MAX, fmt, ap);
	va_end(ap);
	return err;
}

/* The version against the format of the tables: a lie here would misread everything. */
static int check_format(const struct gobin *gb, char *why)
{
	bool old = gobin_pclntab_before_1_20(gb);

	if (old != (gb->info.minor < 20))
		return gobin_fail(why, -EBADMSG, "says it is %.100s, but its pclntab is of Go %s",
				  gb->version, old ? "1.18 or 1.19" : "1.20 or later");
	return 0;
}

static int parse(struct gobin *gb, char *why)
{
	int err;

	gb->pool = gobin_pool_new();
	if (!gb->pool)
		return gobin_fail(why, -ENOMEM, "out of memory");
	err = gobin_elf_parse(gb, why);
	if (err)
		return err;
	gobin_buildinfo_parse(gb);
	gobin_build_id(gb);
	gb->info.minor = gobin_version_minor(gb->version);
	if (gb->version[0] && (err = gobin_version_check(gb, why)))
		return err;
	err = gobin_pclntab_find(gb, why);
	if (!err && !gb->version[0])
		err = gobin_version_fallback(gb, why);
	if (!err)
		err = check_format(gb, why);
	if (err)
		return err;
	gb->layout = gobin_layout(gb->info.minor);
	gobin_runtime_fill(gb);
	return gobin_moduledata_types(gb, why);
}

static void fill_info(struct gobin *gb)
{
	struct gobin_info *info = &gb->info;

	info->version = gb->version;
	info->path = gb->path;
	info->build_mode = gb->build_mode;
	info->build_id = gb->build_id;
	/* "go1.26.1-X:name" from 1.26 or so, "go1.24.4 X:name" before. */
	info->experiment = strstr(gb->version, "X:") != NULL;
	info->text = gb->md.text;
	info->etext = gb->md.etext;
	info->nfuncs = gb->pcln.nfunc;
	info->file_size = gb->image.size;
}

/* Takes over map on success and failure. */
static int open_image(struct span image, void *map, struct gobin **out, char *why)
{
	struct gobin *gb = calloc(1, sizeof(*gb));
	int err;

	*out = NULL;
	if (!gb) {
		if (map)
			munmap(map, image.size);
		return gobin_fail(why, -ENOMEM, "out of memory");
	}
	gb->image = image;
	gb->map = map;
	err = parse(gb, why);
	if (err) {
		gobin__free(gb);
		return err;
	}
	fill_info(gb);
	*out = gb;
	return 0;
}

int gobin__open_mem(const void *data, size_t size, struct gobin **out, char *why)
{
	return open_image((struct span){ data, size }, NULL, out, why);
}

int gobin__open(int fd, struct gobin **out, char *why)
{
	struct stat st;
	void *map;
	int err;

	*out = NULL;
	if (fstat(fd, &st)) {
		err = -errno;
		return gobin_fail(why, err, "cannot stat the file: %s", strerror(-err));
	}
	if (!S_ISREG(st.st_mode) || st.st_size <= 0)
		return gobin_fail(why, -ENOEXEC, "not an ELF file: %s",
				  S_ISREG(st.st_mode) ? "empty" : "not a regular file");
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED) {
		err = -errno;
		return gobin_fail(why, err, "cannot map the file: %s", strerror(-err));
	}
	return open_image((struct span){ map, (uint64_t)st.st_size }, map, out, why);
}

void gobin__free(struct gobin *gb)
{
	if (!gb)
		return;
	if (gb->map)
		munmap(gb->map, gb->image.size);
	gobin_pool_free(gb->pool);
	free(gb);
}

const struct gobin_info *gobin__info(const struct gobin *gb)
{
	return &gb->info;
}

const struct gobin_runtime *gobin__runtime(const struct gobin *gb)
{
	return &gb->runtime;
}
