# SPDX-License-Identifier: GPL-2.0
"""Growths of goroutine stacks: every one, its sizes, bytes and stack, held against the target.

GOTRACE_GO names the versions of Go, GOTRACE_RUNS the runs of each build.
"""
import json
import os
import re
import signal
import time

import exact
import growths
import lib
import pauses
import pprof
from lib import equal, expect

VERSIONS = os.environ.get("GOTRACE_GO", "1.19 1.24 1.27").split()
RUNS = int(os.environ.get("GOTRACE_RUNS", "1"))
CYCLES = 12
BOTH = ("-e", "alloc,stack", "-a", "exact")


def matrix_test(version, mode):
    def test():
        path = lib.build("stacks", version, mode)
        for number in range(RUNS):
            with lib.workdir() as directory:
                try:
                    growths.check(path, directory)
                except lib.Failed as why:
                    raise lib.Failed(f"run {number + 1} of {RUNS}: {why}") from why
    test.timeout = 600 + 60 * RUNS
    return test


def objects_of_runtime(path):
    """Objects that no function of the target asked for: the m of a new thread, for example.

    They may come after the target has read MemStats for the last time, and before gotrace is gone.
    """
    with open(path, encoding="utf-8") as stream:
        lines = [json.loads(line) for line in stream]
    return sum(line["objects"] for line in lines if line["kind"] == "alloc" and
               not any(frame["func"].startswith("main.") for frame in line["stack"]))


def both_test(version):
    """Allocations and growths at once: neither is less exact for the other."""
    def test():
        path = lib.build("stacks", version)
        with lib.workdir() as directory:
            lines = os.path.join(directory, "lines.json")
            truth, _, tracer = growths.check(path, directory, (*BOTH, "-o", lines))
            seen = growths.number(tracer.err, r"seen ([\d,]+) allocations")
            expect(0 <= seen - truth["mallocs"] <= objects_of_runtime(lines),
                   f"{seen} allocations seen, {truth['mallocs']} in Mallocs, "
                   f"{objects_of_runtime(lines)} by the runtime for itself")
            lost = growths.number(tracer.err, r"seen [\d,]+ allocations, lost ([\d,]+)")
            equal(lost, 0, "lost allocations")
        with lib.workdir() as directory:
            truth, profile, tracer = growths.trace(path, directory, (*BOTH, "-m", "bytes"))
            own = sum(sample.values[0] for sample in profile.samples if
                      not any(frame[0].startswith("main.") for frame in sample.frames))
            expect(0 <= profile.total()[0] - truth["mallocs"] <= own,
                   f"{profile.total()[0]} objects, {truth['mallocs']} in Mallocs, {own} by the "
                   "runtime for itself")
            exact.check_bytes(truth, profile, quiet=False)  # it collects to shrink stacks
            known = sum(site["count"] for site in truth["sites"])
            seen, lost = growths.ended(tracer)
            equal(lost, 0, "lost growths")
            expect(seen >= known, f"{seen} copies seen, the target has {known}")
    test.timeout = 600
    return test


def tests():
    for version in VERSIONS:
        yield f"{version}_plain", matrix_test(version, "plain")
        yield f"{version}_pie-stripped", matrix_test(version, "pie-stripped")
        yield f"{version}_alloc_too", both_test(version)


def test_single_uprobes():
    """The way that older kernels need."""
    with lib.workdir() as directory:
        growths.check(lib.build("stacks"), directory, env={"GOTRACE_TEST_NO_UPROBE_MULTI": "1"})


def test_runtime_frames():
    """Nothing comes between the function that grows and the copy."""
    with lib.workdir() as directory:
        growths.check(lib.build("stacks"), directory, ("-e", "stack", "--runtime-frames"))


