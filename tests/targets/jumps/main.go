// SPDX-License-Identifier: GPL-2.0

// Jumps allocates little and much in turns. It prints "pid N" and waits for a byte on its standard
// input; then for each phase, as it begins, "quiet TIME MALLOCS" or "busy TIME MALLOCS": the monotonic
// clock in ns and MemStats.Mallocs; after the last one "end TIME MALLOCS". Then it waits for the end
// of its standard input.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

type node struct {
	next *node
	data [3]uint64
}

var (
	sinks [64]*node
	spun  uint64
)

// monotonic is CLOCK_MONOTONIC in ns, the clock of whoever reads the lines.
func monotonic() int64 {
	var ts syscall.Timespec
	const clockMonotonic = 1
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&ts)), 0)
	return ts.Nano()
}

//go:noinline
func allocate(id, n int) {
	for i := 0; i < n; i++ {
		sinks[id] = &node{}
	}
}

// quiet allocates so many times a second, and computes a little in between.
func quiet(rate int, until time.Time) {
	const tick = 10 * time.Millisecond
	for time.Now().Before(until) {
		allocate(0, rate/100)
		for i := uint64(0); i < 400000; i++ {
			spun += i * spun
		}
		time.Sleep(tick)
	}
}

// busy allocates as fast as it can.
func busy(workers int, length time.Duration) {
	var wg sync.WaitGroup
	var stop atomic.Bool
	for id := 0; id < workers; id++ {
		wg.Add(1)
		go func(id int) {
			defer wg.Done()
			for !stop.Load() {
				allocate(id, 1000)
			}
		}(id)
	}
	time.Sleep(length)
	stop.Store(true)
	wg.Wait()
}

func say(what string) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Println(what, monotonic(), m.Mallocs)
}

func main() {
	jumps := flag.Int("jumps", 10, "from quiet to busy and back")
	rate := flag.Int("rate", 1000, "allocations a second while it is quiet")
	workers := flag.Int("g", 2, "goroutines that allocate while it is busy")
	length := flag.Duration("phase", 3*time.Second, "length of each phase")
	flag.Parse()
	if *workers > len(sinks) {
		fmt.Fprintln(os.Stderr, "too many goroutines")
		os.Exit(2)
	}
	in := bufio.NewReader(os.Stdin)
	fmt.Println("pid", os.Getpid())
	in.ReadByte()
	for i := 0; i < *jumps; i++ {
		say("quiet")
		quiet(*rate, time.Now().Add(*length))
		say("busy")
		busy(*workers, *length)
	}
	say("quiet")
	quiet(*rate, time.Now().Add(*length))
	say("end")
	for {
		if _, err := in.ReadByte(); err != nil {
			return
		}
	}
}
