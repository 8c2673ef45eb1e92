// SPDX-License-Identifier: GPL-2.0

package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"sort"
	"strings"
)

// A site is the copies that have everything in common.
type site struct {
	count, copied uint64
}

var kinds = []string{growth: "growth", regrowth: "regrowth", shrink: "shrink"}

// stack is the call stack of a copy as JSON, and the goroutine's first function, wrappers left out. The
// function that grew comes first, which may be the one that only reserved room at the bottom.
func (d *descent) stack(depth int) (text, start string) {
	first := d.npc - 1 - depth // the last is runtime.goexit
	parts, reserve := []string{}, first == -1
	if reserve {
		first = 0
	}
	frames := runtime.CallersFrames(d.pcs[first:d.npc])
	for {
		f, more := frames.Next()
		if reserve {
			parts, reserve = append(parts, fmt.Sprintf("[%q,%q,0]", "main.(*worker).reserve", f.File)), false
		}
		parts = append(parts, fmt.Sprintf("[%q,%q,%d]", f.Function, f.File, f.Line))
		if !more {
			break
		}
		start = f.Function
	}
	return "[" + strings.Join(parts, ",") + "]", start
}

func (d *descent) collect(p *part, sites map[string]*site) {
	if d.n > len(d.copies) {
		fmt.Fprintln(os.Stderr, "stacks: more copies than are remembered")
		os.Exit(1)
	}
	for _, c := range d.copies[:d.n] {
		stack, start := d.stack(c.depth)
		key := fmt.Sprintf("\"part\":%q,\"kind\":%q,\"from\":%d,\"to\":%d,\"start\":%q,\"stack\":%s", p.name,
			kinds[c.kind], c.from, c.to, start, stack)
		if sites[key] == nil {
			sites[key] = new(site)
		}
		sites[key].count++
		sites[key].copied += uint64(c.used)
	}
}

func printTruth() {
	w := bufio.NewWriter(os.Stdout)
	defer w.Flush()
	var strange, against, wrong int
	var grown uintptr
	sites := make(map[string]*site)
	for _, p := range table {
		for i := range p.workers {
			one := &p.workers[i]
			strange, against, wrong = strange+one.strange, against+one.against, wrong+one.wrong
			if !p.exact {
				grown += one.last - one.first
				continue
			}
			one.down[0].collect(p, sites)
			one.park.collect(p, sites)
			one.down[1].collect(p, sites)
		}
	}
	fmt.Fprintf(w, "{\"go\":%q,\"mallocs\":%d,\"bytes\":%d,\"gcs\":%d,\"strange\":%d,\"against\":%d,\"wrong\":%d,"+
		"\"inexact\":{\"start\":\"main.startRuntime\",\"grown\":%d},\"sites\":[", runtime.Version(),
		m1.Mallocs-m0.Mallocs, m1.TotalAlloc-m0.TotalAlloc, m1.NumGC-m0.NumGC, strange, against, wrong, grown)
	keys := make([]string, 0, len(sites))
	for key := range sites {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	for i, key := range keys {
		if i > 0 {
			fmt.Fprint(w, ",\n")
		}
		fmt.Fprintf(w, "{\"count\":%d,\"copied\":%d,%s}", sites[key].count, sites[key].copied, key)
	}
	fmt.Fprint(w, "]}\n")
}
