// SPDX-License-Identifier: GPL-2.0

package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

var done, growths, busyWork, wrongSums uint64

// A goroutine of the loop goes down through climb this many times: frames of 600 bytes.
const climbs = 25

//go:noinline
func climb(n, seed int) (r int) {
	var room [wordsMedium]int
	fill(unsafe.Pointer(&room), wordsMedium, seed)
	if n > 1 {
		r = climb(n-1, seed)
	}
	return r + sum(unsafe.Pointer(&room), wordsMedium)
}

//go:nosplit
//go:noinline
func doublings(from, to uintptr) (n uint64) {
	for ; from < to; from *= 2 {
		n++
	}
	return n
}

// One goroutine's life: its stack doubles some times, and it counts how often.
func climber(seed int, over *sync.WaitGroup) {
	first := bounds(frame())
	if climb(climbs, seed) != climbs*wordsMedium*seed {
		atomic.AddUint64(&wrongSums, 1)
	}
	atomic.AddUint64(&growths, doublings(first, bounds(frame())))
	atomic.AddUint64(&done, 1)
	over.Done()
}

// Growths of one climber, where stacks begin with 2 KiB.
const each = 3

// Starts climbers, some at a time, and waits when there were more growths than the rate allows: where
// others compute too, it gets its turn only every few milliseconds, and must have enough to start.
func starter(rate int) {
	began := time.Now()
	batch := 8
	if share := rate / each / 50; share > batch {
		batch = share
	}
	for seed := 0; ; seed++ {
		var over sync.WaitGroup
		over.Add(batch)
		for i := 0; i < batch; i++ {
			go climber(seed&0xff+i&7, &over)
		}
		over.Wait()
		if rate > 0 {
			due := time.Duration(float64(atomic.LoadUint64(&growths)) / float64(rate) * float64(time.Second))
			if early := due - time.Since(began); early > 0 {
				time.Sleep(early)
			}
		}
	}
}

// Computes without growing; what it gets done is what the other side of tracing costs.
func busy() {
	x := uint64(88172645463325252)
	for {
		for i := 0; i < 1000; i++ {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
		}
		atomic.AddUint64(&busyWork, 1|x&1)
	}
}

// Grows stacks and answers each line N on stdin with "N ANSWER GOROUTINES WRONG", the line "count"
// with "SECONDS GROWTHS GOROUTINES WORK CPU" (CPU in seconds), until stdin ends or the time is over.
// Ends with what it achieved as one JSON value.
func loop(seconds, rate, starters, computing int) {
	began := time.Now()
	finish := func() {
		passed := time.Since(began).Seconds()
		n := atomic.LoadUint64(&growths)
		fmt.Printf("{\"seconds\":%.3f,\"growths\":%d,\"growths_per_s\":%.0f,\"goroutines\":%d,\"work\":%d,\"cpu\":%.3f,\"wrong\":%d}\n",
			passed, n, float64(n)/passed, atomic.LoadUint64(&done), atomic.LoadUint64(&busyWork),
			cpuSeconds(), atomic.LoadUint64(&wrongSums))
		os.Exit(0)
	}
	time.AfterFunc(time.Duration(seconds)*time.Second, finish)
	for i := 0; i < starters; i++ {
		go starter(rate)
	}
	for i := 0; i < computing; i++ {
		go busy()
	}
	fmt.Printf("ready %d\n", os.Getpid())
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		if in.Text() == "count" {
			fmt.Printf("%.6f %d %d %d %.6f\n", time.Since(began).Seconds(), atomic.LoadUint64(&growths),
				atomic.LoadUint64(&done), atomic.LoadUint64(&busyWork), cpuSeconds())
			continue
		}
		seed, _ := strconv.Atoi(strings.TrimSpace(in.Text()))
		fmt.Println(seed, answer(seed), atomic.LoadUint64(&done), atomic.LoadUint64(&wrongSums))
	}
	finish()
}

// What the process has used of the CPUs: on a busy machine, work per second of it is the better
// measure.
func cpuSeconds() float64 {
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) != nil {
		return 0
	}
	return float64(used.Utime.Nano()+used.Stime.Nano()) / 1e9
}

// What the other target under load answers, if a sum on a new stack is right.
func answer(seed int) int {
	c := make(chan int)
	go func() { c <- climb(climbs, seed) }()
	return 74*seed + 1332 + 16206 + <-c - climbs*wordsMedium*seed
}
