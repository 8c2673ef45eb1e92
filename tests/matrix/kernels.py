#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The part of kernels.sh that runs on the host: builds targets, compares what the guests found.

usage: kernels.py build VERSION... | compare DIRECTORY
"""
import json
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "e2e"))

import exact  # noqa: E402
import lib  # noqa: E402
import pauses  # noqa: E402
import pprof  # noqa: E402
from lib import equal, expect  # noqa: E402

EXIT_KERNEL = 4
TIMES = r"\d+ probes? attached in [\d.]+ ms, detached in \d+ ms"


def read(*path):
    with open(os.path.join(*path), encoding="utf-8", errors="replace") as stream:
        return stream.read().strip()


class Tracer:
    """What is left of a gotrace that ran elsewhere."""

    count = lib.Gotrace.count

    def __init__(self, directory):
        self.err = read(directory, "stderr")


def check_trace(directory):
    """One traced run; what to say of it."""
    tracer = Tracer(directory)
    if os.path.exists(os.path.join(directory, "problem")):
        raise lib.Failed(f"{read(directory, 'problem')}: {tracer.err}")
    equal(read(directory, "code"), "0", "exit code of gotrace")
    truth = json.loads(read(directory, "truth.json"))
    profile = pprof.Profile(os.path.join(directory, "out.pb.gz"))
    exact.check_totals(truth, profile, tracer, quiet=True)
    exact.check_sites(truth, profile, quiet=True)
    with open(os.path.join(directory, "out.folded"), encoding="utf-8") as stream:
        equal(sum(int(line.rsplit(" ", 1)[1]) for line in stream), profile.total()[1],
              "sum of the folded file")
    expect(str(profile.total()[0]) in read(directory, "out.txt").replace(",", ""),
           "the text report has another number of objects")
    check_left(directory)
    times = re.search(TIMES, tracer.err)
    way = re.search(r"by (uprobe_multi|perf events)", tracer.err)
    return f"{profile.total()[0]} objects, {profile.total()[1]} bytes; " \
           f"{times.group()} by {way.group(1)}"


def check_left(directory):
    """Neither breakpoints nor processes."""
    verdict = read(directory, "text")
    expect(re.fullmatch(r"same [1-9]\d{5,}", verdict), f"text of target and file: {verdict}")
    equal(read(directory, "left"), "", "processes left behind")


def check_collector(directory):
    """Cycles, pause by pause, as the runtime recorded them."""
    said = read(directory, "stderr")
    expect(not os.path.exists(os.path.join(directory, "problem")), f"it failed: {said}")
    equal(read(directory, "code"), "0", f"exit code of gotrace ({said})")
    version = os.path.basename(directory)[len("gc-"):]
    truth = json.loads(read(directory, "truth.json"))
    run = pauses.Run(os.path.join(directory, "out.json"))
    pauses.check_complete(run)
    found = pauses.check_phase(version, truth, run, "cycle")
    check_left(directory)
    return f"{len(found)} pauses of {len(truth['pause_ns'])} cycles; " \
           f"{re.search(TIMES, said).group()}"


def check_load(directory):
    """Runs on a target at full speed."""
    said = read(directory, "stderr")
    expect(not os.path.exists(os.path.join(directory, "code")), f"gotrace failed: {said}")
    check_left(directory)
    echo, answer, _, wrong = map(int, read(directory, "answer").split())
    equal((answer, wrong), (74 * echo + 1332 + 16206, 0), "the target's answer and its errors")
    seen = re.findall(r"seen (\d+) allocations, lost (\d+)", said)
    expect(all(int(count) for count, _ in seen), "a run that saw nothing")
    return f"seen, lost {seen}; {', '.join(re.findall(TIMES, said))}"


def check_refused(directory):
    """A run that must fail, with the reason."""
    said = read(directory, "stderr")
    equal(read(directory, "code"), str(EXIT_KERNEL), f"exit code ({said})")
    return said.splitlines()[-1]


def compare(results):
    kernel = read(results, "kernel")
    failed = 0
    for case in sorted(os.listdir(results)):
        directory = os.path.join(results, case)
        if not os.path.isdir(directory):
            continue
        checks = {"refused": check_refused, "load": check_load, "gc": check_collector}
        check = checks.get(case.split("-")[0], check_trace)
        try:
            print(f"ok kernel {kernel} {case}: {check(directory)}")
        except (lib.Failed, OSError, ValueError, EOFError) as problem:
            print(f"FAIL kernel {kernel} {case}: {problem}")
            failed += 1
    return failed


def main():
    if sys.argv[1] == "build":
        for version in sys.argv[2:]:
            lib.build("truth", version)
            lib.build("gc", version)
        return 0
    return 1 if compare(sys.argv[2]) else 0


sys.exit(main())
