// SPDX-License-Identifier: GPL-2.0

// Samples allocates in patterns that a sampler of spans may or may not see right, and knows how much each
// of its call sites, one function each, has allocated.
//
//	samples WORKLOAD MEGABYTES [WORK]
//
// WORK is what is computed between two allocations, in steps of about a nanosecond.
//
// It prints "ready PID", waits for one byte on stdin (gotrace attaches now), reads MemStats, allocates
// so many megabytes, reads MemStats, prints "done", waits for a second byte (gotrace detaches now), and
// prints what it knows as one JSON value.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"sync"
	"syscall"
	"unsafe"
)

// What a worker has on hand, so that what it allocates is neither optimised away nor kept for long.
type worker struct {
	sink  [64]unsafe.Pointer
	next  int
	seed  uint64
	count [nsites]uint64
}

// xorshift64*
func (w *worker) random(n uint64) uint64 {
	w.seed ^= w.seed >> 12
	w.seed ^= w.seed << 25
	w.seed ^= w.seed >> 27
	return (w.seed * 2685821657736338717) >> 33 % n
}

// Steps of work between two allocations.
var between int

func (w *worker) keep(p unsafe.Pointer) {
	for i := 0; i < between; i++ {
		w.seed ^= w.seed<<13 ^ uint64(i)
	}
	w.sink[w.next&63] = p
	w.next++
}

type pointers struct {
	p [8]*int
}

// The sites: each allocates objects of one size class, most of one size.
const (
	siteA = iota
	siteB
	siteC
	siteD
	siteScan
	siteSlice
	siteString
	siteHuge
	siteRare
	nsites
)

var names = [nsites]string{"main.allocA", "main.allocB", "main.allocC", "main.allocD", "main.allocScan",
	"main.allocSlice", "main.allocString", "main.allocHuge", "main.allocRare"}

// Bytes of the size class of each.
var sizes = [nsites]uint64{32, 32, 32, 32, 64, 512, 128, 40960, 4096}

//go:noinline
func (w *worker) allocA() { w.count[siteA]++; w.keep(unsafe.Pointer(new([32]byte))) }

//go:noinline
func (w *worker) allocB() { w.count[siteB]++; w.keep(unsafe.Pointer(new([32]byte))) }

//go:noinline
func (w *worker) allocC() { w.count[siteC]++; w.keep(unsafe.Pointer(new([32]byte))) }

//go:noinline
func (w *worker) allocD() { w.count[siteD]++; w.keep(unsafe.Pointer(new([32]byte))) }

//go:noinline
func (w *worker) allocScan() { w.count[siteScan]++; w.keep(unsafe.Pointer(new(pointers))) }

//go:noinline
func (w *worker) allocSlice(n int) {
	w.count[siteSlice]++
	s := make([]byte, n)
	w.keep(unsafe.Pointer(&s[0]))
}

//go:noinline
func (w *worker) allocString(b []byte) {
	w.count[siteString]++
	s := string(b)
	w.keep(*(*unsafe.Pointer)(unsafe.Pointer(&s)))
}

//go:noinline
func (w *worker) allocHuge() { w.count[siteHuge]++; w.keep(unsafe.Pointer(new([40000]byte))) }

//go:noinline
func (w *worker) allocRare() { w.count[siteRare]++; w.keep(unsafe.Pointer(new([4096]byte))) }

var text [128]byte

func (w *worker) bytes() uint64 {
	sum := uint64(0)
	for i, n := range w.count {
		sum += n * sizes[i]
	}
	return sum
}

