/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the lines of the json format hold, as a JSON schema. This is the specification: a field is
 * added here with the code that writes it, and none is ever taken away. A field that is not marked
 * with '?' is in each line of its kind.
 */
#include <errno.h>
#include <string.h>

#include "report/json.h"

struct field {
	const char *name;	/* with '?' before it: may be missing */
	/* See field_schema(). */
	const char *type;
	const char *about;
};

/* A line, or an object that is part of one. */
struct kind {
	const char *name, *about;
	const struct field *fields;	/* the last one has no name */
	bool line;
};

static const struct field frame[] = {
	{ "func", "string", "as runtime.CallersFrames has it" },
	{ "?file", "string", "absent if it is unknown" },
	{ "?line", "integer", "absent if it is unknown" },
	{ NULL, NULL, NULL },
};

static const struct field header[] = {
	{ "format", "integer", "version of this format; grows when a field changes its meaning" },
	{ "gotrace", "string", "version of gotrace" },
	{ "pid", "integer", "the process that was traced" },
	{ "command", "string", "its name" },
	{ "go", "string", "version of Go that built it" },
	{ "kernel", "string", "release of the kernel" },
	{ "mode", "string", "how allocations are counted: exact, sample" },
	{ "command_line", "string", "gotrace's own" },
	{ "start_unix_ns", "integer", "when tracing began, since 1970" },
	{ "start_ns", "integer", "the same by CLOCK_MONOTONIC, as all times below" },
	{ "end_ns", "integer", "when these figures were taken" },
	{ "groups", "[string]", "what was traced: alloc, stack, gc; other lines are absent" },
	{ "?longer_ns", "integer", "how late a thread had to be to be told of" },
	{ "?max_overhead", "number", "what probes may cost, percent of the target's CPU time" },
	{ NULL, NULL, NULL },
};

static const struct field alloc[] = {
	{ "objects", "integer", "as MemStats.Mallocs counts them" },
	{ "bytes", "integer", "size classes, as MemStats.TotalAlloc counts them" },
	{ "requested_bytes", "integer", "what the code asked for; of samples as bytes" },
	{ "?type", "string", "absent for memory without a type; of samples ~ and their size class" },
	{ "via", "string", "way into the allocator" },
	{ "?estimated", "=true", "these figures, or a part of them, are estimates from samples" },
	{ "?objects_error", "integer", "true objects lie within so many of it in 19 of 20 cases" },
	{ "?bytes_error", "integer", "true bytes lie within so many of it in 19 of 20 cases" },
	{ "stack", "[frame]", "leaf first" },
	{ "?cut", "=true", "the stack was not walked to its end" },
	{ NULL, NULL, NULL },
};

static const struct field growth[] = {
	{ "growth", "=growth|regrowth|shrink", "what the stack was copied for" },
	{ "count", "integer", "copies" },
	{ "from", "integer", "size before, bytes" },
	{ "to", "integer", "size after, bytes" },
	{ "copied", "integer", "bytes in use, which are what is copied" },
	{ "timed", "integer", "copies that were timed" },
	{ "ns", "integer", "time of all copies; that of those not timed is an estimate" },
	{ "max_ns", "integer", "time of the longest one that was timed" },
	{ "start", "string", "the goroutine's function" },
	{ "stack", "[frame]", "leaf first: the function that needed the room" },
	{ "?cut", "=true", "the stack was not walked to its end" },
	{ NULL, NULL, NULL },
};

static const struct field pause_site[] = {
	{ "reason", "string", "as the runtime calls it" },
	{ "gc", "boolean", "is it one of the two pauses of a GC cycle" },
	{ "count", "integer", "pauses" },
	{ "ns", "integer", "time from the begin of stopping until the world ran again" },
	{ "stopping_ns", "integer", "time of that until all had stopped" },
	{ "max_ns", "integer", "time of the longest one" },
	{ "stack", "[frame]", "who asked for it, leaf first" },
	{ "?cut", "=true", "the stack was not walked to its end" },
	{ NULL, NULL, NULL },
};

