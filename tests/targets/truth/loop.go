// SPDX-License-Identifier: GPL-2.0

package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

var iterations, wrong uint64

type node struct {
	next  *node
	value int
}

// A list, a map, a slice and a string, built on the heap and added up again.
func check(seed int) (sum int) {
	var head *node
	m := make(map[int]string)
	var squares []int
	for i := 0; i < 37; i++ {
		head = &node{head, seed + i}
		m[i] = strconv.Itoa(seed + i)
		squares = append(squares, i*i)
	}
	for ; head != nil; head = head.next {
		sum += head.value
	}
	for _, text := range m {
		v, _ := strconv.Atoi(text)
		sum += v
	}
	for _, square := range squares {
		sum += square
	}
	return sum
}

// What check must answer.
func checked(seed int) int { return 2*(37*seed+36*37/2) + 36*37*73/6 }

func worker(seed int) {
	for {
		seed = (seed*1103515245 + 12345) & 0xffff
		if check(seed) != checked(seed) {
			atomic.AddUint64(&wrong, 1)
		}
		atomic.AddUint64(&iterations, 1)
	}
}

// Allocates at full speed and answers each line N on stdin with "N ANSWER ITERATIONS WRONG", until
// stdin ends or the time is over. The line "exec" makes it become another program.
func loop(seconds, workers int) {
	time.AfterFunc(time.Duration(seconds)*time.Second, func() { os.Exit(0) })
	for i := 0; i < workers; i++ {
		go worker(i)
	}
	fmt.Printf("ready %d\n", os.Getpid())
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		if in.Text() == "exec" {
			fmt.Fprintln(os.Stderr, syscall.Exec("/bin/sleep", []string{"sleep", "60"}, nil))
			os.Exit(1)
		}
		seed, _ := strconv.Atoi(strings.TrimSpace(in.Text()))
		fmt.Println(seed, check(seed), atomic.LoadUint64(&iterations), atomic.LoadUint64(&wrong))
	}
}
