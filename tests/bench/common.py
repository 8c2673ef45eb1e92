# SPDX-License-Identifier: GPL-2.0
"""What the benchmarks share: the tools that are compared, and the allocating target."""
import os
import signal
import statistics
import subprocess
import time

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

    def __init__(self, binary, *args, procs=None):
        self.path = os.path.join(OUT, "target.txt")
        with open(self.path, "w", encoding="ascii") as out:
            env = dict(os.environ, GOMAXPROCS=procs) if procs else None
            self.process = subprocess.Popen([binary, "-run", "10m", "-batch", "1ms", *args],
                                            stdout=out, env=env)
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


def command_of_bpftrace(pid):
    """The peer: bpftrace's one-liner at the entry of mallocgc."""
    program = ONE_LINER % os.path.realpath(f"/proc/{pid}/exe")
    command = ["bpftrace", "-B", "line", "-p", str(pid), "-e", program]
    if not os.path.exists("/sys/kernel/tracing/uprobe_events"):
        command = ["unshare", "--mount", "sh", "-c", WITH_TRACEFS, "sh", *command]
    return command
