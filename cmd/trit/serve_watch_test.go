package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"trit/cmd/trit/cmdline"
)

// TestServeIsWatched asks a server of a real model, and ends it.
func TestServeIsWatched(t *testing.T) {
	model, _ := smallRun(t, t.TempDir())
	history := filepath.Join(t.TempDir(), "history")
	for round := range 2 { // the second one goes on with the history
		ctx, end := context.WithCancel(context.Background())
		in, out := io.Pipe()
		ended := make(chan int, 1)
		var log bytes.Buffer
		go func() {
			args := []string{"trit", "serve", model, "--addr", "127.0.0.1:0", "--history", history, "--access-log", "--cache-memory", "64"}
			ended <- run(ctx, args, strings.NewReader(""), out, &log)
			out.Close()
		}()
		url, err := bufio.NewReader(in).ReadString('\n')
		if err != nil {
			t.Fatal(err, log.String())
		}
		url = strings.TrimSpace(url)
		body := strings.NewReader(`{"prompt": "a secret", "max_tokens": 4, "ignore_eos": true}`)
		answer, err := http.Post(url+"/v1/completions", "application/json", body)
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatal(err, answer)
		}
		answer.Body.Close()
		metrics := text(t, url+"/metrics")
		for _, want := range []string{
			`trit_http_requests_total{code="200",path="/v1/completions"} 1`, `trit_answer_tokens_total{model="`, `trit_cache_bytes{model="`,
			"\ntrit_connections ",
		} {
			if !strings.Contains(metrics, want) {
				t.Errorf("the metrics lack %s", want)
			}
		}
		if page := text(t, url+"/dashboard"); !strings.Contains(page, "Tokens a second") {
			t.Errorf("the dashboard is %s", page)
		}
		var minutes []struct{ Requests int }
		if err := json.Unmarshal([]byte(text(t, url+"/history")), &minutes); err != nil {
			t.Fatal(err)
		}
		sum := 0
		for _, m := range minutes {
			sum += m.Requests
		}
		if want := 3 + 4*round; sum != want {
			t.Errorf("the history has %d requests, want %d", sum, want)
		}
		http.DefaultClient.CloseIdleConnections()
		end()
		if code := <-ended; code != cmdline.ExitOK {
			t.Errorf("exit code %d: %s", code, log.String())
		}
		if l := log.String(); !strings.Contains(l, "path=/v1/completions status=200") || strings.Contains(l, "secret") {
			t.Errorf("the log is %s", l)
		}
	}
}

// text is what an address answers.
func text(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(err, answer.Status)
	}
	return string(b)
}
