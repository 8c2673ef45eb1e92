// SPDX-License-Identifier: GPL-2.0

// Truth is a traced program that knows what it allocates: known prime numbers of objects of distinct
// sizes and types from distinct lines, held against its own runtime.MemStats and its own call stacks.
//
// It warms up, prints "ready PID", waits for one byte on stdin without allocating or scheduling
// (gotrace attaches now), reads MemStats, runs every site once, reads MemStats, prints "done", waits
// for a second byte (gotrace detaches now), and prints what it knows as one JSON value.
//
// With -loop it is a program under load instead, see loop.go.
package main

import (
	"flag"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"
)

var (
	loopSeconds = flag.Int("loop", 0, "run under load for this many seconds instead")
	loopWorkers = flag.Int("g", 4, "goroutines of -loop")
)

// Rounds of warming up: all threads, goroutines, pools and tables of the runtime exist after them.
const warmRounds = 3

func main() {
	flag.Parse()
	if *loopSeconds > 0 {
		loop(*loopSeconds, *loopWorkers)
		return
	}
	table = sites
	runtime.GOMAXPROCS(4)
	warmGoroutines(640)
	warmThreads(24)
	ready := []byte("ready " + strconv.Itoa(os.Getpid()) + "\n")
	done := []byte("done\n")
	for round := 0; round <= warmRounds; round++ {
		runtime.GC() // and no cycle is under way afterwards, which might allocate
		if round == warmRounds {
			rawWrite(ready)
			waitByte()
			runtime.ReadMemStats(&m0)
		}
		runAll()
	}
	runtime.GC()
	runtime.ReadMemStats(&m1)
	rawWrite(done)
	waitByte()
	printTruth()
}

var waitBuf [1]byte

// Blocks in a bare system call: the scheduler does not see it, so nothing in the runtime moves.
func waitByte() {
	for {
		n, _, errno := syscall.RawSyscall(syscall.SYS_READ, 0, uintptr(unsafe.Pointer(&waitBuf[0])), 1)
		if errno == syscall.EINTR {
			continue
		}
		if errno != 0 || n != 1 {
			os.Exit(1)
		}
		return
	}
}

func rawWrite(b []byte) {
	for len(b) > 0 {
		n, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, 1, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
		if errno != 0 && errno != syscall.EINTR {
			os.Exit(1)
		}
		if errno == 0 {
			b = b[n:]
		}
	}
}
