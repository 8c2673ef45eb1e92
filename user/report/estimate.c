/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What samples stand for, in words and in errors.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/estimate.h"

/* Half the width of the interval that holds 95 of 100, in standard deviations. */
#define DEVIATIONS 1.96

static double grown(double now, double mark)
{
	return now > mark ? now - mark : 0;
}

struct model_estimate estimate__since(const struct model_estimate *now,
				      const struct model_estimate *mark)
{
	return (struct model_estimate){
		.objects = grown(now->objects, mark->objects),
		.class_bytes = grown(now->class_bytes, mark->class_bytes),
		.objects_sq = grown(now->objects_sq, mark->objects_sq),
		.bytes_sq = grown(now->bytes_sq, mark->bytes_sq),
		.objects_few = now->objects_few,
		.bytes_few = now->bytes_few,
		.share = now->share,
	};
}

static double larger(double a, double b)
{
	return a > b ? a : b;
}

void estimate__add(struct model_estimate *to, const struct model_estimate *from)
{
	if (from->class_bytes <= 0 && from->objects <= 0)
		return;
	to->objects_sq += from->objects_sq;
	to->bytes_sq += from->bytes_sq;
	to->objects_few = larger(to->objects_few, from->objects_few);
	to->bytes_few = larger(to->bytes_few, from->bytes_few);
	to->share = to->share + from->share < 1 ? to->share + from->share : 1;
	to->objects_var = to->objects_sq * (1 - to->share) + to->objects_few;
	to->bytes_var = to->bytes_sq * (1 - to->share) + to->bytes_few;
}

const char *estimate__class_name(struct report_arena *arena, const struct model_alloc *a)
{
	const char *pointers = a->span_class & 1 ? ", no pointers" : "";
	const struct model_weight *w = &a->weight;
	char text[64];

	if (a->span_class > 1)
		snprintf(text, sizeof(text), "~%.0f B%s",
			 w->objects > 0 ? w->class_bytes / w->objects : 0, pointers);
	else
		snprintf(text, sizeof(text), "~over 32 KiB%s", pointers);
	return report_arena__copy(arena, text, strlen(text) + 1);
}

struct report_sample estimate__unsampled(const struct model *m, bool interval)
{
	static const struct report_frame frame = { .func = "gotrace.unsampled", .file = "" };
	static const uint64_t pc;
	const struct model_alloc a = model__unsampled(m);
	struct report_sample s = {
		.frames = &frame, .pcs = &pc, .nframes = 1, .leaf = "", .type = "~any class",
		.via = "runtime", .start = "", .what = "", .objects = a.objects, .bytes = a.bytes,
		.class_bytes = a.class_bytes, .est = a.est,
	};

	if (!interval)
		return s;
	/* It shrinks when a sample comes after all. */
	s.objects -= a.mark_objects < s.objects ? a.mark_objects : s.objects;
	s.class_bytes -= a.mark_class_bytes < s.class_bytes ? a.mark_class_bytes : s.class_bytes;
	s.bytes = s.class_bytes;
	s.est = estimate__since(&a.est, &a.mark_est);
	return s;
}

double report__error(const struct report_sample *s, enum report_metric metric)
{
	double var = 0;

	if (metric == REPORT_BYTES)
		var = s->est.bytes_var;
	else if (metric == REPORT_OBJECTS)
		var = s->est.objects_var;
	return var > 0 ? DEVIATIONS * sqrt(var) : 0;
}