static const struct field delay[] = {
	{ "delay", "=assist|sweep|gc_start|barrier", "what the goroutine was held up by" },
	{ "count", "integer", "delays" },
	{ "ns", "integer", "time of all of them" },
	{ "work_ns", "integer", "time of that in which an assist marked" },
	{ "max_ns", "integer", "time of the longest one" },
	{ "stack", "[frame]", "who was held up, leaf first" },
	{ "?cut", "=true", "the stack was not walked to its end" },
	{ NULL, NULL, NULL },
};

static const struct field late_site[] = {
	{ "how", "=ran|waited|away|unknown|woken", "what the thread did instead of stopping" },
	{ "count", "integer", "pauses for which it was the last to stop" },
	{ "ns", "integer", "time from the begin of stopping until it stopped" },
	{ "max_ns", "integer", "the longest of them" },
	{ "faults", "integer", "page faults meanwhile" },
	{ "?leaf", "string", "function of the runtime it was in, which is left out of the stack" },
	{ "stack", "[frame]", "where it was, leaf first" },
	{ "?cut", "=true", "the stack was not walked to its end" },
	{ NULL, NULL, NULL },
};

static const struct field late[] = {
	{ "thread", "integer", "thread id" },
	{ "?goroutine", "integer", "number of its goroutine" },
	{ "how", "=ran|waited|away|unknown|woken", "what it did instead of stopping" },
	{ "late_ns", "integer", "from the begin of stopping until it stopped" },
	{ "how_ns", "integer", "how much of it went as how says" },
	{ "samples", "integer", "preemption signals that it took" },
	{ "faults", "integer", "page faults since the first of them" },
	{ "?syscall", "=true", "it stopped by entering a system call" },
	{ "?sampled", "=true", "where is what a signal interrupted, not where it stopped" },
	{ "?where", "frame", "first frame outside of the runtime" },
	{ "?start", "string", "its goroutine's function" },
	{ "?leaf", "string", "function of the runtime it was in" },
	{ NULL, NULL, NULL },
};

static const struct field pause[] = {
	{ "seq", "integer", "1, 2, 3 ..." },
	{ "reason", "string", "as the runtime calls it" },
	{ "gc", "boolean", "is it one of the two pauses of a GC cycle" },
	{ "?cycle", "integer", "number of the cycle, as MemStats.NumGC counts them" },
	{ "?trigger", "=heap|time|cycle", "what set off the cycle" },
	{ "requested_ns", "integer", "the runtime was asked to stop the world" },
	{ "begin_ns", "integer", "it began to" },
	{ "stopped_ns", "integer", "all threads had stopped" },
	{ "restarting_ns", "integer", "it was asked to start the world again" },
	{ "restarted_ns", "integer", "the world ran" },
	{ "?goroutine", "integer", "who asked for it" },
	{ "thread", "integer", "its thread id" },
	{ "?where", "frame", "where it asked, first frame outside of the runtime" },
	{ "?start", "string", "its goroutine's function" },
	{ "?heap_begin", "integer", "live and not yet swept heap before, bytes" },
	{ "?heap_end", "integer", "and after" },
	{ "?late", "late", "the thread that was the last to stop, if it was late" },
	{ NULL, NULL, NULL },
};

static const struct field triggers[] = {
	{ "heap", "integer", "the heap reached the goal" },
	{ "time", "integer", "two minutes without a cycle" },
	{ "cycle", "integer", "runtime.GC, debug.FreeOSMemory" },
	{ "unknown", "integer", "not seen" },
	{ NULL, NULL, NULL },
};

static const struct field cycles[] = {
	{ "count", "integer", "cycles of which both pauses were seen" },
	{ "triggers", "triggers", "what set them off" },
	{ "mark_ns", "integer", "time of concurrent marking, of all cycles" },
	{ "max_mark_ns", "integer", "of the longest one" },
	{ "with_heap", "integer", "cycles whose heap is known, which the sums below are of" },
	{ "heap_begin", "integer", "sum of the heap at the begin, bytes" },
	{ "heap_end", "integer", "at the end of marking" },
	{ "heap_live", "integer", "of that found alive" },
	{ "last_heap_begin", "integer", "of the last cycle" },
	{ "last_heap_end", "integer", "of the last cycle" },
	{ "last_heap_live", "integer", "of the last cycle" },
	{ NULL, NULL, NULL },
};

