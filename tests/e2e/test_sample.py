# SPDX-License-Identifier: GPL-2.0
"""-a sample: totals against the target's own MemStats, shares of sites against its own counts."""
import json
import os
import subprocess

import lib
import pprof
from lib import equal, expect

VERSIONS = ("1.19", "1.24", "1.27")
WORKLOADS = ("periodic", "random", "bursty", "phases", "sizes", "gc")
# Points of 100 that a site's share may be off, and percent that totals may.
SHARE_OFF, TOTAL_OFF = 2, 1


class Run:
    """One run of the samples target under gotrace: what it knows, and the json lines."""

    def __init__(self, directory, workload, version=lib.DEFAULT_GO, megabytes=200, options=(),
                 env=None, path=None, gogc="100", between=0):
        self.json = os.path.join(directory, "out.jsonl")
        if workload == "gc":
            gogc = "15"
        command = [path or lib.build("samples", version), workload, str(megabytes),
                   str(between)]
        child = lib.start(command, bufsize=0,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          env=dict(os.environ, GOGC=gogc))
        lines = lib.Lines(child.stdout)
        pid = int(lines.read().split()[1])
        self.tracer = lib.Gotrace("-p", pid, "-e", "alloc", "-a", "sample", "-o", self.json,
                                  "--force", *options, env=env)
        self.tracer.wait_attached()
        child.stdin.write(b"g")
        equal(lines.read(120), "done", "what the target says")
        self.tracer.stop()
        child.stdin.write(b"e")
        self.truth = json.loads(lines.rest())
        with open(self.json, encoding="utf-8") as stream:
            self.lines = [json.loads(line) for line in stream]
        self.total = self.lines[-1]
        self.allocs = [line for line in self.lines if line["kind"] == "alloc"]

    def site(self, name):
        """(bytes, error) of the lines whose first frame is this function."""
        found = [line for line in self.allocs
                 if line["stack"][0]["func"].replace("(*worker).", "") == name]
        return (sum(line["bytes"] for line in found),
                sum(line.get("bytes_error", 0) ** 2 for line in found) ** 0.5)

    def check_totals(self):
        for what, got, wanted in (("bytes", self.total["alloc_bytes"], self.truth["bytes"]),
                                  ("objects", self.total["alloc_objects"], self.truth["mallocs"])):
            expect(abs(got - wanted) * 100 <= TOTAL_OFF * wanted,
                   f"{what}: {got}, the target has {wanted}")
        if not self.total.get("samples_lost"):
            equal(sum(line["bytes"] for line in self.allocs), self.total["alloc_bytes"],
                  "sum of all call sites")

    def check_shares(self):
        whole = sum(site["bytes"] for site in self.truth["sites"])
        for site in self.truth["sites"]:
            got = 100 * self.site(site["name"])[0] / self.total["alloc_bytes"]
            wanted = 100 * site["bytes"] / whole
            expect(abs(got - wanted) <= SHARE_OFF,
                   f"share of {site['name']}: {got:.2f} %, the target has {wanted:.2f} %")


def workload_test(version, workload):
    def test():
        with lib.workdir() as directory:
            run = Run(directory, workload, version)
            run.check_totals()
            run.check_shares()
            equal(run.total.get("samples_lost", 0), 0, "samples lost")
            if workload == "gc":
                expect(run.truth["gcs"] > 30, "the collector hardly ran: the test shows nothing")
    return test


def test_in_step():
    """Sites that take turns in step with the spans: samples alone would be wrong for ever.

    It takes some seconds, and a collector that does not get in between, until checks have shown it.
    """
    with lib.workdir() as directory:
        for workload in ("locked", "even", "lockstep"):
            run = Run(directory, workload, megabytes=200, between=2000, gogc="2000")
            run.check_totals()
            run.check_shares()
            expect(run.total["checks"] >= 4, f"only {run.total['checks']} checks")


def test_interval_holds():
    """The true figure lies within the stated error in 19 of 20 cases; here 4 of 5 must do."""
    held = cases = 0
    with lib.workdir() as directory:
        for _ in range(8):
            run = Run(directory, "random", megabytes=40)
            for site in run.truth["sites"]:
                size, error = run.site(site["name"])
                expect(0 < error < size / 4, f"{site['name']}: {size} bytes +- {error}")
                held += abs(size - site["bytes"]) <= error
                cases += 1
    expect(cases == 24 and held * 5 >= cases * 4, f"{held} of {cases} intervals hold")


