// SPDX-License-Identifier: GPL-2.0

package main

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"unsafe"
)

// A step goes down a number of times through one function.
type step struct{ function, times int }

const (
	narrow = iota
	medium
	large
	huge
)

//go:noinline
func startSingle() {
	w := take(partSingle)
	w.begin(frame())
	w.all()
	w.leave(frame())
	w.end()
}

//go:noinline
func startThousand() {
	w := take(partThousand)
	w.begin(frame())
	w.all()
	w.leave(frame())
	w.end()
}

//go:noinline
func startPrime() {
	w := take(partPrime)
	w.begin(frame())
	w.all()
	w.leave(frame())
	w.end()
}

//go:noinline
func startLeap() {
	w := take(partLeap)
	w.begin(frame())
	w.all()
	w.leave(frame())
	w.end()
}

//go:noinline
func startBottom() {
	w := take(partBottom)
	w.begin(frame())
	w.all()
	w.leave(frame())
	w.end()
}

//go:noinline
func startDeep() {
	w := take(partDeep)
	w.begin(frame())
	w.all()
	w.leave(frame())
	w.end()
}

//go:noinline
func startReuse() {
	w := take(partReuse)
	w.begin(frame())
	w.all()
	w.leave(frame())
	w.end()
}

//go:noinline
func startPreempted() {
	w := take(partPreempted)
	w.begin(frame())
	w.all()
	w.leave(frame())
	w.end()
}

// Its goroutine begins in a wrapper that the compiler makes.
//
//go:noinline
func withArgument(w *worker) {
	w.begin(frame())
	w.all()
	w.leave(frame())
	w.end()
}

//go:noinline
func (w *worker) closure() {
	w.begin(frame())
	w.depth++ // the function literal that called this
	w.all()
	w.leave(frame())
	w.end()
}

// Goes down, comes back, parks, is shrunk, and goes down again.
//
//go:noinline
func startShrink() {
	w := take(partShrink)
	w.begin(frame())
	w.all()
	w.part.arrived.Done()
	w.park.npc = runtime.Callers(1, w.park.pcs[:]) + <-w.part.gate
	w.woken(frame())
	if uintptr(unsafe.Pointer(w)) >= uintptr(unsafe.Pointer(&w.part.workers[w.part.quit])) {
		w.all()
	}
	w.leave(frame())
	w.end()
}

//go:noinline
func startFurther() {
	w := take(partFurther)
	w.begin(frame())
	w.all()
	w.part.arrived.Done()
	w.park.npc = runtime.Callers(1, w.park.pcs[:]) + <-w.part.gate
	w.woken(frame())
	w.all()
	w.leave(frame())
	w.end()
}

//go:noinline
func (w *worker) end() { w.part.ended.Done() }

// The whole plan, down and up again.
//
//go:noinline
func (w *worker) all() {
	w.enter(frame())
	plan := w.part.plan
	if w.current == 1 {
		plan = w.part.again
	}
	if w.descend(plan) != expected(plan) {
		w.wrong++
	}
	w.leave(frame())
}

// The next step of the plan.
//
//go:noinline
func (w *worker) descend(plan []step) (r int) {
	w.enter(frame())
	if w.at == len(plan) {
		d := &w.down[w.current]
		d.npc = w.reserve() + runtime.Callers(1, d.pcs[:])
		if w.part.again == nil {
			w.part.arrived.Done()
			for w.part.spin && atomic.LoadInt32(&w.part.stopped) == 0 {
				w.call(20)
			}
			<-w.part.gate
		}
	} else {
		s := plan[w.at]
		w.at++
		switch s.function {
		case narrow:
			r = w.narrow(plan, s.times)
		case medium:
			r = w.medium(plan, s.times)
		case large:
			r = w.large(plan, s.times)
		case huge:
			r = w.huge(plan, s.times)
		}
	}
	w.leave(frame())
	return r
}

// Grows the stack so that what follows at the bottom has room without growing it.
//
//go:noinline
func (w *worker) reserve() int {
	w.enter(frame())
	var room [750]int
	fill(unsafe.Pointer(&room), 750, 0)
	r := sum(unsafe.Pointer(&room), 750)
	w.leave(frame())
	return r
}

// Calls itself without a need for more room: reserve made it.
//
//go:noinline
func (w *worker) call(n int) {
	w.enter(frame())
	if n > 0 {
		w.call(n - 1)
	}
	w.leave(frame())
}

const wordsNarrow, wordsMedium, wordsLarge, wordsHuge = 5, 64, 625, 8750

//go:noinline
func (w *worker) narrow(plan []step, n int) (r int) {
	w.enter(frame())
	var room [wordsNarrow]int
	fill(unsafe.Pointer(&room), wordsNarrow, n)
	if n > 1 {
		r = w.narrow(plan, n-1)
	} else {
		r = w.descend(plan)
	}
	r += sum(unsafe.Pointer(&room), wordsNarrow)
	w.leave(frame())
	return r
}

//go:noinline
func (w *worker) medium(plan []step, n int) (r int) {
	w.enter(frame())
	var room [wordsMedium]int
	fill(unsafe.Pointer(&room), wordsMedium, n)
	if n > 1 {
		if n%2 == 0 {
			r = w.medium(plan, n-1)
		} else {
			r = w.medium(plan, n-1) // another line
		}
	} else {
		r = w.descend(plan)
	}
	r += sum(unsafe.Pointer(&room), wordsMedium)
	w.leave(frame())
	return r
}

//go:noinline
func (w *worker) large(plan []step, n int) (r int) {
	w.enter(frame())
	var room [wordsLarge]int
	fill(unsafe.Pointer(&room), wordsLarge, n)
	if n > 1 {
		r = w.large(plan, n-1)
	} else {
		r = w.descend(plan)
	}
	r += sum(unsafe.Pointer(&room), wordsLarge)
	w.leave(frame())
	return r
}

//go:noinline
func (w *worker) huge(plan []step, n int) (r int) {
	w.enter(frame())
	var room [wordsHuge]int
	fill(unsafe.Pointer(&room), wordsHuge, n)
	if n > 1 {
		r = w.huge(plan, n-1)
	} else {
		r = w.descend(plan)
	}
	r += sum(unsafe.Pointer(&room), wordsHuge)
	w.leave(frame())
	return r
}

// The sum that a plan must come back with.
//
//go:nosplit
//go:noinline
func expected(plan []step) (r int) {
	for _, s := range plan {
		words := wordsNarrow
		switch s.function {
		case medium:
			words = wordsMedium
		case large:
			words = wordsLarge
		case huge:
			words = wordsHuge
		}
		r += words * s.times * (s.times + 1) / 2
	}
	return r
}

// Grows inside the library and the runtime, wherever that is.
//
//go:noinline
func startRuntime() {
	w := take(partRuntime)
	w.begin(frame())
	if n, text := inside(9); n != 9+9*10/2 || len(text) != 9*5 {
		w.wrong++
	}
	w.last = bounds(frame())
	w.part.arrived.Done()
	w.end()
}

//go:nosplit
func bounds(lo, hi, sp, entry uintptr) uintptr { return hi - lo }

//go:noinline
func inside(n int) (int, string) {
	if n == 0 {
		return 0, ""
	}
	known := make(map[string]int)
	known[fmt.Sprintf("%d %v", n, []int{n, n + 1})] = n
	sum, text := inside(n - 1)
	for _, v := range known {
		sum += v
	}
	return sum + 1, text + fmt.Sprintf("%05d", n)
}
