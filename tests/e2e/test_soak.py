# SPDX-License-Identifier: GPL-2.0
"""All groups on a server under load for a while: nothing grows, nothing is lost.

GOTRACE_SOAK is how many seconds; 600 are for an afternoon.
"""
import os
import re
import signal
import subprocess
import time

import lib
import pauses
from lib import equal, expect

SECONDS = int(os.environ.get("GOTRACE_SOAK", "20"))
# The tables fill, and the memory with them, while call sites are new; that is not to go on.
WARM_UP = max(5, SECONDS // 10)
GROWTH_KIB, GROWTH_SHARE = 1024, 0.05
# gotrace remembers the last 65,536 pauses one by one: up to that many, each new one takes its room.
PAUSES_MAX, PAUSE_BYTES = 65536, 256


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+) kB", status.read()).group(1))


def snapshot(tracer):
    """What there is by now, by SIGUSR1."""
    path, pid = tracer.path, tracer.gotrace.pid
    before = os.stat(path).st_mtime_ns if os.path.exists(path) else 0
    tracer.gotrace.send(signal.SIGUSR1)
    lib.wait_until(lambda: os.path.exists(path) and os.stat(path).st_mtime_ns != before, 30,
                   "the snapshot")
    return pauses.Run(path), resident_kib(pid)


def check_growing(first, last, threads):
    """No more pairs are torn while it traces than threads may be within one at a time."""
    for key in ("growths", "pauses", "delays"):
        more = last.total["unmatched"][key] - first.total["unmatched"][key]
        expect(more <= threads, f"{more} of {key} unmatched since the warm-up")
    for key in ("allocs", "pauses", "delays"):
        seen = [run.total["seen"][key] for run in (first, last)]
        expect(seen[1] > seen[0], f"no more {key} were seen: {seen}")


def check_memory(first, last, before, after):
    kept = [min(run.total["seen"]["pauses"], PAUSES_MAX) for run in (first, last)]
    most = GROWTH_KIB + GROWTH_SHARE * before + (kept[1] - kept[0]) * PAUSE_BYTES / 1024
    expect(after - before <= most, f"resident memory of gotrace: {before} KiB, {SECONDS} s and "
           f"{kept[1] - kept[0]} pauses later {after} KiB")


def test_server():
    """The demo's server, its collector kept busy."""
    path = lib.build("server")
    server = lib.start([path, "-run", f"{SECONDS + 300}s"], stdout=subprocess.PIPE,
                       env=dict(os.environ, GOGC="20"))
    url = lib.Lines(server.stdout).read().split()[1]
    load = lib.start([path, "-load", url, "-c", "4", "-t", f"{SECONDS + WARM_UP + 5}s"],
                     stdout=subprocess.PIPE)
    with lib.workdir() as directory:
        tracer = pauses.Tracer(server.pid, directory, ("-e", "alloc,stack,gc"))
        time.sleep(WARM_UP)
        snapshot(tracer)  # writing one takes memory, too
        first, before = snapshot(tracer)
        time.sleep(SECONDS)
        last, after = snapshot(tracer)
        threads = len(os.listdir(f"/proc/{server.pid}/task"))
        run = tracer.stop()
    expect(server.poll() is None, "the server has died")
    equal({key: n for key, n in run.total["lost"].items() if n}, {}, "lost")
    check_growing(first, last, threads)
    check_memory(first, last, before, after)
    answer = lib.Lines(load.stdout).rest(60)
    equal(load.wait(60), 0, f"exit code of the load ({answer.strip()})")
    lib.wait_until(lambda: intact(server.pid), 20, "the probes to go")


def intact(pid):
    try:
        lib.text_bytes_intact(pid)
    except lib.Failed:
        return False
    return True


test_server.timeout = 300 + 2 * SECONDS
