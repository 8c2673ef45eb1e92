/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Output files. A regular file is written under a hidden name in the directory it belongs to and
 * gets its own name only when it is complete: whoever watches the directory never sees half a file,
 * and a full disk leaves none. What is no regular file (a terminal, a FIFO, /dev/full) is written
 * directly.
 *
 * A symbolic link is followed: what it points to is replaced, the link stays. A link that points
 * nowhere counts as a file that exists; with force the link itself is replaced.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "report/print.h"
#include "report/report.h"

struct report_file {
	FILE *stream;
	char *path;			/* final name; NULL: written directly */
	char *tmp;			/* present name */
	bool force;
	bool keep_open;			/* stdout itself */
};

/* The descriptor a name like /dev/stdout stands for, -1 if none. It may be a redirected file. */
static int fd_of_name(const char *path)
{
	static const char *const dirs[] = { "/dev/fd/", "/proc/self/fd/" };
	char *end;
	long fd;

	if (!strcmp(path, "/dev/stdout"))
		return STDOUT_FILENO;
	if (!strcmp(path, "/dev/stderr"))
		return STDERR_FILENO;
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		const char *num = path + strlen(dirs[i]);

		if (strncmp(path, dirs[i], strlen(dirs[i])) || *num < '0' || *num > '9')
			continue;
		fd = strtol(num, &end, 10);
		if (!*end && fd <= INT_MAX)
			return fd;
	}
	return -1;
}

/* The directory part of path, malloc'ed: "." for a bare name. */
static char *dir_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return strdup(".");
	return slash == path ? strdup("/") : strndup(path, slash - path);
}

static int check_dir(const char *path)
{
	char *dir = dir_of(path);
	struct stat st;
	int err = 0;

	if (!dir)
		return -ENOMEM;
	if (stat(dir, &st))
		err = -errno;
	else if (!S_ISDIR(st.st_mode))
		err = -ENOTDIR;
	else if (access(dir, W_OK | X_OK))
		err = -errno;
	free(dir);
	return err;
}

/*
 * What path is. *direct: no regular file, written as it is. *mode: of the regular file that is
 * replaced, 0 if there is none.
 */
static int examine(const char *path, bool force, bool *direct, mode_t *mode)
{
	size_t len = strlen(path);
	struct stat st;

	*direct = false;
	*mode = 0;
	if (!len)
		return -ENOENT;
	if (stat(path, &st)) {
		if (errno != ENOENT)
			return -errno;
		if (path[len - 1] == '/')
			return -EISDIR;
		if (!lstat(path, &st) && !force)
			return -EEXIST;
		return check_dir(path);
	}
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode)) {
		*direct = true;
		return access(path, W_OK) ? -errno : 0;
	}
	if (!force)
		return -EEXIST;
	*mode = st.st_mode & 0777;
	return check_dir(path);
}

int report__check_output(const char *path, bool force)
{
	bool direct;
	mode_t mode;
	int fd;

	if (!strcmp(path, "-"))
		return 0;
	fd = fd_of_name(path);
	if (fd >= 0)
		return fcntl(fd, F_GETFL) < 0 ? -errno : 0;
	return examine(path, force, &direct, &mode);
}

/* ".name.XXXXXX" beside path, malloc'ed, with random letters; NULL: errno. */
static char *temp_name(const char *path)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	const char *base = report_print__base(path);
	unsigned char rnd[6];
	char suffix[sizeof(rnd) + 1] = "";
	size_t len = strlen(path) + sizeof(suffix) + 2;
	char *name;

	if (getrandom(rnd, sizeof(rnd), 0) != sizeof(rnd))
		return NULL;
	for (size_t i = 0; i < sizeof(rnd); i++)
		suffix[i] = letters[rnd[i] % (sizeof(letters) - 1)];
	name = malloc(len);
	/* A name as long as the file system takes has no room for more: cut it. */
	if (name)
		snprintf(name, len, "%.*s.%.*s.%s", (int)(base - path), path, NAME_MAX - 8, base,
			 suffix);
	return name;
}

/*
 * Creates the temporary file. mkstemp() would make it 0600 and leave it to us to find the umask and
 * the directory's default ACL; open() applies both.
 */