def test_formats():
    """What is estimated is marked in each of them, and they tell the same total."""
    with lib.workdir() as directory:
        text, folded, profile = (os.path.join(directory, name)
                                 for name in ("out.txt", "out.folded", "out.pb.gz"))
        run = Run(directory, "sizes", options=["-o", text, "-o", folded, "-o", profile])
        with open(folded, encoding="utf-8") as stream:
            equal(sum(int(line.rsplit(" ", 1)[1]) for line in stream), run.total["alloc_bytes"],
                  "sum of the folded file")
        equal(pprof.Profile(profile).total(),
              (run.total["alloc_objects"], run.total["alloc_bytes"]), "totals of pprof")
        expect("mode: sample" in lib.go_tool_pprof("-comments", profile), "pprof tells the mode")
        expect("estimated from samples" in lib.go_tool_pprof("-comments", profile),
               "pprof says that it is an estimate")
        with open(text, encoding="utf-8") as stream:
            lines = stream.read().splitlines()
        expect(any("+-%" in line for line in lines), "the text has a column of errors")
        rows = [line for line in lines if line.endswith("main.(*worker).allocA main.go:71") or
                "allocString" in line and "%" not in line]
        expect(rows and all(line.lstrip().startswith(("~", "main")) for line in rows), str(rows))
        huge = [line for line in run.allocs if line["stack"][0]["func"].endswith("allocHuge") and
                line["type"].startswith("~over 32 KiB")]
        expect(huge and not any("estimated" in line for line in huge),
               f"large objects are exact: {huge}")
        expect("estimates from samples" in run.tracer.err, "stderr says it of the folded file")
        equal(run.total["estimated"], True, "the total is an estimate")


def test_table_full():
    """What has no room in the table is lost, is told, and is nobody else's."""
    with lib.workdir() as directory:
        folded = os.path.join(directory, "out.folded")
        run = Run(directory, "sizes", options=["-o", folded],
                  env={"GOTRACE_TEST_MAX_SAMPLES": "3"})
        run.check_totals()
        expect("table of samples full" in run.tracer.err, run.tracer.err)
        expect(run.total["samples_lost"] > 0, "nothing was lost: the test shows nothing")
        with open(folded, encoding="utf-8") as stream:
            figures = dict(line.rsplit(" ", 1) for line in stream)
        lost = int(figures.get("gotrace.lost", 0))
        equal(sum(line["bytes"] for line in run.allocs) + lost, run.total["alloc_bytes"],
              "sum of call sites and losses")
        for site in run.truth["sites"]:
            expect(run.site(site["name"])[0] <= 1.05 * site["bytes"],
                   f"{site['name']} is charged with what is lost")


def test_inspect():
    """Names the two probes, and where the runtime's own totals are."""
    for version in VERSIONS:
        for mode in ("plain", "pie-stripped"):
            _, out, _ = lib.run([lib.GOTRACE, "inspect", lib.build("samples", version, mode)])
            part = out.split("probes of -e alloc -a sample:")[1].split("probes of")[0]
            for word in ("(*mcache).refill", "(*mcache).allocLarge", "the runtime's own, at 0x"):
                expect(word in part, f"{version} {mode}: no '{word}' in: {part}")


def refused(path):
    """What -a sample says of a program that it cannot sample."""
    child = lib.start([path, "random", "1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    pid = int(lib.Lines(child.stdout).read().split()[1])
    try:
        return lib.gotrace("-p", pid, "-e", "alloc", "-a", "sample", "-d", "1")
    finally:
        child.kill()


def test_pgo():
    """A profile-guided build that has dissolved refill into nextFree."""
    with lib.workdir() as directory:
        profile = os.path.join(directory, "cpu.pprof")
        code, _, err = lib.run([lib.build("hot", "1.27"), profile, "4"])
        equal((code, err), (0, ""), "profiled run")
        path = lib.build("samples", "1.27", "pgo", [f"-pgo={profile}"])
        _, plan, _ = lib.run([lib.GOTRACE, "inspect", path])
        if "samples would be missed" in plan:
            code, _, err = refused(path)
            equal(code, 3, f"exit code ({err.strip()})")
            raise lib.Skip("refused: with this profile the compiler has dissolved nextFree too")
        for workload in ("random", "gc"):
            run = Run(directory, workload, path=path)
            run.check_totals()
            run.check_shares()
        if "(*mcache).nextFree" not in plan:
            raise lib.Skip("all is right, but with this profile the compiler has kept refill")


def tests():
    for version in VERSIONS:
        for workload in WORKLOADS:
            yield f"{version}_{workload}", workload_test(version, workload)
