#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Installs what building, the demo and the tests need and this system lacks, by package name, with
# apt. Says what it installs; says nothing when nothing is missing.
#
#   tests/setup.sh             install
#   tests/setup.sh --check     only name what building needs and is missing
#   tests/setup.sh --bpftool   print a bpftool that runs, for the Makefile
set -eu

# Ubuntu's /usr/sbin/bpftool is a script that insists on the running kernel's own tools package;
# any version's binary will do here.
find_bpftool() {
	for tool in bpftool /usr/sbin/bpftool /usr/local/sbin/bpftool \
		    /usr/lib/linux-tools/*/bpftool /usr/lib/linux-tools-*/bpftool; do
		if "$tool" version > /dev/null 2>&1; then
			echo "$tool"
			return 0
		fi
	done
	return 1
}

if [ "${1:-}" = --bpftool ]; then
	find_bpftool || echo bpftool
	exit 0
fi

missing=
have() { command -v "$1" > /dev/null 2>&1; }
header() { [ -e "/usr/include/$1" ] || [ -e "/usr/include/$(uname -m)-linux-gnu/$1" ]; }
need() { missing="$missing $1"; }

have cc || need gcc
header stdio.h || need libc6-dev
have clang || need clang
have llvm-strip || need llvm
header bpf/libbpf.h || need libbpf-dev
header linux/bpf.h || need linux-libc-dev
header libelf.h || need libelf-dev
header zlib.h || need zlib1g-dev
header capstone/capstone.h || need libcapstone-dev
header uthash.h || need uthash-dev
header protobuf-c/protobuf-c.h || need libprotobuf-c-dev
header jansson.h || need libjansson-dev
have protoc-c || need protobuf-c-compiler
find_bpftool > /dev/null || need bpftool
if [ "${1:-}" = --check ]; then
	[ -n "$missing" ] || exit 0
	echo "missing to build gotrace:$missing; run: make deps" >&2
	exit 1
fi
header cmocka.h || need libcmocka-dev
have python3 || need python3
python3 -c 'import jsonschema' 2> /dev/null || /usr/bin/python3 -c 'import jsonschema' 2> /dev/null ||
	need python3-jsonschema
have strace || need strace
have ps || need procps
have runuser || need util-linux
[ -e /etc/ssl/certs/ca-certificates.crt ] || need ca-certificates
have go || [ -x /usr/local/go/bin/go ] || need golang-go
have etcd || need etcd-server
have etcdctl || need etcd-client
have nats-server || need nats-server

[ -n "$missing" ] || exit 0

if ! have apt-get; then
	echo "setup: this system has no apt; install what provides:$missing" >&2
	exit 1
fi
sudo=
if [ "$(id -u)" != 0 ]; then
	have sudo || { echo "setup: run as root, or install sudo, to install:$missing" >&2; exit 1; }
	sudo=sudo
fi

$sudo apt-get update -qq
# Ubuntu has no package bpftool, only one of the tools for each kernel.
case $missing in
*" bpftool"*)
	if ! apt-cache policy bpftool | grep -q 'Candidate: [0-9v]'; then
		missing="${missing%% bpftool*} linux-tools-generic${missing#* bpftool}"
	fi ;;
esac
echo "setup: installing$missing"
# Packages that start a server are not to start it: the tests run their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" > /dev/null
	$sudo chmod +x "$policy"
	trap '$sudo rm -f "$policy"' EXIT
fi
# shellcheck disable=SC2086 # a list of names
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing > /dev/null
find_bpftool > /dev/null || { echo "setup: no bpftool that runs" >&2; exit 1; }
