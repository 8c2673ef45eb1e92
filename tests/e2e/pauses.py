# SPDX-License-Identifier: GPL-2.0
"""Runs of the gc target under gotrace -e gc, and their comparison with what the runtime measured.

What the runtime takes for the length of a pause, by version, where the source was read:

  1.18 to 1.21   From a nanotime before stopTheWorldWithSema is called. Of the sweep termination to
                 what startTheWorldWithSema returns (mgc.go, gcStart). Of the mark termination to a
                 nanotime that gcMarkTermination takes for its statistics, after which it books the
                 cycle, starts a heap profile cycle, and only then calls startTheWorldWithSema: the
                 world is stopped for longer than PauseNs says. A mark termination that finds work
                 left, starts the world and is tried again (issue 27993) counts up to
                 startTheWorldWithSema's result. The probes are inside the begin by the way into
                 stopTheWorldWithSema, trap included, and outside the end by the bookkeeping and the
                 way into startTheWorldWithSema. /gc/pauses:seconds has the same figures.
  1.22           From a nanotime in stopTheWorldWithSema when it holds sched.lock. To what
                 startTheWorldWithSema returns, which of the mark termination is the nanotime taken
                 for the statistics, handed through. These are arguments and results of
                 startTheWorldWithSema, so the figures can be equal. When all had stopped is not
                 handed on: a probe at stopTheWorldWithSema's return takes the time of its own trap,
                 which the runtime's figure does not have.
  1.23 and later Begin, all stopped, and end are arguments and results of startTheWorldWithSema.
"""
import json
import os
import re
import signal
import subprocess

import lib
from lib import equal, expect

# How far a duration may be off where the times are the probes' own. A thread that loses its CPU
# between a probe and the runtime's nanotime makes it more: of so many durations one may be a stray.
PROBE_NS, PROBE_SHARE, STRAYS = 5000, 0.05, 50
TRUTH_TIMEOUT = 120
FIRST = ["nice", "-n", "-19"]


def minor(version):
    """24 of "1.24" and of "go1.24.4"."""
    return int(re.match(r"(?:go)?1\.(\d+)", version).group(1))


