// SPDX-License-Identifier: GPL-2.0

// Alloc allocates 32-byte objects in a loop and prints what each took: a line
// "ns TIME COST COUNT" for every batch, TIME on the monotonic clock in ns, COST
// in ns per allocation. It is the target of the benchmarks. The objects are of one
// stack and type, or in turn of as many as asked for.
package main

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strconv"
	"time"
	"unsafe"
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

// turns is how many calls it takes to tell the stacks apart, by what each calls.
const turns = 14

//go:noinline
func left(id, way, turn int) int { return turnOff(id, way, turn) + 1 }

//go:noinline
func right(id, way, turn int) int { return turnOff(id, way, turn) + 2 }

//go:noinline
func turnOff(id, way, turn int) int {
	if turn == turns {
		leaf(id, 1)
		return 0
	}
	if way>>turn&1 == 0 {
		return left(id, way, turn+1)
	}
	return right(id, way, turn+1)
}

func manyStacks(id, n, stacks int) {
	for i := 0; i < n; i++ {
		turnOff(id, i%stacks, 0)
	}
}

var kept [64]unsafe.Pointer

// makeTypes makes so many types of 32 bytes.
func makeTypes(n int) []reflect.Type {
	types := make([]reflect.Type, n)
	for i := range types {
		types[i] = reflect.StructOf([]reflect.StructField{
			{Name: "F" + strconv.Itoa(i), Type: reflect.TypeOf(node{})},
		})
	}
	return types
}

//go:noinline
func manyTypes(id, n int, types []reflect.Type) {
	for i := 0; i < n; i++ {
		kept[id] = reflect.New(types[i%len(types)]).UnsafePointer()
	}
}

// way is one of the ways to allocate n objects.
type way func(id, n int)

func work(id int, do way, batch time.Duration, until time.Time, out func(time.Time, float64, int)) {
	n := 1000
	for {
		start := time.Now()
		if start.After(until) {
			return
		}
		do(id, n)
		took := time.Since(start)
		out(start, float64(took.Nanoseconds())/float64(n), n)
		// Batches of about the asked length, whatever an allocation costs now.
		n = int(float64(n)*float64(batch)/float64(took+1)) + 1
	}
}

func main() {
	depth := flag.Int("depth", 1, "frames between the loop and main.work")
	stacks := flag.Int("stacks", 1, "stacks, at most 16384; more than one: all 33 frames deep")
	ntypes := flag.Int("types", 1, "types; more than one: all from one stack")
	workers := flag.Int("g", 1, "goroutines")
	batch := flag.Duration("batch", 20*time.Millisecond, "length of a batch")
	run := flag.Duration("run", time.Minute, "ends after this time")
	flag.Parse()
	if *workers > len(sinks) || *stacks > 1<<turns {
		fmt.Fprintln(os.Stderr, "too many goroutines or stacks")
		os.Exit(2)
	}
	do := func(id, n int) { deep(id, n, *depth) }
	if *stacks > 1 {
		do = func(id, n int) { manyStacks(id, n, *stacks) }
	} else if *ntypes > 1 {
		types := makeTypes(*ntypes)
		do = func(id, n int) { manyTypes(id, n, types) }
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
			work(id, do, *batch, until, print)
			done <- true
		}(i)
	}
	for i := 0; i < *workers; i++ {
		<-done
	}
}
