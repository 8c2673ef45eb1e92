# SPDX-License-Identifier: GPL-2.0
"""Two Go servers of Debian (etcd, nats-server) and our own, under load, traced for 10 seconds."""
import base64
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import lib
import pprof
from lib import equal, expect

SECONDS = int(os.environ.get("GOTRACE_SECONDS", "10"))


def program(*names):
    for name in names:
        path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if path:
            return path
    raise lib.Skip(f"no {names[0]}; run: apt-get install {names[-1]}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    return False


def under_load(client, count=3):
    """Threads that call client(stop, failures) until the returned function is called."""
    stop, failures = threading.Event(), []

    def body(number):
        try:
            client(number, stop)
        except Exception as why:  # reported by the test
            failures.append(repr(why))

    threads = [threading.Thread(target=body, args=(n,), daemon=True) for n in range(count)]
    for thread in threads:
        thread.start()

    def end():
        stop.set()
        for thread in threads:
            thread.join(20)
        equal(failures, [], "failures of the clients")
    return end


def traced(pid, directory):
    """(profile, path, folded lines, text, gotrace) of one trace."""
    path, folded, text = (os.path.join(directory, f"o.{end}") for end in ("pb.gz", "folded", "txt"))
    tracer = lib.Gotrace("-p", pid, "-a", "exact", "-d", SECONDS, "-o", path, "-o", folded,
                         "-o", text)
    equal(tracer.wait(SECONDS + 120), 0, f"exit code ({tracer.err.strip()})")
    with open(folded, encoding="utf-8") as stream:
        lines = stream.read().splitlines()
    with open(text, encoding="utf-8") as stream:
        return pprof.Profile(path), path, lines, stream.read(), tracer


def named(sample):
    function, file, line = sample.frames[0]
    return function and not function.startswith(("?", "[", "gotrace.")) and file and line


def check_named(profile):
    total = profile.total()[1]
    expect(total > 100_000, f"only {total} bytes traced: no load")
    bad = [s for s in profile.samples if not named(s)]
    share = 100 * (1 - sum(s.bytes for s in bad) / total)
    worst = max(bad, key=lambda s: s.bytes).frames[:4] if bad else ""
    expect(share >= 99, f"{share:.2f} % of bytes on named functions; unnamed: {worst}")
    rooted = sum(s.bytes for s in profile.samples if s.frames[-1][0] == "runtime.goexit")
    expect(rooted >= 0.95 * total, f"{100 * rooted / total:.1f} % of bytes reach runtime.goexit")


def check_totals(profile, path, folded, text, tracer):
    """pprof's own reading, the folded file, the text and the counters tell one total."""
    objects, size = profile.total()
    equal(tracer.count("seen"), objects, "seen")
    equal(sum(int(line.rsplit(" ", 1)[1]) for line in folded), size, "sum of the folded file")
    for index, wanted in (("alloc_space", size), ("alloc_objects", objects)):
        top = lib.go_tool_pprof("-top", "-unit=B" if index == "alloc_space" else "-unit=count",
                                f"-sample_index={index}", path)
        total = re.search(r"of (\d+)\S* total", top)
        expect(total, f"no total in pprof -top: {top[:300]}")
        equal(int(total.group(1)), wanted, f"total of pprof -top, {index}")
    equal(raw_totals(lib.go_tool_pprof("-raw", path)), (objects, size), "sums of pprof -raw")
    tree = lib.go_tool_pprof("-tree", path)
    (leaf, file, line), _ = max(profile.sites().items(), key=lambda item: item[1][1])
    expect(leaf in tree, f"pprof -tree does not show {leaf}")
    expect(str(objects) in text.replace(",", ""), f"no {objects} objects in the text: {text[:600]}")
    site = f"{os.path.basename(file)}:{line}"
    expect(site in text, f"the text does not show {site}, {leaf}")


def raw_totals(raw):
    """(objects, bytes) summed over the samples that pprof -raw prints."""
    samples = raw.split("Samples:", 1)[1].split("Locations", 1)[0]
    rows = [(int(a), int(b)) for a, b in re.findall(r"^\s+(\d+)\s+(\d+):", samples, re.M)]
    return sum(a for a, _ in rows), sum(b for _, b in rows)


def check_server(pid, client, count=3):
    end = under_load(client, count)
    time.sleep(0.5)
    with lib.workdir() as directory:
        profile, *rest = traced(pid, directory)
        end()
        check_totals(profile, *rest)
        check_named(profile)
    lib.text_bytes_intact(pid)


def test_etcd():
    etcd = program("etcd", "etcd-server")
    client, peer = free_port(), free_port()
    with lib.workdir() as directory:
        listen, other = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
        server = lib.start(
            [etcd, "--data-dir", directory, "--listen-client-urls", listen,
             "--advertise-client-urls", listen, "--listen-peer-urls", other,
             "--initial-advertise-peer-urls", other, "--initial-cluster", f"default={other}",
             "--unsafe-no-fsync"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        lib.wait_until(lambda: answers(client), 60, "etcd to listen")
        etcdctl(listen)
        check_server(server.pid, lambda number, stop: etcd_client(client, number, stop))
        etcdctl(listen)
        server.send_signal(signal.SIGTERM)
        server.wait(30)


def etcdctl(url):
    """Its own client finds it well."""
    tool = program("etcdctl", "etcd-client")
    env = dict(os.environ, ETCDCTL_API="3")
    code, _, err = lib.run([tool, "--endpoints", url, "put", "gotrace", "works"], env=env)
    equal(code, 0, f"etcdctl put ({err.strip()})")
    code, out, err = lib.run([tool, "--endpoints", url, "get", "gotrace"], env=env)
    equal((code, out.split()), (0, ["gotrace", "works"]), f"etcdctl get ({err.strip()})")


def etcd_client(port, number, stop):
    """Puts and gets through etcd's JSON gateway."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for i in range(1 << 30):
        if stop.is_set():
            return
        key = base64.b64encode(b"key-%d-%d" % (number, i % 100)).decode()
        value = base64.b64encode(b"value %d" % i).decode()
        gateway(connection, "/v3/kv/put", {"key": key, "value": value})
        got = gateway(connection, "/v3/kv/range", {"key": key})
        equal(got["kvs"][0]["value"], value, "value read back")


def gateway(connection, path, request):
    connection.request("POST", path, json.dumps(request))
    response = connection.getresponse()
    body = response.read()
    equal(response.status, 200, f"etcd answers {body[:200]!r}")
    return json.loads(body)


def test_nats():
    nats = program("nats-server")
    port = free_port()
    server = lib.start([nats, "-a", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    lib.wait_until(lambda: answers(port), 60, "nats-server to listen")
    check_server(server.pid, lambda number, stop: nats_client(port, number, stop))
    server.send_signal(signal.SIGTERM)
    server.wait(30)


def nats_client(port, number, stop):
    """Connects, subscribes, publishes a batch, reads it back, and disconnects, over and over."""
    batch = 50
    while not stop.is_set():
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            stream = connection.makefile("rb")
            expect(stream.readline().startswith(b"INFO "), "no INFO from nats-server")
            subject = b"test.%d" % number
            connection.sendall(b'CONNECT {"verbose":false}\r\nSUB %s 1\r\n' % subject)
            connection.sendall(b"".join(b"PUB %s 5\r\n%05d\r\n" % (subject, i)
                                        for i in range(batch)))
            for i in range(batch):
                equal(stream.readline(), b"MSG %s 1 5\r\n" % subject, "head of the message")
                equal(stream.readline(), b"%05d\r\n" % i, "message")


def test_web_server():
    """The server of make demo, with its own load."""
    path = lib.build("server")
    server = lib.start([path], stdout=subprocess.PIPE)
    url = lib.Lines(server.stdout).read().split()[1]
    load = lib.start([path, "-load", url, "-c", "4", "-t", f"{SECONDS + 5}s"],
                     stdout=subprocess.PIPE)
    with lib.workdir() as directory:
        profile, *rest = traced(server.pid, directory)
        answer = lib.Lines(load.stdout).rest(SECONDS + 60)
        equal(load.wait(SECONDS + 60), 0, f"exit code of the load ({answer.strip()})")
        check_totals(profile, *rest)
        check_named(profile)
        names = {f[0] for s in profile.samples for f in s.frames}
        for wanted in ("main.(*shop).search", "main.(*shop).order", "main.(*shop).page"):
            expect(wanted in names, f"{wanted} is missing")
    lib.text_bytes_intact(server.pid)
