// SPDX-License-Identifier: GPL-2.0

package main

import (
	"fmt"
	"reflect"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

const (
	copySize   = 96 << 20
	faultSize  = 32 << 20
	nosplitFor = 4 * time.Millisecond
	// A stretch is asked to stop when it has run for askAfter, and counts as planted if it went on for
	// plantedFor after that.
	askAfter   = 300 * time.Microsecond
	plantedFor = time.Millisecond
)

var (
	source, resident []byte
	fresh            []byte
	sum              uint64
	nosplitSteps     int
	spinning         int32
	progress         uint64
)

// A goroutine in a function without a stack check is not preempted: neither by its checks, since
// there are none, nor by signals, since the compiler marks all of it as unsafe.
//
//go:nosplit
//go:noinline
func lateNosplit(n int) uint64 {
	x := uint64(n)
	for i := 0; i < n; i++ {
		x = x*6364136223846793005 + 1442695040888963407
	}
	return x
}

// One memmove, which is assembly and is not preempted.
//
//go:noinline
func lateMemmove() int {
	return copy(resident, source)
}

// The same into memory that the kernel has yet to provide, page by page.
//
//go:noinline
func lateFaults() int {
	return copy(fresh, source)
}

// This can be preempted at any instruction, if it has a CPU to take the signal on.
//
//go:noinline
func lateSpin() {
	for atomic.LoadInt32(&spinning) != 0 {
		atomic.AddUint64(&progress, 1)
	}
}

// A stretch of code that makes its goroutine late.
type stretch struct {
	function interface{}
	prepare  func() error
	run      func()
	clean    func()
}

var stretches = map[string]*stretch{
	"nosplit": {lateNosplit, prepareNosplit, func() { sum += lateNosplit(nosplitSteps) }, func() {}},
	"memmove": {lateMemmove, prepareMemmove, func() { lateMemmove() }, func() {}},
	"faults":  {lateFaults, prepareFaults, func() { lateFaults() }, cleanFaults},
	"waited":  {lateSpin, func() error { return nil }, lateSpin, func() {}},
}

func prepareNosplit() error {
	if nosplitSteps != 0 {
		return nil
	}
	nosplitSteps = 1000
	for {
		start := time.Now()
		sum += lateNosplit(nosplitSteps)
		if time.Since(start) >= nosplitFor {
			return nil
		}
		nosplitSteps += nosplitSteps/2 + 1
	}
}

func mapped(size int) ([]byte, error) {
	memory, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		return nil, err
	}
	const noHugePage = 15
	return memory, syscall.Madvise(memory, noHugePage)
}

func prepareSource() (err error) {
	if source == nil {
		source, err = mapped(copySize)
		for i := 0; i < len(source); i += 4096 {
			source[i] = byte(i)
		}
	}
	return err
}

func prepareMemmove() (err error) {
	if resident == nil {
		resident, err = mapped(copySize)
		for i := 0; i < len(resident); i += 4096 {
			resident[i] = 1
		}
	}
	if err != nil {
		return err
	}
	return prepareSource()
}

func prepareFaults() (err error) {
	if fresh, err = mapped(faultSize); err != nil {
		return err
	}
	return prepareSource()
}

func cleanFaults() {
	_ = syscall.Munmap(fresh)
}

// One stop of the world while a stretch ran; times in ns.
type plant struct {
	Begin    int64 `json:"begin_ns"`    // the stretch begins
	Asked    int64 `json:"asked_ns"`    // the stop is requested
	Answered int64 `json:"answered_ns"` // and over
	End      int64 `json:"end_ns"`      // the stretch is over
	Thread   int   `json:"thread"`      // of the stretch
	GC       bool  `json:"gc"`          // a cycle was asked for, not MemStats
}

type lateTruth struct {
	Function string   `json:"func"`
	Plants   []*plant `json:"plants"`
	Tries    int      `json:"tries"`
}

var pinned []int // CPUs of the late goroutine and of who stops the world, or none

