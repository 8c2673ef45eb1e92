#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What a hit's program takes, by the kernel's own measurement (bpf_stats), and how long it is.

usage: tests/bench/hot.py [--depths 1,16] [--rounds N] [--window S] [--json FILE] [GOTRACE ...]

Give several builds of gotrace to compare them: they take turns on one target, many short windows
each, and the median window counts. "empty" is a program that does nothing, at the same sites: the
kernel's measuring takes that long. From tests/bench/run.sh --only hot this also shows whether a hit
gets dearer with the number of threads, stacks and types. Nothing here passes or fails.
"""
import argparse
import ctypes
import json
import os
import re
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import time

from common import FLOOR, GOTRACE, OUT, Target, wait_for

SYS_BPF = 321
PROG_GET_FD_BY_ID, OBJ_GET_INFO_BY_FD, ENABLE_STATS = 13, 15, 32    # enum bpf_cmd
PROGRAMS = ("gt_alloc", "floor")
MANY = (10, 100, 1000, 10000)
THREADS = (1, 2, 4, 8, 16)

libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes, 128)
    return libc.syscall(SYS_BPF, command, buffer, 128)


def measure_programs():
    """The kernel measures programs until the returned fd is closed, whoever else asks for it."""
    stats = bpf(ENABLE_STATS, bytes(128))
    if stats < 0:
        sys.exit(f"the kernel does not measure programs: {os.strerror(ctypes.get_errno())}")
    return stats


def programs():
    """The loaded programs on allocations: {id: (runs, ns)}."""
    shown = json.loads(subprocess.run(["bpftool", "prog", "show", "-j"], check=True,
                                      stdout=subprocess.PIPE).stdout)
    return {prog["id"]: (prog.get("run_cnt", 0), prog.get("run_time_ns", 0))
            for prog in shown if prog.get("name", "").startswith(PROGRAMS)}


def machine_code(prog):
    """A loaded program as the kernel compiled it, with its subprograms; empty: it does not tell."""
    code = ctypes.create_string_buffer(1 << 16)
    info = bytearray(232)               # struct bpf_prog_info, of which these are the first fields
    struct.pack_into("<I", info, 16, len(code))                 # jited_prog_len
    struct.pack_into("<Q", info, 24, ctypes.addressof(code))    # jited_prog_insns
    buffer = ctypes.create_string_buffer(bytes(info), len(info))
    fd = bpf(PROG_GET_FD_BY_ID, struct.pack("<I", prog))
    if fd < 0:
        return b""
    failed = bpf(OBJ_GET_INFO_BY_FD, struct.pack("<IIQ", fd, len(info), ctypes.addressof(buffer)))
    os.close(fd)
    length = struct.unpack_from("<I", buffer.raw, 16)[0]
    return b"" if failed else code.raw[:min(length, len(code))]


def disassemble(code):
    """[(address, text)] of x86-64 machine code."""
    path = os.path.join(OUT, "jited")
    with open(path, "wb") as out:
        out.write(code)
    text = subprocess.run(["objdump", "-D", "-b", "binary", "-m", "i386:x86-64",
                           "--no-show-raw-insn", path], stdout=subprocess.PIPE, text=True,
                          check=True).stdout
    lines = re.findall(r"^ *([0-9a-f]+):\t(.*)$", text, re.M)
    return [(int(address, 16), insn) for address, insn in lines]


def frame_loop(insns):
    """Instructions of the loop over the frames: it multiplies twice, and ends behind the window."""
    lengths = []
    for at, (address, insn) in enumerate(insns):
        jump = re.match(r"j\w+ +0x([0-9a-f]+)", insn)
        if not jump or int(jump[1], 16) >= address:
            continue
        body = [text for where, text in insns[:at + 1] if where >= int(jump[1], 16)]
        if (sum(text.startswith("imul") for text in body) == 2 and
                any("$0x800," in text for text in body)):
            lengths.append(len(body))
    return min(lengths, default=None)


def sizes(prog):
    """{"bytes", "instructions", "per_frame"} of a loaded program."""
    code = machine_code(prog)
    if not code or not shutil.which("objdump"):
        return {"bytes": len(code), "instructions": None, "per_frame": None}
    insns = disassemble(code)
    return {"bytes": len(code), "instructions": len(insns), "per_frame": frame_loop(insns)}


def busiest(before, after):
    """(ns per run, id) of the program that ran most in between, None if none did."""
    runs, prog = max(((after[i][0] - before.get(i, (0, 0))[0], i) for i in after), default=(0, 0))
    return ((after[prog][1] - before.get(prog, (0, 0))[1]) / runs, prog) if runs else None


def command_of(build, pid):
    if build == "empty":
        return [FLOOR, str(pid), "30"], "stdout", "attached"
    return [build, "-p", str(pid), "-e", "alloc", "-a", "exact", "--force",
            "-o", os.path.join(OUT, "hot.folded")], "stderr", "tracing pid"


def measure_window(build, pid, window, settle=0.15):
    """One window of one build: (ns per run, sizes of its program), None: it did not run."""
    command, stream, ready = command_of(build, pid)
    tool = subprocess.Popen(command, text=True,
                            stdout=subprocess.PIPE if stream == "stdout" else subprocess.DEVNULL,
                            stderr=subprocess.PIPE if stream == "stderr" else subprocess.DEVNULL)
    try:
        if not wait_for(getattr(tool, stream), ready):
            return None
        time.sleep(settle)
        before = programs()
        time.sleep(window)
        found = busiest(before, programs())
        return found and (found[0], sizes(found[1]))
    finally:
        tool.send_signal(signal.SIGINT)
        getattr(tool, stream).read()
        tool.wait()


def compare(builds, depth, rounds, window):
    """{build: {"ns": [...], "bytes": ..., ...}}, the builds in turns."""
    found = {build: {"ns": []} for build in builds}
    target = Target(os.path.join(OUT, "alloc"), "-depth", str(depth))
    try:
        for _ in range(rounds):
            for build in builds:
                figures = measure_window(build, target.pid, window)
                if figures:
                    found[build]["ns"].append(figures[0])
                    found[build].update(figures[1])
    finally:
        target.stop()
    return found


def print_found(depth, found, rounds):
    print(f"\n{depth + 5} frames deep, ns per run of the program, median of {rounds} windows:")
    print(f"  {'':32} {'ns':>7} {'less empty':>10} {'min':>7} {'max':>7} {'code':>7} {'insns':>6} "
          f"{'a frame':>8}")
    median = {build: statistics.median(figures["ns"])
              for build, figures in found.items() if figures["ns"]}
    for build, figures in found.items():
        if build not in median:
            print(f"  {build:32} not measured")
            continue
        name = os.path.relpath(build) if "/" in build else build
        print(f"  {name:32} {median[build]:7.1f} {median[build] - median.get('empty', 0):10.1f} "
              f"{min(figures['ns']):7.1f} {max(figures['ns']):7.1f} {figures['bytes']:7} "
              f"{figures['instructions'] or 0:6} {figures['per_frame'] or '':>8}", flush=True)


def depths(builds, wanted, rounds, window):
    raw = {}
    for depth in wanted:
        raw[f"frames_{depth + 5}"] = found = compare(["empty", *builds], depth, rounds, window)
        print_found(depth, found, rounds)
    return raw


def growth(rounds, window):
    """Does a hit get dearer with threads, stacks and types? {what: {how many: [ns]}}."""
    ways = [("threads", "-g", THREADS), ("stacks", "-stacks", MANY), ("types", "-types", MANY)]
    raw = {what: {n: [] for n in counts} for what, _, counts in ways}
    for _ in range(rounds):
        for what, flag, counts in ways:
            for n in counts:
                # As many threads as goroutines: they preempt each other, and meet where they can.
                procs = str(n) if what == "threads" else "1"
                target = Target(os.path.join(OUT, "alloc"), flag, str(n), procs=procs)
                try:
                    found = measure_window(GOTRACE, target.pid, window, settle=0.5)
                finally:
                    target.stop()
                if found:
                    raw[what][n].append(found[0])
    for what, _, counts in ways:
        print(f"\nns per run of the program by {what}, median (min to max) of {rounds} windows:")
        for n in counts:
            ns = raw[what][n]
            print(f"  {n:6} " + (f"{statistics.median(ns):7.1f} ({min(ns):.1f} to {max(ns):.1f})"
                                 if ns else "not measured"))
    return raw


def measure(rounds):
    """All of it, for this build; the raw figures."""
    stats = measure_programs()
    try:
        return {"depths": depths([GOTRACE], (1, 16), rounds, 0.4),
                "growth": growth(max(3, rounds // 2), 0.6)}
    finally:
        os.close(stats)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=11)
    options.add_argument("--window", type=float, default=0.4)
    options.add_argument("--depths", default="1,16")
    options.add_argument("--json", default=os.path.join(OUT, "hot.json"))
    options.add_argument("builds", nargs="*", default=[GOTRACE])
    args = options.parse_args()
    if os.geteuid():
        os.execvp("sudo", ["sudo", sys.executable, os.path.realpath(__file__), *sys.argv[1:]])
    stats = measure_programs()
    raw = {"kernel": os.uname().release, "window_s": args.window}
    raw.update(depths([os.path.realpath(build) for build in args.builds],
                      [int(depth) for depth in args.depths.split(",")], args.rounds, args.window))
    os.close(stats)
    with open(args.json, "w", encoding="ascii") as out:
        json.dump(raw, out, indent=1)
    print(f"\nraw figures: {os.path.relpath(args.json)}")


if __name__ == "__main__":
    main()
