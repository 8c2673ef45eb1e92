# SPDX-License-Identifier: GPL-2.0
"""Exactness over Go versions and ways to build.

GOTRACE_GO names the versions (default 1.19, 1.24, 1.27: the three shapes of the allocator's probe
sites), GOTRACE_RUNS the runs of each build (default 1; every second one with the collector on).
"""
import os

import exact
import lib

VERSIONS = os.environ.get("GOTRACE_GO", "1.19 1.24 1.27").split()
RUNS = int(os.environ.get("GOTRACE_RUNS", "1"))


def matrix_test(version, mode):
    def test():
        path = lib.build("truth", version, mode)
        for number in range(RUNS):
            with lib.workdir() as directory:
                try:
                    exact.check(path, directory, gogc="50" if number % 2 else "off")
                except lib.Failed as why:
                    raise lib.Failed(f"run {number + 1} of {RUNS}: {why}") from why
    test.timeout = 600 + 60 * RUNS
    return test


def pgo_test(version):
    """A profile-guided build: the compiler dissolves some of the allocators into their callers."""
    def test():
        with lib.workdir() as directory:
            profile = os.path.join(directory, "cpu.pprof")
            code, _, err = lib.run([lib.build("hot", version), profile, "4"])
            lib.equal((code, err), (0, ""), "profiled run")
            path = lib.build("truth", version, "pgo", [f"-pgo={profile}"])
            _, plan, _ = lib.run([lib.GOTRACE, "inspect", path])
            # With mallocgc probed itself, its callees' stack checks come between probe and block.
            whole = "runtime.mallocgc " in plan
            exact.check(path, directory, tiny=exact.TINY_SLACK if whole else 0)
    return test


def tests():
    for version in ("1.22", "1.24", "1.27"):
        yield f"pgo_{version}", pgo_test(version)
    for version in VERSIONS:
        for mode in lib.BUILD_MODES:
            yield f"{version}_{mode}", matrix_test(version, mode)
