#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# All tests: unit tests (no root needed), then the end-to-end tests on real processes. The last line
# is their sum.
set -u
cd "$(dirname "$0")/.." || exit 1
export PATH=$PATH:/usr/local/go/bin

log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0 failed=0 skipped=0

# Runs one suite and adds the counts of its last line to the sums.
suite() {
	local name=$1 status
	shift
	echo "== $name"
	"$@" 2>&1 | tee "$log"
	status=${PIPESTATUS[0]}
	if [[ $(grep ' passed, ' "$log" | tail -n 1) =~ ([0-9]+)\ passed,\ ([0-9]+)\ failed(,\ ([0-9]+)\ skipped)? ]]; then
		passed=$((passed + BASH_REMATCH[1]))
		failed=$((failed + BASH_REMATCH[2]))
		skipped=$((skipped + ${BASH_REMATCH[4]:-0}))
		[[ $status -eq 0 || ${BASH_REMATCH[2]} -gt 0 ]] || failed=$((failed + 1))
	else
		echo "FAIL $name: it did not count its tests"
		failed=$((failed + 1))
	fi
}

# Go programs for the unit tests, built by each kind of Go that gotrace treats differently.
fixtures() {
	local dir=$PWD/.output/fixtures roots
	echo "== binaries for the unit tests"
	roots=$(tests/toolchains.sh 1.19 1.24 1.27 | paste -sd:) &&
		GOTRACE_GOROOTS=$roots tests/unit/build_gobin_fixtures.sh "$dir" > .output/fixtures.log 2>&1 &&
		export GOTRACE_TEST_BINARIES=$dir && return
	echo "FAIL binaries for the unit tests (.output/fixtures.log)"
	failed=$((failed + 1))
}

fixtures
suite "unit tests" make unit
suite "end-to-end tests" tests/e2e/run.py
echo "$passed passed, $failed failed, $skipped skipped"
[[ $failed -eq 0 ]]
