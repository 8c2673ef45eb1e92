// SPDX-License-Identifier: GPL-2.0

package main

import (
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strconv"
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
	// plantedFor after that, nearly all of it on a CPU.
	askAfter   = 300 * time.Microsecond
	plantedFor = time.Millisecond
	tryFor     = 30 * time.Second // on a machine that has other things to do as well
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
	spins    bool // until it is told to stop
	prepare  func() error
	run      func()
	clean    func()
}

var stretches = map[string]*stretch{
	"nosplit": {lateNosplit, false, prepareNosplit, func() { sum += lateNosplit(nosplitSteps) }, nil},
	"memmove": {lateMemmove, false, prepareMemmove, func() { lateMemmove() }, nil},
	"faults":  {lateFaults, false, prepareFaults, func() { lateFaults() }, cleanFaults},
	"waited":  {lateSpin, true, func() error { return nil }, lateSpin, nil},
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
	Waited   int64 `json:"waited_ns"`   // of the stretch its thread was ready but had no CPU
	Thread   int   `json:"thread"`      // of the stretch
	GC       bool  `json:"gc"`          // a cycle was asked for, not MemStats
}

type lateTruth struct {
	Function string   `json:"func"`
	Plants   []*plant `json:"plants"`
	Tries    int      `json:"tries"`
}

// waitedForCPU is how long a thread was ready to run, but did not, since its start.
func waitedForCPU(thread int) int64 {
	var ran, waited int64
	text, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/schedstat", thread))
	if err != nil {
		return 0
	}
	if _, err := fmt.Sscan(string(text), &ran, &waited); err != nil {
		return 0
	}
	return waited
}

func bind(thread, cpu int) error {
	var mask [128]byte
	mask[cpu/8] = 1 << (cpu % 8)
	_, _, errno := syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, uintptr(thread),
		uintptr(len(mask)), uintptr(unsafe.Pointer(&mask)))
	if errno != 0 {
		return errno
	}
	return nil
}

// pin gives the goroutine that stops the world a thread and a CPU of its own. All others share another
// CPU, threads to come too: those that are there start them.
func pin(_ []string, numbers []int) (interface{}, error) {
	if len(numbers) != 2 {
		return nil, fmt.Errorf("pin: which two CPUs?")
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return nil, err
	}
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err != nil {
			return nil, err
		}
		if err := bind(id, numbers[0]); err != nil {
			return nil, err
		}
	}
	runtime.LockOSThread()
	return numbers, bind(0, numbers[1])
}

// The late goroutine: it runs the stretch whenever it is told to.
type runner struct {
	of    *stretch
	wake  chan *plant
	begun int32 // set when the stretch begins, and left so
	over  chan bool
}

func (r *runner) body(locked bool) {
	if locked {
		runtime.LockOSThread()
	}
	for p := range r.wake {
		waited := int64(0)
		for p.Thread != syscall.Gettid() {
			p.Thread = syscall.Gettid()
			waited = waitedForCPU(p.Thread)
		}
		p.Begin = now()
		atomic.StoreInt32(&r.begun, 1)
		r.of.run()
		p.End = now()
		p.Waited = waitedForCPU(p.Thread) - waited
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
	good := true
	if r.of.spins {
		good = waitStalled()
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
	if r.of.clean != nil {
		r.of.clean()
	}
	if !r.of.spins {
		left := p.End - p.Asked
		good = left >= plantedFor.Nanoseconds() && p.Waited < left/10
	}
	return good, nil
}

// late plants stretches of a kind; "locked" as the last word ties their goroutine to its thread.
func late(words []string, numbers []int) (interface{}, error) {
	if len(words) < 3 || len(numbers) != 1 || stretches[words[1]] == nil {
		return nil, fmt.Errorf("late: which kind, how many?")
	}
	of := stretches[words[1]]
	name := runtime.FuncForPC(reflect.ValueOf(of.function).Pointer()).Name()
	out := &lateTruth{Function: name, Plants: []*plant{}}
	r := &runner{of: of, wake: make(chan *plant), over: make(chan bool)}
	go r.body(words[len(words)-1] == "locked")
	askCollection() // the collector's own goroutines are there from now on
	end := now() + tryFor.Nanoseconds()
	for ; len(out.Plants) < numbers[0] && now() < end; out.Tries++ {
		p := &plant{GC: out.Tries%2 == 1 && !of.spins}
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
