// SPDX-License-Identifier: GPL-2.0

package main

import (
	"bufio"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strconv"
	"sync/atomic"
)

// How gotrace's stacks of a site compare with the recorded one.
const (
	whole = ""     // equal, frame by frame
	tail  = "tail" // ends with it: a library function of Go between the site and the allocator
	leaf  = "leaf" // equal in its first frame: C code below
)

// A site is one line that allocates.
type site struct {
	name   string
	n      int         // iterations, prime
	each   int         // objects an iteration allocates, -1: as measured
	size   int         // bytes of each object as requested, -1: not one size
	typ    interface{} // (*T)(nil), untyped{}, or nil: not checked
	via    string      // way into the allocator, "": not checked
	match  string
	shared bool // other lines of it allocate too: mallocs and bytes are not the line's alone
	run    func(n int)

	npc     int32
	pcs     [160]uintptr
	mallocs uint64 // as MemStats counts
	bytes   uint64
}

// table is sites; a variable that the initialisation of sites does not refer to.
var table []site

// untyped stands for bytes that the runtime allocates without a type.
type untyped struct{}

var (
	current       int32 // the site that runs
	m0, m1        runtime.MemStats
	before, after runtime.MemStats
)

// rec remembers the stack of the line that calls it, the first time it is called from a site. It
// does not allocate. Written beside an allocation, on one line with it.
//
//go:noinline
func rec() int {
	s := &table[atomic.LoadInt32(&current)]
	if atomic.LoadInt32(&s.npc) == 0 && atomic.CompareAndSwapInt32(&s.npc, 0, -1) {
		atomic.StoreInt32(&s.npc, int32(runtime.Callers(2, s.pcs[:])))
	}
	return 0
}

func runAll() {
	for i := range table {
		s := &table[i]
		atomic.StoreInt32(&current, int32(i))
		runtime.ReadMemStats(&before)
		s.run(s.n)
		runtime.ReadMemStats(&after)
		s.mallocs = after.Mallocs - before.Mallocs
		s.bytes = after.TotalAlloc - before.TotalAlloc
	}
}

func (s *site) typeName() string {
	switch s.typ.(type) {
	case nil:
		return "null"
	case untyped:
		return `""`
	}
	return strconv.Quote(reflect.TypeOf(s.typ).Elem().String())
}

func (s *site) print(w *bufio.Writer) {
	objects := s.each
	if objects > 0 {
		objects *= s.n
	}
	fmt.Fprintf(w, "{\"name\":%q,\"n\":%d,\"objects\":%d,\"size\":%d,\"type\":%s,\"via\":%q,",
		s.name, s.n, objects, s.size, s.typeName(), s.via)
	fmt.Fprintf(w, "\"match\":%q,\"shared\":%t,\"mallocs\":%d,\"bytes\":%d,\"stack\":[", s.match, s.shared,
		s.mallocs, s.bytes)
	frames := runtime.CallersFrames(s.pcs[:s.npc])
	for sep := ""; ; sep = "," {
		f, more := frames.Next()
		fmt.Fprintf(w, "%s[%q,%q,%d]", sep, f.Function, f.File, f.Line)
		if !more {
			break
		}
	}
	fmt.Fprint(w, "]}")
}

func printTruth() {
	w := bufio.NewWriter(os.Stdout)
	defer w.Flush()
	fmt.Fprintf(w, "{\"go\":%q,\"mallocs\":%d,\"bytes\":%d,\"gcs\":%d,\"sites\":[", runtime.Version(),
		m1.Mallocs-m0.Mallocs, m1.TotalAlloc-m0.TotalAlloc, m1.NumGC-m0.NumGC)
	for i := range table {
		if i > 0 {
			fmt.Fprint(w, ",\n")
		}
		sites[i].print(w)
	}
	fmt.Fprint(w, "]}\n")
}
