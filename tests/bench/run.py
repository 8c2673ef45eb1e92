#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What a probe on each allocation costs: gotrace, the floor, and bpftrace, in one run.

usage: tests/bench/run.py [--rounds N] [--json FILE] [--only alloc|tax]

One target allocates 32-byte objects without end and times itself. Round by round it is left alone,
given an empty BPF program at gotrace's own sites (the floor), gotrace, and bpftrace's one-liner at
the function's entry. Printed are medians over the rounds and their ratios; the raw figures go to a
JSON file. Then what -e stack,gc costs a program as a whole (tax.py). Nothing here passes or fails:
a timing is not a test.
"""
import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time

import tax

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
OUT = os.path.join(TOP, ".output", "bench")
GOTRACE = os.path.join(TOP, "gotrace")
FLOOR = os.path.join(OUT, "floor")
SETTLE = 0.3        # s after a tool is attached before its figures count
SETTLE_SLOW = 1.5   # of a tool that makes the batch it interrupts last that long
WINDOW = 0.8        # s that are measured
# bpftrace attaches through tracefs, which may not be mounted: it gets one of its own.
WITH_TRACEFS = 'mount -t tracefs tracefs /sys/kernel/tracing && exec "$@"'
ONE_LINER = 'uprobe:%s:runtime.mallocgc { @[ustack] = sum(reg("ax")); }'


def monotonic_ns():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


class Target:
    """The allocating program: lines "ns TIME COST COUNT" go to a file that is read back."""

    def __init__(self, binary, *args):
        self.path = os.path.join(OUT, "target.txt")
        with open(self.path, "w", encoding="ascii") as out:
            self.process = subprocess.Popen([binary, "-run", "10m", "-batch", "1ms", *args],
                                            stdout=out)
        self.pid = self.process.pid
        time.sleep(0.5)

    def batches(self, start, end):
        """(cost, count) of the batches that began between start and end."""
        found = []
        with open(self.path, encoding="ascii") as lines:
            for line in lines:
                words = line.split()
                if len(words) == 4 and words[0] == "ns" and start <= int(words[1]) < end:
                    found.append((float(words[2]), int(words[3])))
        return found

    def cost(self, start, end):
        """Median ns per allocation, or None if nothing was measured."""
        costs = [cost for cost, _ in self.batches(start, end)]
        return statistics.median(costs) if costs else None

    def stop(self):
        self.process.kill()
        self.process.wait()


def window(target, settle=SETTLE):
    time.sleep(settle)
    start = monotonic_ns()
    time.sleep(WINDOW)
    return target.cost(start, monotonic_ns())


def wait_for(stream, text, timeout=60):
    """Reads lines until one has text in it."""
    end = time.time() + timeout
    while time.time() < end:
        line = stream.readline()
        if text in line:
            return True
        if not line:
            return False
    return False


def with_tool(target, command, stream, ready, settle=SETTLE):
    """Cost while command runs, which says that it is attached by a line with ready in it."""
    pipes = {stream: subprocess.PIPE}
    other = "stdout" if stream == "stderr" else "stderr"
    with open(os.path.join(OUT, "tool.log"), "w", encoding="utf-8") as log:
        tool = subprocess.Popen(command, text=True, **pipes, **{other: log})
        try:
            if not wait_for(getattr(tool, stream), ready):
                return None
            return window(target, settle)
        finally:
            tool.send_signal(signal.SIGINT)
            try:
                tool.wait(30)
            except subprocess.TimeoutExpired:
                tool.kill()
                tool.wait()


def measure(target, tool):
    if tool == "untraced":
        return window(target)
    if tool == "floor":
        return with_tool(target, [FLOOR, str(target.pid), "30"], "stdout", "attached")
    if tool == "gotrace":
        command = [GOTRACE, "-p", str(target.pid), "-a", "exact", "--force",
                   "-o", os.path.join(OUT, "out.folded")]
        return with_tool(target, command, "stderr", "tracing pid")
    program = ONE_LINER % os.path.realpath(f"/proc/{target.pid}/exe")
    command = ["bpftrace", "-B", "line", "-p", str(target.pid), "-e", program]
    if not os.path.exists("/sys/kernel/tracing/uprobe_events"):
        command = ["unshare", "--mount", "sh", "-c", WITH_TRACEFS, "sh", *command]
    return with_tool(target, command, "stdout", "Attaching", SETTLE_SLOW)


def compare(binary, rounds, *args):
    """Rounds of all tools on one target, interleaved: {tool: [ns]}."""
    tools = ["untraced", "floor", "gotrace"] + (["bpftrace"] if shutil.which("bpftrace") else [])
    costs = {tool: [] for tool in tools}
    target = Target(binary, *args)
    try:
        for _ in range(rounds):
            for tool in tools:
                cost = measure(target, tool)
                if cost is not None:
                    costs[tool].append(cost)
    finally:
        target.stop()
    return costs


def print_costs(title, costs):
    print(f"\n{title}")
    print(f"  {'':10} {'ns/alloc':>9} {'min':>8} {'max':>8} {'added':>8}  added, as ratio to")
    median = {tool: statistics.median(ns) for tool, ns in costs.items() if ns}
    base = median.get("untraced", 0)
    added = {tool: ns - base for tool, ns in median.items() if tool != "untraced"}
    for tool, ns in costs.items():
        if not ns:
            print(f"  {tool:10} not measured")
            continue
        extra = ""
        if tool in added and added.get("floor"):
            extra = f"{added[tool]:8.0f}  floor {added[tool] / added['floor']:.2f}"
            if added.get("bpftrace") and tool != "bpftrace":
                extra += f", bpftrace 1/{added['bpftrace'] / added[tool]:.1f}"
        print(f"  {tool:10} {median[tool]:9.1f} {min(ns):8.1f} {max(ns):8.1f} {extra}")


def highest_rate(binary, workers):
    """Allocations/s counted and lost when all CPUs allocate at once."""
    target = Target(binary, "-g", str(workers), "-depth", "4")
    try:
        run = subprocess.run([GOTRACE, "-p", str(target.pid), "-d", "3", "--stats", "--force",
                              "-o", os.path.join(OUT, "out.folded")],
                             stderr=subprocess.PIPE, text=True, check=False)
    finally:
        target.stop()
    seen = re.search(r"([\d.]+) s; seen (\d+) allocations, lost (\d+)", run.stderr)
    memory = re.search(r"(\d+) KiB resident", run.stderr)
    if not seen:
        return None
    return {"rate": int(seen[2]) / float(seen[1]), "lost": int(seen[3]),
            "resident_kib": int(memory[1]) if memory else None}


def start_time(command, pid):
    """ms from the start of gotrace to probes in place."""
    begin = time.monotonic()
    tool = subprocess.Popen([*command, "-p", str(pid), "--force",
                             "-o", os.path.join(OUT, "out.folded")],
                            stderr=subprocess.PIPE, text=True)
    ready = wait_for(tool.stderr, "tracing pid")
    took = (time.monotonic() - begin) * 1e3
    tool.send_signal(signal.SIGINT)
    text = tool.stderr.read()
    tool.wait()
    detached = re.search(r"detached in (\d+) ms", text)
    return (took, int(detached[1]) if detached else None) if ready else None


def starts(binary, args, rounds):
    process = subprocess.Popen([binary, *args], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, stdin=subprocess.PIPE)
    time.sleep(1.5)
    try:
        found = [start_time([GOTRACE], process.pid) for _ in range(rounds)]
    finally:
        process.kill()
        process.wait()
    return [pair for pair in found if pair]


def print_starts(name, binary, pairs):
    size = os.path.getsize(binary) / 1e6
    if pairs:
        first = statistics.median(pair[0] for pair in pairs)
        detach = statistics.median(pair[1] for pair in pairs if pair[1] is not None)
        print(f"  {name} ({size:.1f} MB): probes in place after {first:.0f} ms, "
              f"detached in {detach:.0f} ms")
    else:
        print(f"  {name} ({size:.1f} MB): not measured")


def big_binary():
    """The padded target: a Go program of 100 MB, most of it functions that are never called."""
    return os.path.join(OUT, "big")


def allocations(rounds, raw):
    """What each allocation costs, the highest rate, and how long attaching takes."""
    alloc = os.path.join(OUT, "alloc")
    for depth in (1, 16):
        raw[f"depth_{depth}"] = compare(alloc, rounds, "-depth", str(depth))
        print_costs(f"{depth + 5} frames deep, 32-byte objects, median of {rounds} rounds:",
                    raw[f"depth_{depth}"])
    print("\nhighest rate, all CPUs allocating, two goroutines a CPU:")
    raw["rate"] = highest_rate(alloc, 2 * os.cpu_count())
    if raw["rate"]:
        print("  {rate:.0f} allocations/s counted, {lost} lost; gotrace {resident_kib} KiB resident"
              .format(**raw["rate"]))
    print("\nfrom starting gotrace to probes in place:")
    for name, binary in (("small", alloc), ("large", big_binary())):
        if os.path.exists(binary):
            raw[f"start_{name}"] = starts(binary, ["-run", "5m"], rounds)
            print_starts(name, binary, raw[f"start_{name}"])


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=9)
    options.add_argument("--json", default=os.path.join(OUT, "bench.json"))
    options.add_argument("--only", choices=("alloc", "tax"))
    args = options.parse_args()
    if os.geteuid():
        os.execvp("sudo", ["sudo", sys.executable, os.path.realpath(__file__), *sys.argv[1:]])
    raw = {"cpus": os.cpu_count(), "kernel": os.uname().release}
    if args.only != "tax":
        allocations(args.rounds, raw)
    if args.only != "alloc":
        raw["tax"] = tax.measure(args.rounds)
    with open(args.json, "w", encoding="ascii") as out:
        json.dump(raw, out, indent=1)
    print(f"\nraw figures: {os.path.relpath(args.json)}")


if __name__ == "__main__":
    main()
