// SPDX-License-Identifier: GPL-2.0

// Command paths is a target of gotrace's tests: it allocates at the end of very many different call
// stacks, as recursive programs do. Each way down a binary tree is one.
//
// It writes "pid N", and for each line that it reads, a number of paths to walk, what MemStats says
// they allocated: objects and bytes.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"runtime"
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

func main() {
	depth := flag.Int("depth", 18, "calls below main.main")
	flag.Parse()
	fmt.Println("pid", os.Getpid())
	in := bufio.NewScanner(os.Stdin)
	next := 0
	for in.Scan() {
		var n int
		var before, after runtime.MemStats
		if _, err := fmt.Sscan(in.Text(), &n); err != nil {
			os.Exit(1)
		}
		runtime.ReadMemStats(&before)
		for i := 0; i < n; i++ {
			down(next&(1<<*depth-1), *depth-1)
			next++
		}
		runtime.ReadMemStats(&after)
		fmt.Println(after.Mallocs-before.Mallocs, after.TotalAlloc-before.TotalAlloc)
	}
}
