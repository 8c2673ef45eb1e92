// SPDX-License-Identifier: GPL-2.0

// Command gc is a target of gotrace's tests: it has the collector run and the world stopped in known
// ways, and reports what the runtime itself has measured meanwhile.
//
// It writes "pid N", then reads commands, one a line, and answers each with one line of JSON:
//
//	heap N          a phase in which allocation sets off N cycles or more
//	forced N        a phase of N calls of runtime.GC
//	time N          a phase in which the passing of time sets off N cycles
//	reasons N       a phase in which each other reason to stop the world comes up N times, about
//	forest          fills the heap, so that there is something to mark
//	assist MS H L   a phase of so many ms in which one site allocates H objects for L of another
//	late KIND N     N stops of the world while a goroutine is in code that makes it late
//	pin A B         all threads share CPU A, but who stops the world has CPU B: before "late waited"
//	load G GR       starts counted work on all Ps, with G cycles and GR stack growths a second
//	count           how far that is
//
// It ends when its input does.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// What a command does; the numbers are those of its line.
var commands = map[string]func(words []string, numbers []int) (interface{}, error){
	"heap":    heapPhase,
	"forced":  forcedPhase,
	"time":    timePhase,
	"reasons": reasonsPhase,
	"forest":  plantForest,
	"assist":  assistPhase,
	"late":    late,
	"pin":     pin,
	"load":    startLoad,
	"count":   countLoad,
}

func answer(line string) (interface{}, error) {
	words := strings.Fields(line)
	if len(words) == 0 {
		return nil, fmt.Errorf("empty command")
	}
	run, ok := commands[words[0]]
	if !ok {
		return nil, fmt.Errorf("unknown command %q", words[0])
	}
	var numbers []int
	for _, word := range words[1:] {
		if n, err := strconv.Atoi(word); err == nil {
			numbers = append(numbers, n)
		}
	}
	return run(words, numbers)
}

func main() {
	out := json.NewEncoder(os.Stdout)
	fmt.Printf("pid %d\n", os.Getpid())
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		result, err := answer(lines.Text())
		if err == nil {
			err = out.Encode(result)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "gc:", err)
			os.Exit(1)
		}
	}
}
