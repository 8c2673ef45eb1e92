# SPDX-License-Identifier: GPL-2.0
"""What the end-to-end tests share: building and running targets, running gotrace.

Every child is bounded by a timeout and killed at the end. Environment: GOTRACE names the gotrace to
test (default: ./gotrace of the repository), GO the Go to fetch toolchains with.
"""
import atexit
import contextlib
import ctypes
import json
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
GOTRACE = os.path.realpath(os.environ.get("GOTRACE", os.path.join(ROOT, "gotrace")))
BUILT = os.path.join(ROOT, ".output", "e2e")
DEFAULT_GO = "1.24"
ATTACH_TIMEOUT = 60
EXIT_TIMEOUT = 60

libc = ctypes.CDLL(None)
children = []
goroots = {}


class Failed(Exception):
    """A test's expectation that did not hold."""


class Skip(Exception):
    """A test that cannot run here."""


def expect(condition, message):
    if not condition:
        raise Failed(message)


def equal(got, wanted, what):
    if got != wanted:
        raise Failed(f"{what}: {got!r}, expected {wanted!r}")


def die_with_parent():
    """In the child: end when the tests end, however they end."""
    libc.prctl(1, signal.SIGKILL)


def start(command, **options):
    """Popen that is killed at the end of the tests."""
    child = subprocess.Popen(command, preexec_fn=die_with_parent, **options)
    children.append(child)
    return child


@atexit.register
def kill_children():
    """Called after each test too."""
    for child in children:
        if child.poll() is None:
            child.kill()
            child.wait()
        for stream in (child.stdin, child.stdout, child.stderr):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()
    children.clear()


def run(command, timeout=60, **options):
    """Runs to the end; (exit code, stdout, stderr)."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                          preexec_fn=die_with_parent, check=False, text=True, **options)
    return done.returncode, done.stdout, done.stderr


@contextlib.contextmanager
def workdir():
    """A directory of the test's own, removed afterwards."""
    path = tempfile.mkdtemp(prefix="gotrace-e2e-")
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


# Go programs

def goroot(version):
    if version not in goroots:
        code, out, err = run([os.path.join(ROOT, "tests", "toolchains.sh"), version], timeout=600)
        expect(code == 0, err.strip())
        goroots[version] = out.strip()
    return goroots[version]


def go_environment(root, cgo):
    env = dict(os.environ, GOROOT=root, GOTOOLCHAIN="local", GOFLAGS="", GO111MODULE="off",
               GOPROXY="off", CGO_ENABLED="1" if cgo else "0")
    env.setdefault("HOME", "/root")
    return env


BUILD_MODES = {
    "plain": ([], False),
    "stripped": (["-ldflags=-s -w"], False),
    "pie": (["-buildmode=pie"], False),
    "pie-stripped": (["-buildmode=pie", "-ldflags=-s -w"], False),
    "external-cgo": (["-ldflags=-linkmode=external"], True),
}


def build(target, version=DEFAULT_GO, mode="plain", more=(), cgo=False):
    """Builds tests/targets/TARGET; the path of it. more, cgo: flags of a mode of one's own."""
    flags, cgo = BUILD_MODES.get(mode, ([], cgo))
    flags = [*flags, *more]
    root = goroot(version)
    os.makedirs(BUILT, exist_ok=True)
    path = os.path.join(BUILT, f"{target}-{version}-{mode}")
    code, _, err = run([os.path.join(root, "bin", "go"), "build", *flags, "-o", path, "."],
                       timeout=600, env=go_environment(root, cgo),
                       cwd=os.path.join(ROOT, "tests", "targets", target))
    expect(code == 0, f"cannot build {target} with Go {version} {mode}: {err.strip()}")
    return path


def go_tool_pprof(*arguments):
    """Output of `go tool pprof`, whichever Go is there."""
    root = goroot(DEFAULT_GO)
    with workdir() as home:
        env = dict(go_environment(root, False), PPROF_TMPDIR=home)
        code, out, err = run([os.path.join(root, "bin", "go"), "tool", "pprof", *arguments],
                             timeout=120, env=env)
    expect(code == 0, f"go tool pprof {' '.join(arguments)}: {err.strip()}")
    return out


class Lines:
    """Reads lines of a pipe with a time limit."""

    def __init__(self, stream):
        self.fd = stream.fileno()
        self.buffer = b""

    def read(self, timeout=30):
        end = time.monotonic() + timeout
        while b"\n" not in self.buffer:
            ready, _, _ = select.select([self.fd], [], [], max(0, end - time.monotonic()))
            expect(ready, f"no line within {timeout} s")
            chunk = os.read(self.fd, 1 << 16)
            expect(chunk, "the program ended before it answered")
            self.buffer += chunk
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.decode()

    def rest(self, timeout=30):
        end = time.monotonic() + timeout
        while True:
            ready, _, _ = select.select([self.fd], [], [], max(0, end - time.monotonic()))
            expect(ready, f"no end of output within {timeout} s")
            chunk = os.read(self.fd, 1 << 16)
            if not chunk:
                return self.buffer.decode()
            self.buffer += chunk


