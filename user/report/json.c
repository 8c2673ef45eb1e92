/* SPDX-License-Identifier: GPL-2.0 */
/*
 * JSON lines: everything that the profile has, one value a line, for programs. What each line holds
 * is specified in json_schema.c, which tests hold this to.
 */
#include <errno.h>
#include <string.h>

#include "report/json.h"

/* A string that was made valid, by the address it was given with. */
struct json_word {
	const char *s;
	json_t *json;
	UT_hash_handle hh;
};

struct json_place {
	struct {
		const char *func, *file;
		uint64_t line;
	} key;
	json_t *json;
	UT_hash_handle hh;
};

void report_json__set(struct json_writer *w, json_t *to, const char *key, json_t *v)
{
	if (json_object_set_new_nocheck(to, key, v))
		w->err = -ENOMEM;
}

void report_json__int(struct json_writer *w, json_t *to, const char *key, uint64_t n)
{
	/* JSON has no limit, but the library's integers have; no real count comes near it. */
	report_json__set(w, to, key, json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n));
}

void report_json__known(struct json_writer *w, json_t *to, const char *key, uint64_t n)
{
	if (n)
		report_json__int(w, to, key, n);
}

/* The string as JSON, the writer's; NULL: out of memory. */
static json_t *find_word(struct json_writer *w, const char *s)
{
	struct json_word *e;
	const char *clean;

	HASH_FIND(hh, w->words, &s, sizeof(s), e);
	if (e)
		return e->json;
	e = report_arena__alloc(w->arena, 1, sizeof(*e));
	clean = report_print__clean(w->arena, s, ';');
	if (!e || !clean)
		return NULL;
	e->s = s;
	e->json = json_string_nocheck(clean);
	if (!e->json)
		return NULL;
	HASH_ADD(hh, w->words, s, sizeof(e->s), e);
	if (!hash__added(e)) {
		json_decref(e->json);
		return NULL;
	}
	return e->json;
}

void report_json__string(struct json_writer *w, json_t *to, const char *key, const char *s)
{
	report_json__set(w, to, key, json_incref(find_word(w, s ? s : "")));
}

/* The frame as JSON, the writer's. */
static json_t *find_place(struct json_writer *w, const struct report_frame *f)
{
	struct json_place *e, key = { .key = { f->func, f->file, f->line > 0 ? f->line : 0 } };

	HASH_FIND(hh, w->places, &key.key, sizeof(key.key), e);
	if (e)
		return e->json;
	e = report_arena__alloc(w->arena, 1, sizeof(*e));
	if (!e)
		return NULL;
	e->key = key.key;
	e->json = json_object();
	report_json__string(w, e->json, "func", f->func);
	if (*f->file)
		report_json__string(w, e->json, "file", f->file);
	report_json__known(w, e->json, "line", e->key.line);
	HASH_ADD(hh, w->places, key, sizeof(e->key), e);
	if (!hash__added(e)) {
		json_decref(e->json);
		return NULL;
	}
	return e->json;
}

void report_json__frame(struct json_writer *w, json_t *to, const char *key,
			const struct report_frame *f)
{
	report_json__set(w, to, key, json_incref(find_place(w, f)));
}

json_t *report_json__line(struct json_writer *w, const char *kind)
{
	json_t *line = json_object();

	report_json__string(w, line, "kind", kind);
	return line;
}

static int write_bytes(const char *s, size_t len, void *arg)
{
	struct json_writer *w = arg;

	errno = 0;
	if (!w->out.err && fwrite(s, 1, len, w->out.out) != len)
		w->out.err = errno ? -errno : -EIO;
	return w->out.err;
}

void report_json__end(struct json_writer *w, json_t *line)
{
	if (!w->err && !w->out.err) {
		if (json_dump_callback(line, write_bytes, w, JSON_COMPACT | JSON_REAL_PRECISION(12)) &&
		    !w->out.err)
			w->err = -ENOMEM;
		report_print__f(&w->out, "\n");
	}
	json_decref(line);
}

static void put_stack(struct json_writer *w, json_t *line, const struct report_sample *s)
{
	json_t *stack = json_array();

	for (int i = 0; i < s->nframes; i++) {
		/* A cut is told by a field of its own, not by the frame that stands for it. */
		if (s->cut && i == s->nframes - 1 && !s->pcs[i])
			break;
		if (json_array_append(stack, find_place(w, &s->frames[i])))
			w->err = -ENOMEM;
	}
	report_json__set(w, line, "stack", stack);
	if (s->cut)
		report_json__set(w, line, "cut", json_true());
}

