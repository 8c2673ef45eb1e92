# SPDX-License-Identifier: GPL-2.0
"""Who was late when the world was to stop: planted culprits of each kind, named one by one.

GOTRACE_GO names the versions of Go; by default the first and the last, and 1.24.
"""
import contextlib
import os
import sys

import pauses
import lib
from lib import equal, expect

VERSIONS = os.environ.get("GOTRACE_GO", "1.19 1.24 1.27").split()
PLANTS, SHARE = 20, 0.95
# Of those that depend on whom the kernel lets run.
MANY = 50


def trace(path, commands, directory, cpu=None, options=("-e", "gc")):
    """(answer to the last command, run)."""
    target = pauses.Target(path)
    if cpu is not None:
        for thread in os.listdir(f"/proc/{target.pid}/task"):
            os.sched_setaffinity(int(thread), {cpu})
    tracer = pauses.Tracer(target.pid, directory, options)
    for command in commands:
        truth = target.ask(command)
    run = tracer.stop()
    target.finish()
    pauses.check_complete(run)
    expect(len(truth["plants"]) >= PLANTS,
           f"{len(truth['plants'])} of {truth['tries']} stretches came out as planned")
    return truth, run


def lines_of(function):
    """(first, last) line of main.FUNCTION in the target's source."""
    path = os.path.join(lib.ROOT, "tests", "targets", "gc", "late.go")
    with open(path, encoding="utf-8") as source:
        lines = source.read().splitlines()
    first = next(i for i, line in enumerate(lines)
                 if line.startswith(f"func {function.partition('.')[2]}("))
    return first + 1, lines.index("}", first) + 1


def stop_of(plant, run):
    """The pause that a plant is about: the first one that was asked for."""
    reason = "GC sweep termination" if plant["gc"] else "read mem stats"
    found = [p for p in run.between(plant["asked_ns"], plant["answered_ns"])
             if p["reason"] == reason]
    equal(len(found), 1, f"pauses for {reason} while a stretch ran")
    return found[0]


def wrong(truth, plant, pause, how):
    """What is not as it was planted; "" if all is."""
    late = pause.get("late")
    if not late:
        return f"nobody is late, {pause['stopped_ns'] - pause['begin_ns']} ns until all stopped"
    if pauses.leaf(late) != truth["func"]:
        return f"late is {late.get('where')} ({late['how']})"
    line = late["where"].get("line", 0)
    first, last = lines_of(truth["func"])
    if not first <= line <= last:
        return f"line {line}, not within {first} to {last}"
    # A goroutine that can be preempted may have gone on in another thread meanwhile.
    if how == "ran" and late["thread"] != plant["thread"]:
        return f"thread {late['thread']}, not {plant['thread']}"
    return "" if late["how"] == how else f"late is how {late['how']}"


def check_named(truth, stops, how):
    """The stops in which the culprit is named, which are all but one of 20 at most."""
    good, problems = [], []
    for plant, pause in stops:
        problem = wrong(truth, plant, pause, how)
        if problem:
            problems.append(problem)
        else:
            good.append(pause)
    expect(len(good) >= SHARE * len(stops),
           f"{len(good)} of {len(stops)} named: {'; '.join(problems[:5])}")
    for pause in good:
        late = pause["late"]
        whole = pause["stopped_ns"] - pause["requested_ns"]
        expect(0.5e6 <= late["late_ns"] <= 1.05 * whole + 1e5, f"late by {late}, of {whole}")
        expect(late["how_ns"] <= late["late_ns"], f"how_ns of {late}")
    return good


def long_stops(truth, run):
    """Of goroutines that can be preempted, the stops that took long: the others had a CPU again."""
    stops = [(plant, stop_of(plant, run)) for plant in truth["plants"]]
    stops = [(plant, p) for plant, p in stops if p["stopped_ns"] - p["begin_ns"] >= 1_000_000]
    expect(len(stops) >= PLANTS, f"only {len(stops)} of {len(truth['plants'])} stops took 1 ms")
    return stops


