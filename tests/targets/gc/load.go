// SPDX-License-Identifier: GPL-2.0

package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// How far the load is, since its start.
type loadCounts struct {
	Now     int64  `json:"ns"`
	Work    uint64 `json:"work"`    // units of work done
	Growths uint64 `json:"growths"` // goroutines whose stack had to grow
	Cycles  int64  `json:"cycles"`
}

var (
	work, growths uint64
	workSum       uint64
)

// A unit of work: some microseconds of arithmetic, one of the cache misses of a usual program.
//
//go:noinline
func unit(table []uint64, x uint64) uint64 {
	for i := 0; i < 2000; i++ {
		x = x*6364136223846793005 + 1442695040888963407
		x ^= table[x>>32%uint64(len(table))]
	}
	return x
}

// A frame that a new goroutine's stack has no room for.
//
//go:noinline
func needsRoom(n int) byte {
	var room [6000]byte
	room[n%len(room)] = byte(n)
	return room[n*7%len(room)]
}

func grower(done chan<- byte, n int) {
	done <- needsRoom(n)
}

// worker does units of work, and between them its share of the growths, by the clock.
func worker(id int, growthsPerSecond float64) {
	table := make([]uint64, 1<<15)
	done := make(chan byte, 64)
	x, start, grown := uint64(id), now(), 0.0
	for {
		x = unit(table, x)
		atomic.AddUint64(&work, 1)
		due := float64(now()-start) / 1e9 * growthsPerSecond
		batch := 0
		for ; grown < due && batch < cap(done); batch++ {
			go grower(done, batch)
			grown++
		}
		for i := 0; i < batch; i++ {
			<-done
		}
		atomic.AddUint64(&growths, uint64(batch))
		atomic.AddUint64(&workSum, x&1)
	}
}

var garbage *block

// collector allocates, again and again, until a cycle has begun.
func collector(cyclesPerSecond int) {
	sample := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}}
	cycles := func() uint64 {
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	for range time.Tick(time.Second / time.Duration(cyclesPerSecond)) {
		for before := cycles(); cycles() == before; {
			for i := 0; i < 256; i++ {
				garbage = &block{}
			}
		}
	}
}

func startLoad(_ []string, numbers []int) (interface{}, error) {
	if len(numbers) != 2 || numbers[0] <= 0 {
		return nil, fmt.Errorf("load: how many cycles and growths a second?")
	}
	debug.SetGCPercent(10)
	procs := runtime.GOMAXPROCS(0)
	for id := 0; id < procs; id++ {
		go worker(id, float64(numbers[1])/float64(procs))
	}
	go collector(numbers[0])
	return numbers, nil
}

func countLoad(_ []string, _ []int) (interface{}, error) {
	var stats debug.GCStats
	debug.ReadGCStats(&stats)
	return loadCounts{now(), atomic.LoadUint64(&work), atomic.LoadUint64(&growths), stats.NumGC}, nil
}
