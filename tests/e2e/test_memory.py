# SPDX-License-Identifier: GPL-2.0
"""gotrace's own memory, with a target of very many call stacks."""
import os
import re
import subprocess

import lib
import pprof
from lib import equal, expect

MIB = 1 << 20

# Room for a stack each, as no kernel gives by default: what --memlimit is for.
ROOM = {"GOTRACE_TEST_MAX_STACKS": "300000", "GOTRACE_TEST_MAX_ALLOCS": "300000"}


class Paths:
    """tests/targets/paths."""

    def __init__(self, paths):
        self.child = lib.start([lib.build("paths"), "-n", str(paths)], bufsize=0,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               env=dict(os.environ, GOGC="off"))
        self.lines = lib.Lines(self.child.stdout)
        self.pid = int(self.lines.read().split()[1])

    def walk(self):
        """(objects, bytes) that it allocated, by its own MemStats."""
        self.child.stdin.write(b"g")
        return tuple(map(int, self.lines.read(120).split()))


def highest(pid):
    """The most that was resident so far, in bytes; None of a process that has gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            found = re.search(r"VmHWM:\s+(\d+) kB", status.read())
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(found.group(1)) * 1024 if found else None


def trace(paths, *options, rounds=1, env=None):
    """(truth, profile, gotrace, most resident bytes) of walks that are traced."""
    target = Paths(paths)
    with lib.workdir() as directory:
        out = os.path.join(directory, "o.pb.gz")
        tracer = lib.Gotrace("-p", target.pid, "-e", "alloc", "-a", "exact", "--stats", "-o", out,
                             "-i", "1s", *options, env=env).wait_attached()
        walks = [target.walk() for _ in range(rounds)]
        expect(highest(tracer.pid) is not None, "gotrace has gone")
        tracer.stop()
        resident = re.search(r"(\d+) KiB resident at most", tracer.err)
        expect(resident, f"no resident memory in {tracer.err}")
        profile = pprof.Profile(out)
    truth = tuple(sum(walk[i] for walk in walks) for i in range(2))
    return truth, profile, tracer, int(resident.group(1)) * 1024


def check_whole(truth, profile, tracer):
    """Nothing is missing: all rows together are what the target allocated."""
    equal(tracer.count("lost"), 0, "lost")
    equal(tracer.count("seen"), truth[0], "seen")
    equal(profile.total(), truth, "objects and bytes of all rows")


def other(profile):
    return sum(s.objects for s in profile.samples if s.frames[0][0] == "gotrace.other")


def test_default():
    """200,000 stacks: the kernel's tables keep the beginnings; gotrace is far from its limit."""
    truth, profile, tracer, resident = trace(200000)
    check_whole(truth, profile, tracer)
    equal(other(profile), 0, "objects folded")
    expect(resident < 256 * MIB, f"{resident} bytes resident")


def test_folded():
    """With a row for each stack in the kernel gotrace folds, within its limit, and is whole."""
    for limit in (32, 64):
        option = f"--memlimit={limit}M"
        truth, profile, tracer, resident = trace(200000, option, rounds=2, env=ROOM)
        check_whole(truth, profile, tracer)
        expect(other(profile) > truth[0] / 2, f"only {other(profile)} of {truth[0]} folded")
        expect(resident < limit * MIB, f"{resident} bytes resident, limit {limit} MiB")
        expect(f"{option} was reached" in tracer.err, f"end block: {tracer.err}")


def test_few_stacks():
    """An ordinary target takes 32 MiB at most."""
    truth, profile, tracer, resident = trace(100)
    check_whole(truth, profile, tracer)
    expect(resident < 32 * MIB, f"{resident} bytes resident")


def test_sizes():
    target = Paths(1)
    for size in ("", "x", "-1", "64X", "64MM", "31M", "0", "1K", "99999999999999999999G", "M"):
        code, _, err = lib.gotrace("-p", target.pid, f"--memlimit={size}")
        equal(code, 2, f"exit code of --memlimit={size} ({err.strip()})")
    for size in ("32M", "33554432", "33554432B", "32768K", "1G", "64m"):
        code, _, err = lib.gotrace("-p", target.pid, f"--memlimit={size}", "--dry-run")
        equal(code, 0, f"exit code of --memlimit={size} ({err.strip()})")
