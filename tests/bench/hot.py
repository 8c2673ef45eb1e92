#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What a hit's program takes, by the kernel's own measurement (bpf_stats), and how long its code is.

usage: tests/bench/hot.py [--depths 1,16] [--rounds N] [--window S] [--json FILE] [GOTRACE ...]

Give several builds of gotrace to compare them: they take turns on one target, many short windows
each, and the median window counts. "empty" is a program that does nothing, at the same sites: the
kernel's measuring takes that long. Nothing here passes or fails.
"""
import argparse
import ctypes
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time

import run

TOP = run.TOP
SYS_BPF, BPF_ENABLE_STATS = 321, 32
PROGRAMS = ("gt_alloc", "floor")


def measure_programs():
    """The kernel measures programs until the returned fd is closed, whoever else asks for it."""
    stats = ctypes.CDLL(None, use_errno=True).syscall(SYS_BPF, BPF_ENABLE_STATS,
                                                      ctypes.create_string_buffer(128), 128)
    if stats < 0:
        sys.exit(f"the kernel does not measure programs: {os.strerror(ctypes.get_errno())}")
    return stats


def programs():
    """The loaded programs on allocations: {id: (runs, ns, bytes of machine code)}."""
    shown = json.loads(subprocess.run(["bpftool", "prog", "show", "-j"], check=True,
                                      stdout=subprocess.PIPE).stdout)
    return {prog["id"]: (prog.get("run_cnt", 0), prog.get("run_time_ns", 0),
                         prog.get("bytes_jited", 0))
            for prog in shown if prog.get("name", "").startswith(PROGRAMS)}


def instructions(prog, directory):
    """Machine instructions of a loaded program, its subprograms included; None: cannot be told."""
    path = os.path.join(directory, "jited")
    dump = subprocess.run(["bpftool", "prog", "dump", "jited", "id", str(prog), "file", path],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if dump.returncode or not shutil.which("objdump"):
        return None
    text = subprocess.run(["objdump", "-D", "-b", "binary", "-m", "i386:x86-64",
                           "--no-show-raw-insn", path], stdout=subprocess.PIPE, text=True,
                          check=True).stdout
    return sum(":\t" in line for line in text.splitlines())


def busiest(before, after):
    """(ns per run, id, bytes) of the program that ran most in between, None if none did."""
    found = [(after[i][0] - before.get(i, (0, 0, 0))[0], i) for i in after]
    runs, prog = max(found, default=(0, 0))
    if not runs:
        return None
    return (after[prog][1] - before.get(prog, (0, 0, 0))[1]) / runs, prog, after[prog][2]


def measure(command, stream, ready, window):
    """One window of one build: (ns per run, bytes, instructions)."""
    tool = subprocess.Popen(command, text=True,
                            stdout=subprocess.PIPE if stream == "stdout" else subprocess.DEVNULL,
                            stderr=subprocess.PIPE if stream == "stderr" else subprocess.DEVNULL)
    try:
        if not run.wait_for(getattr(tool, stream), ready):
            return None
        time.sleep(0.15)
        before = programs()
        time.sleep(window)
        found = busiest(before, programs())
        return found and (found[0], found[2], instructions(found[1], run.OUT))
    finally:
        tool.send_signal(signal.SIGINT)
        getattr(tool, stream).read()
        tool.wait()


def command_of(build, pid):
    if build == "empty":
        return [run.FLOOR, str(pid), "30"], "stdout", "attached"
    return [build, "-p", str(pid), "-e", "alloc", "-a", "exact", "--force",
            "-o", os.path.join(run.OUT, "hot.folded")], "stderr", "tracing pid"


def compare(builds, depth, rounds, window):
    """{build: {"ns": [...], "bytes": n, "instructions": n}}, the builds in turns."""
    found = {build: {"ns": [], "bytes": None, "instructions": None} for build in builds}
    target = run.Target(os.path.join(run.OUT, "alloc"), "-depth", str(depth))
    try:
        for _ in range(rounds):
            for build in builds:
                figures = measure(*command_of(build, target.pid), window)
                if figures:
                    found[build]["ns"].append(figures[0])
                    found[build]["bytes"], found[build]["instructions"] = figures[1:]
    finally:
        target.stop()
    return found


def print_found(depth, found, rounds):
    print(f"\n{depth + 5} frames deep, ns per run of the program, median of {rounds} windows:")
    print(f"  {'':32} {'ns':>7} {'less empty':>10} {'min':>7} {'max':>7} {'bytes':>7} {'insns':>6}")
    median = {build: statistics.median(figures["ns"])
              for build, figures in found.items() if figures["ns"]}
    for build, figures in found.items():
        if build not in median:
            print(f"  {build:32} not measured")
            continue
        print(f"  {os.path.relpath(build) if '/' in build else build:32} {median[build]:7.1f} "
              f"{median[build] - median.get('empty', 0):10.1f} {min(figures['ns']):7.1f} "
              f"{max(figures['ns']):7.1f} {figures['bytes']:7} {figures['instructions'] or 0:6}",
              flush=True)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=11)
    options.add_argument("--window", type=float, default=0.4)
    options.add_argument("--depths", default="1,16")
    options.add_argument("--json", default=os.path.join(run.OUT, "hot.json"))
    options.add_argument("builds", nargs="*", default=[run.GOTRACE])
    args = options.parse_args()
    if os.geteuid():
        os.execvp("sudo", ["sudo", sys.executable, os.path.realpath(__file__), *sys.argv[1:]])
    builds = ["empty"] + [os.path.realpath(build) for build in args.builds]
    stats = measure_programs()
    raw = {"kernel": os.uname().release, "window_s": args.window}
    for depth in map(int, args.depths.split(",")):
        raw[f"frames_{depth + 5}"] = found = compare(builds, depth, args.rounds, args.window)
        print_found(depth, found, args.rounds)
    os.close(stats)
    with open(args.json, "w", encoding="ascii") as out:
        json.dump(raw, out, indent=1)
    print(f"\nraw figures: {os.path.relpath(args.json)}")


if __name__ == "__main__":
    main()
