// SPDX-License-Identifier: GPL-2.0

package main

import (
	"syscall"
	"time"
	"unsafe"
)

var (
	clockBase = time.Now()
	clockMono = monotonic()
)

// monotonic is CLOCK_MONOTONIC in ns, the clock of the runtime's nanotime and of gotrace.
func monotonic() int64 {
	var ts syscall.Timespec
	const clockMonotonic = 1
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&ts)), 0)
	return ts.Nano()
}

// now is the same clock to within a microsecond, without a system call.
func now() int64 {
	return clockMono + time.Since(clockBase).Nanoseconds()
}
