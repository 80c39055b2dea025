package models

import (
	"slices"
	"strings"
	"testing"
)

func TestModelChoice(t *testing.T) {
	weights := []string{"README.md", "a.gguf", "config.json", "model.safetensors", "tokenizer.json"}
	for name, c := range map[string]struct {
		named string
		paths []string
		want  []string
		file  string
		err   string
	}{
		"weights":     {"", weights, []string{"README.md", "config.json", "model.safetensors", "tokenizer.json"}, "", ""},
		"named":       {"a.gguf", weights, []string{"a.gguf"}, "a.gguf", ""},
		"one file":    {"", []string{"README.md", "x/a.gguf"}, []string{"x/a.gguf"}, "x/a.gguf", ""},
		"two files":   {"", []string{"a.gguf", "b.gguf"}, nil, "", "name one of them: a.gguf, b.gguf"},
		"no model":    {"", []string{"README.md"}, []string{}, "", ""},
		"of a folder": {"", []string{"a.gguf"}, []string{"a.gguf"}, "a.gguf", ""},
	} {
		m := &modelChoice{named: c.named}
		got := m.choose(c.paths)
		if !slices.Equal(got, c.want) || m.file != c.file || (m.err == nil) != (c.err == "") || m.err != nil && !strings.Contains(m.err.Error(), c.err) {
			t.Errorf("%s: %v, %q, %v: want %v", name, got, m.file, m.err, c.want)
		}
	}
}

func TestHubModel(t *testing.T) {
	for name, want := range map[string]string{
		"a/b": "a/b  true", "a/b@v1": "a/b  true", "a/b/x/c.gguf": "a/b x/c.gguf true", "a": "false", "./a/b": "false", "a/b/c": "false",
	} {
		repo, file, ok := hubModel(name)
		got := "false"
		if ok {
			got = repo.ID + " " + file + " true"
		}
		if got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
