// SPDX-License-Identifier: GPL-2.0

package main

import (
	"bytes"
	"fmt"
	"runtime"
	"runtime/trace"
	"sync"
	"sync/atomic"
	"time"
)

type block struct {
	next *block
	data [30]uint64
}

var blocks [8]*block

// churn allocates until it is told to stop, and keeps a little of it.
//
//go:noinline
func churn(id int, stop *int32, done *sync.WaitGroup) {
	defer done.Done()
	for n := 0; atomic.LoadInt32(stop) == 0; n++ {
		b := &block{}
		if n%1000 != 0 {
			b.next = blocks[id]
		}
		blocks[id] = b
	}
}

func heapPhase(_ []string, numbers []int) (interface{}, error) {
	if len(numbers) != 1 {
		return nil, fmt.Errorf("heap: how many cycles?")
	}
	p := begin()
	var stop int32
	var done sync.WaitGroup
	for id := 0; id < 3; id++ {
		done.Add(1)
		go churn(id, &stop, &done)
	}
	for p.collect() < int64(numbers[0]) {
		time.Sleep(10 * time.Millisecond)
	}
	atomic.StoreInt32(&stop, 1)
	done.Wait()
	return p.end()
}

//go:noinline
func askCollection() {
	runtime.GC()
}

func forcedPhase(_ []string, numbers []int) (interface{}, error) {
	if len(numbers) != 1 {
		return nil, fmt.Errorf("forced: how many cycles?")
	}
	p := begin()
	for i := 0; i < numbers[0]; i++ {
		askCollection()
		if i%100 == 99 {
			p.collect()
		}
	}
	p.Calls = map[string]int{"GC": numbers[0]}
	return p.end()
}

// The runtime collects when two minutes have passed without a cycle. It gets a shorter period
// here; its monitor thread looks every 10 ms while anything runs.
func timePhase(_ []string, numbers []int) (interface{}, error) {
	if len(numbers) != 1 {
		return nil, fmt.Errorf("time: how many cycles?")
	}
	period, err := runtimeInt64("runtime.forcegcperiod")
	if err != nil {
		return nil, err
	}
	p := begin()
	usual := atomic.SwapInt64(period, int64(20*time.Millisecond))
	for p.collect() < int64(numbers[0]) {
		time.Sleep(time.Millisecond)
	}
	atomic.StoreInt64(period, usual)
	return p.end()
}

var (
	memStats  runtime.MemStats
	records   [1000]runtime.StackRecord
	stackText [1 << 16]byte
)

//go:noinline
func askMemStats() {
	runtime.ReadMemStats(&memStats)
}

//go:noinline
func askProcs(n int) {
	runtime.GOMAXPROCS(n)
}

//go:noinline
func askGoroutines() bool {
	_, ok := runtime.GoroutineProfile(records[:])
	return ok
}

//go:noinline
func askStacks() {
	runtime.Stack(stackText[:], true)
}

//go:noinline
func askTraceStart(to *bytes.Buffer) error {
	return trace.Start(to)
}

//go:noinline
func askTraceStop() {
	trace.Stop()
}

// Each count is another prime-like number, so that no reason passes for another. GOMAXPROCS goes
// back and forth, which takes an even number.
func reasonsPhase(_ []string, numbers []int) (interface{}, error) {
	if len(numbers) != 1 {
		return nil, fmt.Errorf("reasons: how many of each?")
	}
	n := numbers[0]
	procs := runtime.GOMAXPROCS(0)
	p := begin()
	p.Calls = map[string]int{"ReadMemStats": n, "GOMAXPROCS": 2 * (n/2 + 1), "GoroutineProfile": n + 4,
		"Stack": n + 6, "trace": n/2 + 2}
	for i := 0; i < p.Calls["ReadMemStats"]; i++ {
		askMemStats()
	}
	for i := 0; i < p.Calls["GOMAXPROCS"]/2; i++ {
		askProcs(procs + 1)
		askProcs(procs)
	}
	for i := 0; i < p.Calls["GoroutineProfile"]; i++ {
		if !askGoroutines() {
			return nil, fmt.Errorf("more goroutines than records")
		}
	}
	for i := 0; i < p.Calls["Stack"]; i++ {
		askStacks()
	}
	for i := 0; i < p.Calls["trace"]; i++ {
		var buffer bytes.Buffer
		if err := askTraceStart(&buffer); err != nil {
			return nil, err
		}
		askTraceStop()
	}
	return p.end()
}
