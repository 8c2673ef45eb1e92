// SPDX-License-Identifier: GPL-2.0

// Curve does units of work without end, like a server under full load that allocates at
// a given rate: each unit takes about 10 us when nobody looks, some of it spent in
// allocating objects of 16 to 512 bytes, with and without pointers, the rest in
// computing. Per "count" line on stdin it prints what it has done since the line
// before: units, objects, ns, ns of CPU time, and the median and 99th percentile of
// what a unit took.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"math/bits"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	unitNs   = 10_000
	subBits  = 5 // 32 steps for each power of two: 3 % apart
	nbuckets = 64 << subBits
)

// Small objects are frequent, as in most programs.
var sizes = [16]int{16, 24, 32, 32, 48, 48, 64, 64, 80, 96, 128, 160, 208, 256, 384, 512}

var (
	bytesKept [256][]byte
	ptrsKept  [256][]*int
	state     = uint64(88172645463325252)

	units, objects atomic.Int64
	mutex          sync.Mutex
	buckets        [nbuckets]int64
)

func random() uint64 {
	state ^= state << 13
	state ^= state >> 7
	state ^= state << 17
	return state
}

//go:noinline
func allocate() {
	r := random()
	size := sizes[r&15]
	if r&16 != 0 {
		ptrsKept[r>>8&255] = make([]*int, size/8)
	} else {
		bytesKept[r>>8&255] = make([]byte, size)
	}
}

//go:noinline
func compute(n int) {
	x := state
	for i := 0; i < n; i++ {
		x = x*6364136223846793005 + 1442695040888963407
	}
	state = x | 1
}

func bucketOf(ns int64) int {
	if ns < 1<<subBits {
		return int(ns)
	}
	shift := bits.Len64(uint64(ns)) - subBits - 1
	return shift<<subBits + int(ns>>shift)
}

// valueOf is the lower end of a bucket.
func valueOf(bucket int) int64 {
	if bucket < 2<<subBits {
		return int64(bucket)
	}
	shift := bucket>>subBits - 1
	return int64(bucket-shift<<subBits) << shift
}

// unit is what a request would be. due is what is still to be allocated, in thousandths.
//
//go:noinline
func unit(due *int, perMille, iterations int) {
	n := 0
	for *due += perMille; *due >= 1000; *due -= 1000 {
		allocate()
		n++
	}
	compute(iterations)
	objects.Add(int64(n))
	units.Add(1)
}

func work(perMille, iterations int) {
	for due := 0; ; {
		start := time.Now()
		unit(&due, perMille, iterations)
		bucket := bucketOf(time.Since(start).Nanoseconds())
		mutex.Lock()
		buckets[bucket]++
		mutex.Unlock()
	}
}

func quantile(counts *[nbuckets]int64, q float64) int64 {
	var total, sum int64
	for _, n := range counts {
		total += n
	}
	for i, n := range counts {
		sum += n
		if n > 0 && float64(sum) >= q*float64(total) {
			return valueOf(i)
		}
	}
	return 0
}

func cpuNs() int64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return usage.Utime.Nano() + usage.Stime.Nano()
}

// fastest is what a call of do takes, in ns per n, when nothing else runs: the best of many.
func fastest(n int, do func(n int)) float64 {
	best := time.Duration(1 << 62)
	for i := 0; i < 100; i++ {
		start := time.Now()
		do(n)
		best = min(best, time.Since(start))
	}
	return float64(best.Nanoseconds()) / float64(n)
}

// iterations is how much computing fills the unit up.
func iterations(perMille int) int {
	each := fastest(20_000, compute)
	object := fastest(20_000, func(n int) {
		for i := 0; i < n; i++ {
			allocate()
		}
	})
	return max(0, int((unitNs-object*float64(perMille)/1000)/each))
}

func main() {
	rate := flag.Int("rate", 0, "allocations per second when nobody looks")
	flag.Parse()
	perMille := int(int64(*rate) * unitNs / 1_000_000)
	n := iterations(perMille)
	fmt.Println("pid", os.Getpid(), runtime.Version())
	go work(perMille, n)

	var counts [nbuckets]int64
	var lastUnits, lastObjects, lastCPU int64
	last := time.Now()
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		now, cpu := time.Now(), cpuNs()
		u, o := units.Load(), objects.Load()
		mutex.Lock()
		counts, buckets = buckets, [nbuckets]int64{}
		mutex.Unlock()
		fmt.Printf("{\"units\":%d,\"objects\":%d,\"ns\":%d,\"cpu_ns\":%d,\"p50_ns\":%d,\"p99_ns\":%d}\n",
			u-lastUnits, o-lastObjects, now.Sub(last).Nanoseconds(), cpu-lastCPU,
			quantile(&counts, 0.5), quantile(&counts, 0.99))
		lastUnits, lastObjects, lastCPU, last = u, o, cpu, now
	}
}
