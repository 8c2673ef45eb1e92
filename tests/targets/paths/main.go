// SPDX-License-Identifier: GPL-2.0

// Command paths is a target of gotrace's tests: it allocates at the end of very many different call
// stacks, as recursive programs do. Each way down a binary tree is one.
//
// It writes "pid N", and for each byte that it reads it walks the paths that it is told to and writes
// what MemStats says was allocated since the one before: objects and bytes. Nothing else in it
// allocates meanwhile.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"syscall"
)

var sink *[5]uint64

//go:noinline
func left(path, depth int) int {
	if depth == 0 {
		sink = new([5]uint64)
		return 1
	}
	return down(path, depth-1) + 1
}

//go:noinline
func right(path, depth int) int {
	if depth == 0 {
		sink = new([5]uint64)
		return 2
	}
	return down(path, depth-1) + 2
}

func down(path, depth int) int {
	if path>>depth&1 == 0 {
		return left(path, depth)
	}
	return right(path, depth)
}

// say writes numbers without allocating.
func say(numbers ...uint64) {
	var digits [64]byte
	at := len(digits)
	last := byte('\n')
	for i := len(numbers) - 1; i >= 0; i-- {
		at--
		digits[at] = last
		last = ' '
		for n := numbers[i]; ; n /= 10 {
			at--
			digits[at] = byte('0' + n%10)
			if n < 10 {
				break
			}
		}
	}
	syscall.Write(1, digits[at:])
}

func main() {
	depth := flag.Int("depth", 18, "calls below main.main, of two kinds each")
	n := flag.Int("n", 200000, "paths at a time")
	flag.Parse()
	fmt.Println("pid", os.Getpid())
	var one [1]byte
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	for next := 0; ; {
		objects, bytes := stats.Mallocs, stats.TotalAlloc
		if got, err := syscall.Read(0, one[:]); got != 1 || err != nil {
			return
		}
		for i := 0; i < *n; i++ {
			down(next&(1<<*depth-1), *depth-1)
			next++
		}
		runtime.ReadMemStats(&stats)
		say(stats.Mallocs-objects, stats.TotalAlloc-bytes)
	}
}
