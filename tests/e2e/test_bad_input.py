# SPDX-License-Identifier: GPL-2.0
"""Targets that cannot be traced, or not to the end: message, exit code, and the target unhurt."""
import os
import re
import shutil
import signal
import subprocess
import time

import exact
import lib
import pprof
from lib import equal, expect

FAILURE, USAGE, UNTRACEABLE, NOT_PERMITTED = 1, 2, 3, 4


def refused(pid, codes, *words):
    """gotrace -p PID is refused with one of these codes and a message that has these words."""
    code, out, err = lib.gotrace("-p", pid, "-d", "1")
    expect(code in codes, f"exit code {code}, expected {codes}: {err.strip()}")
    equal(out, "", "stdout")
    expect(err.startswith("gotrace: "), f"message begins otherwise: {err.strip()}")
    expect(f"'{pid}'" in err, f"message does not quote '{pid}': {err.strip()}")
    for word in words:
        expect(re.search(word, err), f"message without {word!r}: {err.strip()}")


def test_not_go():
    for command in (["sleep", "60"], ["python3", "-c", "import time; time.sleep(60)"]):
        child = lib.start(command)
        time.sleep(0.2)
        refused(child.pid, [UNTRACEABLE], "(?i)not a Go")
        equal(child.poll(), None, "state of the target")


def test_no_such_pid():
    child = lib.start(["true"])
    child.wait()
    refused(child.pid, [FAILURE, UNTRACEABLE], "no such process")


def test_impossible_pids():
    for pid in ("0", "-5", "abc", "12x", "", "99999999999999999999", "4294967297"):
        code, _, err = lib.gotrace(f"--pid={pid}", "-d", "1")
        expect(code in (FAILURE, USAGE, UNTRACEABLE) and err, f"pid {pid!r}: exit {code}, {err!r}")


def test_kernel_thread():
    refused(2, [UNTRACEABLE], "kernel thread")


def test_zombie():
    child = lib.start(["true"])
    lib.wait_until(lambda: ") Z " in read(f"/proc/{child.pid}/stat"), 10, "the zombie")
    refused(child.pid, [FAILURE, UNTRACEABLE], "zombie|exited|no such process")


def read(path):
    with open(path, encoding="utf-8", errors="replace") as stream:
        return stream.read()


def test_unsupported_versions():
    """A real program that says it was built by another Go: refused by its version."""
    path = lib.build("truth")
    with open(path, "rb") as stream:
        data = stream.read()
    version = re.search(rb"go1\.24\.\d", data).group()
    for other in (b"go1.17.9", b"go1.99.0", b"go2.24.4"):
        with lib.workdir() as directory:
            changed = os.path.join(directory, "changed")
            with open(changed, "wb") as stream:
                stream.write(data.replace(version, other))
            os.chmod(changed, 0o755)
            target = lib.Loop(changed, seconds=60, workers=1)
            refused(target.pid, [UNTRACEABLE], re.escape(other.decode()))
            target.ask(7)
            target.stop()


def test_address_sanitizer():
    """Its red zones are not accounted for: no figure instead of a wrong one."""
    path = lib.build("truth", mode="asan", more=["-asan"], cgo=True)
    target = lib.Truth(path)
    code, _, err = lib.gotrace("-p", target.pid, "-e", "alloc", "-a", "exact", "-d", "1")
    equal(code, 3, f"exit code ({err.strip()})")
    expect("-asan" in err, f"message: {err.strip()}")


def test_target_exits():
    with lib.workdir() as directory:
        output = os.path.join(directory, "o.pb.gz")
        target = lib.Loop(lib.build("truth"))
        tracer = lib.Gotrace("-p", target.pid, "-a", "exact", "-o", output).wait_attached()
        time.sleep(0.3)
        target.stop()
        equal(tracer.wait(), 0, f"exit code ({tracer.err.strip()})")
        profile = pprof.Profile(output)
        expect(profile.total()[0] > 0, "nothing gathered")
        names = {frame[0] for sample in profile.samples for frame in sample.frames}
        expect("main.check" in names, f"no names in what was gathered: {sorted(names)[:9]}")


