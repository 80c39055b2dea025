package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var serverKills = flag.Int("server-kills", 3, "kill a server, and a batch, `N` times")

// TestKilledServer kills a server wherever it happens to be while it saves its prefixes again and again: the next one
// finds them whole, and the history too.
func TestKilledServer(t *testing.T) {
	dir := t.TempDir()
	trained, _ := smallRun(t, dir)
	model := filepath.Join(dir, "m.gguf")
	mustTrit(t, "convert", trained, model)
	args := []string{model, "--context", "200", "--prefix-file", filepath.Join(dir, "prefixes"), "--history", filepath.Join(dir, "history")}
	const prompt = "Anna and the cat walked on. "
	r, want := rand.New(rand.NewPCG(1, 1)), ""
	for kill := range *serverKills {
		p, url := startServer(t, args...)
		got, cached := answerOf(t, url, prompt)
		if log := p.log.String(); kill > 0 && (got != want || cached < 5) || strings.Contains(log, "level=WARN") || strings.Contains(log, "level=ERROR") {
			t.Errorf("after %d kills: %q, %d tokens of before, want %q; the log is %s", kill, got, cached, want, log)
		}
		if damaged := sum(text(t, url+"/metrics"), "trit_history_damaged_records"); damaged > 0 {
			t.Errorf("after %d kills: %.0f minutes of the history are damaged", kill, damaged)
		}
		want = got
		if status, body := save(t, url, ""); status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
		time.AfterFunc(time.Duration(r.IntN(200))*time.Millisecond, func() { p.Process.Kill() })
		for i := 0; ; i++ { // until it is dead
			answer, err := http.Post(url+"/v1/completions", "", strings.NewReader(greedy(fmt.Sprint(i, prompt), 4, "")))
			if err == nil {
				answer.Body.Close()
				answer, err = http.Post(url+"/prefixes/save", "", nil)
			}
			if err != nil {
				break
			}
			answer.Body.Close()
		}
		p.Wait()
	}
}

// TestKilledBatch kills a batch again and again. In the end each request has one answer.
func TestKilledBatch(t *testing.T) {
	dir := t.TempDir()
	trained, _ := smallRun(t, dir)
	model, in, out := filepath.Join(dir, "m.gguf"), filepath.Join(dir, "in.jsonl"), filepath.Join(dir, "out.jsonl")
	mustTrit(t, "convert", trained, model)
	var lines bytes.Buffer
	const requests = 400
	for i := range requests {
		fmt.Fprintf(&lines, `{"custom_id":"%d","method":"POST","url":"/v1/completions","body":%s}`+"\n", i, greedy(fmt.Sprint("Day ", i), 20, ""))
	}
	if err := os.WriteFile(in, lines.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"batch", in, "--model", model, "--out", out, "--sessions", "2"}
	answered := func() int {
		b, _ := os.ReadFile(out)
		return bytes.Count(b, []byte("\n"))
	}
	for kill := range *serverKills {
		p := startProgram(t, io.Discard, args...)
		for before := answered(); answered() < before+5+kill && answered() < requests; time.Sleep(time.Millisecond) {
		}
		p.kill()
	}
	t.Logf("%d of %d requests were answered when it was killed last", answered(), requests)
	mustTrit(t, args...)
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for line := range bytes.Lines(b) {
		var v struct {
			CustomID string `json:"custom_id"`
			Response struct {
				StatusCode int `json:"status_code"`
			}
		}
		if err := json.Unmarshal(line, &v); err != nil || seen[v.CustomID] || v.Response.StatusCode != http.StatusOK {
			t.Errorf("%s: %v, seen before: %t", line, err, seen[v.CustomID])
		}
		seen[v.CustomID] = true
	}
	if len(seen) != requests {
		t.Errorf("%d requests have answers, want %d", len(seen), requests)
	}
}
