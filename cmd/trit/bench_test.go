package main

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"trit/cmd/trit/cmdline"
)

// The title names what was trained, and no speed is above the limit that is printed beside it.
func TestBenchLines(t *testing.T) {
	code, out, stderr := trit("bench", "--train", "--steps", "1", "--batch", "1", "--length", "32", "--set", "num_hidden_layers=1")
	if title, _, _ := strings.Cut(out, ","); code != cmdline.ExitOK || title != "trit-1m with num_hidden_layers=1" {
		t.Errorf("exit code %d, %q, %s", code, out, stderr)
	}
	code, out, stderr = trit("bench", convertedTo(t, tokensGolden, "x.gguf"), "--prompt", "8", "--generate", "8", "--repeat", "3")
	shares := regexp.MustCompile(`(\d+) % of the`).FindAllStringSubmatch(out, -1)
	if code != cmdline.ExitOK || len(shares) != 2 {
		t.Fatalf("exit code %d, %q, %s", code, out, stderr)
	}
	for _, s := range shares {
		if n, err := strconv.Atoi(s[1]); err != nil || n > 100 {
			t.Errorf("%s %% of a limit", s[1])
		}
	}
	if code, _, stderr := trit("bench", "m.gguf", "--shape", "3b"); code != cmdline.ExitUsage || !strings.Contains(stderr, "--shape has no effect") {
		t.Errorf("a shape beside a model: exit code %d, %s", code, stderr)
	}
}
