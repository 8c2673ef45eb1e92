#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Runs the end-to-end tests: tests/e2e/run.py [-k PATTERN] [-l].

Needs root (asks sudo for it), gotrace built, and a Go. Prints one line per test and a sum.
Environment: GOTRACE (program to test), GOTRACE_GO ("1.18 1.19 ..."), GOTRACE_RUNS, GOTRACE_CYCLES.
"""
import argparse
import importlib
import os
import signal
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
sys.dont_write_bytecode = True

import lib  # noqa: E402  (needs the path above)

MODULES = ["test_exact", "test_sample", "test_auto", "test_stack", "test_cli", "test_bad_input",
           "test_output", "test_json", "test_places", "test_matrix", "test_growths", "test_gc",
           "test_late", "test_memory", "test_cycles", "test_real", "test_soak"]
DEFAULT_TIMEOUT = 300


class TimeIsUp(Exception):
    """A test took longer than it may."""


def collect():
    """(name, function) of every test: test_* functions, and what a module's tests() yields."""
    for name in MODULES:
        module = importlib.import_module(name)
        for key, value in vars(module).items():
            if key.startswith("test_") and callable(value):
                yield f"{name[5:]}.{key[5:]}", value
        if hasattr(module, "tests"):
            yield from ((f"{name[5:]}.{key}", value) for key, value in module.tests())


def on_alarm(_number, _frame):
    raise TimeIsUp


def run_one(function):
    """(outcome, reason)."""
    limit = getattr(function, "timeout", DEFAULT_TIMEOUT)
    signal.signal(signal.SIGALRM, on_alarm)
    signal.alarm(limit)
    try:
        function()
        return "ok", ""
    except lib.Skip as why:
        return "skip", str(why)
    except lib.Failed as why:
        return "FAIL", str(why)
    except TimeIsUp:
        return "FAIL", f"not done within {limit} s"
    except Exception:  # a test must not end the others
        return "FAIL", traceback.format_exc(limit=-3)
    finally:
        signal.alarm(0)
        lib.kill_children()


def report(name, outcome, reason, seconds):
    line = f"{outcome} {name}" + (f": {reason}" if reason else f" ({seconds:.1f} s)")
    print(line, flush=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-k", metavar="PATTERN", action="append", default=[],
                        help="only tests whose name contains it; repeatable")
    parser.add_argument("-l", action="store_true", help="list the tests and exit")
    return parser.parse_args()


def main():
    options = arguments()
    chosen = [(name, function) for name, function in collect()
              if not options.k or any(pattern in name for pattern in options.k)]
    if options.l:
        print("\n".join(name for name, _ in chosen))
        return 0
    if os.geteuid() != 0:
        os.execvp("sudo", ["sudo", "-E", sys.executable, *sys.argv])
    if not os.access(lib.GOTRACE, os.X_OK):
        print(f"run.py: no '{lib.GOTRACE}'; run: make", file=sys.stderr)
        return 1
    counts = {"ok": 0, "FAIL": 0, "skip": 0}
    for name, function in chosen:
        began = time.monotonic()
        outcome, reason = run_one(function)
        counts[outcome] += 1
        report(name, outcome, reason, time.monotonic() - began)
    skipped = f", {counts['skip']} skipped" if counts["skip"] else ""
    print(f"{counts['ok']} passed, {counts['FAIL']} failed{skipped}")
    return 1 if counts["FAIL"] or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