static void put_header(struct json_writer *w)
{
	static const struct {
		unsigned int group;
		const char *name;
	} groups[] = { { MODEL_ALLOC, "alloc" }, { MODEL_STACK, "stack" }, { MODEL_GC, "gc" } };
	json_t *line = report_json__line(w, "header"), *names = json_array();
	const struct model_time *t = &w->p->time;
	const struct report_run *run = w->run;

	report_json__int(w, line, "format", REPORT_JSON_FORMAT);
	report_json__string(w, line, "gotrace", run->gotrace_version);
	report_json__int(w, line, "pid", run->pid);
	report_json__string(w, line, "command", run->command);
	report_json__string(w, line, "go", run->go_version);
	report_json__string(w, line, "kernel", run->kernel);
	report_json__string(w, line, "mode", run->mode);
	report_json__string(w, line, "command_line", run->command_line);
	report_json__set(w, line, "start_unix_ns", json_integer(t->start_wall_ns));
	report_json__int(w, line, "start_ns", t->start_ns);
	report_json__int(w, line, "end_ns", t->now_ns);
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (w->groups & groups[i].group &&
		    json_array_append(names, find_word(w, groups[i].name)))
			w->err = -ENOMEM;
	report_json__set(w, line, "groups", names);
	if (w->groups & MODEL_GC)
		report_json__int(w, line, "longer_ns", w->opts->longer_ns);
	if (run->max_overhead > 0)
		report_json__set(w, line, "max_overhead", json_real(run->max_overhead));
	report_json__end(w, line);
}

/* What of these figures is estimated, and how far they may be off. Nothing where they are exact. */
static void put_errors(struct json_writer *w, json_t *line, const struct report_sample *s)
{
	if (s->est.class_bytes <= 0 && s->est.objects <= 0)
		return;
	report_json__set(w, line, "estimated", json_true());
	report_json__int(w, line, "objects_error", (uint64_t)report__error(s, REPORT_OBJECTS));
	report_json__int(w, line, "bytes_error", (uint64_t)report__error(s, REPORT_BYTES));
}

static void put_alloc(struct json_writer *w, const struct report_sample *s)
{
	json_t *line = report_json__line(w, "alloc");

	report_json__int(w, line, "objects", s->objects);
	report_json__int(w, line, "bytes", s->class_bytes);
	report_json__int(w, line, "requested_bytes", s->bytes);
	if (*s->type)
		report_json__string(w, line, "type", s->type);
	report_json__string(w, line, "via", s->via);
	put_errors(w, line, s);
	put_stack(w, line, s);
	report_json__end(w, line);
}

static void put_growth(struct json_writer *w, const struct report_sample *s)
{
	static const char *const kinds[] = {
		[MODEL_GROWTH] = "growth", [MODEL_REGROWTH] = "regrowth", [MODEL_SHRINK] = "shrink",
	};
	json_t *line = report_json__line(w, "growth");

	report_json__string(w, line, "growth", kinds[s->kind]);
	report_json__int(w, line, "count", s->count);
	report_json__int(w, line, "from", s->from);
	report_json__int(w, line, "to", s->to);
	report_json__int(w, line, "copied", s->copied);
	report_json__int(w, line, "timed", s->count - s->untimed);
	report_json__int(w, line, "ns", s->ns);
	report_json__int(w, line, "max_ns", s->max_ns);
	report_json__string(w, line, "start", s->start);
	put_stack(w, line, s);
	report_json__end(w, line);
}

static void put_pause_site(struct json_writer *w, const struct report_sample *s)
{
	json_t *line = report_json__line(w, "pause_site");

	report_json__string(w, line, "reason", model__reason_name(s->code));
	report_json__set(w, line, "gc", json_boolean(model__is_gc(s->code)));
	report_json__int(w, line, "count", s->count);
	report_json__int(w, line, "ns", s->ns);
	report_json__int(w, line, "stopping_ns", s->work_ns);
	report_json__int(w, line, "max_ns", s->max_ns);
	put_stack(w, line, s);
	report_json__end(w, line);
}