static const struct field mmu[] = {
	{ "window_ns", "integer", "length of a window of time" },
	{ "worst_stopped_ns", "integer", "the most that the world was stopped within any" },
	{ NULL, NULL, NULL },
};

static const struct field way[] = {
	{ "subject", "=alloc|stack|timing|gc|sweeps", "what is watched; timing: of stack copies" },
	{ "way", "=exact|sample|windows|on|off", "how: exact, sample, windows are of alloc only" },
	{ "ns", "integer", "for how long; the window's own time is not told apart" },
	{ NULL, NULL, NULL },
};

static const struct field change[] = {
	{ "time_ns", "integer", "when" },
	{ "subject", "=alloc|stack|timing|gc|sweeps", "what is watched; timing: of stack copies" },
	{ "from", "=exact|sample|windows|on|off", "how it was watched" },
	{ "to", "=exact|sample|windows|on|off", "how it is from then on" },
	{ "why", "=over|fits|share|stop|again|failed",
	  "over the budget, it fits, over its share, hard stop, another try, not put in" },
	{ "cost_percent", "number", "of all probes just before, percent of the target's CPU time" },
	{ "hits_per_second", "number", "of the subject's probes just before" },
	{ NULL, NULL, NULL },
};

static const struct field counts[] = {
	{ "?allocs", "integer", "allocations" },
	{ "?growths", "integer", "stack copies" },
	{ "?pauses", "integer", "stops of the world" },
	{ "?delays", "integer", "delays" },
	{ NULL, NULL, NULL },
};

static const struct field truncated[] = {
	{ "depth", "integer", "deeper than what is kept" },
	{ "unreadable", "integer", "a frame was not readable" },
	{ "foreign", "integer", "leads out of Go code" },
	{ "full", "integer", "the table of stacks was full" },
	{ NULL, NULL, NULL },
};

static const struct field total[] = {
	{ "seconds", "number", "length of the trace" },
	{ "hits", "integer", "of all probes, whatever they count" },
	{ "?ns_per_hit", "number", "what one hit of a probe costs, as measured" },
	{ "?target_cpu_ns", "integer", "CPU time that the process used meanwhile" },
	{ "changes", "integer", "changes of what is watched how, of which the first and last are told" },
	{ "seen", "counts", "what reached the probes" },
	{ "lost", "{integer}", "what is in no line above, by cause" },
	{ "filtered", "counts", "what -I and -X left out" },
	{ "unmatched", "counts", "begins without an end, and ends without a begin" },
	{ "truncated", "truncated", "stacks not walked to their end" },
	{ "?alloc_objects", "integer", "what was lost included, as in the sums below" },
	{ "?alloc_bytes", "integer", "size classes" },
	{ "?estimated", "=true", "these figures, or a part of them, are estimates from samples" },
	{ "?objects_error", "integer", "true objects lie within so many of it in 19 of 20 cases" },
	{ "?bytes_error", "integer", "true bytes lie within so many of it in 19 of 20 cases" },
	{ "?samples_seen", "integer", "samples, of which alloc_bytes is made in part or whole" },
	{ "?samples_lost", "integer", "samples of them that could not be attributed" },
	{ "?checks", "integer", "how often samples were held against a look at each allocation" },
	{ "?classes_doubted", "integer", "size classes whose samples these did not bear out, so that "
	  "what the checks saw was used instead" },
	{ "?growths", "integer", "growths and regrowths" },
	{ "?copied", "integer", "bytes copied by them" },
	{ "?pauses", "integer", "stops of the world" },
	{ "?pause_ns", "integer", "their time" },
	{ "?delays", "integer", "delays of all kinds" },
	{ "?delay_ns", "integer", "their time" },
	{ "?delays_under_way", "integer", "delays seen that had not ended" },
	{ "?sweep_end_ns", "integer", "until when sweeps were watched; absent: all the time" },
	{ "?assists", "integer", "delays that are assists, without those lost" },
	{ "?assist_ns", "integer", "their time" },
	{ "?assist_work_ns", "integer", "time of that in which they marked" },
	{ NULL, NULL, NULL },
};