def test_outputs_agree():
    """text, folded and pprof of one run tell the same totals."""
    with lib.workdir() as directory:
        folded, text = (os.path.join(directory, name) for name in ("out.folded", "out.txt"))
        _, profile, _ = growths.trace(lib.build("stacks"), directory,
                                      ("-e", "stack", "-o", folded, "-o", text))
        total = sum(s.values[0] for s in profile.samples)
        with open(folded, encoding="utf-8") as stream:
            lines = [line.rsplit(" ", 1) for line in stream.read().splitlines()]
        equal(sum(int(value) for _, value in lines), total, "sum of the folded file")
        expect(any(stack.startswith("runtime.goexit;") for stack, _ in lines), "root comes first")
        with open(text, encoding="utf-8") as stream:
            report = stream.read().replace(",", "")
        for word in (str(total), "main.(*worker).medium", "main.startThousand"):
            expect(word in report, f"no {word!r} in the text report: {report[:2000]}")


def test_folded_copied():
    """The same by bytes."""
    with lib.workdir() as directory:
        folded = os.path.join(directory, "out.folded")
        _, profile, _ = growths.trace(lib.build("stacks"), directory,
                                      ("-e", "stack", "-m", "copied", "-o", folded))
        with open(folded, encoding="utf-8") as stream:
            total = sum(int(line.rsplit(" ", 1)[1]) for line in stream)
        equal(total, sum(s.values[2] for s in profile.samples), "sum of the folded file")


def test_tables_too_small():
    """What does not fit is counted: seen = delivered + lost."""
    path = lib.build("stacks")
    for variable, value in (("GOTRACE_TEST_MAX_STACKS", "20"), ("GOTRACE_TEST_MAX_GROWTHS", "20"),
                            ("GOTRACE_TEST_ID_MASK", "0x1f")):
        with lib.workdir() as directory:
            env = {variable: value, "GOTRACE_TEST_MAX_SHORTS": "5"}
            truth, profile, tracer = growths.trace(path, directory, env=env)
            losses = sum(s.values[0] for s in profile.samples if s.frames[0][0] == "gotrace.lost")
            seen, lost = growths.ended(tracer)
            expect(losses > 0, f"nothing lost with {variable}={value}")
            equal(lost, losses, "lost in the end block, held against gotrace.lost")
            total = sum(s.values[0] for s in profile.samples) + growths.shrinks(profile)
            equal(seen, total, "seen = delivered + lost")
            known = sum(site["count"] for site in truth["sites"])
            expect(seen >= known, f"{seen} copies seen, the target has {known}")
            equal(growths.unmatched(profile), 0, "begins without an end")


def test_default_metric():
    """Without -m an output is about what is traced, allocations first."""
    target = loop()
    for events, wanted in (("stack", growths.SAMPLE_TYPES[0]),
                           ("alloc,stack", ("alloc_objects", "count")),
                           ("alloc", ("alloc_objects", "count"))):
        with lib.workdir() as directory:
            path = os.path.join(directory, "o.pb.gz")
            tracer = lib.Gotrace("-p", target.pid, "-e", events, "-a", "exact", "-o",
                                 path).wait_attached()
            time.sleep(0.2)
            tracer.stop()
            profile = pprof.Profile(path)
        equal(profile.sample_types[0], wanted, f"first sample type of -e {events}")
        expect(sum(s.values[0] for s in profile.samples) > 0, f"-e {events} -o is empty")


def start_line(tracer):
    line, = [line for line in tracer.err.splitlines() if "tracing pid" in line]
    return line


def test_places_no_alloc_probe():
    """-e stack alone has few probes, does not see allocations, and says so."""
    target = loop()
    few = lib.Gotrace("-p", target.pid, "-e", "stack").wait_attached()
    time.sleep(0.3)
    few.stop()
    many = lib.Gotrace("-p", target.pid, *BOTH).wait_attached().stop()
    expect("stack" in start_line(few) and "alloc" not in start_line(few), start_line(few))
    expect("stack" in start_line(many) and "alloc" in start_line(many), start_line(many))
    counts = [growths.number(start_line(one), r"(\d+) probes?") for one in (few, many)]
    expect(counts[0] < counts[1], f"probes of -e stack and of both groups: {counts}")
    expect(" allocations" not in few.err, f"allocations without their group: {few.err}")
    expect(growths.ended(few)[0] > 0, "no growth seen")