static void put_delay(struct json_writer *w, const struct report_sample *s)
{
	static const char *const kinds[MODEL_DELAY_MAX] = {
		[MODEL_ASSIST] = "assist", [MODEL_SWEEP] = "sweep",
		[MODEL_GC_START] = "gc_start", [MODEL_BARRIER] = "barrier",
	};
	json_t *line = report_json__line(w, "delay");

	report_json__string(w, line, "delay", kinds[s->code]);
	report_json__int(w, line, "count", s->count);
	report_json__int(w, line, "ns", s->ns);
	report_json__int(w, line, "work_ns", s->work_ns);
	report_json__int(w, line, "max_ns", s->max_ns);
	put_stack(w, line, s);
	report_json__end(w, line);
}

static void put_late_site(struct json_writer *w, const struct report_sample *s)
{
	json_t *line = report_json__line(w, "late_site");

	report_json__string(w, line, "how", report_json__how(s->code));
	report_json__int(w, line, "count", s->count);
	report_json__int(w, line, "ns", s->ns);
	report_json__int(w, line, "max_ns", s->max_ns);
	report_json__int(w, line, "faults", s->faults);
	if (*s->leaf)
		report_json__string(w, line, "leaf", s->leaf);
	put_stack(w, line, s);
	report_json__end(w, line);
}

static void put_set(struct json_writer *w, const struct report_set *set,
		    void (*put)(struct json_writer *w, const struct report_sample *s))
{
	for (size_t i = 0; i < set->nsamples && !w->err && !w->out.err; i++)
		put(w, &set->samples[i]);
}

/* What was seen, or filtered out, of each group that is traced. */
static void put_counts(struct json_writer *w, json_t *line, const char *key, uint64_t allocs,
		       uint64_t growths, uint64_t pauses, uint64_t delays)
{
	json_t *counts = json_object();

	if (w->groups & MODEL_ALLOC)
		report_json__int(w, counts, "allocs", allocs);
	if (w->groups & MODEL_STACK)
		report_json__int(w, counts, "growths", growths);
	if (w->groups & MODEL_GC) {
		report_json__int(w, counts, "pauses", pauses);
		report_json__int(w, counts, "delays", delays);
	}
	report_json__set(w, line, key, counts);
}

static void put_unmatched(struct json_writer *w, json_t *line)
{
	const struct model_counters *c = &w->p->counters;
	json_t *counts = json_object();

	if (w->groups & MODEL_STACK)
		report_json__int(w, counts, "growths", c->growths_unmatched);
	if (w->groups & MODEL_GC) {
		report_json__int(w, counts, "pauses", c->pauses_unmatched);
		report_json__int(w, counts, "delays", c->delays_unmatched);
	}
	report_json__set(w, line, "unmatched", counts);
}

static void put_lost(struct json_writer *w, json_t *line)
{
	const struct model_counters *c = &w->p->counters;
	json_t *lost = json_object();

	for (int i = 0; i < c->nloss; i++) {
		const struct model_loss *l = &c->loss[i];
		unsigned int group = l->group ? l->group : MODEL_ALLOC;
		char key[64];

		if (!(w->groups & group))
			continue;
		/* Keys of allocations and of stack copies may be the same. */
		snprintf(key, sizeof(key), "%s%s",
			 group == MODEL_STACK && strncmp(l->key, "growth", 6) ? "growth_" : "",
			 l->key);
		report_json__int(w, lost, key, l->objects);
	}
	report_json__set(w, line, "lost", lost);
}

static void put_truncated(struct json_writer *w, json_t *line)
{
	const struct model_counters *c = &w->p->counters;
	json_t *cut = json_object();

	report_json__int(w, cut, "depth", c->cut_depth);
	report_json__int(w, cut, "unreadable", c->cut_read);
	report_json__int(w, cut, "foreign", c->cut_foreign);
	report_json__int(w, cut, "full", c->cut_full);
	report_json__set(w, line, "truncated", cut);
}

/* Delays of all kinds, and those of them that are assists. */
static void put_delay_sums(struct json_writer *w, json_t *line)
{
	const struct report_set *set = &w->p->delay;
	struct report_sample assists = { 0 };

	for (size_t i = 0; i < set->nsamples; i++)
		if (set->samples[i].code == MODEL_ASSIST)
			report__add(&assists, &set->samples[i]);
	report_json__int(w, line, "delays", set->total.count);
	report_json__int(w, line, "delay_ns", set->total.ns);
	report_json__int(w, line, "assists", assists.count);
	report_json__int(w, line, "assist_ns", assists.ns);
	report_json__int(w, line, "assist_work_ns", assists.work_ns);
}