def check_sites(truth, run, how):
    """The table of who was late has the function with its times."""
    sites = [site for site in run.all("late_site")
             if site["how"] == how and pauses.leaf(site) == truth["func"]]
    expect(sites, f"no late_site of {truth['func']}, {how}")
    count = sum(site["count"] for site in sites)
    mine = [p for p in run.pauses if (p.get("late") or {}).get("how") == how
            and pauses.leaf(p["late"]) == truth["func"]]
    equal(count, len(mine), "late by site, held against the pauses")
    equal(sum(site["ns"] for site in sites), sum(p["late"]["late_ns"] for p in mine),
          "time by site, held against the pauses")


def planted(kind, version, locked=""):
    """One goroutine in code that cannot be preempted, the other stops the world."""
    def test():
        with lib.workdir() as directory:
            truth, run = trace(lib.build("gc", version), [f"late {kind} {PLANTS} {locked}"],
                               directory)
        stops = [(plant, stop_of(plant, run)) for plant in truth["plants"]]
        good = check_named(truth, stops, "ran")
        check_sites(truth, run, "ran")
        for pause in good:
            late = pause["late"]
            expect(late["samples"] > 0, f"no sample: {late}")
            # Of 8,192 pages those after the first signal; and a stray one where none is planted.
            most = (1000, 9000) if kind == "faults" else (0, 100)
            expect(most[0] <= late["faults"] <= most[1], f"page faults: {late}")
    return test


@contextlib.contextmanager
def spinners(cpu, count):
    """Processes that compete for a CPU with the target, on a par with it."""
    children = [lib.start([*pauses.FIRST, sys.executable, "-c", "while True: pass"])
                for _ in range(count)]
    for child in children:
        os.sched_setaffinity(child.pid, {cpu})
    try:
        yield
    finally:
        for child in children:
            child.kill()
            child.wait()


def two_cpus():
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        raise lib.Skip("one CPU only")
    return cpus[:2]


def waited(version):
    """A thread that holds a P has to share its CPU; who stops the world has another."""
    def test():
        free, busy = two_cpus()
        with lib.workdir() as directory, spinners(busy, 3):
            truth, run = trace(lib.build("gc", version),
                               [f"pin {busy} {free}", f"late waited {MANY}"], directory)
        check_named(truth, long_stops(truth, run), "waited")
        check_sites(truth, run, "waited")
    return test


def tests():
    for version in VERSIONS:
        for kind in ("nosplit", "memmove", "faults"):
            yield f"{kind}.{version}", planted(kind, version)
        yield f"waited.{version}", waited(version)


def test_one_cpu():
    """The whole program shares one CPU with others.

    The culprit waits for it, and when it has stopped, so may the thread that stops the world: one
    of the two is named, whichever came last. How many stops take long is up to the scheduler, so
    there are many.
    """
    _, busy = two_cpus()
    with lib.workdir() as directory, spinners(busy, 2):
        truth, run = trace(lib.build("gc"), [f"late waited {4 * MANY}"], directory, cpu=busy)
    stops = long_stops(truth, run)
    problems = []
    for plant, pause in stops:
        if (pause.get("late") or {}).get("how") != "woken":
            problems.append(wrong(truth, plant, pause, "waited"))
    problems = [problem for problem in problems if problem]
    expect(len(problems) <= (1 - SHARE) * len(stops),
           f"{len(problems)} of {len(stops)} not named: {'; '.join(problems[:5])}")


def test_locked():
    """A goroutine that is tied to its thread stops in another way: it hands its P on."""
    planted("nosplit", lib.DEFAULT_GO, "locked")()


def test_threshold():
    """Who is late by less than is asked for is not told of."""
    with lib.workdir() as directory:
        _, run = trace(lib.build("gc"), [f"late nosplit {PLANTS}"], directory,
                       options=("-e", "gc", "--longer=1h"))
    expect(run.pauses, "no pauses")
    equal([p["late"] for p in run.pauses if p.get("late")], [], "late threads")
    equal(run.all("late_site"), [], "sites of late threads")
