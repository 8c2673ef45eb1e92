// SPDX-License-Identifier: GPL-2.0

// Alloc allocates 32-byte objects in a loop and prints what each took: a line
// "ns TIME COST COUNT" for every batch, TIME on the monotonic clock in ns, COST
// in ns per allocation. It is the target of the benchmarks.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"time"
)

type node struct {
	next *node
	data [3]uint64
}

var sinks [64]*node

//go:noinline
func leaf(id, n int) {
	for i := 0; i < n; i++ {
		sinks[id] = &node{}
	}
}

// deep puts frames between the loop and the goroutine's root.
//
//go:noinline
func deep(id, n, depth int) int {
	if depth > 0 {
		return deep(id, n, depth-1) + 1
	}
	leaf(id, n)
	return 0
}

func work(id, depth int, batch time.Duration, until time.Time, out func(time.Time, float64, int)) {
	n := 1000
	for {
		start := time.Now()
		if start.After(until) {
			return
		}
		deep(id, n, depth)
		took := time.Since(start)
		out(start, float64(took.Nanoseconds())/float64(n), n)
		// Batches of about the asked length, whatever an allocation costs now.
		n = int(float64(n)*float64(batch)/float64(took+1)) + 1
	}
}

func main() {
	depth := flag.Int("depth", 1, "frames between the loop and main.work")
	workers := flag.Int("g", 1, "goroutines")
	batch := flag.Duration("batch", 20*time.Millisecond, "length of a batch")
	run := flag.Duration("run", time.Minute, "ends after this time")
	flag.Parse()
	if *workers > len(sinks) {
		fmt.Fprintln(os.Stderr, "too many goroutines")
		os.Exit(2)
	}
	fmt.Println("pid", os.Getpid(), runtime.Version())
	base, until := time.Now(), time.Now().Add(*run)
	mono := monotonic()
	print := func(at time.Time, cost float64, n int) {
		fmt.Printf("ns %d %.2f %d\n", mono+at.Sub(base).Nanoseconds(), cost, n)
	}
	done := make(chan bool)
	for i := 0; i < *workers; i++ {
		go func(id int) {
			work(id, *depth, *batch, until, print)
			done <- true
		}(i)
	}
	for i := 0; i < *workers; i++ {
		<-done
	}
}