// Each allocates some and returns; it is called until there are enough bytes.
var workloads = map[string]func(w *worker){
	// Eleven objects in a row, of which the sites have 5, 4 and 2. A span has room for 256, from Go 1.26 on for
	// 252, which have no factor in common with 11: each place comes last in a span as often as any other.
	"periodic": func(w *worker) { w.repeat("ABACABACBAB") },
	// Ten: every other place never comes last, as long as all spans are filled from empty.
	"even": func(w *worker) { w.repeat("ABACABACAB") },
	// Eight and four: which places come last in a span never changes.
	"locked":  func(w *worker) { w.repeat("ABACABAC") },
	"locked4": func(w *worker) { w.repeat("ABAC") },
	// A whole span: one site takes all of its objects but the last, and another one always that.
	"lockstep": func(w *worker) {
		for i := 0; i < 100; i++ {
			for n := 0; n < 255; n++ {
				w.one('A')
			}
			w.one('B')
		}
	},
	"random": func(w *worker) {
		for i := 0; i < 10000; i++ {
			w.one(rune("AAAAABBBCC"[w.random(10)]))
		}
	},
	// Runs of one site, of any length up to several spans.
	"bursty": func(w *worker) {
		for i := 0; i < 10; i++ {
			c := rune("AAAAABBBCC"[w.random(10)])
			for n := w.random(1500); n > 0; n-- {
				w.one(c)
			}
		}
	},
	// First one site, then others: what is true of one second is not of the next.
	"phases": func(w *worker) {
		phase := w.bytes() >> 24 & 3
		for i := 0; i < 10000; i++ {
			switch {
			case phase == 0:
				w.one('A')
			case phase == 1:
				w.one(rune("BC"[w.random(2)]))
			case phase == 2:
				w.allocScan()
			default:
				w.one(rune("ABCD"[w.random(4)]))
			}
		}
	},
	// Many classes at once, with pointers and without, and large objects.
	"sizes": mixed,
	// The same; who starts it makes the collector run often.
	"gc": mixed,
}

func mixed(w *worker) {
	for i := 0; i < 2000; i++ {
		w.allocA()
		if w.random(2) == 0 {
			w.allocB()
		}
		w.allocScan()
		if w.random(3) == 0 {
			w.allocSlice(500)
		}
		w.allocString(text[:])
		if w.random(50) == 0 {
			w.allocRare()
		}
		if w.random(200) == 0 {
			w.allocHuge()
		}
	}
}

func (w *worker) repeat(pattern string) {
	for i := 0; i < 1000; i++ {
		for _, c := range pattern {
			w.one(c)
		}
	}
}

func (w *worker) one(c rune) {
	switch c {
	case 'A':
		w.allocA()
	case 'B':
		w.allocB()
	case 'C':
		w.allocC()
	case 'D':
		w.allocD()
	}
}

const nworkers = 2

var (
	workers [nworkers]worker
	before  runtime.MemStats
	after   runtime.MemStats
	waitBuf [1]byte
)

func run(work func(w *worker), bytes uint64) {
	var all sync.WaitGroup
	for i := range workers {
		all.Add(1)
		go func(w *worker) {
			for end := w.bytes() + bytes/nworkers; w.bytes() < end; {
				work(w)
			}
			all.Done()
		}(&workers[i])
	}
	all.Wait()
}

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

type site struct {
	Name    string `json:"name"`
	Objects uint64 `json:"objects"`
	Bytes   uint64 `json:"bytes"`
}

func main() {
	work := workloads[os.Args[1]]
	megabytes, err := strconv.Atoi(os.Args[2])
	if work == nil || err != nil {
		fmt.Fprintln(os.Stderr, "usage: samples WORKLOAD MEGABYTES [WORK]")
		os.Exit(2)
	}
	for i := range workers {
		workers[i].seed = uint64(i)*977 + uint64(os.Getpid())
	}
	run(work, 8<<20)
	for i := range workers {
		workers[i].count = [nsites]uint64{}
	}
	fmt.Println("ready", os.Getpid())
	waitByte()
	runtime.ReadMemStats(&before)
	if len(os.Args) > 3 {
		between, _ = strconv.Atoi(os.Args[3])
	}
	run(work, uint64(megabytes)<<20)
	runtime.ReadMemStats(&after)
	fmt.Println("done")
	waitByte()

	var sites []site
	for i := range names {
		s := site{Name: names[i]}
		for j := range workers {
			s.Objects += workers[j].count[i]
		}
		s.Bytes = s.Objects * sizes[i]
		if s.Objects > 0 {
			sites = append(sites, s)
		}
	}
	sort.Slice(sites, func(i, j int) bool { return sites[i].Bytes > sites[j].Bytes })
	json.NewEncoder(os.Stdout).Encode(map[string]interface{}{
		"go":      runtime.Version(),
		"mallocs": after.Mallocs - before.Mallocs,
		"bytes":   after.TotalAlloc - before.TotalAlloc,
		"gcs":     after.NumGC - before.NumGC,
		"sites":   sites,
	})
}
