# SPDX-License-Identifier: GPL-2.0
"""What -e stack,gc costs a program as a whole: throughput with and without, window by window.

Two targets. One does counted work on all CPUs while its collector runs 100 times and 50,000 stacks
grow each second, which is more of both than servers have. The other is a nats-server under load,
where latency is measured too. Where hits are very frequent gotrace gives up some of them within a
second or so (timing each copy, watching each sweep); windows begin after that, so this is what a
longer run costs. Windows with gotrace and without alternate in one run; each window
with it is compared with the mean of its two neighbours without it, so that a machine that gets
slower or faster does not count as a cost. The floor is the same probes with programs that do
nothing.
"""
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
OUT = os.path.join(TOP, ".output", "bench")
GOTRACE = os.environ.get("GOTRACE", os.path.join(TOP, "gotrace"))
CYCLES, GROWTHS = 100, 50_000
WINDOW, SETTLE = 3.0, 2.0


class Load:
    """The gc target under its load; see tests/targets/gc."""

    name = f"{CYCLES} cycles/s and {GROWTHS:,} growths/s"
    columns = ("work/s", "cycles/s", "growths/s")

    def __init__(self):
        # Goroutines that start with a larger stack would not have to grow it.
        env = dict(os.environ, GODEBUG="adaptivestackstart=0")
        self.process = subprocess.Popen([os.path.join(OUT, "gc")], text=True, env=env,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = int(self.process.stdout.readline().split()[1])
        self.ask(f"load {CYCLES} {GROWTHS}")
        time.sleep(1)

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def window(self):
        """Rates within the next window."""
        before = self.ask("count")
        time.sleep(WINDOW)
        after = self.ask("count")
        seconds = (after["ns"] - before["ns"]) / 1e9
        return [(after[key] - before[key]) / seconds for key in ("work", "cycles", "growths")]

    def stop(self):
        self.process.kill()
        self.process.wait()


class Nats:
    """nats-server of Debian, with a load of its own."""

    name = "nats-server, 8 connections"
    columns = ("messages/s", "p50 us", "p99 us")

    def __init__(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.server = subprocess.Popen([self.program(), "-a", "127.0.0.1", "-p", str(port)],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pid = self.server.pid
        time.sleep(1.5)
        self.load = subprocess.Popen([os.path.join(OUT, "natsload"), f"127.0.0.1:{port}"],
                                     text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        time.sleep(1)

    @staticmethod
    def program():
        return shutil.which("nats-server", path=os.environ.get("PATH", "") + ":/usr/sbin")

    def ask(self):
        self.load.stdin.write("\n")
        self.load.stdin.flush()
        return [float(word) for word in self.load.stdout.readline().split()]

    def window(self):
        self.ask()
        time.sleep(WINDOW)
        count, seconds, p50, p99 = self.ask()
        return [count / seconds, p50, p99]

    def stop(self):
        for process in (self.load, self.server):
            process.kill()
            process.wait()


def traced_window(target, empty=False):
    """The target's figures under gotrace, and what gotrace says at its end; None: not attached."""
    env = dict(os.environ, GOTRACE_TEST_EMPTY="1") if empty else None
    command = [GOTRACE, "-p", str(target.pid), "-e", "stack,gc", "--force",
               "-o", os.path.join(OUT, "tax.txt")]
    tool = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                            env=env)
    try:
        for line in tool.stderr:
            if "tracing pid" in line:
                time.sleep(SETTLE)
                figures = target.window()
                break
        else:
            return None
    finally:
        tool.send_signal(signal.SIGINT)
        said = tool.stderr.read()
        tool.wait()
    return figures, said


def compare(target, rounds):
    """Windows without, with gotrace, without, with empty probes, in turns: {"off": [...], ...}."""
    raw = {"columns": list(target.columns), "off": [target.window()], "on": [], "floor": [],
           "said": ""}
    for _ in range(rounds):
        for state in ("on", "floor"):
            found = traced_window(target, state == "floor")
            if not found:
                return raw
            raw[state].append(found[0])
            if state == "on":
                raw["said"] = found[1]
            time.sleep(SETTLE)
            raw["off"].append(target.window())
    return raw


def ratios(raw, state, column):
    """With gotrace to the mean of the windows before and after, round by round."""
    off = [figures[column] for figures in raw["off"]]
    first = ("on", "floor").index(state)
    return [figures[column] * 2 / (off[i] + off[i + 1])
            for figures, i in zip(raw[state], range(first, len(off) - 1, 2)) if off[i] + off[i + 1]]


def print_raw(name, raw):
    print(f"\n{name}, -e stack,gc on and off, {len(raw['on'])} rounds of {WINDOW:.0f} s:")
    if not raw["floor"]:
        print("  not measured: gotrace does not attach")
        return
    for column, title in enumerate(raw["columns"]):
        off = statistics.median(figures[column] for figures in raw["off"])
        print(f"  {title:12} off   {off:12,.1f}")
        for state in ("on", "floor"):
            found = statistics.median(figures[column] for figures in raw[state])
            each = ratios(raw, state, column)
            print(f"  {'':12} {state:5} {found:12,.1f}  ratio {statistics.median(each):.4f}"
                  f"  ({min(each):.4f} to {max(each):.4f})")
        for state in ("off", "on", "floor"):
            print(f"    {state:5}" + "".join(f" {figures[column]:,.1f}" for figures in raw[state]))
    for line in raw["said"].splitlines():
        print(f"  | {line}")


def measure(rounds):
    """Both targets, printed; the raw figures."""
    out = {}
    for key, kind in (("load", Load), ("nats", Nats)):
        if kind is Nats and not Nats.program():
            print("\nno nats-server; run: apt-get install nats-server")
            continue
        target = kind()
        try:
            out[key] = compare(target, rounds)
        finally:
            target.stop()
        print_raw(target.name, out[key])
    return out
