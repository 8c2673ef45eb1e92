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


def tests():
    for version in VERSIONS:
        for mode in lib.BUILD_MODES:
            yield f"{version}_{mode}", matrix_test(version, mode)
