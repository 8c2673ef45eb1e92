/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What was watched how, in words: "exact 82 %, sample 18 %".
 */
#include "report/report.h"

/* In which order, so that the more exact comes first. */
static const enum model_way order[MODEL_WAY_MAX] = {
	MODEL_WAY_ALL, MODEL_WAY_SAMPLE, MODEL_WAY_WINDOWS, MODEL_WAY_OFF,
};

char *report__ways(const struct model *m, enum model_subject subject, char buf[REPORT_WAYS_LEN])
{
	uint64_t sum = 0, ns;
	size_t used = 0;
	double share;

	buf[0] = '\0';
	for (int i = 0; i < MODEL_WAY_MAX; i++)
		sum += model__way_ns(m, subject, order[i]);
	for (int i = 0; i < MODEL_WAY_MAX && used < REPORT_WAYS_LEN; i++) {
		ns = model__way_ns(m, subject, order[i]);
		if (!ns || ns == sum)
			continue;
		share = 100.0 * (double)ns / (double)sum;
		used += (size_t)snprintf(buf + used, REPORT_WAYS_LEN - used, "%s%s %s%.0f %%",
					 used ? ", " : "", model__way_name(subject, order[i]),
					 share < 1 ? "under " : share > 99 ? "over " : "",
					 share < 1 ? 1 : share > 99 ? 99 : share);
	}
	if (!used)
		snprintf(buf, REPORT_WAYS_LEN, "%s",
			 model__way_name(subject, model__way(m, subject)));
	return buf;
}
