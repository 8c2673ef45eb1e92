// SPDX-License-Identifier: GPL-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type counts struct{ requests, errors uint64 }

func runLoad(url string, clients int, length time.Duration) int {
	var c counts
	var wg sync.WaitGroup
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = clients
	http.DefaultClient.Timeout = 10 * time.Second
	end := time.Now().Add(length)
	for i := 0; i < clients; i++ {
		wg.Add(1)
		go func(id int) {
			defer wg.Done()
			for n := id; time.Now().Before(end); n++ {
				atomic.AddUint64(&c.requests, 1)
				if err := request(url, n); err != nil {
					atomic.AddUint64(&c.errors, 1)
				}
			}
		}(i)
	}
	wg.Wait()
	fmt.Printf("requests %d errors %d\n", c.requests, c.errors)
	if c.errors > 0 || c.requests == 0 {
		return 1
	}
	return 0
}

// One of three kinds of request; the answer is read and checked.
func request(url string, n int) error {
	switch n % 3 {
	case 0:
		query := words[n%len(words)] + fmt.Sprint(n % 1000)[:1]
		return expect(http.Get(url+"/search?q="+query))("[", "null")
	case 1:
		body, err := json.Marshal(order{"customer " + fmt.Sprint(n), []orderLine{{n % 1000, 2}, {n * 7 % 1000, 1}}})
		if err != nil {
			return err
		}
		return expect(http.Post(url+"/order", "application/json", bytes.NewReader(body)))(`{"customer":"customer`)
	}
	return expect(http.Get(fmt.Sprintf("%s/page?n=%d", url, n)))("<ul>")
}

func expect(r *http.Response, err error) func(prefixes ...string) error {
	return func(prefixes ...string) error {
		if err != nil {
			return err
		}
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		for _, prefix := range prefixes {
			if r.StatusCode == http.StatusOK && strings.HasPrefix(string(body), prefix) {
				return nil
			}
		}
		return fmt.Errorf("unexpected answer: %s", r.Status)
	}
}
