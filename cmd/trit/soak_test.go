package main

import (
	"errors"
	"flag"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	soakTime  = flag.Duration("soak", 4*time.Second, "load the server of TestSoak for `TIME`")
	soakModel = flag.String("soak-model", "", "serve this `MODEL` in TestSoak")
)

// soak is a server under load.
type soak struct {
	soakCount
	t   *testing.T
	url string
}

// soakState is what a server takes while nobody asks for anything.
type soakState struct{ goroutines, files, memory, connections, waiting, running, reserved, ended float64 }

const soakClients = 8

// TestSoak loads a server with all that clients do. Every request must end with the right status and
// the same answer as before, and the server must take no more in the end than after a sixth of the time.
func TestSoak(t *testing.T) {
	model := *soakModel
	if model == "" {
		model = chatModel(t, chatTemplate)
	}
	p, url := startServer(t, model, "--cache-memory", "16", "--sessions", "4", "--context", "240", "--history", t.TempDir()+"/history")
	s := &soak{t: t, url: url}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the log is %.20000s", p.log.String())
		}
	})
	s.load(*soakTime / 6)
	before := s.state()
	for part := range 5 {
		s.load(*soakTime / 6)
		t.Logf("%s, part %d of 5: %d requests, %+v", time.Now().Format(time.TimeOnly), part+1, s.sent.Load(), s.state())
	}
	after := s.state()
	if after.goroutines > before.goroutines+3 || after.files > before.files+3 {
		t.Errorf("something leaks: %+v, before %+v", after, before)
	}
	slack := 32e6
	if *soakTime < time.Minute {
		slack = 64e6 // the program has not read all of itself yet
	}
	if limit := 1.1*before.memory + slack; after.memory > limit {
		t.Errorf("memory grows: %.0f MB, before %.0f MB", after.memory/1e6, before.memory/1e6)
	}
	sent := float64(s.sent.Load())
	if least := sent - float64(s.lost.Load()); after.ended > sent || after.ended < least {
		t.Errorf("%.0f requests have ended: want %.0f to %.0f", after.ended, least, sent)
	}
	s.drain(p)
}

// load lets clients ask for a time, and waits until all is answered.
func (s *soak) load(d time.Duration) {
	s.t.Helper()
	end := time.Now().Add(d)
	kinds := slices.Sorted(maps.Keys(soakKinds))
	var clients sync.WaitGroup
	for i := range soakClients {
		c := &soaker{s, newSoakClient(), rand.New(rand.NewPCG(uint64(i), uint64(s.sent.Load())))}
		clients.Go(func() {
			for n := i; time.Now().Before(end); n++ { // each kind comes, also in a short time
				kind := kinds[n%len(kinds)]
				switch err := soakKinds[kind](c); {
				case errors.Is(err, errLate):
					s.t.Logf("%s: %v", kind, err)
				case err != nil:
					s.t.Errorf("%s, %s: %v", time.Now().Format(time.TimeOnly), kind, err)
				}
				time.Sleep(time.Duration(c.r.IntN(100)) * time.Millisecond)
			}
			c.http.CloseIdleConnections()
		})
	}
	clients.Wait()
	if s.t.Failed() {
		s.t.FailNow()
	}
}

// state is what the server says of itself, once it has nothing to do.
func (s *soak) state() (v soakState) {
	s.t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		metrics := text(s.t, s.url+"/metrics")
		v = soakState{
			goroutines: sum(metrics, "go_goroutines"), files: sum(metrics, "trit_process_open_fds"),
			memory: sum(metrics, "trit_process_resident_memory_bytes"), connections: sum(metrics, "trit_connections"),
			waiting: sum(metrics, "trit_requests_waiting"), running: sum(metrics, "trit_requests_running"),
			reserved: sum(metrics, "trit_cache_bytes", `use="reserved"`),
			ended:    sum(metrics, "trit_http_requests_total") - sum(metrics, "trit_http_requests_total", `path="/metrics"`),
		}
		if v.connections <= 1 && v.waiting+v.running+v.reserved == 0 { // the one is that of this question
			return v
		}
		if time.Now().After(end) {
			s.t.Fatalf("the server does not come to rest: %+v", v)
		}
	}
}

// sum adds the values of a metric, of those whose labels hold a text.
func sum(metrics, name string, labels ...string) (total float64) {
	line := regexp.MustCompile(`(?m)^` + name + `(\{.*\})? (\S+)$`)
	for _, m := range line.FindAllStringSubmatch(metrics, -1) {
		if v, err := strconv.ParseFloat(m[2], 64); err == nil && (len(labels) == 0 || strings.Contains(m[1], labels[0])) {
			total += v
		}
	}
	return total
}

// drain ends the server while answers are being written: they must come to their ends.
func (s *soak) drain(p *program) {
	s.t.Helper()
	var clients sync.WaitGroup
	began := make(chan error, soakClients)
	for range soakClients {
		clients.Go(func() {
			c := &soaker{s, newSoakClient(), nil}
			a, err := c.events(s.t.Context(), 100)
			began <- err
			if err == nil {
				if err := readAll(a, time.Millisecond); err != nil {
					s.t.Error("the server has ended before its answers: ", err)
				}
			}
		})
	}
	for range soakClients {
		if err := <-began; err != nil {
			s.t.Fatal(err)
		}
	}
	p.end(s.t)
	clients.Wait()
	if strings.Contains(p.log.String(), "level=ERROR") {
		s.t.Error("the server has made an error")
	}
}
