// SPDX-License-Identifier: GPL-2.0

package main

import (
	"runtime"
	"sync/atomic"
	"unsafe"
)

// What the sites allocate ends here, so that it escapes; only the last object lives on.
var (
	sinkP unsafe.Pointer
	sinkB []byte
	sinkI []int
	sinkR []rune
	sinkT []*tDirect
	sinkS string
	sinkE interface{}
	sinkF func() int
	sinkM map[int]int
	sinkN map[string]*tDirect
	sinkC chan int
	sinkD chan *tDirect
	sinks [128]unsafe.Pointer
	texts [128]string

	textA = "a string of twenty-nine bytes"
	textB = "and another one"

	bytes77 = make([]byte, 77)
	ints19  = make([]int, 19)
)

// Distinct sizes, with and without pointers.
type (
	tDirect  struct{ a, b, c *int }
	tInlined struct {
		p *int
		a [4]int
	}
	tEscape struct {
		a [6]int
		p *int
	}
	tConv struct {
		p *int
		a [7]int
	}
	tFlat  struct{ a [9]int }
	tValue struct {
		p *int
		a [10]int
	}
	tPromoted struct {
		p *int
		a [11]int
	}
	tDeep struct {
		p *int
		a [12]int
	}
	tDefer struct {
		p *int
		a [13]int
	}
	tPanic struct {
		p *int
		a [14]int
	}
	tWorker struct {
		p *int
		a [17]int
	}
	tList[T any] struct {
		next *tList[T]
		v    T
	}
	tOther[K comparable, V any] struct {
		k K
		v V
		p *K
	}
)

func siteDirect(n int) {
	for i := 0; i < n; i++ {
		sinkP, _ = unsafe.Pointer(new(tDirect)), rec()
	}
}

func inlined3() *tInlined {
	p, _ := new(tInlined), rec()
	return p
}

func inlined2() *tInlined { return inlined3() }

func inlined1() *tInlined {
	return inlined2()
}

func siteInlined(n int) {
	for i := 0; i < n; i++ {
		sinkP = unsafe.Pointer(inlined1())
	}
}

func siteEscape(n int) {
	for i := 0; i < n; i++ {
		v, _ := tEscape{p: &i2}, rec()
		sinkP = unsafe.Pointer(&v)
	}
}

var i2 = 2

func siteClosure(n int) {
	for i := 0; i < n; i++ {
		a, b, c := i, i+1, i+2
		sinkF, _ = func() int { return a + b + c }, rec()
	}
}

func siteInClosure(n int) {
	f := func() {
		sinkP, _ = unsafe.Pointer(new(tFlat)), rec()
	}
	for i := 0; i < n; i++ {
		f()
	}
}

func siteConv(n int) {
	for i := 0; i < n; i++ {
		sinkE, _ = tConv{p: &i2, a: [7]int{i}}, rec()
	}
}

func siteConvFlat(n int) {
	for i := 0; i < n; i++ {
		sinkE, _ = tFlat{a: [9]int{i}}, rec()
	}
}

func siteConvInt(n int) {
	for i := 0; i < n; i++ {
		sinkE, _ = i+1000, rec()
	}
}

func siteConvInt32(n int) {
	for i := int32(0); i < int32(n); i++ {
		sinkE, _ = i+1000, rec()
	}
}

func siteConvInt16(n int) {
	for i := int16(0); i < int16(n); i++ {
		sinkE, _ = i+1000, rec()
	}
}

func siteConvString(n int) {
	for i := 0; i < n; i++ {
		sinkE, _ = textA[i%7:], rec()
	}
}

func siteConvSlice(n int) {
	for i := 0; i < n; i++ {
		sinkE, _ = bytes77[i%7:], rec()
	}
}

type holder struct{ p *int }

//go:noinline
func (h *holder) alloc() int {
	sinkP, _ = unsafe.Pointer(&tValue{p: h.p}), rec()
	return 1
}

var (
	theHolder   = &holder{&i2}
	methodValue = theHolder.alloc
)

func siteMethodValue(n int) {
	for i := 0; i < n; i++ {
		sinkF, _ = theHolder.alloc, rec()
	}
}

func siteMethodValueCall(n int) {
	for i := 0; i < n; i++ {
		methodValue()
	}
}

type allocer interface{ make() int }

type byValue struct{ p, q *int }

//go:noinline
func (v byValue) make() int {
	sinkP, _ = unsafe.Pointer(&tPromoted{p: v.p}), rec()
	return 1
}

type embedding struct {
	pad int
	byValue
}

