#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Builds the targets of the benchmarks and runs them. bpftrace, the peer, is used if it is there.
# usage: tests/bench/run.sh [--rounds N] [--json FILE] [--only alloc|curve|hot|tax]
set -eu
cd "$(dirname "$0")/../.."
export PATH=$PATH:/usr/local/go/bin
out=$PWD/.output/bench
mkdir -p "$out/src"

# Go 1.24 has one function, mallocgc, that all allocations pass: what the peer needs to see them all.
goroot=$(tests/toolchains.sh 1.24)
build() {
	(cd "$1" && GOROOT=$goroot GOTOOLCHAIN=local GOFLAGS='' GO111MODULE=off CGO_ENABLED=0 \
		"$goroot/bin/go" build "${@:3}" -o "$2" .)
}

build tests/targets/alloc "$out/alloc"
build tests/targets/curve "$out/curve"
build tests/targets/gc "$out/gc"
build tests/targets/natsload "$out/natsload"

# A binary of 100 MB: the same program, 12,000 functions more, and the rest embedded data.
if [ ! -e "$out/big" ]; then
	echo "building a binary of 100 MB"
	cp tests/targets/alloc/*.go "$out/src/"
	head -c 80000000 /dev/urandom > "$out/src/data.bin"
	{
		printf 'package main\n\nimport _ "embed"\nimport _ "net/http"\n'
		printf '\n//go:embed data.bin\nvar data string\n\nvar table []func(int) int\n'
		printf '\nfunc init() {\n\ttable = []func(int) int{\n'
		for ((i = 0; i < 12000; i++)); do printf '\tf%d,\n' $i; done
		printf '\t}\n\tif len(data) == 7 {\n\t\tprintln(table[1](7))\n\t}\n}\n\n'
		for ((i = 0; i < 12000; i++)); do
			printf 'func f%d(x int) int { for i := 0; i < x; i++ { x ^= len(table)*%d + len(data)>>(uint(x)&7) }; return table[(x+%d)&1023](x - 1) }\n' $i $i $i
		done
	} > "$out/src/big.go"
	build "$out/src" "$out/big" -ldflags='-s -w'
	rm -rf "$out/src"
fi
exec tests/bench/run.py "$@"
