/* SPDX-License-Identifier: GPL-2.0 */
/* What target.c and maps.c share. */
#ifndef GOTRACE_TARGET_INTERNAL_H
#define GOTRACE_TARGET_INTERNAL_H

#include "target/target.h"

struct target {
	pid_t pid;
	int pidfd, exe_fd;
	uint64_t start_ticks, start_stack;
	dev_t exe_dev;
	ino_t exe_ino;
	char exe_path[32];
	char *exe, *command;
	struct target_map *maps;	/* by address; file names are malloc'ed */
	size_t nmaps;
};

void target_maps__free(struct target *t);

#endif /* GOTRACE_TARGET_INTERNAL_H */
