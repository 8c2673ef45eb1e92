/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The samples of a pprof profile. What a file is about (allocations, growths of stacks, pauses,
 * delays) is a row of kinds[]: the values of its samples and their labels. What was lost is a sample
 * without a name for what it was.
 */
#include "report/pprof.h"

static void add_label(struct pprof *b, Gotrace__Pprof__Sample *msg, const char *key,
		      const char *str, int64_t num, const char *unit)
{
	Gotrace__Pprof__Label *label = pprof__alloc(b, 1, sizeof(*label));

	if (!label)
		return;
	gotrace__pprof__label__init(label);
	label->key = pprof__intern(b, key);
	label->str = str ? pprof__string(b, str) : 0;
	label->num = num;
	label->num_unit = num ? pprof__intern(b, unit) : 0;
	msg->label[msg->n_label++] = label;
}

static void add_word(struct pprof *b, Gotrace__Pprof__Sample *msg, const char *key,
		     const char *word)
{
	if (word && *word)
		add_label(b, msg, key, word, 0, NULL);
}

static void add_number(struct pprof *b, Gotrace__Pprof__Sample *msg, const char *key, uint64_t num,
		       const char *unit)
{
	if (num)
		add_label(b, msg, key, NULL, num, unit);
}

static void alloc_values(const struct report_sample *s, int64_t *v)
{
	v[0] = s->objects;
	v[1] = s->class_bytes;
}

static void alloc_labels(struct pprof *b, Gotrace__Pprof__Sample *msg, const struct report_sample *s)
{
	add_number(b, msg, "bytes", s->objects ? s->class_bytes / s->objects : 0, "bytes");
	add_number(b, msg, "bytes_error", (uint64_t)report__error(s, REPORT_BYTES), "bytes");
	add_number(b, msg, "objects_error", (uint64_t)report__error(s, REPORT_OBJECTS), "count");
	add_word(b, msg, "type", s->type);
	add_word(b, msg, "via", s->via);
}

static void growth_values(const struct report_sample *s, int64_t *v)
{
	v[0] = s->count;
	v[1] = s->to > s->from ? (uint64_t)(s->to - s->from) * s->count : 0;
	v[2] = s->copied;
}

static void growth_labels(struct pprof *b, Gotrace__Pprof__Sample *msg,
			  const struct report_sample *s)
{
	add_number(b, msg, "from", s->from, "bytes");
	add_number(b, msg, "to", s->to, "bytes");
	if (*s->start)
		add_word(b, msg, "kind", s->kind == MODEL_REGROWTH ? "regrowth" : "growth");
	add_word(b, msg, "start", s->start);
}

static void time_values(const struct report_sample *s, int64_t *v)
{
	v[0] = s->count;
	v[1] = s->ns;
}

static void pause_labels(struct pprof *b, Gotrace__Pprof__Sample *msg, const struct report_sample *s)
{
	if (*s->what)
		add_word(b, msg, "reason", model__reason_name(s->code));
}

static void delay_labels(struct pprof *b, Gotrace__Pprof__Sample *msg, const struct report_sample *s)
{
	static const char *const kinds[MODEL_DELAY_MAX] = {
		[MODEL_ASSIST] = "assist", [MODEL_SWEEP] = "sweep",
		[MODEL_GC_START] = "gc start", [MODEL_BARRIER] = "barrier",
	};

	if (!*s->what)
		return;
	add_word(b, msg, "kind", kinds[s->code]);
	/* Of a mean assist; of the others it is not known. */
	if (s->code == MODEL_ASSIST && s->count)
		add_number(b, msg, "marking", s->work_ns / s->count, "nanoseconds");
}

enum { KIND_ALLOC, KIND_GROWTH, KIND_PAUSE, KIND_DELAY };

static const struct pprof_kind kinds[] = {
	[KIND_ALLOC] = {
		.types = { { "alloc_objects", "count" }, { "alloc_space", "bytes" } },
		.ntypes = 2,
		.period = { "space", "bytes" },
		.noun = "objects", .unit = "bytes",
		.values = alloc_values, .labels = alloc_labels,
	},
	[KIND_GROWTH] = {
		.types = { { "growths", "count" }, { "stack_space", "bytes" }, { "copied", "bytes" } },
		.ntypes = 3,
		.period = { "growths", "count" },
		.noun = "stack copies", .unit = "bytes",
		.exact = true,
		.values = growth_values, .labels = growth_labels,
	},
	[KIND_PAUSE] = {
		.types = { { "pauses", "count" }, { "pause", "nanoseconds" } },
		.ntypes = 2,
		.period = { "pauses", "count" },
		.noun = "pauses", .unit = "ns",
		.exact = true,
		.values = time_values, .labels = pause_labels,
	},
	[KIND_DELAY] = {
		.types = { { "assists", "count" }, { "assist", "nanoseconds" } },
		.ntypes = 2,
		.period = { "assists", "count" },
		.noun = "delays", .unit = "ns",
		.exact = true,
		.values = time_values, .labels = delay_labels,
	},
};