static void put_total(struct json_writer *w)
{
	json_t *line = report_json__line(w, "total");
	const struct report_profile *p = w->p;
	const struct model_counters *c = &p->counters;

	report_json__set(w, line, "seconds", json_real(p->seconds));
	if (w->run->ns_per_hit > 0)
		report_json__set(w, line, "ns_per_hit", json_real(w->run->ns_per_hit));
	if (w->run->target_cpu_ns > 0)
		report_json__int(w, line, "target_cpu_ns", (uint64_t)w->run->target_cpu_ns);
	report_json__int(w, line, "hits", c->seen + c->left_out + c->zero + c->samples_seen +
			 c->growths_begun + c->growths_seen + c->gc_hits);
	report_json__int(w, line, "changes", model__changes_seen(p->model));
	put_counts(w, line, "seen", c->seen, c->growths_seen, c->pauses_seen, c->delays_seen);
	put_lost(w, line);
	put_counts(w, line, "filtered", p->alloc.filtered.objects,
		   p->growth.filtered.count + p->shrink.filtered.count, p->pause.filtered.count,
		   p->delay.filtered.count);
	put_unmatched(w, line);
	put_truncated(w, line);
	if (w->groups & MODEL_ALLOC) {
		report_json__int(w, line, "alloc_objects", p->alloc.total.objects);
		report_json__int(w, line, "alloc_bytes", p->alloc.total.class_bytes);
		put_errors(w, line, &p->alloc.total);
		report_json__known(w, line, "samples_seen", c->samples_seen);
		report_json__known(w, line, "samples_lost", c->samples_lost);
		report_json__known(w, line, "checks", p->nchecks);
		report_json__known(w, line, "classes_doubted", p->ndoubted);
	}
	if (w->groups & MODEL_STACK) {
		report_json__int(w, line, "growths", p->growth.total.count);
		report_json__int(w, line, "copied", p->growth.total.copied);
	}
	if (w->groups & MODEL_GC) {
		report_json__int(w, line, "pauses", p->pause.total.count);
		report_json__int(w, line, "pause_ns", p->pause.total.ns);
		report_json__int(w, line, "delays_under_way", c->delays_under_way);
		if (p->time.sweep_end_ns)
			report_json__int(w, line, "sweep_end_ns", p->time.sweep_end_ns);
		put_delay_sums(w, line);
	}
	report_json__end(w, line);
}

static void put_all(struct json_writer *w)
{
	const struct report_profile *p = w->p;

	put_header(w);
	if (w->groups & MODEL_ALLOC)
		put_set(w, &p->alloc, put_alloc);
	if (w->groups & MODEL_STACK) {
		put_set(w, &p->growth, put_growth);
		put_set(w, &p->shrink, put_growth);
	}
	if (w->groups & MODEL_GC) {
		put_set(w, &p->pause, put_pause_site);
		put_set(w, &p->delay, put_delay);
		put_set(w, &p->late, put_late_site);
		report_json__gc(w);
	}
	report_json__ways(w);
	put_total(w);
}

static void release(struct json_writer *w)
{
	struct json_place *place;
	struct json_word *word;

	for (word = w->words; word; word = word->hh.next)
		json_decref(word->json);
	for (place = w->places; place; place = place->hh.next)
		json_decref(place->json);
	HASH_CLEAR(hh, w->words);
	HASH_CLEAR(hh, w->places);
	flat__clear(&w->flats);
	report_arena__free(w->arena);
}

int report__json(FILE *out, const struct report_profile *p, const struct report_run *run,
		 const struct report_options *opts)
{
	struct json_writer w = {
		.out.out = out, .p = p, .run = run, .opts = opts,
		.groups = opts->groups ? opts->groups : MODEL_ALLOC,
		.arena = report_arena__new(),
	};
	int err;

	if (!w.arena)
		return -ENOMEM;
	w.flats = (struct flats){
		.m = p->model, .names = p->names, .opts = opts, .keep = w.arena, .tmp = w.arena,
	};
	put_all(&w);
	err = report_print__end(&w.out);
	release(&w);
	return w.err ? w.err : err;
}
