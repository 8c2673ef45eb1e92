// SPDX-License-Identifier: GPL-2.0

// Server is a small web service of the usual kind (JSON in and out, a cache in a map, strings,
// templates by hand) and its load: something real for gotrace to look at.
//
//	server [-addr 127.0.0.1:0] [-run 5m]       prints "listening URL"
//	server -load URL [-c 4] [-t 10s]           prints "requests N errors N"
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "loopback address to listen on")
	run := flag.Duration("run", 5*time.Minute, "the server ends after this time")
	load := flag.String("load", "", "be the client of the server at this URL")
	clients := flag.Int("c", 4, "clients at one time")
	length := flag.Duration("t", 10*time.Second, "length of the load")
	flag.Parse()
	if *load != "" {
		os.Exit(runLoad(*load, *clients, *length))
	}
	time.AfterFunc(*run, func() { os.Exit(0) })
	if err := serve(*addr); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

func serve(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("'%s' is not a loopback address", addr)
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Printf("listening http://%s pid %d\n", listener.Addr(), os.Getpid())
	server := &http.Server{Handler: newShop().routes(), ReadHeaderTimeout: 5 * time.Second}
	return server.Serve(listener)
}
