// SPDX-License-Identifier: GPL-2.0

// Hot writes a CPU profile of itself allocating in every way: what a
// profile-guided build needs to inline parts of the runtime's allocator.
//
//	hot FILE [SECONDS]
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime/pprof"
	"strconv"
	"strings"
	"time"
)

type record struct {
	A, B *int
	S    string
	M    map[string]int
}

var sink []interface{}

func allocate(round int) {
	number := round
	text, err := json.Marshal(record{&number, new(int), strings.Repeat("x", 100),
		map[string]int{"a": 1, fmt.Sprint(round): 2}})
	if err != nil {
		panic(err)
	}
	var back interface{}
	if err := json.Unmarshal(text, &back); err != nil {
		panic(err)
	}
	sink = append(sink[:0], back, make([]byte, 50), new([20]*int), new(int))
	for i := 0; i < 2000; i++ {
		sink = append(sink[:0], make([]byte, 300+i%7), make([]*int, 20+i%3),
			make([]*int, 100+i%5), make([]byte, 3+i%11))
	}
}

func main() {
	seconds := 5
	if len(os.Args) > 2 {
		seconds, _ = strconv.Atoi(os.Args[2])
	}
	file, err := os.Create(os.Args[1])
	if err != nil {
		panic(err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		panic(err)
	}
	end := time.Now().Add(time.Duration(seconds) * time.Second)
	for round := 0; time.Now().Before(end); round++ {
		allocate(round)
	}
	pprof.StopCPUProfile()
	if err := file.Close(); err != nil {
		panic(err)
	}
}
