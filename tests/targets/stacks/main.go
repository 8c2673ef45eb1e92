// SPDX-License-Identifier: GPL-2.0

// Stacks is a traced program that knows how its stacks grow: goroutines that recurse through functions
// with known frames, measure their own stack at the entry of each of them, and remember the call
// stack by runtime.Callers. The collector shrinks some of them, and they grow again.
//
// It prints "ready PID", waits for one byte on stdin without allocating or scheduling (gotrace
// attaches now), runs every part once, prints "done", waits for a second byte (gotrace detaches now),
// and prints what it knows as one JSON value.
//
// With -loop it grows stacks at a given rate instead, see loop.go.
package main

import (
	"flag"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

var (
	loopSeconds = flag.Int("loop", 0, "grow stacks for this many seconds instead")
	loopRate    = flag.Int("rate", 0, "stack growths a second of -loop, 0: as many as possible")
	loopWorkers = flag.Int("g", 2, "goroutines of -loop that start others")
	loopBusy    = flag.Int("busy", 0, "goroutines of -loop that compute and do not grow")
)

// A part of the run: n goroutines that do the same at the same time.
type part struct {
	name  string
	n     int
	start func()        // of the goroutine; nil: goWith
	with  func(*worker) // of a goroutine that is given its worker
	plan  []step        // way down
	again []step        // way down after the collector shrank the stacks; nil: no collection
	quit  int           // how many end instead of going down again
	spin  bool          // at the bottom they call on, and are preempted at their stack checks
	exact bool

	workers []worker
	taken   int32
	stopped int32
	arrived sync.WaitGroup // each has been at the bottom, or is about to park
	ended   sync.WaitGroup
	gate    chan int // closed: all may go up, or down again
}

// narrow has a frame of about a hundred bytes, medium of 600, large of 5,000, huge of 70,000.
var (
	doubling = []step{{medium, 14}}
	mixed    = []step{{narrow, 6}, {large, 1}, {narrow, 3}, {medium, 10}, {huge, 1}, {narrow, 2}}
	leaping  = []step{{huge, 1}, {medium, 3}}
	deep     = []step{{narrow, 200}, {medium, 5}}
	thirty   = []step{{medium, 50}} // to 32 KiB and more, by doubling
	further  = []step{{medium, 50}, {large, 15}}
	nothing  = []step{{narrow, 3}}
)

var parts = []*part{
	{name: "single", n: 1, start: startSingle, plan: mixed, exact: true},
	{name: "thousand", n: 1000, start: startThousand, plan: doubling, exact: true},
	{name: "prime", n: 313, start: startPrime, plan: mixed, exact: true},
	{name: "leap", n: 101, start: startLeap, plan: leaping, exact: true},
	{name: "bottom", n: 61, start: startBottom, plan: nothing, exact: true},
	{name: "deep", n: 37, start: startDeep, plan: deep, exact: true},
	{name: "argument", n: 41, with: withArgument, plan: doubling, exact: true},
	{name: "closure", n: 43, start: func() { w := take(partClosure); w.closure() }, plan: mixed, exact: true},
	{name: "shrink", n: 100, start: startShrink, plan: thirty, again: thirty, quit: 31, exact: true},
	{name: "shrink further", n: 17, start: startFurther, plan: thirty, again: further, exact: true},
	{name: "reuse", n: 100, start: startReuse, plan: thirty, exact: true},
	{name: "preempted", n: 7, start: startPreempted, plan: doubling, spin: true, exact: true},
	{name: "runtime", n: 53, start: startRuntime},
}

const (
	partSingle = iota
	partThousand
	partPrime
	partLeap
	partBottom
	partDeep
	partArgument
	partClosure
	partShrink
	partFurther
	partReuse
	partPreempted
	partRuntime
)

// The collections that shrink stacks. Each halves a stack of which less than a quarter is in use.
const collections = 2

// How often the world stops for those that spin. Each time their stack checks fail without a need.
const stops = 20

var (
	table  []*part // parts; a variable that their initialisation does not refer to
	m0, m1 runtime.MemStats
)

func (p *part) prepare() {
	p.workers = make([]worker, p.n)
	for i := range p.workers {
		p.workers[i].part = p
	}
	p.gate = make(chan int)
}

func goWith(p *part) {
	for i := 0; i < p.n; i++ {
		go p.with(&p.workers[i])
	}
}

func (p *part) run() {
	p.arrived.Add(p.n)
	p.ended.Add(p.n)
	if p.with != nil {
		goWith(p)
	}
	for i := 0; i < p.n && p.start != nil; i++ {
		go p.start()
	}
	p.arrived.Wait()
	if p.again != nil {
		time.Sleep(200 * time.Millisecond) // until all are parked
		for i := 0; i < collections; i++ {
			runtime.GC()
		}
	}
	for i := 0; p.spin && i < stops; i++ {
		runtime.ReadMemStats(&m1)
	}
	atomic.StoreInt32(&p.stopped, 1)
	close(p.gate)
	p.ended.Wait()
}

func main() {
	flag.Parse()
	table = parts
	if *loopSeconds > 0 {
		loop(*loopSeconds, *loopRate, *loopWorkers, *loopBusy)
		return
	}
	runtime.GOMAXPROCS(4)
	for _, p := range table {
		p.prepare()
	}
	ready := []byte("ready " + strconv.Itoa(os.Getpid()) + "\n")
	done := []byte("done\n")
	runtime.GC() // and no cycle is under way afterwards, which might shrink
	rawWrite(ready)
	waitByte()
	runtime.ReadMemStats(&m0)
	for _, p := range table {
		p.run()
	}
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
