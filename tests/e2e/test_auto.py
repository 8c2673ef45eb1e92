# SPDX-License-Identifier: GPL-2.0
"""-a auto and --max-overhead: what is watched how, and that the probes cost no more than they may.

What a hit costs is given (GOTRACE_TEST_NS_PER_HIT), so that the tests count hits and time nothing.
"""
import json
import os
import re
import signal
import subprocess
import time

import exact
import lib
import pprof
from lib import equal, expect

NS_PER_HIT = 650
ENV = {"GOTRACE_TEST_NS_PER_HIT": str(NS_PER_HIT)}


class Jumps:
    """The target that allocates little and much in turns; see tests/targets/jumps."""

    def __init__(self, *options):
        self.child = lib.start([lib.build("jumps"), *options], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, bufsize=0)
        self.lines = lib.Lines(self.child.stdout)
        self.pid = int(self.lines.read().split()[1])

    def go(self):
        self.child.stdin.write(b"g")

    def phase(self, timeout=60):
        """The next phase that begins: what, when, and Mallocs by then."""
        what, when, mallocs = self.lines.read(timeout).split()
        return what, int(when), int(mallocs)

    def finish(self):
        self.child.stdin.close()
        equal(self.child.wait(lib.EXIT_TIMEOUT), 0, "exit code of the target")


