// SPDX-License-Identifier: GPL-2.0

package main

import (
	"fmt"
	"strings"
	"unsafe"
)

func siteMapNew(n int) {
	for i := 0; i < n; i++ {
		sinkM, _ = make(map[int]int), rec()
	}
}

func siteMapHint(n int) {
	for i := 0; i < n; i++ {
		sinkN, _ = make(map[string]*tDirect, 100), rec()
	}
}

// Fills the map that siteMapNew made last.
func siteMapGrow(n int) {
	m := sinkM
	for i := 0; i < n; i++ {
		m[i], _ = i, rec()
	}
}

var keys [1024]string

func init() {
	for i := range keys {
		keys[i] = string(rune('a'+i%26)) + string(rune('a'+i/26))
	}
}

// Fills the map that siteMapHint made last.
func siteMapString(n int) {
	m := sinkN
	for i := 0; i < n; i++ {
		m[keys[i]], _ = nil, rec()
	}
}

func siteConcat2(n int) {
	for i := 0; i < n; i++ {
		sinkS, _ = textA+textB, rec()
	}
}

func siteConcat6(n int) {
	for i := 0; i < n; i++ {
		sinkS, _ = textA+textB+textA+textB+textA+textB, rec()
	}
}

func siteStringBytes(n int) {
	for i := 0; i < n; i++ {
		sinkB, _ = []byte(textA+textB), rec()
	}
}

func siteBytes(n int) {
	for i := 0; i < n; i++ {
		sinkB, _ = []byte(textA), rec()
	}
}

func siteBytesString(n int) {
	for i := 0; i < n; i++ {
		sinkS, _ = string(bytes77), rec()
	}
}

func siteRunes(n int) {
	for i := 0; i < n; i++ {
		sinkR, _ = []rune(textA), rec()
	}
}

func siteRune(n int) {
	for i := 0; i < n; i++ {
		sinkS, _ = string(rune(0x4e00+i)), rec()
	}
}

func siteAppend(n int) {
	sinkI = nil
	for i := 0; i < n; i++ {
		sinkI, _ = append(sinkI, i), rec()
	}
}

func siteAppendBytes(n int) {
	sinkB = nil
	for i := 0; i < n; i++ {
		sinkB, _ = append(sinkB, textA...), rec()
	}
}

func siteAppendPointers(n int) {
	sinkT = nil
	for i := 0; i < n; i++ {
		sinkT, _ = append(sinkT, nil), rec()
	}
}

func siteMakePointers(n int) {
	for i := 0; i < n; i++ {
		sinkP, _ = unsafe.Pointer(&make([]*int, 13)[0]), rec()
	}
}

func siteMakeStructs(n int) {
	for i := 0; i < n; i++ {
		sinkP, _ = unsafe.Pointer(&make([]tDirect, i%20+1)[0]), rec()
	}
}

func siteMakeCopy(n int) {
	for i := 0; i < n; i++ {
		sinkI, _ = append([]int(nil), ints19...), rec()
	}
}

func siteChan(n int) {
	for i := 0; i < n; i++ {
		sinkC, _ = make(chan int, 8), rec()
	}
}

func siteChanPointers(n int) {
	for i := 0; i < n; i++ {
		sinkD, _ = make(chan *tDirect, 4), rec()
	}
}

func siteZero(n int) {
	for i := 0; i < n; i++ {
		sinkB, _ = make([]byte, i&0), rec()
	}
}

func siteSprintf(n int) {
	for i := 0; i < n; i++ {
		sinkS, _ = fmt.Sprintf("%s %d %x", textA, i+1000, i), rec()
	}
}

func siteRepeat(n int) {
	for i := 0; i < n; i++ {
		sinkS, _ = strings.Repeat(textB, 5), rec()
	}
}
