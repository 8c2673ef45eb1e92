#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Builds the fuzz targets (libFuzzer with ASan and UBSan), makes their seeds, and runs each for a
# bounded time. Needs no root. The corpus grows in .output/fuzz/NAME/corpus from run to run; an
# input that crashes a target is kept in .output/fuzz/NAME/found, and the exit code is 1.
#
# usage: tests/fuzz/run.sh [gobin|site|flow]...      FUZZ_SECONDS: for each target (120)
set -eu
cd "$(dirname "$0")/../.."

seconds=${FUZZ_SECONDS:-120}
clang=${CLANG:-clang}
san=fuzzer,address,undefined
case $seconds in
'' | *[!0-9]* | 0) echo "fuzz: no number of seconds: '$seconds'" >&2; exit 2 ;;
esac
command -v "$clang" > /dev/null ||
	{ echo "fuzz: no $clang; run: sudo apt-get install clang" >&2; exit 1; }
if ! echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' |
	"$clang" -fsanitize=$san -x c - -o /dev/null 2> /dev/null; then
	major=$("$clang" -dumpversion | cut -d. -f1)
	echo "fuzz: $clang has no libFuzzer; run: sudo apt-get install libclang-rt-$major-dev" >&2
	exit 1
fi

# name: the longest input, the sources, the libraries
sources() {
	case $1 in
	gobin) max_len=8192 files=(user/gobin/*.c) libs=(-lelf) ;;
	site) max_len=64 files=(user/probe/site.c) libs=(-lcapstone) ;;
	flow) max_len=512 files=(user/probe/flow*.c) libs=(-lcapstone) ;;
	*) echo "fuzz: no target '$1': there are gobin, site, flow" >&2; exit 2 ;;
	esac
}

build() {
	"$clang" -std=gnu11 -D_GNU_SOURCE= -g -O1 -fsanitize=$san -fno-sanitize-recover=undefined \
		-Iinclude -Iuser "tests/fuzz/fuzz_$1.c" "${files[@]}" "${libs[@]}" -o "$2"
}

# Runs one target; prints what it did. Returns 1 on a finding.
fuzz() {
	local name=$1 dir=.output/fuzz/$1 status=0 runs
	sources "$name"
	mkdir -p "$dir/corpus" "$dir/found"
	build "$name" "$dir/fuzz_$name"
	GOTRACE_FUZZ_SEEDS=$dir/corpus "$dir/fuzz_$name" -runs=0 > /dev/null 2>&1
	echo "== fuzzing $name for $seconds s, $(find "$dir/corpus" -type f | wc -l) inputs to begin with"
	"$dir/fuzz_$name" -max_total_time="$seconds" -max_len=$max_len -rss_limit_mb=1024 \
		-timeout=10 -print_final_stats=1 -artifact_prefix="$dir/found/" "$dir/corpus" \
		> "$dir/log" 2>&1 || status=$?
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$dir/log")
	if [ "$status" -ne 0 ]; then
		tail -n 40 "$dir/log"
		echo "FAIL fuzz $name: a finding after ${runs:-?} executions; input in $dir/found, log in $dir/log"
		return 1
	fi
	echo "ok fuzz $name: ${runs:-?} executions, nothing found," \
		"$(sed -n 's/.*cov: \([0-9]*\).*/\1/p' "$dir/log" | tail -n 1) edges covered"
}

[ $# -gt 0 ] || set -- gobin site flow
for name in "$@"; do
	sources "$name"
done
passed=0 failed=0
for name in "$@"; do
	if fuzz "$name"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
