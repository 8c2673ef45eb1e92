// SPDX-License-Identifier: GPL-2.0

package main

import (
	"syscall"
	"unsafe"
)

// monotonic is CLOCK_MONOTONIC in ns, the clock of whoever reads the lines.
func monotonic() int64 {
	var ts syscall.Timespec
	const clockMonotonic = 1
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&ts)), 0)
	return ts.Nano()
}