class Target:
    """The gc target, which takes commands; see tests/targets/gc.

    It comes before others on the CPUs: a thread that loses its CPU between a probe and the nanotime
    beside it makes the two differ, and is nobody's error.
    """

    def __init__(self, path, env=None):
        self.child = lib.start([*FIRST, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, bufsize=0,
                               env=dict(os.environ, GOMAXPROCS="2", **(env or {})))
        self.lines = lib.Lines(self.child.stdout)
        self.pid = int(self.lines.read().split()[1])

    def ask(self, command):
        self.child.stdin.write(command.encode() + b"\n")
        return json.loads(self.lines.read(TRUTH_TIMEOUT))

    def waited(self):
        """How long its threads were ready to run but had no CPU, ns."""
        sum_ns = 0
        for thread in os.listdir(f"/proc/{self.pid}/task"):
            with open(f"/proc/{self.pid}/task/{thread}/schedstat", encoding="ascii") as stat:
                sum_ns += int(stat.read().split()[1])
        return sum_ns

    def finish(self):
        """What it has written to stderr."""
        self.child.stdin.close()
        err = self.child.stderr.read().decode()
        equal(self.child.wait(lib.EXIT_TIMEOUT), 0, f"exit code of the target ({err[-300:]})")
        return err


class Run:
    """The lines of gotrace's json, by kind."""

    def __init__(self, path):
        self.kinds = {}
        with open(path, encoding="utf-8") as stream:
            for line in stream:
                value = json.loads(line)
                self.kinds.setdefault(value["kind"], []).append(value)
        for kind in ("header", "total"):
            equal(len(self.all(kind)), 1, f"lines of kind {kind}")
        self.header, self.total = self.all("header")[0], self.all("total")[0]
        self.pauses = sorted(self.all("pause"), key=lambda pause: pause["seq"])

    def all(self, kind):
        return self.kinds.get(kind, [])

    def delays(self, kind):
        return [line for line in self.all("delay") if line["delay"] == kind]

    def between(self, begin, end):
        return [p for p in self.pauses if begin <= p["begin_ns"] <= end]


class Tracer:
    """gotrace on a target, with its json."""

    def __init__(self, pid, directory, options=("-e", "gc"), env=None):
        self.path = os.path.join(directory, "o.json")
        self.gotrace = lib.Gotrace("-p", pid, "-a", "exact", *options, "-f", "json", "-o",
                                   self.path, env=env)
        self.gotrace.wait_attached()

    def stop(self):
        self.gotrace.stop(signal.SIGINT)
        return Run(self.path)


def leaf(line):
    """Function of the first frame of a line's stack, or of its "where"."""
    frames = line["stack"] if "stack" in line else [line.get("where") or {}]
    return frames[0].get("func", "") if frames else ""


def check_complete(run):
    """Every event that was seen is there, and no begin or end is left over."""
    lost = {key: n for key, n in run.total["lost"].items() if n}
    equal(lost, {}, "lost")
    odd = {key: n for key, n in run.total["unmatched"].items() if n}
    equal(odd, {}, "unmatched")
    equal(run.total["seen"]["pauses"], len(run.pauses), "pauses seen, and pauses in the file")
    equal([p["seq"] for p in run.pauses], list(range(1, len(run.pauses) + 1)), "seq of the pauses")
    sites = sum(site["count"] for site in run.all("pause_site"))
    equal(sites, len(run.pauses), "pauses by site")
    counted = sum(line["count"] for line in run.all("delay"))
    equal(counted, run.total["seen"]["delays"], "delays by site, held against those seen")


def check_times(run):
    for p in run.pauses:
        inside = p["begin_ns"] <= p["stopped_ns"] <= p["restarted_ns"]
        expect(inside and p["requested_ns"] > 0, f"times of {p}")
        expect(run.header["start_ns"] <= p["begin_ns"] <= run.header["end_ns"],
               f"outside of {run.header}: {p}")
        expect(p["thread"] > 0 and p.get("goroutine", 0) > 0, f"requester of {p}")


def check_summary(run):
    """The lines on all cycles and on the worst windows follow from the pauses."""
    first = [p for p in run.pauses if p["reason"] == "GC sweep termination"]
    summary, = run.all("cycles")
    equal(summary["count"], len(first), "cycles")
    triggers = {key: n for key, n in summary["triggers"].items() if n}
    found = {}
    for p in first:
        key = p.get("trigger", "unknown")
        found[key] = found.get(key, 0) + 1
    equal(triggers, found, "triggers of all cycles")
    longest = max(p["restarted_ns"] - p["begin_ns"] for p in run.pauses)
    windows = sorted((line["window_ns"], line["worst_stopped_ns"]) for line in run.all("mmu"))
    expect(windows, "no line of kind mmu")
    for (window, stopped), (_, before) in zip(windows, [(0, 0), *windows]):
        expect(before <= stopped <= window, f"stopped within {window} ns: {stopped}")
        expect(stopped >= min(window, longest), f"{stopped} of {window} ns, a pause of {longest}")
        expect(abs(stopped - worst_window(run.pauses, window)) <= 1, f"worst window of {window}")


def worst_window(pauses, window):
    """The most that the world was stopped within any window of this length.

    The worst one begins with a pause or ends with one.
    """
    spans = [(p["begin_ns"], p["restarted_ns"]) for p in pauses]
    worst = 0
    for low in [begin for begin, _ in spans] + [end - window for _, end in spans]:
        high = low + window
        stopped = sum(min(end, high) - max(begin, low) for begin, end in spans
                      if end > low and begin < high)
        worst = max(worst, stopped)
    return worst


def length(version, pause):
    """What PauseNs has for it; see above."""
    if minor(version) <= 21 and pause["reason"] == "GC mark termination":
        return pause["restarting_ns"] - pause["begin_ns"]
    return pause["restarted_ns"] - pause["begin_ns"]


def cycles_of(version, truth, pauses):
    """The GC pauses by cycle: of each a first and a last one, and what is between is another last
    one, tried in vain."""
    out = {}
    for pause in pauses:
        out.setdefault(pause.get("cycle", 0), []).append(pause)
    wanted = range(truth["first_cycle"] + 1, truth["first_cycle"] + 1 + len(truth["pause_ns"]))
    equal(sorted(out), list(wanted), f"numbers of the cycles, {version}")
    for number, one in out.items():
        reasons = [p["reason"] for p in one]
        equal(reasons[0], "GC sweep termination", f"reason of the first pause of cycle {number}")
        expect(len(one) >= 2, f"only one pause of cycle {number}")
        equal(set(reasons[1:]), {"GC mark termination"}, f"other pauses of cycle {number}")
    return out


def strays(version, count):
    return 0 if minor(version) >= 23 else -(-count // STRAYS)


def check_cycles(version, truth, pauses, trigger):
    """Number, length and trigger of the cycles of a phase; the last is set off by runtime.GC."""
    cycles = cycles_of(version, truth, pauses)
    total = "total_gc" if "total_gc" in truth["pauses"] else "gc"
    equal(len(pauses), sum(truth["pauses"][total]["counts"]), "pauses of cycles")
    again = sum(len(one) - 2 for one in cycles.values())
    equal(len(pauses), 2 * len(truth["pause_ns"]) + again, "pauses, held against NumGC")
    expect(again <= len(cycles) // 10, f"{again} of {len(cycles)} mark terminations tried again")
    problems = []
    for number, wanted in enumerate(truth["pause_ns"], truth["first_cycle"] + 1):
        got = sum(length(version, p) for p in cycles[number])
        slack = 0 if minor(version) >= 23 else max(PROBE_NS, PROBE_SHARE * wanted)
        if abs(got - wanted) > slack:
            problems.append(f"cycle {number}: {got}, PauseNs {wanted}")
    expect(len(problems) <= strays(version, len(cycles)),
           f"{len(problems)} of {len(cycles)} cycles: {'; '.join(problems[:5])}")
    triggers = {number: one[0].get("trigger") for number, one in cycles.items()}
    equal(triggers.pop(max(triggers)), "cycle", "trigger of the last cycle")
    odd = {number: found for number, found in triggers.items() if found != trigger}
    equal(odd, {}, f"cycles of {len(cycles)} set off by something other than {trigger}")
    equal(truth["forced"], len(cycles) if trigger == "cycle" else 1, "cycles by runtime.GC")


def check_histogram(histogram, durations, slack, what):
    """As many durations below each edge, where one so close to it may be on either side."""
    nanoseconds, share, stray = slack
    equal(len(durations), sum(histogram["counts"]), f"number of {what}")
    below = 0
    for count, edge in zip(histogram["counts"], histogram["edges"][1:]):
        below += count
        near = max(nanoseconds, share * abs(edge))
        least = sum(d < edge - near for d in durations)
        most = sum(d < edge + near for d in durations)
        expect(least - stray <= below <= most + stray,
               f"{what} below {edge} ns: {least} to {most}, the runtime has {below}")


def check_distributions(version, truth, pauses):
    """The figures of /sched/pauses/..., or before 1.22 of /gc/pauses."""
    cycles = [p for p in pauses if p["gc"]]
    others = [p for p in pauses if not p["gc"]]
    histograms = truth["pauses"]
    if minor(version) < 22:
        check_histogram(histograms["gc"], [length(version, p) for p in cycles],
                        (PROBE_NS, PROBE_SHARE, strays(version, len(cycles))), "pauses of cycles")
        return
    for key, some in (("gc", cycles), ("other", others)):
        exact, near = (0, 0, 0), (PROBE_NS, PROBE_SHARE, strays(version, len(some)))
        handed = minor(version) >= 23
        whole = [p["restarted_ns"] - p["begin_ns"] for p in some]
        check_histogram(histograms[f"total_{key}"], whole, exact if handed else (50, 0.001, 0),
                        f"pauses of /sched/pauses/total/{key}")
        until = [p["stopped_ns"] - p["begin_ns"] for p in some]
        check_histogram(histograms[f"stopping_{key}"], until, exact if handed else near,
                        f"stops of /sched/pauses/stopping/{key}")


def check_phase(version, truth, run, trigger):
    """All of one phase that has no other stops of the world than those of cycles."""
    pauses = run.between(truth["begin_ns"], truth["end_ns"])
    equal([p["reason"] for p in pauses if not p["gc"]], [], "other pauses")
    check_cycles(version, truth, pauses, trigger)
    check_distributions(version, truth, pauses)
    return pauses


def wanted_reasons(version, calls):
    """{(reason, function that asks): how often}."""
    out = {("read mem stats", "main.askMemStats"): calls["ReadMemStats"],
           ("GOMAXPROCS", "main.askProcs"): calls["GOMAXPROCS"],
           ("goroutine profile", "main.askGoroutines"): calls["GoroutineProfile"],
           ("all goroutines stack trace", "main.askStacks"): calls["Stack"],
           ("start trace", "main.askTraceStart"): calls["trace"]}
    if minor(version) >= 19:
        out[("goroutine profile cleanup", "main.askGoroutines")] = calls["GoroutineProfile"]
    if minor(version) <= 21:  # the tracer of 1.22 and later ends without a stop
        out[("stop trace", "main.askTraceStop")] = calls["trace"]
    return out


def asker(stack):
    """The first function of the target's own."""
    return next((frame["func"] for frame in stack if frame["func"].startswith("main.")), None)


def check_reasons(version, truth, run):
    """Each stop of the phase once, by reason, and by who called for it."""
    pauses = run.between(truth["begin_ns"], truth["end_ns"])
    check_distributions(version, truth, pauses)
    wanted = wanted_reasons(version, truth["calls"])
    found = {}
    for p in pauses:
        if not p["gc"]:
            found[p["reason"]] = found.get(p["reason"], 0) + 1
    equal(found, {reason: n for (reason, _), n in wanted.items()}, "pauses by reason")
    sites = {}
    for site in run.all("pause_site"):
        key = site["reason"], asker(site["stack"])
        if key[0] in found:
            sites[key] = sites.get(key, 0) + site["count"]
    equal(sites, wanted, "pauses by reason and function")
    for p in pauses:
        if leaf(p).startswith("main.ask"):
            where = p["where"]
            equal(os.path.basename(where["file"]), "phases.go", f"file of {where}")
            expect(where["line"] > 0, f"no line: {where}")


def check_forced(truth, run, pauses):
    """runtime.GC is charged to who calls it: the first pause, and the time that starting took."""
    calls = truth["calls"]["GC"]
    asked = [p for p in pauses if leaf(p) == "main.askCollection"]
    first = [p for p in asked if p["reason"] == "GC sweep termination"]
    equal(len(first), calls, "first pauses of main.askCollection")
    starts = sum(line["count"] for line in run.delays("gc_start")
                 if leaf(line) == "main.askCollection")
    equal(starts, calls, "cycles started by main.askCollection, by delays")
    sites = [site for site in run.all("pause_site") if site["reason"] == "GC sweep termination"
             and [f["func"] for f in site["stack"][:2]] == ["main.askCollection",
                                                            "main.forcedPhase"]]
    equal(sum(site["count"] for site in sites), calls, "the same by sites")


def gctrace_assist(text, first, count):
    """(least, most) ns of assists of these cycles, out of what GODEBUG=gctrace=1 prints.

    gc N @1.2s 3%: 0.1+2.3+0.4 ms clock, 0.2+ASSIST/1.0/2.0+0.8 ms cpu, ...; figures are cut off
    at a whole ms from 10 ms on, and at two digits or three decimals below.
    """
    least = most = seen = 0
    for number, figure in re.findall(r"^gc (\d+) @.*? ms clock, [\d.]+\+([\d.]+)/.* ms cpu", text,
                                     re.M):
        if first < int(number) <= first + count:
            digits = len(figure.partition(".")[2])
            seen += 1
            least += float(figure) * 1e6
            most += (float(figure) + 10 ** -digits) * 1e6
    equal(seen, count, "cycles in the gctrace of the target")
    return least, most
