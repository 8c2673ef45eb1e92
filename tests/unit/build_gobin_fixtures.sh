#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Builds tests/targets/fixture in every way gobin must read, for each Go of GOTRACE_GOROOTS (colon
# separated; default: the go on PATH), and writes the truth beside each binary:
#
#   DIR/VERSION/VARIANT        the binary
#   DIR/VERSION/VARIANT.nm     "go tool nm" of the same link with its symbols
#   DIR/VERSION/plain.offsets  offsets of runtime fields by DWARF, if llvm-dwarfdump is there
#   DIR/VERSION/VARIANT.out    what the running binary says of itself (see fixture/main.go)
#
# Usage: build_gobin_fixtures.sh DIR; then GOTRACE_TEST_BINARIES=DIR test_gobin
set -eu

dir=${1:?usage: build_gobin_fixtures.sh DIR}
src=$(cd "$(dirname "$0")/../targets/fixture" && pwd)
roots=${GOTRACE_GOROOTS:-$(go env GOROOT)}
go=$(command -v go || echo "${roots%%:*}/bin/go")
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

build() { # variant cgo flags...
	variant=$1 cgo=$2
	shift 2
	GOROOT=$root GOTOOLCHAIN=local GO111MODULE=off GOFLAGS='' GOPROXY=off CGO_ENABLED=$cgo \
		"$root/bin/go" build -o "$out/$variant" "$@" "$src/main.go"
}

symbols() { # variant twin
	"$go" tool nm "$out/$2" >"$out/$1.nm"
}

# "m.curg 184": what the DWARF says of the fields in struct gobin_runtime.
offsets() { # variant
	command -v llvm-dwarfdump >/dev/null || return 0
	for s in g gobuf m p mcache; do
		llvm-dwarfdump --debug-info --name=runtime.$s --show-children "$out/$1" |
			awk -v s=$s '/DW_AT_name/ { gsub(/[("\)]/, "", $2); n = $2 }
				/DW_AT_data_member_location/ { gsub(/[()]/, "", $2); print s "." n, $2 }'
	done >"$out/$1.offsets"
}

# Damage of the kind packers and hardening scripts do; the program still runs.
patch_elf() { # how from to
	cp "$out/$2" "$out/$3"
	python3 - "$1" "$out/$3" <<'PY'
import sys
how, path = sys.argv[1:]
b = bytearray(open(path, "rb").read())
if how == "nosect":                     # e_shoff; e_shentsize, e_shnum, e_shstrndx
    b[40:48] = bytes(8)
    b[58:64] = bytes(6)
elif how == "nobuildinfo":              # magic, header, and the inline version string
    n = 0
    at = b.find(b"\xff Go buildinf:")
    while at >= 0:
        if at % 16 == 0:
            b[at:at + 64] = bytes(64)
            n += 1
        at = b.find(b"\xff Go buildinf:", at + 1)
    assert n > 0
open(path, "wb").write(b)
PY
}

IFS=:
for root in $roots; do
	unset IFS
	# The version may carry a suffix after a space (experiments until Go 1.25).
	version=$(GOROOT=$root GOTOOLCHAIN=local "$root/bin/go" version | cut -d ' ' -f 3)
	case $version in go1.*) ;; *) echo "$root: no Go" >&2; exit 1 ;; esac
	out=$dir/$version
	mkdir -p "$out"
	if [ -e "$out/done" ] && [ -z "$(find "$src/main.go" -newer "$out/done")" ]; then
		continue
	fi
	rm -f "$out"/*.nm "$out"/*.out
	echo "  FIXTURE $version"
	build plain 0
	build stripped 0 -ldflags='-s -w'
	build pie 0 -buildmode=pie
	build pie-stripped 0 -buildmode=pie -ldflags='-s -w'
	build ext 1 -ldflags=-linkmode=external
	build ext-pie 1 -buildmode=pie -ldflags=-linkmode=external
	build ext-pie-stripped 1 -buildmode=pie -ldflags='-linkmode=external -s -w'
	patch_elf nosect plain nosect
	patch_elf nosect pie-stripped pie-nosect
	patch_elf nosect ext-pie-stripped ext-pie-nosect
	patch_elf nobuildinfo plain nobuildinfo
	patch_elf nobuildinfo stripped nobuildinfo-stripped
	patch_elf nobuildinfo pie-nosect nobuildinfo-pie-nosect
	patch_elf nobuildinfo ext-pie-nosect nobuildinfo-ext-pie-nosect
	offsets plain
	for v in plain pie ext ext-pie; do
		symbols $v $v
	done
	for v in stripped nosect nobuildinfo nobuildinfo-stripped; do
		cp "$out/plain.nm" "$out/$v.nm"
	done
	for v in pie-stripped pie-nosect nobuildinfo-pie-nosect; do
		cp "$out/pie.nm" "$out/$v.nm"
	done
	for v in ext-pie-stripped ext-pie-nosect nobuildinfo-ext-pie-nosect; do
		cp "$out/ext-pie.nm" "$out/$v.nm"
	done
	for nm in "$out"/*.nm; do
		v=${nm%.nm}
		"$v" >"$v.out"
		tail -n 1 "$v.out" | grep -q '^end' || { echo "$v: no truth" >&2; exit 1; }
	done
	: >"$out/done"
done
