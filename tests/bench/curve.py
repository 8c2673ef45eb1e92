# SPDX-License-Identifier: GPL-2.0
"""The curve: what watching allocations costs a program, by how often it allocates.

The target (tests/targets/curve) does units of work of about 10 us under full load, and allocates
objects of 16 to 512 bytes in them at one of RATES. For each rate, windows without a tool and
windows with one alternate in one run, and each window with it is compared with the mean of its two
neighbours: throughput, CPU time per unit, and the 99th percentile of what a unit takes. A mode that
this gotrace refuses is left out, and named.
"""
import json
import os
import shutil
import signal
import statistics
import subprocess
import time

import common

RATES = (0, 11_000, 114_000, 1_200_000, 14_400_000)
WINDOW, SETTLE = 1.5, 0.4
COLUMNS = ("units/s", "cpu ns/unit", "p99 ns")


class Target:
    """The curve target at one rate."""

    def __init__(self, rate):
        self.process = subprocess.Popen([os.path.join(common.OUT, "curve"), "-rate", str(rate)],
                                        text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = int(self.process.stdout.readline().split()[1])
        time.sleep(0.5)

    def ask(self):
        self.process.stdin.write("count\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def window(self):
        """Figures of the next window: COLUMNS, then objects/s. None: no unit was done."""
        self.ask()
        time.sleep(WINDOW)
        found = self.ask()
        if not found["units"]:
            return None
        return [found["units"] * 1e9 / found["ns"], found["cpu_ns"] / found["units"],
                found["p99_ns"], found["objects"] * 1e9 / found["ns"]]

    def stop(self):
        self.process.kill()
        self.process.wait()


def gotrace(mode):
    def command(target):
        return [common.GOTRACE, "-p", str(target.pid), "-e", "alloc", "-a", mode, "--force",
                "-o", os.path.join(common.OUT, "curve.folded")], "stderr", "tracing pid", SETTLE
    return command


def floor(target):
    return [common.FLOOR, str(target.pid), "60"], "stdout", "attached", SETTLE


def bpftrace(target):
    return common.command_of_bpftrace(target.pid), "stdout", "Attaching", common.SETTLE_SLOW


# What is compared: name and how it is started.
MODES = (
    ("floor", floor),
    ("exact", gotrace("exact")),
    ("sample", gotrace("sample")),
    ("auto", gotrace("auto")),
    ("bpftrace", bpftrace),
)


def traced_window(target, start):
    """The target's figures under a tool, or what the tool says instead of attaching."""
    command, stream, ready, settle = start(target)
    pipes = {name: subprocess.PIPE if name == stream else subprocess.DEVNULL
             for name in ("stdout", "stderr")}
    tool = subprocess.Popen(command, text=True, **pipes)
    said = []
    try:
        for line in getattr(tool, stream):
            said.append(line.strip())
            if ready in line:
                time.sleep(settle)
                return target.window(), ""
        return None, " ".join(said[:1]) or "it does not attach"
    finally:
        tool.send_signal(signal.SIGINT)
        getattr(tool, stream).read()
        tool.wait()


def measure_rate(rate, modes, rounds):
    """{"off": [window ...], mode: [[figures, before, after] ...]}; before, after: places in off."""
    raw = {"off": []}
    target = Target(rate)
    try:
        raw["off"].append(target.window())
        for _ in range(rounds):
            for name in list(modes):
                found, why = traced_window(target, modes[name])
                if found is None:
                    print(f"  {name} is left out: {why}", flush=True)
                    del modes[name]
                    continue
                time.sleep(SETTLE)
                raw["off"].append(target.window())
                raw.setdefault(name, []).append([found, len(raw["off"]) - 2])
    finally:
        target.stop()
    return raw


def ratios(raw, name, column):
    """Window by window: with the tool to the mean of the windows before and after."""
    off = raw["off"]
    return [figures[column] * 2 / (off[at][column] + off[at + 1][column])
            for figures, at in raw[name]]


def interval(each):
    """Median and its 95 % interval, by order statistics; for few windows the whole range."""
    each = sorted(each)
    aside = max(0, int((len(each) - 1.96 * len(each) ** 0.5) / 2))
    return statistics.median(each), each[aside], each[-1 - aside]


def print_rate(rate, raw):
    rates = statistics.median(figures[3] for figures in raw["off"])
    print(f"\n{rate:,} allocations/s asked, {rates:,.0f} done without a tool; medians of "
          f"{len(raw['off']) - 1} pairs or less:")
    print(f"  {'':9} {'units/s':>10} {'slower':>8} {'(95 % interval)':>20} {'CPU/unit':>9}"
          f" {'p99':>8}")
    for name in raw:
        windows = raw[name] if name == "off" else [figures for figures, _ in raw[name]]
        units = statistics.median(figures[0] for figures in windows)
        line = f"  {name:9} {units:10,.0f}"
        if name != "off":
            middle, low, high = interval(ratios(raw, name, 0))
            line += (f" {100 * (1 / middle - 1):7.1f}% {100 * (1 / high - 1):9.1f}% to "
                     f"{100 * (1 / low - 1):.1f}%")
            line += f" {statistics.median(ratios(raw, name, 1)):8.3f}x"
            line += f" {statistics.median(ratios(raw, name, 2)):7.3f}x"
        print(line, flush=True)


def measure(rounds):
    """All rates, printed; the raw figures."""
    modes = dict(MODES)
    if not shutil.which("bpftrace"):
        del modes["bpftrace"]
    out = {"columns": [*COLUMNS, "objects/s"]}
    for rate in RATES:
        out[str(rate)] = measure_rate(rate, modes, rounds)
        print_rate(rate, out[str(rate)])
    return out
