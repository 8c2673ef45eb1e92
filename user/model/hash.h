/* SPDX-License-Identifier: GPL-2.0 */
/*
 * uthash, set up for this project: running out of memory is an error to report, not a reason to
 * exit. After HASH_ADD*(hh, head, ..., e) the element is in the table only if hash__added(e).
 */
#ifndef GOTRACE_MODEL_HASH_H
#define GOTRACE_MODEL_HASH_H

#ifdef UTHASH_H
#error "include model/hash.h instead of uthash.h"
#endif
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* uthash clears the handle's table pointer of an element it could not take. */
#define hash__added(e) ((e)->hh.tbl != NULL)

#endif /* GOTRACE_MODEL_HASH_H */
