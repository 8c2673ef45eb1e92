# SPDX-License-Identifier: GPL-2.0
"""Copies of goroutine stacks, held against a target that counts the moves of its own stacks."""
import json
import os
import re
import subprocess

import lib
from lib import equal, expect

# The collector's own goroutines and the main one grow a few stacks of their own.
OTHERS = 20


class Grow:
    """tests/targets/grow."""

    def __init__(self, path, count=1000, depth=100):
        self.child = lib.start([path, "-n", str(count), "-depth", str(depth)], bufsize=0,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               env=dict(os.environ, GOGC="off"))
        self.lines = lib.Lines(self.child.stdout)
        self.pid = int(self.lines.read().split()[1])

    def go(self):
        """Lets it run; what it says of itself."""
        self.child.stdin.write(b"g")
        return json.loads(self.lines.read(60))


def grow(version=lib.DEFAULT_GO, mode="plain"):
    return Grow(lib.build("grow", version, mode))


def growths(err):
    """(seen, lost, unmatched) as the end block has them."""
    seen, lost = re.search(r"seen (\d+) growths, lost (\d+)", err).groups()
    unmatched = re.search(r"(\d+) begins of stack copies without an end", err)
    return int(seen), int(lost), int(unmatched.group(1)) if unmatched else 0


def check(target, *options, events="stack", env=None):
    tracer = lib.Gotrace("-p", target.pid, "-e", events, "-a", "exact", *options,
                         env=env).wait_attached()
    truth = target.go()
    tracer.stop()
    seen, lost, unmatched = growths(tracer.err)
    # From 2 KiB to 32 KiB; halved by each of two collections; back to 32 KiB.
    equal([truth[key] for key in ("first", "shrunk", "regrown")],
          [n * truth["goroutines"] for n in (4, 2, 2)], "moves by the target's own account")
    moves = 8 * truth["goroutines"]
    expect(moves <= seen <= moves + OTHERS, f"{seen} copies seen, {moves} made")
    equal(unmatched, 0, "begins without an end")
    return lost, tracer.err


def test_versions():
    for version in ("1.18", "1.19", "1.21", "1.24", "1.27"):
        equal(check(grow(version))[0], 0, f"lost with Go {version}")


def test_position_independent():
    equal(check(grow(mode="pie-stripped"))[0], 0, "lost")


def test_beside_allocations():
    lost, err = check(grow(), events="stack,alloc")
    equal(lost, 0, "lost")
    expect("alloc exact, stack; " in err, f"start line: {err}")
    expect(re.search(r"seen \d+ allocations, lost 0", err), f"end block: {err}")


def test_single_uprobes():
    equal(check(grow(), env={"GOTRACE_TEST_NO_UPROBE_MULTI": "1"})[0], 0, "lost")


def test_tables_too_small():
    """What does not fit is counted as lost, by cause; of stacks the first frames fit for long."""
    for variable, cause, least in (("GOTRACE_TEST_MAX_STACKS", "table of stacks full", 1),
                                   ("GOTRACE_TEST_MAX_GROWTHS", "table of call sites full", 1000),
                                   ("GOTRACE_TEST_ID_MASK", "two stacks with one id", 1000)):
        lost, err = check(grow(), env={variable: "1", "GOTRACE_TEST_MAX_SHORTS": "1"})
        expect(lost >= least, f"{lost} lost with {variable}=1")
        expect(re.search(rf"lost \d+ \(\d+ bytes\): {cause}", err), f"no cause: {err}")


def test_events():
    """-e and -a say what is traced."""
    target = grow()
    for options, wanted in ((("-e", "alloc", "-a", "exact"), "alloc exact"),
                            (("-e", "stack"), "stack"),
                            (("-e", "gc"), "gc"), (("-a", "off"), "stack, gc"),
                            (("-a", "exact"), "alloc exact, stack, gc"),
                            (("-a", "sample"), "alloc sample, stack, gc"),
                            (("-e", "stack,alloc", "-a", "off"), "stack")):
        code, _, err = lib.gotrace("-p", target.pid, "-d", "200ms", *options)
        equal(code, 0, f"exit code of {options} ({err.strip()})")
        expect(f"): {wanted}; " in err, f"start line of {options}: {err}")
        for word, group in (("(allocations|samples)", "alloc"), ("growths", "stack")):
            equal(bool(re.search(rf"seen \d+ {word}, lost 0", err)), group in wanted,
                  f"line of {group} with {options}")
    for options in (("-e", "alloc", "-a", "off"), ("-e", "alloc,x"), ("-e", ""), ("-e", ",")):
        code, _, err = lib.gotrace("-p", target.pid, *options)
        equal(code, 2, f"exit code of {options} ({err.strip()})")


def test_inspect():
    code, out, err = lib.gotrace("inspect", lib.build("grow"))
    equal(code, 0, f"exit code ({err.strip()})")
    stack = out.split("probes of -e stack:")[1]
    equal(len(re.findall(r"runtime\.copystack +\+0x[0-9a-f]+ +offset 0x[0-9a-f]+", stack)), 2,
          f"probes on copystack in {out}")


def without(function, directory):
    """A copy of the target whose function table has no such function."""
    path = os.path.join(directory, "without")
    with open(lib.build("grow", "1.19"), "rb") as stream:
        image = stream.read()
    name = b"\0runtime." + function.encode() + b"\0"
    expect(name in image, f"no {function} in the target's table")
    with open(path, "wb") as stream:
        stream.write(image.replace(name, name.replace(b"runtime.", b"runtimE.")))
    os.chmod(path, 0o755)
    return path


def test_group_missing():
    """A group that cannot be traced is left out, with a warning; with none left: exit code 3."""
    for function, what, event, left in (
            ("copystack", "stack growth", "stack", "alloc exact, gc"),
            ("mallocgc", "allocations", "alloc", "stack, gc"),
            ("stopTheWorldWithSema", "the collector", "gc", "alloc exact, stack")):
        with lib.workdir() as directory:
            target = Grow(path=without(function, directory))
            code, _, err = lib.gotrace("-p", target.pid, "-a", "exact", "-d", "200ms")
            equal(code, 0, f"exit code ({err.strip()})")
            expect(f"warning: {what} of pid {target.pid} cannot be traced: " in err, err)
            expect(f"): {left}; " in err, f"start line: {err}")
            code, _, err = lib.gotrace("-p", target.pid, "-a", "exact", "-e", event)
            equal(code, 3, f"exit code of -e {event} ({err.strip()})")
            expect(f"runtime.{function} is missing" in err, f"message: {err}")
            code, out, _ = lib.gotrace("inspect", target.pid)
            equal(code, 0, "exit code of inspect")
            expect(f"{what} cannot be traced: " in out, f"inspect: {out}")
