#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Reads the tree with the linters and holds it against the house rules. Exits with 1 if anything is
# found. Needs neither root nor the network, but make first: generated headers are included.
#
# usage: tests/lint.sh [rules|shell|python|bpf|cppcheck|tidy|format]...     all by default
set -u
shopt -s lastpipe
cd "$(dirname "$0")/.." || exit 1

# 100 columns are the aim; a few more are better than a message cut in two.
MAX_FILE=800 MAX_FUNCTION=60 MAX_LINE=110
out=.output
found=0
flags=(-std=gnu11 -D_GNU_SOURCE= '-DGOTRACE_VERSION="lint"' -Iinclude -Iuser "-I$out" "-I$out/gen")

# Ends the run, with the package to install, if a tool is missing.
need() {
	command -v "$1" > /dev/null && return
	echo "lint: no $1; run: sudo apt-get install $2" >&2
	exit 1
}

# Prints what a check has found, given on stdin, and counts it.
judge() {
	local lines
	lines=$(cat)
	if [ -z "$lines" ]; then
		echo "ok $1"
		return
	fi
	echo "$lines"
	echo "FAIL $1"
	found=$((found + 1))
}

sources() {
	git ls-files 'user/*.c' 'user/*.h' 'bpf/*' 'include/*.h' 'tests/*.c' 'tests/*.h'
}

# Length of files, functions and lines; trailing blanks; the head of each file.
rules() {
	sources | while read -r file; do
		awk -v file="$file" -v max_file=$MAX_FILE -v max_function=$MAX_FUNCTION \
			-v max_line=$MAX_LINE '
			function width(s,   i, n) {
				for (i = 1; i <= length(s); i++)
					n = substr(s, i, 1) == "\t" ? n - n % 8 + 8 : n + 1
				return n
			}
			FNR == 1 && !/SPDX-License-Identifier: / { print file ": no SPDX line" }
			FNR <= 3 && /^\/\*$|^\/\* [A-Z]/ && !/SPDX/ { purpose = 1 }
			width($0) > max_line { print file ":" FNR ": over " max_line " columns" }
			/[ \t]$/ { print file ":" FNR ": blanks at the end" }
			/^[A-Za-z].*\(/ && !/;$/ { name = $0 }
			/^\{/ { start = FNR }
			/^\}/ && start {
				if (FNR - start - 1 > max_function)
					print file ":" start ": " FNR - start - 1 " lines: " name
				start = 0
			}
			END {
				if (!purpose)
					print file ": no comment that says what it is for"
				if (FNR > max_file)
					print file ": " FNR " lines"
			}' "$file"
	done | judge "house rules"
}

shell() {
	need shellcheck shellcheck
	git ls-files '*.sh' .ci/run | xargs shellcheck -x -f gcc 2>&1 | judge shellcheck
}

# Debian's packages are not seen by another python3 that comes first in PATH.
python() {
	need pyflakes3 pyflakes3
	need pycodestyle pycodestyle
	git ls-files '*.py' | xargs pyflakes3 2>&1 | judge pyflakes
	git ls-files '*.py' | xargs pycodestyle --max-line-length=100 2>&1 | judge pycodestyle
}

# What kernels do not load that are older than this one.
bpf() {
	need llvm-objdump llvm
	[ -e $out/gotrace.bpf.o ] || { echo "lint: nothing is built; run: make" >&2; exit 1; }
	tests/lint_bpf.py $out/gotrace.bpf.o 2>&1 | judge "BPF for old kernels"
}

# The order of evaluation of an initialiser that names a parameter like a member is no matter.
run_cppcheck() {
	need cppcheck cppcheck
	cppcheck --quiet --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
		--std=c11 -D__x86_64__ '-DLIBBPF_OPTS(t,n,...)=struct t n = { __VA_ARGS__ }' \
		-D_GNU_SOURCE '-DGOTRACE_VERSION="lint"' -Iinclude -Iuser \
		--suppress=missingIncludeSystem --suppress=unknownEvaluationOrder \
		--template='{file}:{line}: {severity}: {message} [{id}]' user 2>&1 | judge cppcheck
}

# The macros of uthash are expanded where they are used, and the analyzer does not see through them
# (an unread hash, a freed neighbour): what it says of such a line is left out.
without_uthash() {
	while IFS= read -r line; do
		file=${line%%:*} rest=${line#*:}
		sed -n "${rest%%:*}p" "$file" | grep -q 'HASH_[A-Z]*(' || echo "$line"
	done
}

tidy() {
	need clang-tidy clang-tidy
	[ -e $out/gotrace.skel.h ] || { echo "lint: nothing is built; run: make" >&2; exit 1; }
	# shellcheck disable=SC2016 # the inner shell expands it
	git ls-files 'user/*.c' | xargs -P "$(nproc)" -n 6 sh -c \
		'flags=$1; shift; eval "exec clang-tidy --quiet \"\$@\" -- $flags"' \
		sh "$(printf "%q " "${flags[@]}")" 2> /dev/null |
		sed -n "s|^$PWD/\(user/.*: warning: \)|\1|p; /: error: /p" | sort -u |
		without_uthash | judge clang-tidy
}

# For information: tables and aligned comments are the author's, whatever clang-format thinks.
format() {
	need clang-format clang-format
	echo "note clang-format would touch $(sources | xargs clang-format --dry-run 2>&1 |
		grep -c 'warning:') places in $(sources | wc -l) files"
}

[ $# -gt 0 ] || set -- rules shell python bpf cppcheck tidy format
for check in "$@"; do
	case $check in
	cppcheck) run_cppcheck ;;
	rules | shell | python | bpf | tidy | format) $check ;;
	*) echo "lint: no check '$check'" >&2; exit 2 ;;
	esac
done
[ "$found" -eq 0 ]
