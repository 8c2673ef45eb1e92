# SPDX-License-Identifier: GPL-2.0
"""Stop-the-world pauses and delays by the collector, held against the runtime's own figures.

GOTRACE_GO names the versions of Go, by default those between which the way the runtime stops the
world differs; GOTRACE_RUNS the runs of each.
"""
import math
import os

import pauses
import lib
from lib import equal, expect

VERSIONS = os.environ.get("GOTRACE_GO", "1.19 1.21 1.22 1.23 1.24 1.27").split()
RUNS = int(os.environ.get("GOTRACE_RUNS", "1"))
ALL_GROUPS = ("-e", "alloc,stack,gc")
HEAVY, LIGHT = 3, 1


def run_pauses(version, mode="plain", options=("-e", "gc"), env=None):
    """All ways in which a pause comes about, in one run."""
    target = pauses.Target(lib.build("gc", version, mode))
    with lib.workdir() as directory:
        tracer = pauses.Tracer(target.pid, directory, options, env)
        heap, forced = target.ask("heap 300"), target.ask("forced 37")
        time, reasons = target.ask("time 5"), target.ask("reasons 23")
        run = tracer.stop()
    target.finish()
    pauses.check_complete(run)
    pauses.check_times(run)
    pauses.check_summary(run)
    pauses.check_phase(version, heap, run, "heap")
    pauses.check_forced(forced, run, pauses.check_phase(version, forced, run, "cycle"))
    pauses.check_phase(version, time, run, "time")
    pauses.check_reasons(version, reasons, run)


def repeated(body, *arguments):
    def test():
        for number in range(RUNS):
            try:
                body(*arguments)
            except lib.Failed as why:
                raise lib.Failed(f"run {number + 1} of {RUNS}: {why}") from why
    test.timeout = 300 + 60 * RUNS
    return test


def check_assist_time(version, truth, run, gctrace, waited):
    """Time spent in assists, by gotrace and by the runtime.

    A probe that is hit is where a thread may lose its CPU, which the nanotime behind it does not
    see: what the target has waited for CPUs may be in gotrace's figure.
    """
    found = sum(line["work_ns"] for line in run.delays("assist"))
    least = most = truth["assist_ns"]
    if least < 0:
        least, most = pauses.gctrace_assist(gctrace, truth["first_cycle"], len(truth["pause_ns"]))
    expect(least > 20e6, f"only {least} ns of assists: the test shows nothing")
    expect(0.95 * least <= found <= 1.05 * most + waited,
           f"{found} ns of assists, the runtime of {version} has {least} to {most}; "
           f"{waited} ns without a CPU")
    for line in run.delays("assist"):
        expect(line["work_ns"] <= line["ns"] and line["max_ns"] <= line["ns"], f"times of {line}")


def check_assist_share(run):
    """The two sites' shares of assists are those of their objects.

    How often: within four standard deviations of a sample of so many. Time: within 10 points, since
    a few assists take a hundred times as long as the others, whoever pays.
    """
    sites = {"main.heavySite": [0, 0], "main.lightSite": [0, 0]}
    for line in run.delays("assist"):
        name = pauses.leaf(line)
        if name in sites:
            sites[name][0] += line["count"]
            sites[name][1] += line["work_ns"]
    (heavy, heavy_ns), (light, light_ns) = sites.values()
    count = heavy + light
    expect(count > 200, f"only {count} assists at the two sites: {sites}")
    wanted = HEAVY / (HEAVY + LIGHT)
    slack = 4 * math.sqrt(wanted * (1 - wanted) / count)
    expect(abs(heavy / count - wanted) <= slack,
           f"{heavy} of {count} assists at the heavy site, expected {wanted} +- {slack:.3f}")
    share = heavy_ns / (heavy_ns + light_ns)
    expect(abs(share - wanted) <= 0.1, f"{share:.3f} of the time at the heavy site")


def run_assists(version):
    """Assists by their sites, while nothing else allocates much."""
    target = pauses.Target(lib.build("gc", version), env={"GODEBUG": "gctrace=1"})
    target.ask("forest")
    with lib.workdir() as directory:
        tracer = pauses.Tracer(target.pid, directory)
        waited = -target.waited()
        truth = target.ask(f"assist 1000 {HEAVY} {LIGHT}")
        waited += target.waited()
        run = tracer.stop()
    gctrace = target.finish()
    pauses.check_complete(run)
    pauses.check_phase(version, truth, run, "heap")
    check_assist_time(version, truth, run, gctrace, waited)
    check_assist_share(run)


def tests():
    for version in VERSIONS:
        yield f"pauses.{version}", repeated(run_pauses, version)
        yield f"assists.{version}", repeated(run_assists, version)


def test_stripped():
    """A position-independent program without symbols: the phases that need none."""
    target = pauses.Target(lib.build("gc", "1.24", "pie-stripped"))
    with lib.workdir() as directory:
        tracer = pauses.Tracer(target.pid, directory)
        forced = target.ask("forced 37")
        run = tracer.stop()
    target.finish()
    pauses.check_complete(run)
    pauses.check_forced(forced, run, pauses.check_phase("1.24", forced, run, "cycle"))


def test_all_groups():
    """Allocations and stack copies traced beside: no pause is less exact for that."""
    run_pauses("1.24", options=ALL_GROUPS)


def test_single_uprobes():
    """The way that older kernels need."""
    run_pauses("1.24", env={"GOTRACE_TEST_NO_UPROBE_MULTI": "1"})


def test_no_ring():
    """A kernel without the ring buffer of the events has all else."""
    target = pauses.Target(lib.build("gc", "1.24"))
    environment = {"GOTRACE_TEST_NO_RING": "1"}
    code, _, err = lib.gotrace("-p", target.pid, "-d", "200ms", "-a", "exact", env=environment)
    equal(code, 0, f"exit code ({err.strip()})")
    expect("warning: the collector of pid" in err and "no BPF ring buffer" in err, err)
    expect("): alloc exact, stack; " in err, f"start line: {err}")
    code, _, err = lib.gotrace("-p", target.pid, "-e", "gc", "-d", "200ms", env=environment)
    equal(code, 4, f"exit code of -e gc ({err.strip()})")
    target.finish()


def test_no_gc_group():
    """Without the group there are no pauses, and the file says nothing of them."""
    target = pauses.Target(lib.build("gc", "1.24"))
    with lib.workdir() as directory:
        tracer = pauses.Tracer(target.pid, directory, ("-e", "stack"))
        target.ask("forced 11")
        run = tracer.stop()
    target.finish()
    for kind in ("pause", "pause_site", "late_site", "delay"):
        equal(run.all(kind), [], f"lines of kind {kind}")