var theAllocer allocer = &embedding{1, byValue{&i2, &i2}}

// Through a wrapper that the compiler makes for the promoted method.
func siteWrapper(n int) {
	for i := 0; i < n; i++ {
		theAllocer.make()
	}
}

//go:noinline
func deeper(depth int) int {
	if depth > 0 {
		return deeper(depth-1) + 1
	}
	sinkP, _ = unsafe.Pointer(new(tDeep)), rec()
	return 0
}

func siteDeep(n int) {
	for i := 0; i < n; i++ {
		deeper(100)
	}
}

//go:noinline
func genericNew[T any]() unsafe.Pointer {
	p, _ := new(T), rec()
	return unsafe.Pointer(p)
}

func siteGeneric(n int) {
	for i := 0; i < n; i++ {
		sinkP = genericNew[tList[string]]()
	}
}

func siteGenericTwo(n int) {
	for i := 0; i < n; i++ {
		sinkP = genericNew[tOther[string, map[int]bool]]()
	}
}

func release(i int, _ int) { sinkP = nil }

// In a loop, so that the records of the deferred calls are on the heap.
func siteDeferStart(n int) {
	for i := 0; i < n; i++ {
		defer release(i, rec())
	}
}

//go:noinline
func deferring() {
	defer func() {
		sinkP, _ = unsafe.Pointer(new(tDefer)), rec()
	}()
	sinkP = nil
}

func siteDeferred(n int) {
	for i := 0; i < n; i++ {
		deferring()
	}
}

//go:noinline
func panicking() {
	defer func() {
		sinkP, _ = unsafe.Pointer(new(tPanic)), rec()
		recover()
	}()
	panic(theAllocer)
}

func sitePanic(n int) {
	for i := 0; i < n; i++ {
		panicking()
	}
}

var (
	released int32
	finished int32
)

//go:noinline
func idle(_, _ int) {
	for atomic.LoadInt32(&released) == 0 {
		runtime.Gosched()
	}
	atomic.AddInt32(&finished, 1)
}

// As many goroutines at one time as no site needs: the runtime keeps their descriptors.
func warmGoroutines(n int) {
	atomic.StoreInt32(&finished, 0)
	atomic.StoreInt32(&released, 0)
	for i := 0; i < n; i++ {
		go idle(i, 0)
	}
	await(n)
}

// More threads than any site needs: each of these goroutines wants its own. They stay with the
// runtime, so that it makes no new one later.
func warmThreads(n int) {
	var started int32
	atomic.StoreInt32(&finished, 0)
	for i := 0; i < n; i++ {
		go func() {
			runtime.LockOSThread()
			atomic.AddInt32(&started, 1)
			for atomic.LoadInt32(&started) != int32(n) {
				runtime.Gosched()
			}
			runtime.UnlockOSThread()
			atomic.AddInt32(&finished, 1)
		}()
	}
	await(n)
}

func await(n int) {
	atomic.StoreInt32(&released, 1)
	for atomic.LoadInt32(&finished) != int32(n) {
		runtime.Gosched()
	}
}

func siteGo(n int) {
	atomic.StoreInt32(&finished, 0)
	atomic.StoreInt32(&released, 0)
	for i := 0; i < n; i++ {
		go idle(i, rec())
	}
	await(n)
}

const workers = 100

// A hundred goroutines start on one signal and allocate from one line, objects, then strings.
func startWorkers(n int, work func(id, n int)) {
	atomic.StoreInt32(&finished, 0)
	atomic.StoreInt32(&released, 0)
	for id := 0; id < workers; id++ {
		go func(id int) {
			for atomic.LoadInt32(&released) == 0 {
				runtime.Gosched()
			}
			work(id, n)
			atomic.AddInt32(&finished, 1)
		}(id)
	}
	await(workers)
}

func workObjects(id, n int) {
	for i := 0; i < n; i++ {
		sinks[id], _ = unsafe.Pointer(new(tWorker)), rec()
	}
}

func workTiny(id, n int) {
	for i := 0; i < n; i++ {
		sinks[id], _ = unsafe.Pointer(new([7]byte)), rec()
	}
}

func workTexts(id, n int) {
	for i := 0; i < n; i++ {
		texts[id], _ = textA[:id%20+1]+textB, rec()
	}
}

func siteWorkers(n int)     { startWorkers(n, workObjects) }
func siteWorkersTiny(n int) { startWorkers(n, workTiny) }
func siteWorkersText(n int) { startWorkers(n, workTexts) }
