#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What a probe on each allocation costs: gotrace, the floor, and bpftrace, in one run.

usage: tests/bench/run.py [--rounds N] [--json FILE] [--only alloc|curve|hot|tax]

One target allocates 32-byte objects without end and times itself. Round by round it is left alone,
given an empty BPF program at gotrace's own sites (the floor), gotrace, and bpftrace's one-liner at
the function's entry. Printed are medians over the rounds and their ratios; the raw figures go to a
JSON file. Then what a hit's program takes (hot.py), what watching allocations costs by their rate
(curve.py), and what -e stack,gc costs a program as a whole (tax.py). Nothing here passes or fails:
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

import curve
import hot
import tax
from common import FLOOR, GOTRACE, OUT, SETTLE_SLOW, Target, command_of_bpftrace, wait_for
from common import window, with_tool


def measure(target, tool):
    if tool == "untraced":
        return window(target)
    if tool == "floor":
        return with_tool(target, [FLOOR, str(target.pid), "30"], "stdout", "attached")
    if tool == "gotrace":
        command = [GOTRACE, "-p", str(target.pid), "-a", "exact", "--force",
                   "-o", os.path.join(OUT, "out.folded")]
        return with_tool(target, command, "stderr", "tracing pid")
    return with_tool(target, command_of_bpftrace(target.pid), "stdout", "Attaching", SETTLE_SLOW)


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
        run = subprocess.run([GOTRACE, "-p", str(target.pid), "-a", "exact", "-d", "3", "--stats",
                              "--force", "-o", os.path.join(OUT, "out.folded")],
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
    options.add_argument("--only", choices=("alloc", "curve", "hot", "tax"))
    args = options.parse_args()
    if os.geteuid():
        os.execvp("sudo", ["sudo", sys.executable, os.path.realpath(__file__), *sys.argv[1:]])
    raw = {"cpus": os.cpu_count(), "kernel": os.uname().release}
    if args.only in (None, "alloc"):
        allocations(args.rounds, raw)
    for part, module in (("hot", hot), ("curve", curve), ("tax", tax)):
        if args.only in (None, part):
            raw[part] = module.measure(args.rounds)
    with open(args.json, "w", encoding="ascii") as out:
        json.dump(raw, out, indent=1)
    print(f"\nraw figures: {os.path.relpath(args.json)}")


if __name__ == "__main__":
    main()
