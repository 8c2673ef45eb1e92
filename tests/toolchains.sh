#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Fetches Go toolchains, caches them in Go's module cache, and prints the GOROOT of each, one a line.
#
#	tests/toolchains.sh 1.19 1.24 1.27.4
#
# Any installed Go that knows modules can fetch any other: a toolchain is a module. A version
# without a patch number stands for the one named below, or for an installed Go of that minor
# version if that one cannot be had. Run what is printed as
#
#	GOROOT=$D GOTOOLCHAIN=local GOFLAGS= GO111MODULE=off $D/bin/go build
#
# GO names the Go that fetches; without it the first one found is taken.
set -u

# The patch release that stands for each minor version.
RELEASES='1.18.10 1.19.13 1.20.14 1.21.13 1.22.12 1.23.12 1.24.4 1.25.5 1.26.8 1.27.4'

die() {
	echo "toolchains.sh: $*" >&2
	exit 1
}

find_go() {
	for go in "${GO:-}" "$(command -v go)" /usr/local/go/bin/go /usr/lib/go-*/bin/go; do
		if [ -n "$go" ] && [ -x "$go" ]; then
			echo "$go"
			return
		fi
	done
}

# 1.24 -> 1.24.4; a version with a patch number stays as it is.
full_version() {
	case $1 in
	*.*.*) echo "$1"; return ;;
	esac
	for release in $RELEASES; do
		if [ "${release%.*}" = "$1" ]; then
			echo "$release"
			return
		fi
	done
	echo "$1.0"
}

# Module archives carry no permissions: the programs have to be made executable.
make_executable() {
	chmod +x "$1"/bin/* "$1"/pkg/tool/*/* 2>/dev/null
	[ -x "$1/bin/go" ]
}

# GOROOT of an installed Go of this minor version, if there is one.
installed() {
	for go in "$(command -v go)" /usr/local/go/bin/go "/usr/lib/go-$1/bin/go"; do
		if [ -n "$go" ] && [ -x "$go" ]; then
			case $(GOTOOLCHAIN=local "$go" env GOVERSION 2>/dev/null) in
			"go$1" | "go$1".*) GOTOOLCHAIN=local "$go" env GOROOT; return ;;
			esac
		fi
	done
}

fetch() {
	(cd / && GOTOOLCHAIN=local GOFLAGS=-mod=mod GO111MODULE=on "$FETCHER" \
		mod download -json "golang.org/toolchain@v0.0.1-go$1.$PLATFORM") >"$LOG" 2>&1
	sed -n 's/^[[:space:]]*"Dir": "\(.*\)",*$/\1/p' "$LOG"
}

# The lines of the fetch that tell what went wrong.
explain() {
	sed -n -e 's/^[[:space:]]*"Error": "\(.*\)",*$/\1/p' -e '/^[^{}[:space:]]/p' "$LOG" |
		head -n 5 | sed 's/^/	/' >&2
}

one() {
	version=$(full_version "${1#go}")
	dir=$(fetch "$version")
	if [ -n "$dir" ] && make_executable "$dir"; then
		echo "$dir"
		return
	fi
	case ${1#go} in
	*.*.*) ;;
	*)
		dir=$(installed "${1#go}")
		if [ -n "$dir" ]; then
			echo "$dir"
			return
		fi
		;;
	esac
	echo "toolchains.sh: cannot fetch '$1' (go$version for $PLATFORM):" >&2
	explain
	return 1
}

[ $# -gt 0 ] || die "which versions? run: tests/toolchains.sh 1.19 1.24 1.27"
FETCHER=$(find_go)
[ -n "$FETCHER" ] || die "no Go to fetch with; run: sudo apt-get install golang-go"
case $(uname -m) in
x86_64) PLATFORM=linux-amd64 ;;
aarch64) PLATFORM=linux-arm64 ;;
*) die "no toolchains for '$(uname -m)'" ;;
esac
LOG=$(mktemp) || die "cannot make a temporary file"
trap 'rm -f "$LOG"' EXIT

status=0
for wanted in "$@"; do
	one "$wanted" || status=1
done
exit $status
