/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What was watched how: the changes one by one, and the time in each way.
 */
#include "model/internal.h"

const char *model__subject_name(enum model_subject subject)
{
	static const char *const names[MODEL_SUBJECT_MAX] = {
		[MODEL_SUBJECT_ALLOC] = "allocations",
		[MODEL_SUBJECT_STACK] = "stack copies",
		[MODEL_SUBJECT_TIMING] = "times of stack copies",
		[MODEL_SUBJECT_GC] = "collector",
		[MODEL_SUBJECT_SWEEPS] = "sweeps",
	};

	return names[subject];
}

const char *model__way_name(enum model_subject subject, enum model_way way)
{
	static const char *const names[MODEL_WAY_MAX] = {
		[MODEL_WAY_OFF] = "off",
		[MODEL_WAY_WINDOWS] = "windows",
		[MODEL_WAY_SAMPLE] = "sample",
		[MODEL_WAY_ALL] = "exact",
	};

	return way == MODEL_WAY_ALL && subject != MODEL_SUBJECT_ALLOC ? "on" : names[way];
}

const char *model__why_name(enum model_why why)
{
	static const char *const names[MODEL_WHY_MAX] = {
		[MODEL_WHY_OVER] = "over the budget",
		[MODEL_WHY_FITS] = "it fits",
		[MODEL_WHY_SHARE] = "over its share",
		[MODEL_WHY_STOP] = "hard stop",
		[MODEL_WHY_AGAIN] = "another try",
		[MODEL_WHY_FAILED] = "not put in",
	};

	return names[why];
}

void model__start_way(struct model *m, enum model_subject subject, enum model_way way)
{
	m->ways.subject[subject].way = way;
}

static uint64_t since(const struct model *m, enum model_subject subject)
{
	uint64_t ns = m->ways.subject[subject].since_ns;

	return ns ? ns : m->time.start_ns;
}

void model__add_change(struct model *m, const struct model_change *c)
{
	uint64_t i = m->ways.nchanges++, from = since(m, c->subject);

	if (i >= MODEL_CHANGES_MAX)
		i = MODEL_CHANGES_MAX + i % MODEL_CHANGES_MAX;
	m->ways.changes[i] = *c;
	if (c->time_ns > from)
		m->ways.subject[c->subject].ns[c->from] += c->time_ns - from;
	m->ways.subject[c->subject].since_ns = c->time_ns;
	m->ways.subject[c->subject].way = c->to;
}

uint64_t model__changes_seen(const struct model *m)
{
	return m->ways.nchanges;
}

const struct model_change *model__change(const struct model *m, size_t i)
{
	uint64_t n = m->ways.nchanges;

	if (i >= n || i >= 2 * MODEL_CHANGES_MAX)
		return NULL;
	/* The later half is a ring. */
	if (n > 2 * MODEL_CHANGES_MAX && i >= MODEL_CHANGES_MAX)
		i = MODEL_CHANGES_MAX + (n + i) % MODEL_CHANGES_MAX;
	return &m->ways.changes[i];
}

uint64_t model__way_ns(const struct model *m, enum model_subject subject, enum model_way way)
{
	uint64_t ns = m->ways.subject[subject].ns[way], from = since(m, subject);

	if (m->ways.subject[subject].way == way && m->time.now_ns > from)
		ns += m->time.now_ns - from;
	return ns;
}

enum model_way model__way(const struct model *m, enum model_subject subject)
{
	return m->ways.subject[subject].way;
}