class Truth:
    """The target that knows what it allocates; see tests/targets/truth."""

    def __init__(self, path, gogc="off", prefix=()):
        self.child = start([*prefix, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                           bufsize=0, env=dict(os.environ, GOGC=gogc))
        self.lines = Lines(self.child.stdout)
        self.pid = int(self.lines.read().split()[1])

    def go(self):
        """Lets it run its sites; returns when they are done and MemStats is read."""
        self.child.stdin.write(b"g")
        equal(self.lines.read(120), "done", "what the target says")

    def finish(self):
        """Its answer."""
        self.child.stdin.write(b"e")
        answer = json.loads(self.lines.rest())
        equal(self.child.wait(EXIT_TIMEOUT), 0, "exit code of the target")
        return answer


class Loop:
    """The target under load: answers lines, and knows whether they are right."""

    def __init__(self, path, seconds=300, workers=4):
        self.child = start([path, "-loop", str(seconds), "-g", str(workers)], bufsize=0,
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.lines = Lines(self.child.stdout)
        self.pid = int(self.lines.read().split()[1])
        self.iterations = 0

    def ask(self, seed):
        """Asserts that it answers right and that its own work goes on without an error."""
        self.child.stdin.write(b"%d\n" % seed)
        echo, answer, iterations, wrong = map(int, self.lines.read().split())
        equal((echo, answer), (seed, 74 * seed + 1332 + 16206), "answer of the target")
        equal(wrong, 0, "wrong results inside the target")
        expect(iterations >= self.iterations, "the target's work went backwards")
        self.iterations = iterations

    def alive(self):
        return self.child.poll() is None

    def stop(self):
        self.child.stdin.close()
        equal(self.child.wait(EXIT_TIMEOUT), 0, "exit code of the target")


def wait_until(condition, timeout, what):
    end = time.monotonic() + timeout
    while not condition():
        expect(time.monotonic() < end, f"waited {timeout} s for {what}")
        time.sleep(0.02)


# gotrace

class Gotrace:
    """A running gotrace. Its stderr is collected as it comes."""

    def __init__(self, *arguments, stdout=subprocess.PIPE, prefix=(), env=None, cwd=None):
        environment = dict(os.environ, NO_COLOR="1", **(env or {}))
        self.child = start([*prefix, GOTRACE, *map(str, arguments)], stdin=subprocess.DEVNULL,
                           stdout=stdout, stderr=subprocess.PIPE, env=environment, cwd=cwd)
        self.pid = self.child.pid
        self.out = self.err = ""
        self.readers = [threading.Thread(target=self.collect, args=("err",), daemon=True)]
        if stdout == subprocess.PIPE:
            self.readers.append(threading.Thread(target=self.collect, args=("out",), daemon=True))
        for reader in self.readers:
            reader.start()

    def collect(self, which):
        stream = self.child.stdout if which == "out" else self.child.stderr
        with contextlib.suppress(OSError, ValueError):
            for line in iter(stream.readline, b""):
                setattr(self, which, getattr(self, which) + line.decode(errors="replace"))

    def started(self):
        """How many processes it says it is tracing."""
        return len(re.findall(r"tracing pid \d+", self.err))

    def attached(self):
        return self.started() > 0

    def wait_attached(self):
        wait_until(lambda: self.attached() or self.child.poll() is not None, ATTACH_TIMEOUT,
                   "gotrace to attach")
        if not self.attached():
            self.wait()
        expect(self.attached(), f"gotrace did not attach: {self.err.strip()}")
        return self

    def send(self, number):
        self.child.send_signal(number)

    def wait(self, timeout=EXIT_TIMEOUT):
        code = self.child.wait(timeout)
        for reader in self.readers:
            reader.join(5)
        return code

    def stop(self, number=signal.SIGINT):
        """Ends it as Ctrl-C does; asserts exit code 0."""
        self.send(number)
        code = self.wait()
        expect(code == 0, f"gotrace ended with {code}: {self.err.strip()}")
        return self

    def count(self, word):
        """The number that its end block gives after this word (the total comes first)."""
        found = re.findall(rf"\b{word} (\d[\d,]*)", self.err)
        expect(found, f"no '{word} N' in what gotrace says: {self.err.strip()}")
        return int(found[0].replace(",", ""))


def gotrace(*arguments, timeout=EXIT_TIMEOUT, **options):
    """Runs gotrace to its end; (exit code, stdout, stderr)."""
    tracer = Gotrace(*arguments, **options)
    code = tracer.wait(timeout)
    return code, tracer.out, tracer.err


def text_bytes_intact(pid):
    """The executable mappings of the main program hold exactly what its file holds."""
    path = f"/proc/{pid}/exe"
    inode = os.stat(path).st_ino
    with open(path, "rb") as exe, open(f"/proc/{pid}/mem", "rb", 0) as memory, \
            open(f"/proc/{pid}/maps", encoding="ascii") as maps:
        checked = 0
        for line in maps:
            span, access, offset, _, number = line.split()[:5]
            if "x" not in access or int(number) != inode:
                continue
            low, high = (int(part, 16) for part in span.split("-"))
            exe.seek(int(offset, 16))
            memory.seek(low)
            wanted = exe.read(high - low)
            got = memory.read(high - low)[:len(wanted)]
            differ = [i for i in range(len(wanted)) if wanted[i] != got[i]] if got != wanted else []
            expect(not differ, f"{len(differ)} bytes of the program's text differ from its file, "
                   f"first at {low + (differ or [0])[0]:#x}")
            checked += len(wanted)
    expect(checked > 0, "no executable mapping of the program found")
