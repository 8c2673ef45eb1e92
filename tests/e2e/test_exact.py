# SPDX-License-Identifier: GPL-2.0
"""Exactness of one build: every object, byte, stack, type and way in, held against the target."""
import os

import exact
import lib
import pprof
from lib import equal, expect


def test_without_gc():
    with lib.workdir() as directory:
        exact.check(lib.build("truth"), directory)


def test_with_gc():
    with lib.workdir() as directory:
        truth, _, _ = exact.check(lib.build("truth"), directory, gogc="50")
        expect(truth["gcs"] > 3, "the collector hardly ran: the test shows nothing")


def test_with_runtime_frames():
    """The untrimmed stacks end with the trimmed ones and begin inside the allocator."""
    with lib.workdir() as directory:
        truth, profile, tracer = exact.trace_truth(lib.build("truth"), directory,
                                                   options=["--runtime-frames"])
        exact.check_totals(truth, profile, tracer, quiet=True)
        leaves = {s.frames[0][0] for s in profile.samples}
        expect(all(name.startswith("runtime.mallocgc") for name in leaves), f"leaves: {leaves}")
        direct = truth["sites"][0]
        found = exact.samples_of(dict(direct, match="tail"), exact.by_stack(profile))
        equal(sum(s.objects for s in found), direct["objects"], "objects of the first site")


def test_outputs_agree():
    """text, folded and pprof of one run tell the same totals."""
    with lib.workdir() as directory:
        folded, text = (os.path.join(directory, name) for name in ("out.folded", "out.txt"))
        _, profile, _ = exact.trace_truth(lib.build("truth"), directory,
                                          options=["-o", folded, "-o", text])
        objects, size = profile.total()
        with open(folded, encoding="utf-8") as stream:
            lines = [line.rsplit(" ", 1) for line in stream.read().splitlines()]
        equal(sum(int(value) for _, value in lines), size, "sum of the folded file")
        expect(any(stack.startswith("runtime.goexit;") for stack, _ in lines), "root comes first")
        with open(text, encoding="utf-8") as stream:
            report = stream.read()
        expect(str(objects) in report.replace(",", ""), f"no {objects} objects in the text report")


def test_folded_objects():
    with lib.workdir() as directory:
        folded = os.path.join(directory, "out.folded")
        _, profile, _ = exact.trace_truth(lib.build("truth"), directory,
                                          options=["-o", folded, "-m", "objects"])
        with open(folded, encoding="utf-8") as stream:
            total = sum(int(line.rsplit(" ", 1)[1]) for line in stream)
        equal(total, profile.total()[0], "sum of the folded file")


def test_pprof_form():
    """Sample types, period, labels, mapping and comments as documented."""
    with lib.workdir() as directory:
        _, profile, _ = exact.trace_truth(lib.build("truth"), directory)
        equal(profile.sample_types, [("alloc_objects", "count"), ("alloc_space", "bytes")],
              "sample types")
        equal(profile.period_type, ("space", "bytes"), "period type")
        equal(profile.default_type, "alloc_space", "default sample type")
        equal(profile.strings[0], "", "first string")
        expect(profile.mappings, "no mapping")
        expect(any("go1." in comment for comment in profile.comments), "no Go version in comments")
        for sample in profile.samples:
            expect(isinstance(sample.labels.get("bytes"), int), "sample without label 'bytes'")


def test_single_uprobes():
    """The way that older kernels need."""
    path = lib.build("truth")
    for gogc in ("off", "50"):
        with lib.workdir() as directory:
            exact.check(path, directory, gogc, env={"GOTRACE_TEST_NO_UPROBE_MULTI": "1"})


def test_not_alone():
    """The way of kernels that do not let programs disable preemption."""
    path = lib.build("truth")
    for gogc in ("off", "50"):
        with lib.workdir() as directory:
            exact.check(path, directory, gogc, env={"GOTRACE_TEST_NOT_ALONE": "1"})


def test_tables_too_small():
    """What does not fit is counted: seen = delivered + lost, and the totals stay exact."""
    path = lib.build("truth")
    for variable, value in (("GOTRACE_TEST_MAX_STACKS", "20"), ("GOTRACE_TEST_MAX_ALLOCS", "20"),
                            ("GOTRACE_TEST_ID_MASK", "0x1f")):
        with lib.workdir() as directory:
            env = {variable: value, "GOTRACE_TEST_MAX_SHORTS": "5"}
            truth, profile, tracer = exact.trace_truth(path, directory, env=env)
            lost = sum(s.objects for s in profile.samples if s.frames[0][0] == "gotrace.lost")
            expect(lost > 0, f"nothing lost with {variable}={value}")
            equal(tracer.count("lost"), lost, "lost in the end block, held against gotrace.lost")
            equal(tracer.count("seen"), profile.total()[0], "seen = delivered + lost")
            equal(profile.total()[0], truth["mallocs"], "objects, held against Mallocs")
            exact.check_bytes(truth, profile, quiet=True)


def test_stacks_too_many():
    """With no room for whole stacks their first frames are kept, and every call site with them."""
    with lib.workdir() as directory:
        truth, profile, tracer = exact.trace_truth(lib.build("truth"), directory,
                                                   env={"GOTRACE_TEST_MAX_STACKS": "1"})
    equal(tracer.count("lost"), 0, "lost")
    equal(profile.total()[0], truth["mallocs"], "objects, held against Mallocs")
    exact.check_bytes(truth, profile, quiet=True)
    expect("table of stacks is full" in tracer.err, f"end block: {tracer.err}")
    leaves = {}
    for sample in profile.samples:
        leaves[sample.frames[0]] = leaves.get(sample.frames[0], 0) + sample.objects
    known = {}
    for site in truth["sites"]:
        if site["objects"] > 0:
            leaf = tuple(site["stack"][0])
            known[leaf] = known.get(leaf, 0) + site["objects"]
    wrong = [(leaf, n, leaves.get(leaf)) for leaf, n in known.items() if leaves.get(leaf) != n]
    expect(not wrong, f"{len(wrong)} of {len(known)} sites: {wrong[:5]}")
    cut = [s for s in profile.samples if s.frames[-1][0] == "gotrace.truncated"]
    expect(cut, "no stack is marked as truncated")


def test_two_targets():
    """Several -p: each process has its own figures, exact, in its own files."""
    targets = [lib.Truth(lib.build("truth", version)) for version in ("1.19", "1.24")]
    with lib.workdir() as directory:
        name = os.path.join(directory, "%p.pb.gz")
        pids = [word for target in targets for word in ("-p", target.pid)]
        code, _, err = lib.gotrace(*pids, "-o", os.path.join(directory, "same.pb.gz"))
        equal(code, 2, f"exit code of two targets with one output ({err.strip()})")
        tracer = lib.Gotrace(*pids, "-a", "exact", "-o", name).wait_attached()
        lib.wait_until(lambda: tracer.started() == 2, 20, "two start lines")
        for target in targets:
            target.go()
        tracer.stop()
        for target in targets:
            truth = target.finish()
            profile = pprof.Profile(os.path.join(directory, f"{target.pid}.pb.gz"))
            equal(profile.total()[0], truth["mallocs"], "objects, held against Mallocs")
            exact.check_bytes(truth, profile, True)
            exact.check_sites(truth, profile, True)
