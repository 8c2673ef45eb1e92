// SPDX-License-Identifier: GPL-2.0

package main

import (
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// A histogram of the runtime: counts[i] is of durations from edges[i] to edges[i+1], in ns.
type histogram struct {
	Edges  []int64  `json:"edges"`
	Counts []uint64 `json:"counts"`
}

// What the runtime has measured of a phase. Nothing here stops the world to be read.
type truth struct {
	Go         string                `json:"go"`
	Begin      int64                 `json:"begin_ns"`
	End        int64                 `json:"end_ns"`
	FirstCycle int64                 `json:"first_cycle"` // NumGC before: cycles are FirstCycle + 1 ...
	PauseNs    []int64               `json:"pause_ns"`    // of each cycle
	Forced     uint64                `json:"forced"`      // cycles that runtime.GC has set off
	Pauses     map[string]*histogram `json:"pauses"`
	AssistNs   int64                 `json:"assist_ns"` // -1: this version does not tell
	Calls      map[string]int        `json:"calls,omitempty"`
}

const (
	forcedCycles = "/gc/cycles/forced:gc-cycles"
	assistTime   = "/cpu/classes/gc/mark/assist:cpu-seconds"
)

// Go 1.22 and later have the first four, those before only the last, of whole pauses of cycles.
var histograms = map[string]string{
	"total_gc":       "/sched/pauses/total/gc:seconds",
	"total_other":    "/sched/pauses/total/other:seconds",
	"stopping_gc":    "/sched/pauses/stopping/gc:seconds",
	"stopping_other": "/sched/pauses/stopping/other:seconds",
	"gc":             "/gc/pauses:seconds",
}

func readMetric(name string) metrics.Value {
	sample := []metrics.Sample{{Name: name}}
	metrics.Read(sample)
	return sample[0].Value
}

// Edges are halves, thirds and so on of powers of two in ns, given in seconds: rounding restores them.
func readHistogram(name string) *histogram {
	value := readMetric(name)
	if value.Kind() != metrics.KindFloat64Histogram {
		return nil
	}
	from := value.Float64Histogram()
	to := &histogram{}
	for _, edge := range from.Buckets {
		switch {
		case math.IsInf(edge, -1):
			to.Edges = append(to.Edges, math.MinInt64)
		case math.IsInf(edge, 1):
			to.Edges = append(to.Edges, math.MaxInt64)
		default:
			to.Edges = append(to.Edges, int64(math.Round(edge*1e9)))
		}
	}
	to.Counts = append(to.Counts, from.Counts...)
	return to
}

func readAssist() int64 {
	value := readMetric(assistTime)
	if value.Kind() != metrics.KindFloat64 {
		return -1
	}
	return int64(math.Round(value.Float64() * 1e9))
}

// A phase under way.
type phase struct {
	truth
	last    int64 // NumGC up to which PauseNs has the pauses
	missed  bool
	stats   debug.GCStats
	before  map[string]*histogram
	assists int64
	forced  uint64
}

// quiet waits until no cycle is under way and none is about to begin: runtime.GC returns when its
// cycle is swept, but the thread that restarted the world may not be done with its own figures.
func quiet() {
	runtime.GC()
	time.Sleep(20 * time.Millisecond)
}

func readHistograms() map[string]*histogram {
	all := make(map[string]*histogram)
	for key, name := range histograms {
		if h := readHistogram(name); h != nil {
			all[key] = h
		}
	}
	return all
}

func begin() *phase {
	p := &phase{}
	p.Go = runtime.Version()
	quiet()
	p.before = readHistograms()
	p.assists = readAssist()
	p.forced = readMetric(forcedCycles).Uint64()
	debug.ReadGCStats(&p.stats)
	p.FirstCycle = p.stats.NumGC
	p.last = p.FirstCycle
	p.Begin = monotonic()
	return p
}

// collect takes the pauses of new cycles: the runtime keeps those of the last 256.
func (p *phase) collect() int64 {
	debug.ReadGCStats(&p.stats)
	fresh := p.stats.NumGC - p.last
	if fresh > int64(len(p.stats.Pause)) {
		p.missed = true
		fresh = int64(len(p.stats.Pause))
	}
	for i := fresh - 1; i >= 0; i-- {
		p.PauseNs = append(p.PauseNs, p.stats.Pause[i].Nanoseconds())
	}
	p.last = p.stats.NumGC
	return p.last - p.FirstCycle
}

// end closes the phase with a cycle that runtime.GC sets off, which is the last one of it.
func (p *phase) end() (interface{}, error) {
	quiet()
	p.End = monotonic()
	p.collect()
	if p.missed {
		return nil, fmt.Errorf("more cycles at a time than the runtime remembers")
	}
	p.Forced = readMetric(forcedCycles).Uint64() - p.forced
	p.AssistNs = readAssist()
	if p.AssistNs >= 0 {
		p.AssistNs -= p.assists
	}
	p.Pauses = readHistograms()
	for key, h := range p.Pauses {
		for i := range h.Counts {
			h.Counts[i] -= p.before[key].Counts[i]
		}
	}
	return &p.truth, nil
}