def test_alloc_alone_sees_no_growth():
    target = loop()
    tracer = lib.Gotrace("-p", target.pid, "-e", "alloc", "-a", "exact").wait_attached()
    time.sleep(0.2)
    tracer.stop()
    for word in ("growths", "stack copies"):
        expect(word not in tracer.err, f"{word!r} without its group: {tracer.err}")


def test_usage_errors():
    for arguments in (("-e", "nonsense"), ("-e", "stack,nonsense"), ("-e", ""),
                      ("-e", "alloc", "-m", "growths"), ("-e", "stack", "-m", "objects")):
        code, out, err = lib.gotrace("-p", os.getpid(), *arguments)
        equal((code, out), (2, ""), f"exit code and stdout of {arguments} ({err.strip()})")


def test_filters():
    with lib.workdir() as directory:
        truth, profile, _ = growths.trace(lib.build("stacks"), directory,
                                          ("-e", "stack", "-I", "main.startPrime"))
        kept = [s for s in profile.samples if not s.frames[0][0].startswith("gotrace.")]
        known = sum(s["count"] for s in truth["sites"] if s["start"] == "main.startPrime")
        equal(sum(s.values[0] for s in kept), known, "growths that -I keeps")


def test_shrinks():
    """Stacks that the collector halves are told apart, by their sizes."""
    with lib.workdir() as directory:
        text = os.path.join(directory, "out.txt")
        starts = ("main.startShrink", "main.startFurther")
        truth, profile, _ = growths.trace(lib.build("stacks"), directory,
                                          ("-e", "stack", "-I", starts[0], "-I", starts[1],
                                           "-o", text))
        with open(text, encoding="utf-8") as stream:
            table = stream.read().replace(",", "").partition("SHRINKS")[2].partition("total")[0]
    known = {}
    for site in truth["sites"]:
        if site["kind"] == "shrink":
            sizes = site["from"] // 1024, site["to"] // 1024
            known[sizes] = known.get(sizes, 0) + site["count"]
    equal(growths.shrinks(profile), sum(known.values()), "shrinks of stacks that -I keeps")
    rows = re.findall(r"(\d+) KiB -> (\d+) KiB +(\d+)", table)
    equal({(int(a), int(b)): int(n) for a, b, n in rows}, known, "shrinks by sizes")


def loop():
    return lib.Loop(lib.build("stacks"), workers=1)


def snapshot(tracer, output):
    """The profile as it is now, by SIGUSR1."""
    def inode():
        return os.stat(output).st_ino if os.path.exists(output) else 0
    before = inode()
    tracer.send(signal.SIGUSR1)
    lib.wait_until(lambda: inode() not in (0, before), 20, "the snapshot")
    return pprof.Profile(output)


def test_many_at_full_speed():
    """Stacks that grow as fast as they can, on all CPUs: begins and ends of copies stay paired.

    Probes do not come and go at one time: of each thread a begin may find no end then, which may
    show later. While gotrace traces, there are no others.
    """
    target = lib.Loop(lib.build("stacks"), workers=4)
    with lib.workdir() as directory:
        output = os.path.join(directory, "o.pb.gz")
        tracer = lib.Gotrace("-p", target.pid, "-e", "stack", "-m", "growths", "-o", output)
        tracer.wait_attached()
        first = snapshot(tracer, output)
        for seed in range(20):
            time.sleep(0.1)
            target.ask(seed)
        last = snapshot(tracer, output)
        threads = len(os.listdir(f"/proc/{target.pid}/task"))
        tracer.stop()
        target.ask(21)
        profile = pprof.Profile(output)
    more = growths.unmatched(last) - growths.unmatched(first)
    expect(more <= threads, f"{more} begins without an end while it traces")
    copies = [sum(s.values[0] for s in one.samples) for one in (first, last)]
    expect(copies[1] > copies[0] + 1000, f"copies in two seconds, before and after: {copies}")
    expect(growths.unmatched(profile) <= 2 * threads,
           f"{growths.unmatched(profile)} begins without an end, {threads} threads")
    equal(growths.ended(tracer)[1], 0, "lost growths")
    climbs = [s for s in profile.samples if s.frames[0][0] == "main.climb"]
    expect(climbs, "no growth of main.climb")
    steps = {(s.labels["from"], s.labels["to"]) for s in climbs}
    expect(all(after == 2 * before for before, after in steps), f"sizes: {steps}")
    starts = {s.labels["start"] for s in climbs}
    expect(starts <= {"main.climber", "main.answer.func1"}, f"starts: {starts}")
    target.stop()


