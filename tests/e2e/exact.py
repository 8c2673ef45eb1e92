# SPDX-License-Identifier: GPL-2.0
"""One run of the truth target under gotrace, and their comparison to the object and the byte."""
import os

import lib
import pprof
from lib import equal, expect

# Minor versions of Go where nothing can happen between the probe and the runtime's look at its
# block of tiny objects, so that their bytes are exact. In 1.20 to 1.23 mallocgc first calls
# deductAssistCredit: a goroutine that is to be preempted stops at its stack check and goes on with
# another P and another block. A GC assist does the same in all versions.
TINY_EXACT = (18, 19, 24, 25, 26, 27)
# Blocks of 16 bytes by which a run may be off elsewhere: without the collector, and with it.
TINY_SLACK, TINY_SLACK_GC = 64, 512


def tiny_slack(truth, quiet):
    """Bytes by which those of tiny objects may differ from TotalAlloc, in multiples of 16."""
    minor = int(truth["go"].split(".")[1])
    if not quiet:
        return 16 * TINY_SLACK_GC
    if "tiny" in truth:
        return 16 * truth["tiny"]
    return 0 if minor in TINY_EXACT else 16 * TINY_SLACK


def off_by(got, wanted, slack):
    """Is it wrong? Right is within the slack, by whole blocks."""
    return abs(got - wanted) > slack or (got - wanted) % 16


def trace_truth(path, directory, gogc="off", options=(), env=None):
    """(truth, profile, gotrace) of one run."""
    return trace(lib.Truth(path, gogc), directory, options, env)


def trace(target, directory, options=(), env=None):
    """The same of a target that waits already."""
    output = os.path.join(directory, "truth.pb.gz")
    tracer = lib.Gotrace("-p", target.pid, "-a", "exact", "-o", output, *options, env=env)
    tracer.wait_attached()
    target.go()
    tracer.stop()
    return target.finish(), pprof.Profile(output), tracer


def by_stack(profile):
    out = {}
    for sample in profile.samples:
        out.setdefault(sample.frames, []).append(sample)
    return out


def recorded(site):
    return tuple(tuple(frame) for frame in site["stack"])


def samples_of(site, stacks):
    """The samples that belong to a site, by the way its stack is to be compared."""
    wanted = recorded(site)
    if site["match"] == "tail":
        return [s for frames, found in stacks.items()
                if frames[-len(wanted):] == wanted for s in found]
    if site["match"] == "leaf":
        return [s for frames, found in stacks.items() if frames[0] == wanted[0] for s in found]
    return stacks.get(wanted, [])


def nearest(site, stacks):
    """What gotrace has instead of a stack that is missing, for the message."""
    wanted = recorded(site)
    best = max(stacks, key=lambda frames: len(set(frames) & set(wanted)), default=())
    for got, want in zip(best, wanted):
        if got != want:
            return f"nearest stack has {got} for {want}; {short(best)}"
    return f"nearest stack: {short(best)}"


def short(frames):
    return " < ".join(f"{f[0]}:{f[2]}" for f in frames[:12])


def is_tiny(site):
    return -1 <= site["size"] < 16


def site_problem(site, stacks, quiet, slack):
    """What is wrong with one site, or None. quiet: nothing but the sites allocates (no GC)."""
    found = samples_of(site, stacks)
    if not quiet:
        found = [s for s in found if s.labels.get("type") != "runtime.sudog"]
    objects, size = sum(s.objects for s in found), sum(s.bytes for s in found)
    if site["objects"] >= 0 and objects != site["objects"]:
        hint = "" if found else f"; {nearest(site, stacks)}"
        return f"{objects} objects, expected {site['objects']}{hint}"
    if quiet and not site["shared"]:
        allowed = slack if is_tiny(site) else 0
        if objects != site["mallocs"] or off_by(size, site["bytes"], allowed):
            return f"{objects} objects, {size} bytes; MemStats: {site['mallocs']}, {site['bytes']}"
    return label_problem(site, found)


def label_problem(site, found):
    types = {s.labels.get("type", "") for s in found}
    if site["name"].startswith("generic") and all(t.startswith("go.shape.") for t in types):
        types = {site["type"]}  # what new(T) of generic code passes on before Go 1.20
    if site["type"] is not None and found and types != {site["type"]}:
        return f"types {sorted(types)}, expected {site['type']!r}"
    vias = {s.labels.get("via", "") for s in found}
    if site["via"] and found and vias != {site["via"]}:
        return f"via {sorted(vias)}, expected {site['via']!r}"
    return None


def check_sites(truth, profile, quiet):
    stacks = by_stack(profile)
    slack = tiny_slack(truth, quiet)
    problems = [(site["name"], site_problem(site, stacks, quiet, slack)) for site in truth["sites"]]
    problems = [f"{name}: {problem}" for name, problem in problems if problem]
    what = f"{len(problems)} of {len(truth['sites'])} sites"
    expect(not problems, f"{what}: {'; '.join(problems[:8])}")


def check_totals(truth, profile, tracer, quiet):
    """Objects equal Mallocs, bytes equal TotalAlloc, nothing lost."""
    objects, _ = profile.total()
    equal(tracer.count("lost"), 0, "lost")
    equal(tracer.count("seen"), objects, "seen")
    equal(objects, truth["mallocs"], "objects, held against Mallocs")
    check_bytes(truth, profile, quiet)


def check_bytes(truth, profile, quiet):
    size = profile.total()[1]
    expect(not off_by(size, truth["bytes"], tiny_slack(truth, quiet)),
           f"{size} bytes, TotalAlloc {truth['bytes']}: off by {size - truth['bytes']}")


def check(path, directory, gogc="off", options=(), env=None, tiny=None):
    """One whole exactness run. Returns what was compared.

    tiny: blocks of tiny objects that may differ, where this build is looser than its version.
    """
    truth, profile, tracer = trace_truth(path, directory, gogc, options, env)
    quiet = gogc == "off"
    if tiny is not None:
        truth["tiny"] = tiny
    check_totals(truth, profile, tracer, quiet)
    check_sites(truth, profile, quiet)
    return truth, profile, tracer
