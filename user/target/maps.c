/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The address space of the traced process: its file-backed mappings, from /proc/PID/maps.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "target/internal.h"

/* A process may map any number of files; more than this are not looked at. */
#define MAPS_MAX 65536

static void free_maps(struct target_map *maps, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free((char *)maps[i].file);
	free(maps);
}

void target_maps__free(struct target *t)
{
	free_maps(t->maps, t->nmaps);
	t->maps = NULL;
	t->nmaps = 0;
}

/* Parses one line. Returns 1 if it is a file's mapping, 0 if not, or a negative errno. */
static int parse_line(const struct target *t, const char *line, struct target_map *map)
{
	unsigned int major_no, minor_no;
	const char *file, *base;
	uint64_t ino;
	char perms[5];
	int at = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 " %n", &map->start,
		   &map->end, perms, &map->offset, &major_no, &minor_no, &ino, &at) != 7)
		return 0;
	file = line + at;
	if (!ino || *file != '/')
		return 0;
	base = strrchr(file, '/') + 1;
	map->exec = perms[2] == 'x';
	/* On btrfs and overlayfs the device shown here is not stat's: the inode and the name decide. */
	map->main = ino == t->exe_ino && (makedev(major_no, minor_no) == t->exe_dev ||
					  !strncmp(file, t->exe, strlen(t->exe)));
	map->file = strndup(base, strcspn(base, "\n"));
	return map->file ? 1 : -ENOMEM;
}

int target__read_maps(struct target *t)
{
	struct target_map *maps = NULL, *bigger, map;
	size_t n = 0, room = 0, len = 0;
	char path[64], *line = NULL;
	FILE *f;
	int err = 0;

	snprintf(path, sizeof(path), "/proc/%d/maps", t->pid);
	f = fopen(path, "re");
	if (!f)
		return errno == ENOENT ? -ESRCH : -errno;
	while (n < MAPS_MAX && getline(&line, &len, f) > 0) {
		err = parse_line(t, line, &map);
		if (err < 0)
			goto cleanup;
		if (!err)
			continue;
		if (n == room) {
			room = room ? room * 2 : 64;
			bigger = reallocarray(maps, room, sizeof(*maps));
			if (!bigger) {
				free((char *)map.file);
				err = -ENOMEM;
				goto cleanup;
			}
			maps = bigger;
		}
		maps[n++] = map;
	}
	/* A process that died meanwhile shows no mappings: what is known of it is worth keeping. */
	err = n ? 0 : -ESRCH;
	if (!err) {
		target_maps__free(t);
		t->maps = maps;
		t->nmaps = n;
		maps = NULL;
		n = 0;
	}

cleanup:
	free_maps(maps, n);
	free(line);
	fclose(f);
	return err;
}

const struct target_map *target__map_at(const struct target *t, uint64_t addr)
{
	size_t lo = 0, hi = t->nmaps;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (addr < t->maps[mid].start)
			hi = mid;
		else if (addr >= t->maps[mid].end)
			lo = mid + 1;
		else
			return &t->maps[mid];
	}
	return NULL;
}

const struct target_map *target__text_map(const struct target *t, uint64_t off)
{
	for (size_t i = 0; i < t->nmaps; i++) {
		const struct target_map *m = &t->maps[i];

		if (m->main && m->exec && off >= m->offset && off - m->offset < m->end - m->start)
			return m;
	}
	return NULL;
}
