#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs unit test programs (cmocka) and prints a line for each test and their sum.
# usage: tests/unit.sh PROGRAM...
set -u

passed=0 failed=0 skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for program in "$@"; do
	name=$(basename "$program")
	"$program" > "$log" 2>&1
	status=$?
	sed -n -e "s/^\[       OK \] /ok $name /p" -e "s/^\[  SKIPPED \] \([^0-9]\)/skip $name \1/p" \
		-e "s/^\[  FAILED  \] \([^0-9]\)/FAIL $name \1/p" "$log" | sort -u
	ok=$(grep -c '^\[       OK \]' "$log")
	skip=$(sed -n 's/^\[  SKIPPED \] \([0-9]*\) test.*/\1/p' "$log" | head -1)
	bad=$(sed -n 's/^ *\([0-9]*\) FAILED TEST.*/\1/p' "$log" | head -1)
	# A program that died half-way has counted nothing.
	if [ $status -ne 0 ] && [ "${bad:-0}" -eq 0 ]; then
		bad=1
		echo "FAIL $name: ended with status $status"
	fi
	[ $status -eq 0 ] || cat "$log"
	passed=$((passed + ok))
	failed=$((failed + ${bad:-0}))
	skipped=$((skipped + ${skip:-0}))
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
