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
	if title, _, _ := strings.Cut(out, ","); code != cmdline.ExitOK || title != "trit-1m-adamw with num_hidden_layers=1" {
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

// A shape takes a type with a scale a group; a model and other types are refused.
func TestBenchType(t *testing.T) {
	code, out, stderr := trit("bench", "--shape", "trit-1m", "--type", "q1_0", "--prompt", "8", "--generate", "2", "--repeat", "1")
	if code != cmdline.ExitOK || !strings.Contains(out, "trit-1m, random weights in q1_0") || !strings.Contains(out, "groups") {
		t.Errorf("exit code %d, %q, %s", code, out, stderr)
	}
	for line, want := range map[string]string{
		"bench --shape trit-1m --type i2_s": `--type is "i2_s": want q2_0`, "bench --shape trit-1m --type q9": `--type is "q9"`,
		"bench m.gguf --type q2_0": "--type is for --shape", "bench --train --type q2_0": "--type is for --shape",
		"bench --shape bonsai-2b": "bonsai-2-2b",
	} {
		if code, _, stderr := trit(strings.Fields(line)...); code != cmdline.ExitUsage || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, %s", line, code, stderr)
		}
	}
}