def rows(path):
    with open(path, encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


def kind(lines, name):
    return [line for line in lines if line["kind"] == name]


def changes(lines, subject="alloc"):
    return [c for c in kind(lines, "change") if c["subject"] == subject]


class Snapshots:
    """Totals of a running trace, by USR1."""

    def __init__(self, tracer, path):
        self.tracer, self.path = tracer, path

    def take(self):
        before = os.stat(self.path).st_mtime_ns if os.path.exists(self.path) else 0
        self.tracer.send(signal.SIGUSR1)
        lib.wait_until(lambda: os.path.exists(self.path) and
                       os.stat(self.path).st_mtime_ns != before, 10, "a snapshot")
        lines = rows(self.path)
        return lines[0]["end_ns"], lines[-1]["hits"], lines[-1].get("target_cpu_ns", 0)


def percent(a, b):
    """What the hits between two snapshots cost, of the CPU time or of a tenth of one CPU."""
    base = max(b[2] - a[2], (b[0] - a[0]) / 10)
    return 100 * (b[1] - a[1]) * NS_PER_HIT / base


def jump(budget, jumps, phase=4):
    """What each phase costs within its first two seconds and after them; all of it; the report."""
    costs = []
    with lib.workdir() as directory:
        path = os.path.join(directory, "out.json")
        target = Jumps("-jumps", str(jumps), "-phase", f"{phase}s")
        tracer = lib.Gotrace("-p", target.pid, "--max-overhead", budget, "-i", "100", "-o", path,
                             env=ENV).wait_attached()
        snapshots = Snapshots(tracer, path)
        first = begin = snapshots.take()
        target.go()
        what, _, mallocs = target.phase()
        start = mallocs
        while what != "end":
            # A snapshot takes gotrace's time, so there is none just when the load jumps.
            time.sleep(2)
            middle = snapshots.take()
            time.sleep(phase - 2.5)
            end = snapshots.take()
            costs.append((what, percent(begin, middle), percent(middle, end)))
            begin = end
            what, _, mallocs = target.phase()
        tracer.stop()
        lines = rows(path)
        target.finish()
    return costs, percent(first, end), lines, mallocs - start, tracer


def check_jumps(budget, jumps, phase=4):
    """The budget holds over all, and from two seconds after each jump on; nothing flaps."""
    costs, whole, lines, mallocs, tracer = jump(budget, jumps, phase)
    told = f"budget {budget}: {costs}, all {whole}"
    expect(whole <= budget, f"over the budget: {told}")
    later = sorted(after for what, _, after in costs if what == "busy")
    expect(later[len(later) // 2] <= budget, f"mostly over the budget: {told}")
    # A machine under load lets gotrace wait for a CPU with its probes in.
    expect(later[-1] <= 2 * budget, f"over twice the budget: {told}")
    equal(len(kind(lines, "change")), lines[-1]["changes"], "changes told of")
    expect(len(changes(lines)) <= 5 * jumps, f"it flaps: {changes(lines)}")
    expect(any(c["why"] == "over" and c["to"] == "windows" for c in changes(lines)),
           f"never sampled in windows: {changes(lines)}")
    expect(re.search(rf"\(budget {budget} %\)", tracer.err), f"no budget told: {tracer.err}")
    equal(lines[0]["max_overhead"], budget, "the budget in the report")
    return lines, mallocs


def test_ten_jumps():
    """From 1,000 allocations a second to as many as there can be and back."""
    lines, mallocs = check_jumps(1, 10)
    expect(any(c["to"] == "exact" for c in changes(lines)), f"never exact: {changes(lines)}")
    # Exact, sampled and in windows together are about what the runtime has counted.
    counted = lines[-1]["alloc_objects"]
    expect(0.8 * mallocs < counted < 1.25 * mallocs, f"{counted} objects, of {mallocs}")


def test_small_budget():
    check_jumps(0.5, 4)


def test_large_budget():
    check_jumps(5, 4)


def test_quiet_is_exact():
    """A quiet target is counted one by one before long, and from then on all equals MemStats."""
    with lib.workdir() as directory:
        path = os.path.join(directory, "out.pb.gz")
        target = lib.Truth(lib.build("truth"))
        tracer = lib.Gotrace("-p", target.pid, "-o", path,
                             env={"GOTRACE_TEST_NS_PER_HIT": "1"}).wait_attached()
        lib.wait_until(lambda: "sample -> exact" in tracer.err, 20, "exactness")
        time.sleep(0.5)
        target.go()
        tracer.stop()
        exact.check_totals(target.finish(), pprof.Profile(path), tracer, quiet=True)
        comments = pprof.Profile(path).comments
    expect(any(c.startswith("mode: auto: exact ") for c in comments), f"mode: {comments}")
    expect(any(re.match(r"changed at \S+ s: allocations sample -> exact, it fits", c)
               for c in comments), f"no change among the comments: {comments}")


def test_single_uprobes():
    """Where probes take long to go, a quiet target is sampled too."""
    target = Jumps("-jumps", "0", "-phase", "60s")
    tracer = lib.Gotrace("-p", target.pid, "-i", "100",
                         env=dict(ENV, GOTRACE_TEST_NO_UPROBE_MULTI="1")).wait_attached()
    target.go()
    time.sleep(4)
    tracer.stop()
    expect("sample ->" not in tracer.err, tracer.err)
    expect(re.search(r"seen \d+ samples, lost 0", tracer.err), tracer.err)
    target.child.kill()


def test_explicit_exact_is_limited_when_asked():
    """-a exact alone is left alone; with --max-overhead it ends where it costs too much."""
    target = Jumps("-jumps", "1", "-phase", "6s")
    free = lib.Gotrace("-p", target.pid, "-a", "exact", "-i", "100", env=ENV).wait_attached()
    limited = lib.Gotrace("-p", target.pid, "-a", "exact", "--max-overhead", "2", "-i", "100",
                          env=ENV).wait_attached()
    target.go()
    equal([target.phase()[0] for _ in range(2)], ["quiet", "busy"], "phases")
    lib.wait_until(lambda: "exact -> off: over the budget" in limited.err, 10, "the end of it")
    time.sleep(1.5)
    free.stop()
    limited.stop()
    expect("warning: the probes are hit" in free.err, f"no warning: {free.err}")
    expect("exact ->" not in free.err, f"{free.err}")
    expect("(budget" not in free.err, f"{free.err}")
    target.child.kill()


def test_stack_is_limited_when_asked():
    """Stack copies too frequent for the budget are not watched for a while."""
    target = lib.Loop(lib.build("stacks"))
    tracer = lib.Gotrace("-p", target.pid, "-e", "stack", "--max-overhead", "0.01", "-i", "100",
                         env=dict(ENV, GOTRACE_TEST_NS_PER_HIT="100000")).wait_attached()
    lib.wait_until(lambda: "stack copies: on -> off: over the budget" in tracer.err, 30,
                   "the end of watching")
    tracer.stop()
    target.ask(3)
    target.stop()


def test_ends_in_the_middle():
    """Ctrl-C while changes are made, at any time: the report is whole and the target unharmed."""
    target = Jumps("-jumps", "20", "-phase", "1s")
    target.go()
    for i in range(8):
        with lib.workdir() as directory:
            path = os.path.join(directory, "out.json")
            tracer = lib.Gotrace("-p", target.pid, "--max-overhead", "1", "-i", "100", "-o", path,
                                 env=ENV).wait_attached()
            time.sleep(0.3 + i * 0.37)
            tracer.stop()
            equal(rows(path)[-1]["kind"], "total", "the last line")
        lib.text_bytes_intact(target.pid)
    target.child.kill()


def test_target_is_killed():
    """A target that is killed while it is busy ends the trace as ever."""
    target = Jumps("-jumps", "1", "-phase", "2s")
    tracer = lib.Gotrace("-p", target.pid, "-i", "100", env=ENV).wait_attached()
    target.go()
    equal([target.phase()[0] for _ in range(2)], ["quiet", "busy"], "phases")
    time.sleep(0.05)
    target.child.kill()
    equal(tracer.wait(), 0, "exit code")
    expect("has exited" in tracer.err, tracer.err)


def test_two_targets():
    """Each has its own budget: the busy one is sampled, the quiet one counted."""
    quiet, busy = Jumps("-jumps", "0", "-phase", "60s"), Jumps("-jumps", "1", "-phase", "6s")
    tracer = lib.Gotrace("-p", quiet.pid, "-p", busy.pid, "-i", "100", env=ENV)
    lib.wait_until(lambda: tracer.started() == 2, 30, "both")
    quiet.go()
    lib.wait_until(lambda: f"pid {quiet.pid}: allocations: sample -> exact" in tracer.err, 20,
                   "exactness of the quiet one")
    busy.go()
    equal([busy.phase()[0] for _ in range(2)], ["quiet", "busy"], "phases")
    lib.wait_until(lambda: f"pid {busy.pid}: allocations: sample -> windows" in tracer.err, 20,
                   "windows of the busy one")
    tracer.stop()
    told = [line for line in tracer.err.split("\n") if f"pid {quiet.pid}: allocations" in line]
    equal(len(told), 1, f"changes of the quiet one: {told}")
    quiet.child.kill()
    busy.child.kill()


def test_bad_shares():
    for share in ("0", "-1", "x", "101", "nan", "1x"):
        code, _, err = lib.gotrace("-p", "1", f"--max-overhead={share}")
        equal(code, 2, f"exit code of {share}")
        expect("no share" in err, err)