def test_timing_ends():
    """Where timing is felt it ends after a while: copies are counted on, and estimates say so."""
    # Goroutines that start with a larger stack would not have to grow it.
    target = pauses.Target(lib.build("gc"), env={"GODEBUG": "adaptivestackstart=0"})
    target.ask("load 1 60000")
    with lib.workdir() as directory:
        json, text = os.path.join(directory, "o.json"), os.path.join(directory, "o.txt")
        first = target.ask("count")["growths"]
        tracer = lib.Gotrace("-p", target.pid, "-e", "stack", "-o", json, "-o", text)
        tracer.wait_attached()
        begin = target.ask("count")["growths"]
        time.sleep(4)
        end = target.ask("count")["growths"]
        tracer.stop()
        run = pauses.Run(json)
        last = target.ask("count")["growths"]
        with open(text, encoding="utf-8") as stream:
            report = stream.read()
    target.child.kill()
    expect("times of stack copies: on -> off: over its share" in tracer.err, tracer.err)
    lines = run.all("growth")
    copies = sum(line["count"] for line in lines)
    equal(run.total["seen"]["growths"], copies, "seen copies")
    equal(sum(run.total["lost"].values()), 0, "lost")
    equal(run.total["unmatched"], {"growths": 0}, "begins without an end")
    found = sum(line["count"] for line in lines if line["start"] == "main.grower")
    # A worker starts up to 64 growers and counts them when all have grown.
    expect(end - begin - 128 <= found <= last - first + 128,
           f"{found} growths, the target has {end - begin} to {last - first}")
    timed = sum(line["timed"] for line in lines)
    expect(1000 < timed < 0.7 * copies, f"{timed} of {copies} copies timed")
    known = re.search(r"copies\s+were timed for the first ([0-9.]+) s \((\d+) of (\d+)\)", report)
    expect(known, f"no word of what was timed: {report[:1000]}")
    equal((int(known.group(2)), int(known.group(3))), (timed, copies), "copies timed, and all")
    expect(float(known.group(1)) < 2.5, f"timed for {known.group(1)} s")
    expect(re.search(r"a copy took ~\d", report), f"no estimate: {report[:1000]}")
    for line in lines:
        expect(0 <= line["timed"] <= line["count"] and line["max_ns"] <= line["ns"] or
               not line["timed"], f"times of {line}")


def cycle(version, mode):
    target = lib.Loop(lib.build("stacks", version, mode), workers=2)
    for number in range(CYCLES):
        tracer = lib.Gotrace("-p", target.pid, *BOTH)
        if number % 4 == 3:
            time.sleep(0.05 * number)
            tracer.send(signal.SIGKILL)
            equal(tracer.wait(), -signal.SIGKILL, "exit of the killed gotrace")
        else:
            tracer.wait_attached()
            time.sleep(0.02)
            tracer.stop()
        expect(target.alive(), f"the target died in cycle {number + 1}")
        target.ask(number)
    lib.wait_until(lambda: intact(target.pid), 20, "the probes to go")
    target.ask(CYCLES)
    target.stop()


def intact(pid):
    try:
        lib.text_bytes_intact(pid)
    except lib.Failed:
        return False
    return True


def test_cycles():
    cycle("1.24", "plain")


def test_cycles_pie():
    cycle("1.19", "pie-stripped")


for _test in (test_cycles, test_cycles_pie):
    _test.timeout = 600
