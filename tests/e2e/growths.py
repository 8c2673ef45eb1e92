# SPDX-License-Identifier: GPL-2.0
"""One run of the stacks target under gotrace -e stack, and their comparison copy by copy."""
import os
import re

import lib
import pprof
from lib import equal, expect

SAMPLE_TYPES = [("growths", "count"), ("stack_space", "bytes"), ("copied", "bytes")]
# Frames that gotrace walks, and how many of a longer stack are compared.
MAX_FRAMES, COMPARED = 127, 100
TRUNCATED = "gotrace.truncated"


class Copies:
    """Copies that have everything in common: how many, and bytes copied."""

    def __init__(self, count=0, copied=0):
        self.count, self.copied = count, copied

    def add(self, count, copied):
        self.count += count
        self.copied += copied


def trace(path, directory, options=("-e", "stack"), env=None):
    """(truth, profile, gotrace) of one run."""
    target = lib.Truth(path)
    output = os.path.join(directory, "growths.pb.gz")
    metric = () if "-m" in options else ("-m", "growths")
    tracer = lib.Gotrace("-p", target.pid, "-a", "exact", *options, *metric, "-o", output, env=env)
    tracer.wait_attached()
    target.go()
    tracer.stop()
    truth = target.finish()
    check_truth(truth)
    return truth, pprof.Profile(output), tracer


def check_truth(truth):
    """The target's stacks changed where it looked, by the runtime's rule, and it adds up right."""
    for what in ("strange", "against", "wrong"):
        equal(truth[what], 0, f"'{what}' of the target")
    expect(truth["sites"], "the target knows of no growth")


def comparable(frames):
    """A stack as it is compared. A function grows in its prologue: its line says nothing."""
    frames = [tuple(frame) for frame in frames]
    frames[0] = (frames[0][0], frames[0][1], 0)
    if len(frames) > MAX_FRAMES or frames[-1][0] == TRUNCATED:
        frames = frames[:COMPARED] + [(TRUNCATED, "", 0)]
    return tuple(frames)


def wanted_copies(truth):
    """Growths by (kind, from, to, start, stack) as the target knows them."""
    out = {}
    for site in truth["sites"]:
        if site["kind"] != "shrink":
            key = (site["kind"], site["from"], site["to"], site["start"],
                   comparable(site["stack"]))
            out.setdefault(key, Copies()).add(site["count"], site["copied"])
    return out


def known_start(truth, sample):
    """Is it a goroutine of whose growths the target knows each one?

    These all begin in functions of its own; the main goroutine begins in the runtime's.
    """
    start = sample.labels.get("start", "")
    return start.startswith("main.") and start != truth["inexact"]["start"]


def found_copies(truth, profile):
    """The same as gotrace has it, of the goroutines that the target knows about."""
    out = {}
    for sample in profile.samples:
        if known_start(truth, sample):
            labels = sample.labels
            key = (labels.get("kind"), labels.get("from"), labels.get("to"), labels.get("start"),
                   comparable(sample.frames))
            out.setdefault(key, Copies()).add(sample.values[0], sample.values[2])
    return out


def tell(key):
    """A copy for a message."""
    kind, before, after, start, frames = key
    names = " < ".join(f"{frame[0]}:{frame[2]}" for frame in frames[:6])
    return f"{kind} {before}->{after} of {start or '?'}: {names}"


def steps(copies):
    """Counts by kind and sizes."""
    out = {}
    for (kind, before, after, _, _), one in copies.items():
        out[(kind, before, after)] = out.get((kind, before, after), 0) + one.count
    return out


def check_sites(truth, profile):
    """Every growth the target knows is there, as often, with its bytes, and no other."""
    wanted, found = wanted_copies(truth), found_copies(truth, profile)
    equal(steps(found), steps(wanted), "growths by kind and sizes")
    problems = [f"unexpected {found[key].count} x {tell(key)}" for key in found
                if key not in wanted]
    for key, want in wanted.items():
        got = found.get(key, Copies())
        if got.count != want.count:
            problems.append(f"{got.count} for {want.count} x {tell(key)}")
        elif want.copied and got.copied != want.copied:
            problems.append(f"{got.copied} bytes for {want.copied} copied by {tell(key)}")
    expect(not problems, f"{len(problems)} of {len(wanted)} sites: {'; '.join(problems[:6])}")


def check_inexact(truth, profile):
    """What grew somewhere in the library: the steps of each goroutine lead to its final size."""
    start = truth["inexact"]["start"]
    grown = sum(s.values[1] for s in profile.samples if s.labels.get("start") == start)
    equal(grown, truth["inexact"]["grown"], f"bytes that stacks of {start} grew by")


def check_values(profile):
    """stack_space is what a stack grew by, and what is copied was on the old one."""
    for sample in profile.samples:
        count, space, copied = sample.values
        before, after = sample.labels["from"], sample.labels["to"]
        equal(space, count * (after - before), f"stack_space of {sample.labels}")
        expect(0 < copied <= count * before, f"{copied} bytes copied of {sample.labels}")


def number(text, pattern, default=None):
    """The number in a text that a pattern finds."""
    found = re.findall(pattern, text)
    expect(found or default is not None, f"no {pattern!r} in: {text.strip()}")
    return int(found[0].replace(",", "")) if found else default


def ended(tracer):
    """(seen, lost) of the stack group, by the end block."""
    return (number(tracer.err, r"seen ([\d,]+) (?:growths|stack copies)"),
            number(tracer.err, r"seen [\d,]+ (?:growths|stack copies), lost ([\d,]+)"))


def shrinks(profile):
    """Copies by which the collector took room back: they are in no sample."""
    comments = "\n".join(profile.comments)
    return number(comments, r"shrunk by the collector: (\d+) stack copies", 0)


def unmatched(profile):
    """Begins without an end."""
    return number("\n".join(profile.comments), r"unmatched: (\d+) stack copies")


def check_complete(truth, profile, tracer):
    seen, lost = ended(tracer)
    equal(lost, 0, "lost growths")
    equal(unmatched(profile), 0, "begins without an end")
    equal([s.labels for s in profile.samples if s.frames[0][0] == "gotrace.lost"], [],
          "samples of gotrace.lost")
    equal(seen, sum(s.values[0] for s in profile.samples) + shrinks(profile), "seen copies")
    known = sum(s["count"] for s in truth["sites"] if s["kind"] == "shrink")
    expect(shrinks(profile) >= known, f"{shrinks(profile)} shrinks, the target has seen {known}")


def check(path, directory, options=("-e", "stack"), env=None):
    """One whole run."""
    truth, profile, tracer = trace(path, directory, options, env)
    equal(profile.sample_types, SAMPLE_TYPES, "sample types")
    check_complete(truth, profile, tracer)
    check_sites(truth, profile)
    check_inexact(truth, profile)
    check_values(profile)
    return truth, profile, tracer
