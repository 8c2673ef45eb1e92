# SPDX-License-Identifier: GPL-2.0
"""Attaching and detaching over and over: the target must not notice.

GOTRACE_CYCLES is the number of cycles (default 40). Every tenth ends by kill -9 of gotrace, at a
random moment from its start on. GOTRACE_SEED repeats a run.
"""
import os
import random
import signal
import time

import lib
from lib import equal, expect

CYCLES = int(os.environ.get("GOTRACE_CYCLES", "40"))
SEED = int(os.environ.get("GOTRACE_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)


def one_clean(target, dice):
    tracer = lib.Gotrace("-p", target.pid, "-a", "exact")
    tracer.wait_attached()
    time.sleep(dice.uniform(0, 0.05))
    tracer.stop(dice.choice([signal.SIGINT, signal.SIGTERM]))


def one_killed(target, dice):
    tracer = lib.Gotrace("-p", target.pid, "-a", "exact")
    time.sleep(dice.uniform(0, 0.3))
    tracer.send(signal.SIGKILL)
    equal(tracer.wait(), -signal.SIGKILL, "exit of the killed gotrace")


def probes_gone(pid):
    """Detaching goes on in the kernel for a moment after gotrace was killed."""
    try:
        lib.text_bytes_intact(pid)
    except lib.Failed:
        return False
    return True


def check_after(target):
    end = time.monotonic() + 20
    while not probes_gone(target.pid) and time.monotonic() < end:
        time.sleep(0.2)
    lib.text_bytes_intact(target.pid)
    for seed in range(20):
        target.ask(seed)


def cycle(version, mode, count):
    dice = random.Random(SEED)
    target = lib.Loop(lib.build("truth", version, mode), seconds=600 + 3 * count)
    for number in range(count):
        (one_killed if number % 10 == 9 else one_clean)(target, dice)
        expect(target.alive(), f"the target died in cycle {number + 1} (GOTRACE_SEED={SEED})")
        target.ask(number)
    check_after(target)
    target.stop()


def test_plain():
    cycle("1.24", "plain", CYCLES)


def test_jbe_pie():
    cycle("1.19", "pie-stripped", max(10, CYCLES // 4))


def test_specialised():
    cycle("1.27", "plain", max(10, CYCLES // 4))


for _test in (test_plain, test_jbe_pie, test_specialised):
    _test.timeout = 300 + 3 * CYCLES
