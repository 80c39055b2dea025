package main

import (
	"net"
	"path/filepath"
	"strings"
	"testing"

	"trit/cmd/trit/cmdline"
)

// A file that is there is replaced only with --force, and refused before the work begins: the models of most of
// these lines do not exist.
func TestNothingIsReplacedUnasked(t *testing.T) {
	dir, run, model := t.TempDir(), runFolder(t, "run"), goldenGGUF(t, "hf-llama-packed")
	mine := filepath.Join(dir, "report.md")
	for _, args := range [][]string{
		{"watch", run, "--html", mine}, {"watch", run, "--csv", mine}, {"inspect", model, "--html", mine},
		{"logits", model, "--ids", "1,2", "--out", mine}, {"divergence", "a.gguf", "b.gguf", "--data", "texts", "--out", mine},
		{"quickstart", "--json", mine}, {"eval", "report", "results", "--out", dir}, {"convert", "adapter", mine, "--base", "a.gguf"},
	} {
		line := strings.Join(args, " ")
		writeText(t, mine, "mine")
		code, _, stderr := trit(args...)
		if want := "trit: " + mine + " exists: --force replaces it, or name another one\n"; code != cmdline.ExitUsage || stderr != want {
			t.Errorf("%s: exit code %d, %q, want %q", line, code, stderr, want)
		}
		if readFile(t, mine) != "mine" {
			t.Errorf("%s: the file was replaced", line)
		}
		if args[1] != run && args[1] != model {
			continue
		}
		if mustTrit(t, append(args, "--force")...); readFile(t, mine) == "mine" {
			t.Errorf("%s --force: the file was not replaced", line)
		}
	}
	socket, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	code, _, stderr := trit("watch", run, "--csv", socket.Addr().String(), "--force")
	if code != cmdline.ExitUsage || !strings.Contains(stderr, "is no plain file: name another one") {
		t.Errorf("a socket: exit code %d, %q", code, stderr)
	}
}
