// Sink is a server that speaks enough of Azure Blob Storage for an uploader to
// run at its own limit: bodies are read and dropped, and of each blob only
// size, MD5, metadata, block list and time are kept, in memory. It checks no
// credentials and listens on the loopback address only.
//
//	sink -delay 20ms
//
// It prints its address when it is ready. POST /__reset forgets every blob;
// GET /__stats counts requests.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// stats is what GET /__stats answers.
type stats struct {
	Requests    int64 `json:"requests"`
	Bytes       int64 `json:"bytes"`
	Blobs       int   `json:"blobs"`
	Connections int64 `json:"connections"`
	MaxInFlight int64 `json:"max_in_flight"`
}

// A server counts and delays what the blob service answers.
type server struct {
	service                                     *service
	delay                                       time.Duration
	requests, connections, inFlight, mostAtOnce atomic.Int64
}

func main() {
	port := flag.Int("port", 0, "port on the loopback address; 0 for any that is free")
	delay := flag.Duration("delay", 0, "wait before each answer")
	verify := flag.Bool("verify", false, "refuse a body whose Content-MD5 is wrong")
	flag.Parse()

	s := &server{service: newService(*verify), delay: *delay}
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("http://%s\n", listener.Addr())
	web := &http.Server{
		Handler: s,
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				s.connections.Add(1)
			}
		},
	}
	log.Fatal(web.Serve(listener))
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/__stats":
		s.answerStats(w)
		return
	case "/__reset":
		s.service.blobs.reset()
		for _, counter := range []*atomic.Int64{&s.requests, &s.connections, &s.mostAtOnce, &s.service.bytes} {
			counter.Store(0)
		}
		return
	}
	s.requests.Add(1)
	if now := s.inFlight.Add(1); now > s.mostAtOnce.Load() {
		s.mostAtOnce.Store(now)
	}
	defer s.inFlight.Add(-1)
	time.Sleep(s.delay)
	s.service.serve(w, r)
}

func (s *server) answerStats(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	err := json.NewEncoder(w).Encode(stats{
		Requests:    s.requests.Load(),
		Bytes:       s.service.bytes.Load(),
		Blobs:       s.service.blobs.count(),
		Connections: s.connections.Load(),
		MaxInFlight: s.mostAtOnce.Load(),
	})
	if err != nil {
		log.Print(err)
	}
}