static const struct kind kinds[] = {
	{ "header", "the first line", header, true },
	{ "alloc", "allocations of one type at one stack", alloc, true },
	{ "growth", "copies of goroutine stacks at one stack, of one step", growth, true },
	{ "pause_site", "stops of the world for one reason, requested at one stack", pause_site, true },
	{ "delay", "waits for the collector, of one kind at one stack", delay, true },
	{ "late_site", "threads that were the last to stop, at one stack", late_site, true },
	{ "pause", "one stop of the world", pause, true },
	{ "cycles", "cycles of the collector", cycles, true },
	{ "mmu", "how much of a window of time was left to the program", mmu, true },
	{ "way", "how long something was watched in one way", way, true },
	{ "change", "gotrace changed what it watches how", change, true },
	{ "total", "the last line", total, true },
	{ "frame", "a function on a stack", frame, false },
	{ "late", "a thread that was late for a stop of the world", late, false },
	{ "triggers", "cycles by what set them off", triggers, false },
	{ "counts", "of each group that is traced", counts, false },
	{ "truncated", "stacks by why they were cut", truncated, false },
};

static json_t *type_schema(const char *type, size_t len)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strlen(kinds[i].name) == len && !memcmp(kinds[i].name, type, len))
			return json_pack("{s:o}", "$ref", json_sprintf("#/$defs/%s", kinds[i].name));
	return json_pack("{s:s#}", "type", type, (int)len);
}

/* "true" is that value, anything else a list of strings. */
static json_t *values_schema(const char *values)
{
	json_t *list = json_array();
	size_t len;

	if (!strcmp(values, "true")) {
		json_array_append_new(list, json_true());
		return json_pack("{s:o}", "enum", list);
	}
	for (; *values; values += len + (values[len] == '|')) {
		len = strcspn(values, "|");
		json_array_append_new(list, json_stringn(values, len));
	}
	return json_pack("{s:o}", "enum", list);
}

/*
 * A type is one of JSON's or of kinds[]; "[T]" an array of it, "{T}" an object whose values are of
 * it, "=a|b" one of these strings, "=true" always true.
 */
static json_t *field_schema(const struct field *f)
{
	size_t len = strlen(f->type);
	json_t *s;

	switch (*f->type) {
	case '=':
		s = values_schema(f->type + 1);
		break;
	case '[':
		s = json_pack("{s:s,s:o}", "type", "array", "items", type_schema(f->type + 1, len - 2));
		break;
	case '{':
		s = json_pack("{s:s,s:o}", "type", "object", "additionalProperties",
			      type_schema(f->type + 1, len - 2));
		break;
	default:
		s = type_schema(f->type, len);
	}
	json_object_set_new(s, "description", json_string(f->about));
	return s;
}

static json_t *kind_schema(const struct kind *k)
{
	json_t *properties = json_object(), *required = json_array();

	if (k->line) {
		json_object_set_new(properties, "kind", json_pack("{s:s}", "const", k->name));
		json_array_append_new(required, json_string("kind"));
	}
	for (const struct field *f = k->fields; f->name; f++) {
		const char *name = f->name + (*f->name == '?');

		json_object_set_new(properties, name, field_schema(f));
		if (name == f->name)
			json_array_append_new(required, json_string(name));
	}
	return json_pack("{s:s,s:s,s:o,s:o}", "description", k->about, "type", "object",
			 "properties", properties, "required", required);
}

static json_t *schema(void)
{
	json_t *defs = json_object(), *lines = json_array();

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		json_object_set_new(defs, kinds[i].name, kind_schema(&kinds[i]));
		if (kinds[i].line)
			json_array_append_new(lines, type_schema(kinds[i].name,
								 strlen(kinds[i].name)));
	}
	return json_pack("{s:s,s:s,s:o,s:o}", "$schema",
			 "https://json-schema.org/draft/2020-12/schema", "title",
			 "a line of gotrace's json format", "oneOf", lines, "$defs", defs);
}

int report__json_schema(FILE *out)
{
	struct report_printer pr = { .out = out };
	json_t *s = schema();

	if (!s)
		return -ENOMEM;
	errno = 0;
	if (json_dumpf(s, out, JSON_INDENT(2)))
		pr.err = errno ? -errno : -EIO;
	report_print__f(&pr, "\n");
	json_decref(s);
	return report_print__end(&pr);
}
