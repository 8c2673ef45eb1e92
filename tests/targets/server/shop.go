// SPDX-License-Identifier: GPL-2.0

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"sync"
)

// An item of the catalogue.
type item struct {
	ID    int               `json:"id"`
	Name  string            `json:"name"`
	Price float64           `json:"price"`
	Tags  []string          `json:"tags"`
	Attrs map[string]string `json:"attrs,omitempty"`
}

type order struct {
	Customer string      `json:"customer"`
	Lines    []orderLine `json:"lines"`
}

type orderLine struct {
	Item  int `json:"item"`
	Count int `json:"count"`
}

type receipt struct {
	Customer string   `json:"customer"`
	Total    float64  `json:"total"`
	Lines    []string `json:"lines"`
}

type shop struct {
	items []item

	mu    sync.Mutex
	cache map[string][]byte // rendered answers by query; bounded
}

const maxCached = 500

var words = strings.Fields("amber basalt cedar dune ember fjord grove heath islet jade kelp lagoon")

func newShop() *shop {
	s := &shop{cache: make(map[string][]byte)}
	for i := 0; i < 1000; i++ {
		s.items = append(s.items, item{
			ID:    i,
			Name:  words[i%len(words)] + " " + words[i/7%len(words)] + " " + strconv.Itoa(i),
			Price: float64(i%97) + 0.99,
			Tags:  []string{words[i%5], words[i%11]},
		})
	}
	return s
}

func (s *shop) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/search", s.search)
	mux.HandleFunc("/order", s.order)
	mux.HandleFunc("/page", s.page)
	return mux
}

func (s *shop) find(query string) []item {
	var found []item
	for _, it := range s.items {
		if strings.Contains(strings.ToLower(it.Name), query) {
			it.Attrs = map[string]string{"query": query, "sku": fmt.Sprintf("%s-%04d", query, it.ID)}
			found = append(found, it)
		}
	}
	sort.Slice(found, func(i, j int) bool { return found[i].Price < found[j].Price })
	return found
}

func (s *shop) search(w http.ResponseWriter, r *http.Request) {
	query := strings.ToLower(r.URL.Query().Get("q"))
	s.mu.Lock()
	body, ok := s.cache[query]
	s.mu.Unlock()
	if !ok {
		var err error
		if body, err = json.Marshal(s.find(query)); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		s.remember(query, body)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(body)
}

func (s *shop) remember(query string, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.cache) >= maxCached {
		s.cache = make(map[string][]byte)
	}
	s.cache[query] = body
}

func (s *shop) order(w http.ResponseWriter, r *http.Request) {
	var o order
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&o); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	rcpt := receipt{Customer: o.Customer}
	for _, line := range o.Lines {
		if line.Item < 0 || line.Item >= len(s.items) {
			http.Error(w, "no such item", http.StatusNotFound)
			return
		}
		it := s.items[line.Item]
		rcpt.Total += it.Price * float64(line.Count)
		rcpt.Lines = append(rcpt.Lines, fmt.Sprintf("%3d x %-30s %8.2f", line.Count, it.Name, it.Price))
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(rcpt)
}

// A page built by adding up strings, as it should not be done.
func (s *shop) page(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(r.URL.Query().Get("n"))
	if err != nil || n < 0 {
		n = 10
	}
	html := "<ul>"
	for i := 0; i < n%100; i++ {
		html += "<li>" + s.items[i].Name + "</li>"
	}
	fmt.Fprintln(w, html+"</ul>")
}