func pin(_ []string, numbers []int) (interface{}, error) {
	if len(numbers) != 2 {
		return nil, fmt.Errorf("pin: which two CPUs?")
	}
	pinned = numbers
	return numbers, nil
}

// onCPU binds the goroutine to its thread and that to a CPU, for good.
func onCPU(cpu int) error {
	runtime.LockOSThread()
	var mask [128]byte
	mask[cpu/8] = 1 << (cpu % 8)
	_, _, errno := syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, 0, uintptr(len(mask)),
		uintptr(unsafe.Pointer(&mask)))
	if errno != 0 {
		return errno
	}
	return nil
}

// The late goroutine: it runs the stretch whenever it is told to.
type runner struct {
	of    *stretch
	wake  chan *plant
	err   chan error
	begun int32 // set when the stretch begins, and left so
	over  chan bool
}

func (r *runner) body() {
	if pinned != nil {
		r.err <- onCPU(pinned[0])
	} else {
		r.err <- nil
	}
	for p := range r.wake {
		p.Thread = syscall.Gettid()
		p.Begin = now()
		atomic.StoreInt32(&r.begun, 1)
		r.of.run()
		p.End = now()
		r.over <- true
	}
}

// sleepless waits without giving up the P, so that nothing has to be woken when the time has come.
func sleepless(length time.Duration) {
	for end := now() + length.Nanoseconds(); now() < end; {
	}
}

// waitStalled returns when the spinning goroutine has made no progress for a while: its thread has
// lost its CPU. False: it did not come to that.
func waitStalled() bool {
	for end := now() + time.Second.Nanoseconds(); now() < end; {
		before := atomic.LoadUint64(&progress)
		sleepless(askAfter)
		if atomic.LoadUint64(&progress) == before {
			return true
		}
	}
	return false
}

// plantOne has the stretch run and stops the world meanwhile. Did it come out as planned?
func (r *runner) plantOne(p *plant) (bool, error) {
	if err := r.of.prepare(); err != nil {
		return false, err
	}
	atomic.StoreInt32(&spinning, 1)
	atomic.StoreInt32(&r.begun, 0)
	r.wake <- p
	for atomic.LoadInt32(&r.begun) == 0 {
	}
	_, spins := r.of.function.(func())
	stalled := true
	if spins {
		stalled = waitStalled()
	} else {
		sleepless(askAfter)
	}
	p.Asked = now()
	if p.GC {
		askCollection()
	} else {
		askMemStats()
	}
	p.Answered = now()
	atomic.StoreInt32(&spinning, 0)
	<-r.over
	r.of.clean()
	if spins {
		return stalled && p.Answered-p.Asked >= plantedFor.Nanoseconds(), nil
	}
	return p.End-p.Asked >= plantedFor.Nanoseconds(), nil
}

func late(words []string, numbers []int) (interface{}, error) {
	if len(words) != 3 || len(numbers) != 1 || stretches[words[1]] == nil {
		return nil, fmt.Errorf("late: which kind, how many?")
	}
	of := stretches[words[1]]
	f := runtime.FuncForPC(reflect.ValueOf(of.function).Pointer())
	out := &lateTruth{Function: f.Name()}
	r := &runner{of: of, wake: make(chan *plant), err: make(chan error), over: make(chan bool)}
	go r.body()
	if err := <-r.err; err != nil {
		return nil, err
	}
	if pinned != nil {
		if err := onCPU(pinned[1]); err != nil {
			return nil, err
		}
	}
	askCollection() // the collector's own goroutines are there from now on
	for ; len(out.Plants) < numbers[0] && out.Tries < 5*numbers[0]; out.Tries++ {
		p := &plant{GC: out.Tries%2 == 1}
		planted, err := r.plantOne(p)
		if err != nil {
			return nil, err
		}
		if planted {
			out.Plants = append(out.Plants, p)
		}
		time.Sleep(2 * time.Millisecond)
	}
	close(r.wake)
	return out, nil
}
