/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The lines on stops of the world one by one, and on cycles of the collector.
 */
#include <errno.h>
#include <string.h>

#include "report/json.h"

const char *report_json__how(uint32_t how)
{
	static const char *const names[MODEL_LATE_MAX] = {
		[MODEL_LATE_RAN] = "ran", [MODEL_LATE_WAITED] = "waited", [MODEL_LATE_AWAY] = "away",
		[MODEL_LATE_UNKNOWN] = "unknown", [MODEL_LATE_WOKEN] = "woken",
	};

	return names[how < MODEL_LATE_MAX ? how : MODEL_LATE_UNKNOWN];
}

static void put_flag(struct json_writer *w, json_t *to, const char *key, bool set)
{
	if (set)
		report_json__set(w, to, key, json_true());
}

/*
 * "where": the first frame that is shown; "start": the goroutine's function. Each is there if it is
 * known. The stack as far as it is known; NULL: out of memory.
 */
static const struct flat *put_place(struct json_writer *w, json_t *to, uint64_t stack,
				    enum flat_mode mode, uint64_t start)
{
	const struct flat *f;
	const char *name;

	if (flat__find(&w->flats, stack, mode, &f) || flat__start(&w->flats, start, f, &name)) {
		w->err = -ENOMEM;
		return NULL;
	}
	if (!f->missing)
		report_json__frame(w, to, "where", &f->frames[f->ntrimmed]);
	if (strcmp(name, "[unknown]"))
		report_json__string(w, to, "start", name);
	return f;
}

static void put_late(struct json_writer *w, json_t *line, const struct model_late *l)
{
	const enum flat_mode mode = l->sampled ? FLAT_SAMPLED : FLAT_RETURN;
	json_t *late = json_object();
	const struct flat *f;

	report_json__int(w, late, "thread", l->tid);
	report_json__known(w, late, "goroutine", l->goid);
	report_json__string(w, late, "how", report_json__how(l->how));
	report_json__int(w, late, "late_ns", l->late_ns);
	report_json__int(w, late, "how_ns", l->how_ns);
	report_json__int(w, late, "samples", l->samples);
	report_json__int(w, late, "faults", l->faults);
	put_flag(w, late, "syscall", l->syscall);
	put_flag(w, late, "sampled", l->sampled);
	f = put_place(w, late, l->stack, mode, l->start);
	if (f && f->ntrimmed)
		report_json__string(w, late, "leaf", f->frames[0].func);
	report_json__set(w, line, "late", late);
}

static void put_pause(struct json_writer *w, const struct model_pause *p)
{
	static const char *const triggers[MODEL_TRIGGER_MAX] = {
		[MODEL_TRIGGER_HEAP] = "heap", [MODEL_TRIGGER_TIME] = "time",
		[MODEL_TRIGGER_CYCLE] = "cycle",
	};
	json_t *line = report_json__line(w, "pause");

	report_json__int(w, line, "seq", p->seq);
	report_json__string(w, line, "reason", model__reason_name(p->reason));
	report_json__set(w, line, "gc", json_boolean(model__is_gc(p->reason)));
	report_json__known(w, line, "cycle", p->cycle);
	if (p->trigger < MODEL_TRIGGER_MAX && triggers[p->trigger])
		report_json__string(w, line, "trigger", triggers[p->trigger]);
	report_json__int(w, line, "requested_ns", p->requested_ns);
	report_json__int(w, line, "begin_ns", p->begin_ns);
	report_json__int(w, line, "stopped_ns", p->stopped_ns);
	report_json__int(w, line, "restarting_ns", p->restarting_ns);
	report_json__int(w, line, "restarted_ns", p->restarted_ns);
	report_json__known(w, line, "goroutine", p->goid);
	report_json__int(w, line, "thread", p->tid);
	put_place(w, line, p->stack, FLAT_RETURN, p->start);
	report_json__known(w, line, "heap_begin", p->heap_begin);
	report_json__known(w, line, "heap_end", p->heap_end);
	if (p->has_late)
		put_late(w, line, &p->late);
	report_json__end(w, line);
}

static void put_cycles(struct json_writer *w)
{
	const struct model_cycles c = model__cycles(w->p->model);
	json_t *line = report_json__line(w, "cycles"), *triggers = json_object();

	report_json__int(w, line, "count", c.count);
	report_json__int(w, triggers, "heap", c.by_trigger[MODEL_TRIGGER_HEAP]);
	report_json__int(w, triggers, "time", c.by_trigger[MODEL_TRIGGER_TIME]);
	report_json__int(w, triggers, "cycle", c.by_trigger[MODEL_TRIGGER_CYCLE]);
	report_json__int(w, triggers, "unknown", c.by_trigger[MODEL_TRIGGER_NONE]);
	report_json__set(w, line, "triggers", triggers);
	report_json__int(w, line, "mark_ns", c.mark_ns);
	report_json__int(w, line, "max_mark_ns", c.max_mark_ns);
	report_json__int(w, line, "with_heap", c.nheap);
	report_json__int(w, line, "heap_begin", c.heap_begin);
	report_json__int(w, line, "heap_end", c.heap_end);
	report_json__int(w, line, "heap_live", c.heap_live);
	report_json__int(w, line, "last_heap_begin", c.last_heap_begin);
	report_json__int(w, line, "last_heap_end", c.last_heap_end);
	report_json__int(w, line, "last_heap_live", c.last_heap_live);
	report_json__end(w, line);
}

void report_json__gc(struct json_writer *w)
{
	const struct model *m = w->p->model;

	for (size_t i = 0; i < model__npauses(m) && !w->err && !w->out.err; i++)
		put_pause(w, model__pause(m, i));
	put_cycles(w);
	for (int i = 0; i < MODEL_WINDOWS; i++) {
		json_t *line = report_json__line(w, "mmu");

		report_json__int(w, line, "window_ns", model_windows[i]);
		report_json__int(w, line, "worst_stopped_ns", model__worst_stopped(m, i));
		report_json__end(w, line);
	}
}
