# SPDX-License-Identifier: GPL-2.0
"""Outputs that cannot be written: said before tracing where possible, never half a file."""
import contextlib
import os
import subprocess

import lib
import pprof
from lib import equal, expect

FAILURE, USAGE = 1, 2


@contextlib.contextmanager
def small_filesystem(directory, size):
    code, _, err = lib.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", directory])
    if code:
        raise lib.Skip(f"cannot mount a tmpfs: {err.strip()}")
    try:
        yield
    finally:
        lib.run(["umount", "-l", directory])


def refused_output(target, output, *words):
    """Refused before anything is traced."""
    code, _, err = lib.gotrace("-p", target.pid, "-a", "exact", "-d", "1", "-o", output)
    expect(code in (FAILURE, USAGE), f"exit code {code}: {err.strip()}")
    expect(output in err, f"message does not name '{output}': {err.strip()}")
    expect("tracing pid" not in err, "traced although the output cannot be written")
    for word in words:
        expect(word in err.lower(), f"message without {word!r}: {err.strip()}")


def test_exists():
    with lib.workdir() as directory:
        target = lib.Loop(lib.build("truth"), workers=1)
        output = os.path.join(directory, "o.pb.gz")
        with open(output, "w", encoding="ascii") as stream:
            stream.write("precious")
        refused_output(target, output, "exists", "--force")
        with open(output, encoding="ascii") as stream:
            equal(stream.read(), "precious", "content of the file that was there")
        code, _, err = lib.gotrace("-p", target.pid, "-d", "1", "-o", output, "--force")
        equal(code, 0, f"exit code with --force ({err.strip()})")
        expect(pprof.Profile(output).total()[0] > 0, "nothing written with --force")


def test_is_a_directory():
    with lib.workdir() as directory:
        target = lib.Loop(lib.build("truth"), workers=1)
        output = os.path.join(directory, "o.pb.gz")
        os.mkdir(output)
        refused_output(target, output, "directory")


def test_directory_missing():
    with lib.workdir() as directory:
        target = lib.Loop(lib.build("truth"), workers=1)
        output = os.path.join(directory, "none", "o.pb.gz")
        refused_output(target, output, "no such file or directory")


def test_disk_full():
    """Exit 1, the reason, nothing left behind, and the other output is there."""
    with lib.workdir() as directory, lib.workdir() as other, small_filesystem(directory, "8k"):
        target = lib.Truth(lib.build("truth"))
        full, good = os.path.join(directory, "o.folded"), os.path.join(other, "o.pb.gz")
        tracer = lib.Gotrace("-p", target.pid, "-o", full, "-o", good).wait_attached()
        target.go()
        tracer.send(2)
        code = tracer.wait()
        target.finish()
        equal(code, FAILURE, f"exit code ({tracer.err.strip()})")
        expect("no space left" in tracer.err.lower(), f"message: {tracer.err.strip()}")
        equal(os.listdir(directory), [], "what is left on the full disk")
        expect(pprof.Profile(good).total()[0] > 0, "the other output is missing")


def to_stdout(stdout, *arguments):
    target = lib.Loop(lib.build("truth"), workers=1)
    tracer = lib.Gotrace("-p", target.pid, "-a", "exact", "-d", "1", *arguments, stdout=stdout)
    code = tracer.wait()
    target.ask(3)
    target.stop()
    return code, tracer.err


def test_stdout_closed():
    """A reader that went away (| head): no hang, no crash."""
    for arguments in ((), ("-f", "folded", "-o", "-"), ("-f", "pprof", "-o", "-")):
        reader, writer = os.pipe()
        os.close(reader)
        code, err = to_stdout(writer, *arguments)
        os.close(writer)
        expect(code in (0, FAILURE, -13), f"{arguments}: exit code {code}: {err.strip()}")


def test_stdout_full():
    with open("/dev/full", "wb") as full:
        code, err = to_stdout(full, "-f", "folded", "-o", "-")
    equal(code, FAILURE, f"exit code ({err.strip()})")
    expect("no space left" in err.lower(), f"message: {err.strip()}")


def test_stdout_no_descriptor():
    """Started with stdout closed altogether (>&-): the first file opened must not become stdout."""
    target = lib.Loop(lib.build("truth"), workers=1)
    with lib.workdir() as directory:
        output = os.path.join(directory, "o.pb.gz")
        tracer = subprocess.run(
            ["sh", "-c", 'exec "$@" >&-', "sh", lib.GOTRACE, "-p", str(target.pid), "-a", "exact",
             "-d", "1", "-o", output],
            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=60, check=False)
        expect(tracer.returncode in (0, FAILURE), f"exit code {tracer.returncode}: {tracer.stderr}")
        if os.path.exists(output):
            pprof.Profile(output)
    target.ask(5)
