// SPDX-License-Identifier: GPL-2.0

// Command grow is a target of gotrace's tests: goroutines that grow their stacks to a known size
// all at once, wait while the collector shrinks them, and grow them again.
//
// It counts the moves itself: the address of a variable on the stack changes with each. It writes
// "pid N", reads a byte, runs, and writes one line of JSON.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"sync"
	"unsafe"
)

type mover struct {
	last           uintptr
	first, regrown int
	shrunk         int
	wake, done     chan bool
}

//go:noinline
func (m *mover) moved(top *byte) int {
	at := uintptr(unsafe.Pointer(top))
	if at == m.last {
		return 0
	}
	m.last = at
	return 1
}

// A frame of some 230 bytes: 100 of them need 32 KiB.
//
//go:noinline
func descend(m *mover, top *byte, n int, moves *int) byte {
	var room [160]byte
	room[n%len(room)] = byte(n)
	*moves += m.moved(top)
	if n == 0 {
		return 0
	}
	return descend(m, top, n-1, moves) + room[(n+1)%len(room)]
}

func worker(m *mover, depth int, ready *sync.WaitGroup) {
	var top byte
	m.last = uintptr(unsafe.Pointer(&top))
	descend(m, &top, depth, &m.first)
	ready.Done()
	for again := range m.wake {
		m.shrunk += m.moved(&top)
		if again {
			descend(m, &top, depth, &m.regrown)
		}
		m.done <- true
	}
}

func main() {
	count := flag.Int("n", 1000, "goroutines")
	depth := flag.Int("depth", 100, "frames")
	flag.Parse()
	fmt.Printf("pid %d\n", os.Getpid())
	one := make([]byte, 1)
	if _, err := os.Stdin.Read(one); err != nil {
		os.Exit(1)
	}
	movers := make([]mover, *count)
	var ready sync.WaitGroup
	ready.Add(*count)
	for i := range movers {
		movers[i].wake = make(chan bool)
		movers[i].done = make(chan bool)
		go worker(&movers[i], *depth, &ready)
	}
	ready.Wait()
	for round := 0; round < 2; round++ {
		runtime.GC()
		for i := range movers {
			movers[i].wake <- round == 1
			<-movers[i].done
		}
	}
	sum := map[string]int{"goroutines": *count, "depth": *depth}
	for i := range movers {
		sum["first"] += movers[i].first
		sum["regrown"] += movers[i].regrown
		sum["shrunk"] += movers[i].shrunk
	}
	_ = json.NewEncoder(os.Stdout).Encode(sum)
	_, _ = os.Stdin.Read(one)
}
