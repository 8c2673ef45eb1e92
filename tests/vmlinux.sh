#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Prints vmlinux.h: the kernel types that bpf/ reads and no others, cut out of a kernel's BTF.
# usage: tests/vmlinux.sh [BTF], by default the running kernel's. To add a type, name it below.
set -eu

btf=${1:-/sys/kernel/btf/vmlinux}
# Whole typedefs and enums, as libbpf's headers and the map definitions need them.
typedefs="__s8 __u8 __s16 __u16 __s32 __u32 __s64 __u64 u8 u16 u32 u64 __be16 __be32 __wsum"
enums="bpf_map_type"
# Structs, and of each the fields that are read: "NAME:FIELD,FIELD ...".
structs=""

dump=$(mktemp)
trap 'rm -f "$dump"' EXIT
"${BPFTOOL:-bpftool}" btf dump file "$btf" format c > "$dump"

cat <<'EOF'
/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel types that bpf/ reads. Made by "make vmlinux" from a kernel's BTF; not edited by hand.
 * Structs of the kernel's own hold only the fields that are read: libbpf relocates each access to the
 * running kernel.
 */
#ifndef GOTRACE_VMLINUX_H
#define GOTRACE_VMLINUX_H

EOF
for t in $typedefs; do
	grep -E "^typedef [a-z_0-9 ]+ $t;\$" "$dump" || { echo "no typedef $t in $btf" >&2; exit 1; }
done
cat <<'EOF'

/* Flags of bpf_map_update_elem(), anonymous in the kernel's headers (include/uapi/linux/bpf.h). */
enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
};
EOF
for e in $enums; do
	printf '\n'
	awk -v head="enum $e {" '$0 == head { on = 1 } on { print } on && /^};/ { exit }' "$dump"
done
cat <<'EOF'

/*
 * The registers as ptrace shows them to user space (arch/x86/include/uapi/asm/ptrace.h). That layout
 * never changes, so accesses are not relocated, and kernels without BTF do as well as others.
 */
struct pt_regs {
	__u64 r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax;
	__u64 ip, cs, flags, sp, ss;
};
EOF
[ -z "$structs" ] || cat <<'EOF'

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
EOF
for s in $structs; do
	printf '\n'
	awk -v head="struct ${s%%:*} {" -v list="${s#*:}" '
		BEGIN { n = split(list, f, ","); for (i = 1; i <= n; i++) want[f[i]] = 1 }
		$0 == head { on = 1; print; next }
		on && /^};/ { print; exit }
		on && /^\t[^\t]/ { name = $NF; sub(/;$/, "", name); sub(/\[.*/, "", name);
			if (name in want) { print; delete want[name] } }
		END { for (w in want) { print "no field " w " in " head > "/dev/stderr"; exit 1 } }' "$dump"
done
[ -z "$structs" ] || cat <<'EOF'

#pragma clang attribute pop
EOF
cat <<'EOF'

#endif /* GOTRACE_VMLINUX_H */
EOF
