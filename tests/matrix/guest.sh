#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs as init inside the kernel under test, see kernels.sh: traces each target, leaves what it
# finds in /tmp/results/CASE, sends that out over the second serial port, and powers off.
# shellcheck shell=dash # busybox's is its kin
/bin/busybox --install -s /bin
export PATH=/bin # the shell takes its own programs first; /bin/setpriv is a better one
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mount -t tmpfs none /tmp
echo 2 > /proc/sys/kernel/printk
mkdir -p /tmp/results
cd /tmp || poweroff -f
uname -r > /tmp/results/kernel

# Waits up to $1 seconds for the pattern $2 in the file $3.
wait_for() {
	tries=$(($1 * 10))
	until grep -q "$2" "$3" 2> /dev/null; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		usleep 100000
	done
}

# Is the text of process $1 what the file $2 holds?
check_text() {
	grep ' r-xp .* /\(targets\|collectors\)/' "/proc/$1/maps" | head -n 1 | tr - ' ' > mapping
	read -r low high _ _ offset _ < mapping
	pages=$(((0x$high - 0x$low) / 4096))
	dd if="/proc/$1/mem" bs=4096 skip=$((0x$low / 4096)) count=$pages of=memory 2> /dev/null
	dd if="$2" bs=4096 skip=$((0x$offset / 4096)) count=$pages of=file 2> /dev/null
	size=$(stat -c %s file)
	if head -c "$size" memory | cmp -s - file; then
		echo "same $size"
	else
		echo differs
	fi
	rm -f memory file
}

# What a run leaves behind: breakpoints in process $1 of the file $2, processes of gotrace.
check_left() {
	check_text "$1" "$2" > "$out/text"
	grep -l '^State:.Z' /proc/[0-9]*/status > "$out/left" 2> /dev/null
	pidof gotrace >> "$out/left"
}

# One run: name of the case, target; the rest are options of gotrace.
trace() {
	out=/tmp/results/$1
	target=/targets/$2
	shift 2
	mkdir "$out"
	echo "== $out" > /dev/console
	rm -f in said
	mkfifo in
	GOGC=off "$target" < in > said &
	target_pid=$!
	exec 3> in
	wait_for 120 '^ready' said || { echo "not ready" > "$out/problem"; return; }
	gotrace -p $target_pid -a exact --stats -o "$out/out.pb.gz" -o "$out/out.txt" \
		-o "$out/out.folded" "$@" 2> "$out/stderr" > "$out/stdout" &
	tracer=$!
	if wait_for 120 'tracing pid' "$out/stderr"; then
		printf g >&3
		wait_for 240 '^done' said || echo "not done" > "$out/problem"
		kill -INT $tracer
	else
		kill -INT $tracer
		echo "not attached" > "$out/problem"
	fi
	wait $tracer
	echo $? > "$out/code"
	check_left $target_pid "$target"
	printf e >&3
	exec 3>&-
	wait $target_pid
	grep -v -e '^ready' -e '^done' said > "$out/truth.json"
}

# Attaches to and detaches from a target at full speed, which must go on and count right.
load() {
	out=/tmp/results/load-$1
	target=/targets/$1
	mkdir "$out"
	echo "== $out" > /dev/console
	rm -f in said
	mkfifo in
	"$target" -loop 300 -g 4 < in > said &
	target_pid=$!
	exec 3> in
	wait_for 60 '^ready' said
	for _ in 1 2 3; do
		gotrace -p $target_pid -a exact -d 1s -o "$out/out.txt" --force 2>> "$out/stderr" ||
			echo $? >> "$out/code"
	done
	check_left $target_pid "$target"
	echo 7 >&3
	wait_for 60 '^7 ' said
	grep '^7 ' said > "$out/answer"
	exec 3>&-
	wait $target_pid
}

# The collector of a target of Go version $1, cycle by cycle; the rest are options of gotrace.
collector() {
	out=/tmp/results/gc-$1
	target=/collectors/$1
	shift
	mkdir "$out"
	echo "== $out" > /dev/console
	rm -f in said
	mkfifo in
	"$target" < in > said &
	target_pid=$!
	exec 3> in
	wait_for 120 '^pid' said || { echo "not ready" > "$out/problem"; return; }
	gotrace -p $target_pid -e stack,gc -f json -o "$out/out.json" "$@" 2> "$out/stderr" > "$out/stdout" &
	tracer=$!
	if wait_for 120 'tracing pid' "$out/stderr"; then
		echo "forced 20" >&3
		wait_for 240 '^{' said || echo "not done" > "$out/problem"
	else
		echo "not attached" > "$out/problem"
	fi
	kill -INT $tracer
	wait $tracer
	echo $? > "$out/code"
	check_left $target_pid "$target"
	exec 3>&-
	wait $target_pid
	grep '^{' said > "$out/truth.json"
}

# What gotrace says where it may not or cannot: name of the case, then what to run it with.
refused() {
	out=/tmp/results/refused-$1
	shift
	mkdir "$out"
	echo "== $out" > /dev/console
	rm -f in said
	mkfifo in
	exec 3<> in
	# In the hands of a user too, so that it is not the target that is out of reach.
	/bin/setpriv --reuid "${owner:-0}" --clear-groups "/targets/$first" -loop 60 -g 1 < in > said &
	target_pid=$!
	wait_for 60 '^ready' said
	"$@" timeout 60 gotrace -d 1s -p $target_pid < /dev/null > "$out/stdout" 2> "$out/stderr"
	echo $? > "$out/code"
	kill $target_pid
	wait $target_pid
	exec 3>&-
}

# Hides a directory while the rest runs.
without() {
	hidden=$1
	shift
	mkdir -p /tmp/empty
	mount --bind /tmp/empty "$hidden"
	"$@"
	umount "$hidden"
}

for target in /targets/*; do
	first=${first:-${target##*/}}
	trace "go${target##*/}" "${target##*/}"
done
last=${target##*/}
GOTRACE_TEST_NO_UPROBE_MULTI=1 trace "go$last-single-uprobes" "$last"
(ulimit -l 64; trace "go$last-memlock" "$last")
[ ! -e /sys/kernel/btf/vmlinux ] || without /sys/kernel/btf trace "go$last-no-btf" "$last"

for target in /collectors/*; do
	collector "${target##*/}"
done

load "$last"
owner=1000 refused user /bin/setpriv --reuid 1000 --clear-groups
GOTRACE_TEST_NO_UPROBE_MULTI=1 without /sys/bus/event_source refused no-uprobes env
case $(cat /tmp/results/kernel) in
5.[0-9].* | 5.10.*)
	# Where tables are charged to a limit that may not be raised.
	(ulimit -l 64; refused memlock /bin/setpriv --bounding-set -sys_resource) ;;
esac
# Last: there is no way back. Some kernels load the programs nevertheless.
mount -t securityfs none /sys/kernel/security 2> /dev/null
if [ -e /sys/kernel/security/lockdown ] &&
	(echo confidentiality > /sys/kernel/security/lockdown) 2> /dev/null; then
	refused lockdown env
fi

stty -F /dev/ttyS1 raw
tar c -C /tmp/results . > /dev/ttyS1
poweroff -f
