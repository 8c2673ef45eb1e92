// SPDX-License-Identifier: GPL-2.0

package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// A branch is large enough for the collector of any version to take it from its list by itself: the
// work of an assist is then much longer than the way to it.
type branch struct {
	to   [127]*branch
	data uint64
}

type leaf struct {
	next *leaf
	data [15]uint64
}

var (
	forest [1 << 16]*branch // 64 MiB that the collector has to mark
	sinks  [2]*leaf
)

//go:noinline
func heavySite(id int) {
	sinks[id] = &leaf{}
}

//go:noinline
func lightSite(id int) {
	sinks[id] = &leaf{}
}

// mix allocates objects of one size at two sites, heavy of the one for light of the other, in an
// order without a pattern. What an assist has to do is in proportion to the bytes, and it is done
// by whichever allocation uses up the goroutine's credit: so the sites' shares of the assists are
// their shares of the objects.
func mix(id, heavy, light int, stop *int32, done *sync.WaitGroup) {
	defer done.Done()
	for x := uint32(id + 1); atomic.LoadInt32(stop) == 0; {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		if int(x>>8)%(heavy+light) < heavy {
			heavySite(id)
		} else {
			lightSite(id)
		}
	}
}

func plantForest(_ []string, _ []int) (interface{}, error) {
	for i := range forest {
		forest[i] = &branch{}
	}
	for i, b := range forest {
		for j := range b.to {
			b.to[j] = forest[(i*31+j*127)%len(forest)]
		}
	}
	quiet()
	return len(forest), nil
}

func assistPhase(_ []string, numbers []int) (interface{}, error) {
	if len(numbers) != 3 {
		return nil, fmt.Errorf("assist: how long, in what proportion?")
	}
	p := begin()
	var stop int32
	var done sync.WaitGroup
	for id := range sinks {
		done.Add(1)
		go mix(id, numbers[1], numbers[2], &stop, &done)
	}
	for end := now() + int64(numbers[0])*1e6; now() < end; {
		time.Sleep(10 * time.Millisecond)
		p.collect()
	}
	atomic.StoreInt32(&stop, 1)
	done.Wait()
	return p.end()
}
