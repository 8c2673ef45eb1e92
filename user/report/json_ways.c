/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The lines of json on what gotrace itself did: what it watched how, and each change of that.
 */
#include "report/json.h"

static const char *const subjects[MODEL_SUBJECT_MAX] = {
	[MODEL_SUBJECT_ALLOC] = "alloc", [MODEL_SUBJECT_STACK] = "stack",
	[MODEL_SUBJECT_TIMING] = "timing", [MODEL_SUBJECT_GC] = "gc", [MODEL_SUBJECT_SWEEPS] = "sweeps",
};

static const char *const whys[MODEL_WHY_MAX] = {
	[MODEL_WHY_OVER] = "over", [MODEL_WHY_FITS] = "fits", [MODEL_WHY_SHARE] = "share",
	[MODEL_WHY_STOP] = "stop", [MODEL_WHY_AGAIN] = "again", [MODEL_WHY_FAILED] = "failed",
};

static void put_change(struct json_writer *w, const struct model_change *c)
{
	json_t *line = report_json__line(w, "change");

	report_json__int(w, line, "time_ns", c->time_ns);
	report_json__string(w, line, "subject", subjects[c->subject]);
	report_json__string(w, line, "from", model__way_name(c->subject, c->from));
	report_json__string(w, line, "to", model__way_name(c->subject, c->to));
	report_json__string(w, line, "why", whys[c->why]);
	report_json__set(w, line, "cost_percent", json_real(c->cost));
	report_json__set(w, line, "hits_per_second", json_real(c->rate));
	report_json__end(w, line);
}

static void put_way(struct json_writer *w, enum model_subject subject, enum model_way way)
{
	uint64_t ns = model__way_ns(w->p->model, subject, way);
	json_t *line;

	if (!ns)
		return;
	line = report_json__line(w, "way");
	report_json__string(w, line, "subject", subjects[subject]);
	report_json__string(w, line, "way", model__way_name(subject, way));
	report_json__int(w, line, "ns", ns);
	report_json__end(w, line);
}

void report_json__ways(struct json_writer *w)
{
	static const unsigned int groups[MODEL_SUBJECT_MAX] = {
		[MODEL_SUBJECT_ALLOC] = MODEL_ALLOC, [MODEL_SUBJECT_STACK] = MODEL_STACK,
		[MODEL_SUBJECT_TIMING] = MODEL_STACK, [MODEL_SUBJECT_GC] = MODEL_GC,
		[MODEL_SUBJECT_SWEEPS] = MODEL_GC,
	};
	const struct model_change *c;

	for (int i = 0; i < MODEL_SUBJECT_MAX; i++)
		for (int way = 0; way < MODEL_WAY_MAX && w->groups & groups[i]; way++)
			put_way(w, (enum model_subject)i, (enum model_way)way);
	for (size_t i = 0; (c = model__change(w->p->model, i)) != NULL; i++)
		put_change(w, c);
}
