// SPDX-License-Identifier: GPL-2.0

// Natsload is the load of a nats-server in the benchmarks: connections that publish a message to
// themselves and wait for it, over and over. It speaks just enough of the protocol.
//
//	natsload ADDRESS [CONNECTIONS]
//
// For each line on its input it writes what there was since the last: "OPERATIONS SECONDS P50 P99",
// the latter in microseconds.
package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

var (
	mu    sync.Mutex
	times []time.Duration
	since time.Time
)

func die(err error) {
	fmt.Fprintln(os.Stderr, "natsload:", err)
	os.Exit(1)
}

func roundTrips(address string, id int) error {
	connection, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	from := bufio.NewReader(connection)
	if line, err := from.ReadString('\n'); err != nil || !strings.HasPrefix(line, "INFO ") {
		return fmt.Errorf("not INFO but %q: %v", line, err)
	}
	fmt.Fprintf(connection, "CONNECT {\"verbose\":false}\r\nSUB load.%d 1\r\n", id)
	body := strings.Repeat("x", 1000)
	message := []byte(fmt.Sprintf("PUB load.%d %d\r\n%s\r\n", id, len(body), body))
	for {
		start := time.Now()
		if _, err := connection.Write(message); err != nil {
			return err
		}
		for _, want := range []string{"MSG load.", body} {
			line, err := from.ReadString('\n')
			for err == nil && line == "PING\r\n" {
				_, _ = connection.Write([]byte("PONG\r\n"))
				line, err = from.ReadString('\n')
			}
			if err != nil || !strings.HasPrefix(line, want) {
				return fmt.Errorf("not %.9s but %.40q: %v", want, line, err)
			}
		}
		took := time.Since(start)
		mu.Lock()
		times = append(times, took)
		mu.Unlock()
	}
}

func report() {
	mu.Lock()
	all, length := times, time.Since(since)
	times, since = make([]time.Duration, 0, cap(times)), time.Now()
	mu.Unlock()
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	quantile := func(percent int) float64 {
		if len(all) == 0 {
			return 0
		}
		return float64(all[(len(all)-1)*percent/100].Nanoseconds()) / 1e3
	}
	fmt.Printf("%d %.3f %.1f %.1f\n", len(all), length.Seconds(), quantile(50), quantile(99))
}

func main() {
	if len(os.Args) < 2 {
		die(fmt.Errorf("which address?"))
	}
	connections := 8
	if len(os.Args) > 2 {
		n, err := strconv.Atoi(os.Args[2])
		if err != nil {
			die(err)
		}
		connections = n
	}
	since = time.Now()
	for id := 0; id < connections; id++ {
		go func(id int) {
			die(roundTrips(os.Args[1], id))
		}(id)
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		report()
	}
}
