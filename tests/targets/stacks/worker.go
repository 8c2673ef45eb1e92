// SPDX-License-Identifier: GPL-2.0

package main

import (
	"sync/atomic"
	"unsafe"
)

// frame tells the bounds of the goroutine's stack, and of its caller: the stack pointer inside of it
// and at its entry.
func frame() (lo, hi, sp, entry uintptr)

const (
	growth = iota
	regrowth
	shrink
)

// What newstack keeps free below a frame, and what a function with a small frame may use of it.
const (
	stackGuard = 928
	stackSmall = 128
)

// A copy is one change of the size of a stack, and who needed it: the function at this depth, where
// the goroutine's first function has depth 1.
type copied struct {
	depth, kind    int
	from, to, used uintptr
}

// A descent is one way down, with the call stack at its bottom.
type descent struct {
	npc    int
	pcs    [300]uintptr
	n      int
	copies [16]copied
}

// A worker is one goroutine's account of itself.
type worker struct {
	part    *part
	down    [2]descent
	park    descent // the stack of the wait in which it was shrunk
	current int     // index in down
	at      int     // next step of the plan
	depth   int
	size    uintptr // of the stack, when last looked at
	first   uintptr // size at the start
	last    uintptr // size at the end
	shrunk  uintptr // largest size that the collector shrank it from
	strange int     // sizes that changed elsewhere than at the entry of a function
	against int     // growths, or the lack of one, against the runtime's rule
	wrong   int     // wrong sums
}

// What a function finds at its entry. Neither this nor what else looks at a stack may need room.
//
//go:nosplit
//go:noinline
func (w *worker) enter(lo, hi, sp, entry uintptr) {
	w.depth++
	from, to := w.size, hi-lo
	w.size = to
	if entry != 0 && to != rule(from, hi-entry, entry-sp) {
		w.against++
	}
	if from == to {
		return
	}
	d := &w.down[w.current]
	kind := growth
	if to <= w.shrunk {
		kind = regrowth
	}
	used := uintptr(0)
	if entry != 0 {
		used = hi - entry
	}
	if d.n < len(d.copies) {
		d.copies[d.n] = copied{w.depth, kind, from, to, used}
	}
	d.n++
}

// The size of the stack that a function with such a frame runs on, as the runtime's newstack and the
// compiler's prologue have it.
//
//go:nosplit
func rule(size, used, frame uintptr) uintptr {
	need := used
	if frame > stackSmall {
		need += frame - stackSmall
	}
	if need+stackGuard < size {
		return size
	}
	for size *= 2; size < used+frame+stackGuard; {
		size *= 2
	}
	return size
}

//go:nosplit
//go:noinline
func (w *worker) leave(lo, hi, sp, entry uintptr) {
	w.depth--
	if hi-lo != w.size {
		w.strange++
		w.size = hi - lo
	}
	w.last = hi - lo
}

//go:nosplit
//go:noinline
func (w *worker) begin(lo, hi, sp, entry uintptr) {
	w.depth, w.size, w.first = 1, hi-lo, hi-lo
}

// After a wait in which the collector may have shrunk the stack, by half each time.
//
//go:nosplit
//go:noinline
func (w *worker) woken(lo, hi, sp, entry uintptr) {
	if hi-lo < w.size {
		w.shrunk = w.size
	}
	for d := &w.park; w.size > hi-lo; w.size /= 2 {
		d.copies[d.n] = copied{w.depth, shrink, w.size, w.size / 2, 0}
		d.n++
	}
	if w.size != hi-lo {
		w.strange++
	}
	w.current, w.at = 1, 0
}

// The next goroutine's account.
//
//go:nosplit
//go:noinline
func take(part int) *worker {
	p := table[part]
	return &p.workers[atomic.AddInt32(&p.taken, 1)-1]
}

//go:nosplit
//go:noinline
func fill(p unsafe.Pointer, n, v int) {
	for i := 0; i < n; i++ {
		*(*int)(unsafe.Pointer(uintptr(p) + uintptr(8*i))) = v
	}
}

//go:nosplit
//go:noinline
func sum(p unsafe.Pointer, n int) (s int) {
	for i := 0; i < n; i++ {
		s += *(*int)(unsafe.Pointer(uintptr(p) + uintptr(8*i)))
	}
	return s
}