def test_target_killed():
    target = lib.Loop(lib.build("truth"))
    tracer = lib.Gotrace("-p", target.pid, "-a", "exact").wait_attached()
    target.child.kill()
    equal(tracer.wait(), 0, f"exit code ({tracer.err.strip()})")


def test_target_exits_while_attaching():
    path = lib.build("truth")
    for step in range(12):
        target = lib.Loop(path, workers=1)
        tracer = lib.Gotrace("-p", target.pid, "-a", "exact")
        time.sleep(step * 0.01)
        target.child.kill()
        target.child.wait()
        code = tracer.wait()
        expect(code in (0, FAILURE, UNTRACEABLE), f"exit code {code}: {tracer.err.strip()}")
        expect(tracer.err, "not a word")


def executable(pid):
    """What pid runs; "" while an exec by another thread takes the place of the first one."""
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except FileNotFoundError:
        return ""


def test_target_execs():
    with lib.workdir() as directory:
        output = os.path.join(directory, "o.pb.gz")
        target = lib.Loop(lib.build("truth"))
        tracer = lib.Gotrace("-p", target.pid, "-a", "exact", "-o", output).wait_attached()
        time.sleep(0.2)
        target.child.stdin.write(b"exec\n")
        lib.wait_until(lambda: executable(target.pid).endswith("/sleep"), 20,
                       "the target to become another program")
        time.sleep(2)
        if tracer.child.poll() is None:
            tracer.send(signal.SIGINT)
        equal(tracer.wait(), 0, f"exit code ({tracer.err.strip()})")
        expect(target.alive(), "the new program died")
        expect(pprof.Profile(output).total()[0] > 0, "nothing gathered before")


def test_ordinary_user():
    """Whoever owns the target: exit 4, and the command that works."""
    with lib.workdir() as directory:
        os.chmod(directory, 0o755)
        copy = shutil.copy(lib.GOTRACE, os.path.join(directory, "gotrace"))
        drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        path = shutil.copy(lib.build("truth"), os.path.join(directory, "truth"))
        target = lib.start([*drop, path, "-loop", "60"], stdin=subprocess.PIPE,
                           stdout=subprocess.PIPE)
        lib.Lines(target.stdout).read()
        for pid in (target.pid, os.getpid()):
            code, out, err = lib.run([*drop, copy, "-p", str(pid), "-d", "1"])
            equal((code, out), (NOT_PERMITTED, ""), f"exit code and stdout ({err.strip()})")
            expect("sudo" in err, f"message without the command that works: {err.strip()}")
        equal(target.poll(), None, "state of the target")


def test_traced_by_strace():
    with lib.workdir() as directory:
        path = lib.build("truth")
        target = lib.Truth(path)
        log = os.path.join(directory, "log")
        strace = lib.start(["strace", "-f", "-qq", "-o", log, "-p", str(target.pid)])
        lib.wait_until(lambda: "TracerPid:\t0" not in read(f"/proc/{target.pid}/status"), 20,
                       "strace to attach")
        output = os.path.join(directory, "o.pb.gz")
        tracer = lib.Gotrace("-p", target.pid, "-a", "exact", "-o", output).wait_attached()
        target.go()
        tracer.stop()
        truth = target.finish()
        strace.wait(20)
        exact.check_totals(truth, pprof.Profile(output), tracer, quiet=True)


def test_two_at_once():
    with lib.workdir() as directory:
        target = lib.Truth(lib.build("truth"))
        outputs = [os.path.join(directory, name) for name in ("a.pb.gz", "b.pb.gz")]
        tracers = [lib.Gotrace("-p", target.pid, "-a", "exact", "-o", name).wait_attached()
                   for name in outputs]
        target.go()
        for tracer in tracers:
            tracer.stop()
        truth = target.finish()
        for tracer, output in zip(tracers, outputs):
            exact.check_totals(truth, pprof.Profile(output), tracer, quiet=True)