static int open_temp(struct report_file *f, mode_t mode)
{
	int fd = -1, err;

	for (int tries = 0; tries < 100 && fd < 0; tries++) {
		free(f->tmp);
		f->tmp = temp_name(f->path);
		if (!f->tmp)
			return -errno;
		fd = open(f->tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (fd < 0 && errno != EEXIST)
			break;
	}
	if (fd < 0) {
		err = -errno;
		free(f->tmp);
		f->tmp = NULL;
		return err;
	}
	/* Who made the old file private wants the new one private. */
	if (mode && fchmod(fd, mode)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

/* The file that is to be replaced, links followed; path itself where nothing is there. */
static char *final_name(const char *path)
{
	char *real = realpath(path, NULL);

	return real || errno != ENOENT ? real : strdup(path);
}

/* A descriptor to write to, or a negative errno. Fills f's names. */
static int open_fd(struct report_file *f, const char *path)
{
	bool direct;
	mode_t mode;
	int fd, err;

	fd = fd_of_name(path);
	if (fd >= 0) {
		fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		return fd < 0 ? -errno : fd;
	}
	err = examine(path, f->force, &direct, &mode);
	if (err)
		return err;
	if (direct) {
		fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
		return fd < 0 ? -errno : fd;
	}
	f->path = final_name(path);
	return f->path ? open_temp(f, mode) : -errno;
}

static void free_file(struct report_file *f)
{
	free(f->path);
	free(f->tmp);
	free(f);
}

int report__file_open(const char *path, bool force, struct report_file **out, FILE **stream)
{
	struct report_file *f = calloc(1, sizeof(*f));
	int fd, err;

	if (!f)
		return -ENOMEM;
	f->force = force;
	if (!strcmp(path, "-")) {
		f->stream = stdout;
		f->keep_open = true;
	} else {
		fd = open_fd(f, path);
		if (fd < 0) {
			err = fd;
			goto fail;
		}
		f->stream = fdopen(fd, "w");
		if (!f->stream) {
			err = -errno;
			close(fd);
			goto fail;
		}
	}
	*out = f;
	*stream = f->stream;
	return 0;

fail:
	if (f->tmp)
		unlink(f->tmp);
	free_file(f);
	return err;
}

/* Gives tmp its name unless something has that name by now. */
static int rename_new(const char *tmp, const char *path)
{
	struct stat st;

	if (!syscall(SYS_renameat2, AT_FDCWD, tmp, AT_FDCWD, path, RENAME_NOREPLACE))
		return 0;
	if (errno != ENOSYS && errno != EINVAL)
		return -errno;
	/* NFS and others lack the flag; a second link is as exclusive. */
	if (!link(tmp, path))
		return unlink(tmp) ? -errno : 0;
	if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS)
		return -errno;
	/* FAT has neither: look, then rename, with a moment in between that nothing guards. */
	if (!lstat(path, &st))
		return -EEXIST;
	return rename(tmp, path) ? -errno : 0;
}

int report__file_commit(struct report_file *f)
{
	int err = 0;

	errno = 0;
	if (fflush(f->stream) || ferror(f->stream))
		err = errno ? -errno : -EIO;
	if (!f->keep_open) {
		/* Only now do NFS and quotas say what they think of it. */
		errno = 0;
		if (fclose(f->stream) && !err)
			err = errno ? -errno : -EIO;
	}
	if (f->path && !err) {
		if (f->force)
			err = rename(f->tmp, f->path) ? -errno : 0;
		else
			err = rename_new(f->tmp, f->path);
	}
	if (f->path && err)
		unlink(f->tmp);
	free_file(f);
	return err;
}

void report__file_abort(struct report_file *f)
{
	if (!f)
		return;
	if (!f->keep_open)
		fclose(f->stream);
	if (f->tmp)
		unlink(f->tmp);
	free_file(f);
}

/* Writes s, with '_' for what a file name should not have. */
static void put_word(FILE *out, const char *s)
{
	if (!s || !*s)
		s = "unknown";
	for (; *s; s++)
		fputc(*s == '/' || (unsigned char)*s < 0x20 || *s == 0x7f ? '_' : *s, out);
}

static void put_expansion(FILE *out, char letter, int pid, const char *command, int64_t wall_ns)
{
	time_t t = wall_ns / 1000000000;
	char buf[HOST_NAME_MAX + 1] = "";
	struct tm tm;

	switch (letter) {
	case 'p':
		fprintf(out, "%d", pid);
		break;
	case 't':
		gmtime_r(&t, &tm);
		strftime(buf, sizeof(buf), "%Y%m%dT%H%M%SZ", &tm);
		fputs(buf, out);
		break;
	case 'h':
		gethostname(buf, sizeof(buf) - 1);
		put_word(out, buf);
		break;
	case 'c':
		put_word(out, command);
		break;
	case '%':
		fputc('%', out);
		break;
	default:
		/* Not ours: left as it is. */
		fputc('%', out);
		fputc(letter, out);
	}
}

char *report__expand_name(const char *tmpl, int pid, const char *command, int64_t wall_ns)
{
	char *name = NULL;
	size_t len;
	FILE *out = open_memstream(&name, &len);
	bool failed;

	if (!out)
		return NULL;
	for (; *tmpl; tmpl++) {
		if (tmpl[0] == '%' && tmpl[1])
			put_expansion(out, *++tmpl, pid, command, wall_ns);
		else
			fputc(*tmpl, out);
	}
	failed = ferror(out);
	if (fclose(out) || failed) {
		free(name);
		return NULL;
	}
	return name;
}
