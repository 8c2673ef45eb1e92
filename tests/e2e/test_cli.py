# SPDX-License-Identifier: GPL-2.0
"""The command line: options, streams, output names and formats, filters, signals, exit codes."""
import glob
import gzip
import os
import re
import signal
import time

import lib
import pprof
from lib import equal, expect

USAGE = 2


def loop():
    return lib.Loop(lib.build("truth"), workers=2)


def trace(target, *arguments, **options):
    """gotrace for a second; asserts success. (stdout, stderr)."""
    code, out, err = lib.gotrace("-p", target.pid, "-a", "exact", "-d", "1", *arguments, **options)
    equal(code, 0, f"exit code of {arguments} ({err.strip()})")
    return out, err


def test_help_and_version():
    for option in ("-h", "--help"):
        code, out, err = lib.gotrace(option)
        equal((code, err), (0, ""), f"exit code and stderr of {option}")
        for word in ("TARGET", "OUTPUT", "FILTERS", "MISC", "--pid", "--output", "default"):
            expect(word in out, f"no {word!r} in the help")
        longest = max(out.splitlines(), key=len)
        expect(len(longest) <= 100, f"help line too long: {longest}")
    for option in ("-V", "--version"):
        code, out, err = lib.gotrace(option)
        equal((code, err), (0, ""), f"exit code and stderr of {option}")
        expect(re.fullmatch(r"gotrace \S+\n", out), f"version: {out!r}")


def test_usage_errors():
    pid = os.getpid()
    for arguments in ((), ("--nonsense",), ("-p",), ("-p", "x"), ("-p", pid, "-d", "x"),
                      ("-p", pid, "-d", "-1"), ("-p", pid, "-d", "0"), ("-p", pid, "-i", "1y"),
                      ("-p", pid, "-a", "guess"), ("-p", pid, "-e", "nothing"),
                      ("-p", pid, "-m", "colour"), ("-p", pid, "-T", "-3"),
                      ("-p", pid, "-f", "word"), ("-p", pid, "-o", "x.unknown"),
                      ("-p", pid, "-o", "x.trace.json"), ("-p", pid, "-l", "0"),
                      ("-p", pid, "-l", "1 us"), ("-p", pid, "-d", "999ns"),
                      ("-p", pid, "-e", "alloc", "-m", "pauses"),
                      ("-p", pid, "-e", "stack", "-m", "assist-time"), ("inspect",)):
        code, out, err = lib.gotrace(*arguments)
        equal((code, out), (USAGE, ""), f"exit code and stdout of {arguments} ({err.strip()})")
        expect(re.match(r"\S*gotrace: ", err), f"message of {arguments}: {err.strip()}")


def test_start_line_and_end_block():
    target = loop()
    _, err = trace(target)
    start = (rf"^gotrace: tracing pid {target.pid} \(truth\S*, go1\.24\.\d+\): "
             r"alloc exact, stack, gc; \d+ probes? attached in [\d.]+ ms; Ctrl-C to stop$")
    expect(re.search(start, err, re.M), f"start line: {err}")
    for pattern in (r"seen \d", r"lost \d", r"attach", r"detach", r"ns"):
        expect(re.search(pattern, err), f"no {pattern!r} in the end block: {err}")


def test_quiet_and_verbose():
    target = loop()
    out, err = trace(target, "-q")
    equal(err, "", "stderr with -q")
    expect(out, "no report on stdout with -q")
    _, normal = trace(target)
    _, more = trace(target, "-v")
    expect(len(more) > len(normal), "-v says no more")


def test_duration_units():
    target = loop()
    for text in ("1", "1s", "500ms", "0.02m"):
        code, _, err = lib.gotrace("-p", target.pid, "-d", text)
        equal(code, 0, f"exit code of -d {text} ({err.strip()})")


def test_longer_units():
    target = loop()
    for text in ("0.0001", "100us", "1ns", "2.5ms"):
        code, _, err = lib.gotrace("-p", target.pid, "--dry-run", "-l", text)
        equal(code, 0, f"exit code of -l {text} ({err.strip()})")


def test_text_on_stdout():
    target = loop()
    out, _ = trace(target)
    expect("main.check" in out, f"no main.check in the report: {out[:400]}")
    expect("loop.go" in out, "no file name in the report")
    expect("\x1b" not in out, "colours although stdout is no terminal")


def test_text_every_interval():
    target = loop()
    once, _ = trace(target, "-i", "1h")
    often, _ = trace(target, "-i", "200ms")
    expect(often.count("main.check") > once.count("main.check"), "no tables in between")


def test_outputs_to_stdout():
    target = loop()
    out, _ = trace(target, "-f", "folded", "-o", "-")
    for line in out.splitlines():
        expect(re.fullmatch(r"\S.*[^;] \d+", line), f"not a folded line: {line!r}")
    with lib.workdir() as directory:
        path = os.path.join(directory, "o")
        with open(path, "wb") as stream:
            trace(target, "-f", "pprof", "-o", "-", stdout=stream)
        expect(pprof.Profile(path).total()[0] > 0, "no profile on stdout")