/* A metric's kind, and which of its types go tool pprof is to show first. */
static const struct {
	int kind, type;
} metrics[] = {
	[REPORT_BYTES] = { KIND_ALLOC, 1 }, [REPORT_OBJECTS] = { KIND_ALLOC, 1 },
	[REPORT_GROWTHS] = { KIND_GROWTH, 2 }, [REPORT_COPIED] = { KIND_GROWTH, 2 },
	[REPORT_PAUSES] = { KIND_PAUSE, 0 }, [REPORT_PAUSE_TIME] = { KIND_PAUSE, 1 },
	[REPORT_ASSISTS] = { KIND_DELAY, 0 }, [REPORT_ASSIST_TIME] = { KIND_DELAY, 1 },
};

const struct pprof_kind *pprof__kind(enum report_metric metric)
{
	return &kinds[metrics[metric].kind];
}

/* Adds a sample; cause is that of a loss, else NULL. */
static void add_sample(struct pprof *b, const struct report_sample *s, const char *cause)
{
	Gotrace__Pprof__Sample *msg = pprof__alloc(b, 1, sizeof(*msg));

	if (!msg)
		return;
	gotrace__pprof__sample__init(msg);
	msg->value = pprof__alloc(b, PPROF_VALUES_MAX, sizeof(*msg->value));
	msg->label = pprof__alloc(b, PPROF_LABELS_MAX, sizeof(*msg->label));
	if (!msg->value || !msg->label)
		return;
	msg->n_value = b->kind->ntypes;
	pprof__add_stack(b, msg, s);
	b->kind->values(s, msg->value);
	b->kind->labels(b, msg, s);
	add_word(b, msg, "cause", cause);
	b->msg.sample[b->msg.n_sample++] = msg;
}

/* Is a row of the losses the last one of the set? */
static bool is_last(const struct pprof *b, int row)
{
	const struct model_counters *c = &b->p->counters;

	for (int i = row + 1; i < c->nloss; i++)
		if (report__set_of_loss(b->p, &c->loss[i]) == b->set)
			return false;
	return true;
}

bool pprof__loss(const struct pprof *b, int row, struct report_sample *s)
{
	const struct model_loss *l = &b->p->counters.loss[row];

	if (report__set_of_loss(b->p, l) != b->set)
		return false;
	*s = b->set->lost;
	s->objects = s->count = l->objects;
	s->bytes = s->copied = l->bytes;
	s->class_bytes = l->class_bytes;
	/* Of all that is lost only delays whose stack is missing have a time, and their row is last. */
	if (!is_last(b, row))
		s->ns = 0;
	return s->objects || s->bytes || s->class_bytes || s->ns;
}

void pprof__add_samples(struct pprof *b)
{
	const struct model_counters *c = &b->p->counters;

	b->msg.sample = pprof__alloc(b, b->set->nsamples + MODEL_LOSS_MAX, sizeof(*b->msg.sample));
	for (size_t i = 0; i < b->set->nsamples && !b->err; i++)
		add_sample(b, &b->set->samples[i], NULL);
	for (int i = 0; i < c->nloss && !b->err; i++) {
		struct report_sample s;

		if (pprof__loss(b, i, &s))
			add_sample(b, &s, c->loss[i].cause);
	}
}

static Gotrace__Pprof__ValueType *value_type(struct pprof *b, const char *const type[2])
{
	Gotrace__Pprof__ValueType *v = pprof__alloc(b, 1, sizeof(*v));

	if (!v)
		return NULL;
	gotrace__pprof__value_type__init(v);
	v->type = pprof__intern(b, type[0]);
	v->unit = pprof__intern(b, type[1]);
	return v;
}

void pprof__add_types(struct pprof *b, enum report_metric metric)
{
	const struct pprof_kind *k = b->kind;
	Gotrace__Pprof__Profile *msg = &b->msg;

	msg->sample_type = pprof__alloc(b, k->ntypes, sizeof(*msg->sample_type));
	if (!msg->sample_type)
		return;
	for (int i = 0; i < k->ntypes; i++)
		msg->sample_type[msg->n_sample_type++] = value_type(b, k->types[i]);
	msg->period = 1;
	msg->period_type = value_type(b, k->period);
	msg->default_sample_type = pprof__intern(b, k->types[metrics[metric].type][0]);
}
