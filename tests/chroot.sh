#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Proves the two commands on a fresh system: makes a minimal Debian by debootstrap, clones the
# committed tree into it, and runs make demo and make test there.
# usage: tests/chroot.sh [SUITE]     (bookworm by default; as root; KEEP=1 keeps the system)
set -eu
cd "$(dirname "$0")/.."
suite=${1:-bookworm}
[ "$(id -u)" = 0 ] || { echo "chroot: run as root" >&2; exit 1; }
command -v debootstrap > /dev/null || apt-get install -y -qq debootstrap > /dev/null

root=$(mktemp -d "${TMPDIR:-/tmp}/gotrace-$suite.XXXXXX")
chmod 755 "$root"
unmount() {
	for dir in sys dev proc; do
		umount -R "$root/$dir" 2> /dev/null || true
	done
	[ -n "${KEEP:-}" ] || rm -rf --one-file-system "$root"
}
trap unmount EXIT

echo "== debootstrap $suite"
debootstrap --variant=minbase --include=git,make "$suite" "$root" > "$root.log" 2>&1 ||
	{ tail "$root.log"; exit 1; }
rm -f "$root.log"
mount -t proc proc "$root/proc"
mount -t sysfs sys "$root/sys"
mount --rbind /dev "$root/dev"
mount --make-rslave "$root/dev"
cp /etc/resolv.conf "$root/etc/resolv.conf"
# The host may reach the network through a proxy that has a certificate authority of its own.
cp /etc/ssl/certs/ca-certificates.crt "$root/root/host-ca.crt" 2> /dev/null || true
git clone -q . "$root/root/gotrace"

run() {
	echo "== $suite: $*"
	env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
		LANG=C.UTF-8 SSL_CERT_FILE=/root/host-ca.crt chroot "$root" sh -c "cd /root/gotrace && $*"
}
run make demo
run make test
