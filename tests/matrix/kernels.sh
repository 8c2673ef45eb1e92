#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Does gotrace count exactly on other kernels? Boots each in QEMU under software emulation, runs the
# truth target of several Go versions under gotrace there, and compares here.
# usage: tests/matrix/kernels.sh [SUITE | /path/to/vmlinuz]...
#
# A SUITE is a Debian release whose kernel is taken (default: bullseye bookworm trixie and
# trixie-backports, which are Linux 5.10, 6.1, 6.12 and a recent one), by a private apt
# configuration that uses the mirror of this system. Files: .output/kernels; nothing is installed.
# GO_VERSIONS names the Go versions (default: 1.19 1.24 1.27), BOOT_SECONDS limits one boot.
set -eu
cd "$(dirname "$0")/../.."
dir=$PWD/.output/kernels
mkdir -p "$dir"
versions=${GO_VERSIONS:-1.19 1.24 1.27}
limit=${BOOT_SECONDS:-600}

die() {
	echo "kernels: $*" >&2
	exit 1
}

need=
command -v qemu-system-x86_64 > /dev/null || need="$need qemu-system-x86"
command -v cpio > /dev/null || need="$need cpio"
[ -x /bin/busybox ] || need="$need busybox-static"
[ -z "$need" ] || die "missing; run: sudo apt-get install --no-install-recommends$need"
[ -x gotrace ] || die "no ./gotrace; run: make"

# apt, as SUITE would have it. The mirror is the one that this system's own sources name.
suite_apt() {
	local suite=$1 apt=$dir/apt-$1 tool=$2 mirror keys=/usr/share/keyrings
	shift 2
	if [ ! -s "$apt/sources.list" ]; then
		# shellcheck disable=SC2016 # apt's own variable
		mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' \
			'Origin: Debian' 'Component: main' 'Label: Debian' | sort -u | head -n 1)
		[ -n "$mirror" ] || die "this system's apt sources name no Debian mirror"
		mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
		echo "deb [signed-by=$keys/debian-archive-keyring.gpg] $mirror $suite main" \
			> "$apt/sources.list"
	fi
	"$tool" -qq -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=- \
		-o Dir::State="$apt" -o Dir::State::lists="$apt/lists" -o Dir::State::status=/dev/null \
		-o Dir::Cache="$apt/cache" -o Acquire::Languages=none -o APT::Sandbox::User=root "$@"
}

# Downloads the kernel of a suite once; prints the path of its image.
kernel_of() {
	local suite=$1 package version image
	suite_apt "$suite" apt-get update > /dev/null || return 1
	package=$(suite_apt "$suite" apt-cache depends linux-image-cloud-amd64 |
		sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
	[ -n "$package" ] || return 1
	version=${package#linux-image-}
	image=$dir/$suite/vmlinuz-$version
	if [ ! -s "$image" ]; then
		# Where there is a linux-binary package, linux-image is an empty one that needs it.
		if suite_apt "$suite" apt-cache show "linux-binary-$version" > /dev/null 2>&1; then
			package=linux-binary-$version
		fi
		rm -rf "${dir:?}/$suite"
		mkdir -p "$dir/$suite"
		(cd "$dir/$suite" && suite_apt "$suite" apt-get download "$package" > /dev/null &&
			dpkg --fsys-tarfile "$package"_*.deb |
			tar x --wildcards --transform 's,.*/,,' './*vmlinuz*' &&
			rm "$package"_*.deb) || return 1
		# Some are named by their directory only.
		[ -s "$image" ] || mv "$dir/$suite/vmlinuz" "$image" || return 1
	fi
	echo "$image"
}

# The system that is booted: busybox, gotrace and setpriv with their libraries, the targets.
make_initramfs() {
	local root=$dir/root version
	rm -rf "$root"
	mkdir -p "$root"/{bin,dev,proc,sys,tmp,targets,collectors,etc}
	cp /bin/busybox "$root/bin/busybox"
	ln -s busybox "$root/bin/sh"
	cp tests/matrix/guest.sh "$root/init"
	cp gotrace "$(command -v setpriv)" "$root/bin"
	ldd "$root/bin/gotrace" "$root/bin/setpriv" | grep -o '/[^ ]* (' | sort -u |
	while read -r library _; do
		mkdir -p "$root${library%/*}"
		cp -L "$library" "$root$library"
	done
	for version in $versions; do
		cp ".output/e2e/truth-$version-plain" "$root/targets/$version"
		cp ".output/e2e/gc-$version-plain" "$root/collectors/$version"
	done
	(cd "$root" && find . | cpio -o -H newc --quiet) > "$dir/initramfs"
}

# Boots one kernel; what it gathered is in $dir/results afterwards.
boot() {
	# Without cmpxchg16b: QEMU 7.2's emulation leaves garbage in the flags after it now and then,
	# which crashes kernels in their allocator.
	local options="-machine q35 -cpu max,cx16=off -accel tcg -smp 2 -m 1G -nodefaults"
	options="$options -no-reboot -display none"
	rm -rf "$dir/results" "$dir/results.tar"
	mkdir -p "$dir/results"
	# The first serial port is the console, the second brings the results out.
	# shellcheck disable=SC2086 # a list of options
	timeout -k 10 "$limit" qemu-system-x86_64 $options -kernel "$1" -initrd "$dir/initramfs" \
		-append "console=ttyS0 quiet panic=-1 mitigations=off" \
		-serial "file:$dir/console" -serial "file:$dir/results.tar" < /dev/null || true
	tar xf "$dir/results.tar" -C "$dir/results" 2> /dev/null && return
	cp "$dir/console" "$dir/console.${1##*/}"
	grep -m 3 -E 'BUG|Oops|RIP|panic' "$dir/console"
	return 1
}

# Builds the targets as the end-to-end tests do.
# shellcheck disable=SC2086 # a list of versions
tests/matrix/kernels.py build $versions
make_initramfs
passed=0 failed=0
[ $# -gt 0 ] || set -- bullseye bookworm trixie trixie-backports
for wanted in "$@"; do
	case $wanted in
	/*) image=$wanted ;;
	*) image=$(kernel_of "$wanted") || image= ;;
	esac
	if [ -z "$image" ]; then
		echo "FAIL $wanted: no kernel to be had"
		failed=$((failed + 1))
		continue
	fi
	if ! boot "$image"; then
		echo "FAIL $wanted: no results (see .output/kernels/console.*)"
		failed=$((failed + 1))
		continue
	fi
	tests/matrix/kernels.py compare "$dir/results" | tee "$dir/verdict" || true
	passed=$((passed + $(grep -c '^ok ' "$dir/verdict" || true)))
	failed=$((failed + $(grep -c '^FAIL ' "$dir/verdict" || true)))
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
