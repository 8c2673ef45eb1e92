#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs as init inside the kernel under test, see kernels.sh: traces each target, leaves what it finds
# in /tmp/results/CASE, sends that out over the second serial port, and powers off.
/bin/busybox --install -s /bin
export PATH=/bin
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
	set -- "$1" "$2" $(sed -n "s/^\([0-9a-f]*\)-\([0-9a-f]*\) r-xp \([0-9a-f]*\) .*targets.*/0x\1 0x\2 0x\3/p" \
		"/proc/$1/maps" | head -n 1)
	pages=$((($4 - $3) / 4096))
	dd if="/proc/$1/mem" bs=4096 skip=$(($3 / 4096)) count=$pages of=memory 2> /dev/null
	dd if="$2" bs=4096 skip=$(($5 / 4096)) count=$pages of=file 2> /dev/null
	head -c "$(stat -c %s file)" memory | cmp -s - file && echo "same $(stat -c %s file)" || echo differs
	rm -f memory file
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
		echo -n g >&3
		wait_for 240 '^done' said || echo "not done" > "$out/problem"
		kill -INT $tracer
	else
		kill -INT $tracer
		echo "not attached" > "$out/problem"
	fi
	wait $tracer
	echo $? > "$out/code"
	check_text $target_pid "$target" > "$out/text"
	grep -l '^State:.Z' /proc/[0-9]*/status > "$out/left" 2> /dev/null
	pidof gotrace >> "$out/left"
	echo -n e >&3
	exec 3>&-
	wait $target_pid
	grep -v -e '^ready' -e '^done' said > "$out/truth.json"
}

# What gotrace says to a user who may not: the arguments are a command that leads to it.
refused() {
	out=/tmp/results/refused-$1
	shift
	mkdir "$out"
	/targets/"$first" -loop 60 -g 1 < /dev/console > said &
	target_pid=$!
	wait_for 60 '^ready' said
	"$@" $target_pid < /dev/null > "$out/stdout" 2> "$out/stderr"
	echo $? > "$out/code"
	kill $target_pid
	wait $target_pid
}

for target in /targets/*; do
	first=${first:-${target##*/}}
	trace "go${target##*/}" "${target##*/}"
done
last=${target##*/}
GOTRACE_TEST_NO_UPROBE_MULTI=1 trace "go$last-single-uprobes" "$last"
(ulimit -l 64; trace "go$last-memlock" "$last")
refused user setuidgid nobody gotrace -d 1s -p
if [ -e /sys/kernel/security/lockdown ] || mount -t securityfs none /sys/kernel/security; then
	lockdown=/sys/kernel/security/lockdown
fi 2> /dev/null
if [ -e /sys/kernel/btf/vmlinux ]; then
	mkdir -p /tmp/empty
	mount --bind /tmp/empty /sys/kernel/btf
	trace "go$last-no-btf" "$last"
	umount /sys/kernel/btf
fi
# Last: there is no way back.
if [ -e "${lockdown:-}" ] && echo confidentiality > $lockdown; then
	refused lockdown gotrace -d 1s -p
fi

cp /proc/config.gz /tmp/results 2> /dev/null
stty -F /dev/ttyS1 raw -echo 115200
tar c -C /tmp/results . > /dev/ttyS1
# The port is slower than the write: wait until it is empty.
stty -F /dev/ttyS1 -a > /dev/null
sleep 2
poweroff -f