def test_formats_by_suffix():
    target = loop()
    with lib.workdir() as directory:
        files = ["a.pb.gz", "b.folded", "c.txt", "d.jsonl"]
        names = [os.path.join(directory, name) for name in files]
        trace(target, *[word for name in names for word in ("-o", name)])
        equal(sorted(os.listdir(directory)), files, "files")
        with gzip.open(names[0]) as stream:
            expect(stream.read(), "empty profile")
        for name in names:
            equal(os.stat(name).st_mode & 0o111, 0, f"execute bits of {name}")


def test_format_forced():
    target = loop()
    with lib.workdir() as directory:
        path = os.path.join(directory, "profile")
        trace(target, "-f", "pprof", "-o", path)
        expect(pprof.Profile(path).total()[0] > 0, "no profile")


def test_output_names():
    target = loop()
    with lib.workdir() as directory:
        trace(target, "-o", os.path.join(directory, "%c-%p-%t-%h-%%.txt"))
        name, = os.listdir(directory)
        host = re.escape(os.uname().nodename)
        wanted = rf"truth\S*?-{target.pid}-\d{{8}}[T-]?\d{{6}}Z?-{host}-%\.txt"
        expect(re.fullmatch(wanted, name), f"expanded name: {name}")


def test_output_relative():
    target = loop()
    with lib.workdir() as directory:
        trace(target, "-o", "o.pb.gz", cwd=directory)
        equal(os.listdir(directory), ["o.pb.gz"], "files")


def test_filters():
    target = loop()
    with lib.workdir() as directory:
        path = os.path.join(directory, "o.pb.gz")
        trace(target, "-I", "strconv.*", "-o", path)
        kept = [s for s in pprof.Profile(path).samples if not s.frames[0][0].startswith("gotrace.")]
        expect(kept, "nothing left by -I strconv.*")
        expect(all("strconv." in " ".join(f[0] for f in s.frames) for s in kept), "-I strconv.*")
        trace(target, "-X", "strconv.*", "-o", path, "--force")
        names = {f[0] for s in pprof.Profile(path).samples for f in s.frames}
        expect(not any(name.startswith("strconv.") for name in names), "-X strconv.*")
        expect("main.check" in names, "nothing left by -X strconv.*")


def test_top():
    target = loop()
    short, _ = trace(target, "-T", "1", "-i", "1h")
    full, _ = trace(target, "-T", "50", "-i", "1h")
    expect(len(short.splitlines()) < len(full.splitlines()), "-T 1 prints as much as -T 50")


def test_dry_run():
    target = loop()
    with lib.workdir() as directory:
        output = os.path.join(directory, "o.txt")
        code, _, err = lib.gotrace("-p", target.pid, "--dry-run", "-o", output)
        equal(code, 0, f"exit code ({err.strip()})")
        equal(os.listdir(directory), [], "files written by --dry-run")
        expect("tracing pid" not in err, "--dry-run traces")
    lib.text_bytes_intact(target.pid)


def test_stats():
    target = loop()
    _, normal = trace(target)
    _, more = trace(target, "--stats")
    expect(len(more) > len(normal), "--stats says no more")


def test_inspect():
    path = lib.build("truth")
    target = loop()
    for subject in (path, target.pid):
        code, out, err = lib.gotrace("inspect", subject)
        equal(code, 0, f"exit code ({err.strip()})")
        for word in ("go1.24.", "runtime.mallocgc", "push", "; emulated"):
            expect(word in out, f"no {word!r} in: {out}")
    for subject, wanted in (("/bin/sleep", 3), ("/nonexistent", 1), ("/etc/passwd", 3), ("/", 3)):
        code, out, err = lib.gotrace("inspect", subject)
        equal((code, out), (wanted, ""), f"exit code, stdout of inspect {subject} ({err.strip()})")
        expect(f"'{subject}'" in err, f"message: {err.strip()}")


def test_term_finishes():
    target = loop()
    with lib.workdir() as directory:
        path = os.path.join(directory, "o.pb.gz")
        tracer = lib.Gotrace("-p", target.pid, "-o", path).wait_attached()
        time.sleep(0.3)
        tracer.stop(signal.SIGTERM)
        expect(pprof.Profile(path).total()[0] > 0, "empty profile")


def test_snapshot_on_usr1():
    """USR1 writes every output; tracing goes on, and the end writes them again."""
    target = loop()
    with lib.workdir() as directory:
        tracer = lib.Gotrace("-p", target.pid, "-o", os.path.join(directory, "o.pb.gz"))
        tracer.wait_attached()
        time.sleep(0.3)
        tracer.send(signal.SIGUSR1)
        lib.wait_until(lambda: glob.glob(os.path.join(directory, "*.pb.gz")), 20, "the snapshot")
        first = pprof.Profile(glob.glob(os.path.join(directory, "*.pb.gz"))[0]).total()
        time.sleep(0.3)
        tracer.stop()
        last = max(pprof.Profile(name).total() for name in glob.glob(os.path.join(directory, "*")))
        expect(last[0] > first[0] > 0, f"totals {first}, then {last}")


def test_second_interrupt_exits():
    target = loop()
    tracer = lib.Gotrace("-p", target.pid).wait_attached()
    tracer.send(signal.SIGINT)
    tracer.send(signal.SIGINT)
    code = tracer.wait()
    expect(code in (0, 1, 130, -2), f"exit code {code}")
    target.ask(11)
