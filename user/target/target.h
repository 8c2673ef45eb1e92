/* SPDX-License-Identifier: GPL-2.0 */
/*
 * target: the traced process as the kernel shows it. Identity (pid, start time, executable),
 * address space (where the executable and the libraries are mapped), life and death (pidfd). Reads
 * /proc only: the process is neither stopped nor changed.
 */
#ifndef GOTRACE_TARGET_H
#define GOTRACE_TARGET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct target;

#define TARGET_WHY_MAX 256

/*
 * Opens process pid. Given a thread's id, it takes the thread's process. On failure writes the
 * reason to why (TARGET_WHY_MAX bytes) and returns
 *   -ESRCH   no such process, or it has exited
 *   -ENOEXEC a kernel thread: nothing to trace
 *   -EACCES  not permitted to look at it
 * or another negative errno.
 */
int target__open(pid_t pid, struct target **out, char *why);
void target__free(struct target *t);

pid_t target__pid(const struct target *t);
/* Name of the command (base name of the executable, or comm where it is not known). */
const char *target__command(const struct target *t);
/* File name of the executable as the process sees it; " (deleted)" is cut off. */
const char *target__exe(const struct target *t);
/* "/proc/PID/exe": the very file that is mapped, also when it was deleted or replaced. */
const char *target__exe_path(const struct target *t);
/* Readable descriptor of the executable; the target's. */
int target__exe_fd(const struct target *t);
/* pidfd, readable once the process is gone; -1 on kernels before 5.3. */
int target__pidfd(const struct target *t);
/* Pid of the process that ptraces the target, 0: none. */
pid_t target__tracer(const struct target *t);
/* When the process started, in clock ticks since boot (/proc/PID/stat field 22). */
uint64_t target__start_ticks(const struct target *t);

/* One file-backed mapping. */
struct target_map {
	uint64_t start, end, offset;
	bool exec;
	const char *file;		/* base name; the target's */
	bool main;			/* of the executable itself */
};

/* Reads the mappings again. -ESRCH when the process is gone. */
int target__read_maps(struct target *t);
/* The mapping that holds addr, from the last read; NULL if none does. */
const struct target_map *target__map_at(const struct target *t, uint64_t addr);
/* The executable's mapping of file offset off that is executable; NULL if there is none. */
const struct target_map *target__text_map(const struct target *t, uint64_t off);

enum target_state {
	TARGET_ALIVE = 0,
	TARGET_GONE = 1,		/* exited, or its pid belongs to another process now */
	TARGET_EXECED = 2,		/* the process runs another program now */
};

enum target_state target__state(const struct target *t);
/* User and system CPU time of the process so far in ns, 0 if unknown. */
uint64_t target__cpu_ns(const struct target *t);
/* Reads len bytes of the process's memory. 0, or a negative errno (-EIO: short). */
int target__read(const struct target *t, uint64_t addr, void *buf, size_t len);

#endif /* GOTRACE_TARGET_H */
