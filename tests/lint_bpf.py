#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Prints what an object of BPF programs holds that kernels before 5.12 do not load.

usage: tests/lint_bpf.py OBJECT

Atomic instructions other than a plain addition (5.12). Loops whose last instruction is no jump but
goes on with the first: check_cfg() in kernel/bpf/verifier.c takes them for endless ones.
"""
import re
import subprocess
import sys


def functions(path):
    """{name: {number: instruction}} as llvm-objdump tells them."""
    text = subprocess.run(["llvm-objdump", "-d", "--no-show-raw-insn", path], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    found, insns = {}, {}
    for line in text.splitlines():
        label = re.match(r"[0-9a-f]+ <(\w+)>:", line)
        insn = re.match(r"\s+(\d+):\s+(.*)", line)
        if label and not label[1].startswith("LBB"):
            insns = found.setdefault(label[1], {})
        elif insn:
            insns[int(insn[1])] = insn[2].strip()
    return found


def successors(insns, number, following):
    """[(number, is it gone on with)] in the order in which the kernel follows them."""
    insn = insns[number]
    jump = re.search(r"goto ([+-]\d+)", insn)
    found = []
    if not insn.startswith(("exit", "goto")):
        found.append((following[number], not jump))
    if jump:
        found.append((number + 1 + int(jump[1]), False))
    return found


def plain_loops(insns):
    """Instructions that go on with one that leads to them, by a search in depth as the kernel's."""
    order = sorted(insns)
    following = dict(zip(order, order[1:]))
    path, done, found = [order[0]], set(), []
    left = {order[0]: successors(insns, order[0], following)}
    while path:
        if not left[path[-1]]:
            done.add(path.pop())
            continue
        number, plain = left[path[-1]].pop(0)
        if number not in left:
            left[number] = successors(insns, number, following)
            path.append(number)
        elif number not in done and plain:
            found.append(path[-1])
    return found


def main():
    for name, insns in functions(sys.argv[1]).items():
        for number in plain_loops(insns):
            print(f"{name}: instruction {number}, no jump, ends a loop")
        for number, insn in insns.items():
            if re.search(r"lock.*\||xchg|atomic_fetch", insn):
                print(f"{name}: instruction {number}: {insn}")


if __name__ == "__main__":
    main()
