# SPDX-License-Identifier: GPL-2.0
"""Targets whose executable is not where its path says: /proc/PID/exe is what counts."""
import os
import shutil

import exact
import lib
from lib import expect


def check(target, directory):
    truth, profile, tracer = exact.trace(target, directory)
    exact.check_totals(truth, profile, tracer, quiet=True)
    exact.check_sites(truth, profile, quiet=True)


def privileged(*command):
    code, _, err = lib.run([*command, "true"])
    if code:
        raise lib.Skip(f"cannot {command[0]}: {err.strip()}")


def test_executable_replaced():
    """The file is gone, and another program has its name."""
    with lib.workdir() as directory:
        copy = shutil.copy(lib.build("truth"), os.path.join(directory, "truth"))
        target = lib.Truth(copy)
        os.unlink(copy)
        shutil.copy("/bin/true", copy)
        check(target, directory)


def test_other_mount_namespace():
    privileged("unshare", "--mount")
    path = lib.build("truth")
    with lib.workdir() as directory:
        script = f"mount -t tmpfs none {directory} && cp {path} {directory}/t && exec {directory}/t"
        target = lib.Truth(script, prefix=["unshare", "--mount", "sh", "-c"])
        expect(not os.path.exists(os.path.join(directory, "t")), "the mount is visible here")
        check(target, directory)


def test_other_root():
    with lib.workdir() as directory, lib.workdir() as outputs:
        shutil.copy(lib.build("truth"), os.path.join(directory, "truth"))
        privileged("chroot", "/")
        check(lib.Truth("/truth", prefix=["chroot", directory]), outputs)


def test_other_pid_namespace():
    """As in a container: the target thinks that it is process 1."""
    privileged("unshare", "--pid", "--fork")
    with lib.workdir() as directory:
        target = lib.Truth(lib.build("truth"), prefix=["unshare", "--pid", "--fork"])
        shim = target.child.pid
        with open(f"/proc/{shim}/task/{shim}/children", encoding="ascii") as stream:
            target.pid = int(stream.read())
        check(target, directory)


def test_same_file_twice():
    """Another process runs the same file: it is not traced."""
    with lib.workdir() as directory:
        path = lib.build("truth")
        other = lib.Loop(path, seconds=60, workers=1)
        check(lib.Truth(path), directory)
        other.ask(1)
