package filekind_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trit/internal/filekind"
)

func ExampleNot() {
	head := []byte("<!DOCTYPE html>\n<html><head><title>404")
	fmt.Println(filekind.Not(filekind.Name(head), "a GGUF file"))
	fmt.Println(filekind.Not(filekind.Name([]byte("PAR1\x15\x04")), "a GGUF file"))
	// Output:
	// this is a web page (HTML), not a GGUF file: a download failed, fetch the file again
	// this is a parquet file, not a GGUF file
}

func TestName(t *testing.T) {
	for head, want := range map[string]string{
		"":         "an empty file",
		"GGUF\x03": "a GGUF file",
		"\xff\xff\xff\x01\x01\x00\x00\x00{\"a\":": "", // a length that no header of safetensors has
		"PAR1\x15\x04":   "a parquet file",
		"\x1f\x8b\x08":   "a gzip file",
		"(\xb5/\xfd\x04": "a zstd file",
		"PK\x03\x04\x14\x00\x00\x00\x08\x00....archive/data.pkl":                               "a PyTorch checkpoint",
		"PK\x03\x04\x14\x00corpus.txt":                                                         "a zip archive",
		"\x80\x02}q\x00":                                                                       "a Python pickle",
		"\x10\x00\x00\x00\x00\x00\x00\x00{\"a\":{\"dtype\"":                                    "a safetensors file",
		"\x80\x02\x00\x00\x00\x00\x00\x00{\"a\":{\"dtype\"":                                    "a safetensors file", // a header of 640 bytes
		"  <HTML lang=en>":                                                                     "a web page (HTML)",
		"version https://git-lfs.github.com/spec/v1\noid sha256:00":                            "a Git LFS pointer, not the file",
		"{\"version\": \"1.0\", \"truncation\": null, \"padding\": null, \"added_tokens\": []": "a tokenizer (tokenizer.json)",
		"{\n \"architectures\": [\"LlamaForCausalLM\"]":                                        "a model's config.json",
		"{\"question\": \"?\"}\n{\"question\": \"!\"}":                                         "JSON lines",
		"{\n  \"hidden_size\": 64\n}\n":                                                        "a JSON file",
		"\ufeff[1, 2]":                                                                         "a JSON file",
		"Once upon a time":                                                                     "text",
		"a \ufffd of the writer's own":                                                         "text",
		strings.Repeat("a", filekind.HeadBytes-1) + "é":                                        "text", // cut inside a rune
		"caf\xe9 in Latin-1":                                                                   "",
		"\x00\x01\x02":                                                                         "",
		strings.Repeat("\x00", 257) + "ustar":                                                  "a tar archive",
	} {
		if got := filekind.Name([]byte(head)); got != want {
			t.Errorf("%.40q is %q, want %q", head, got, want)
		}
	}
}

func TestOf(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "model.gguf")
	if err := os.WriteFile(path, []byte("GGUF"), 0o644); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{path: "a GGUF file", dir: "a folder", path + "x": ""} {
		if got := filekind.Of(path); got != want {
			t.Errorf("%s is %q, want %q", filepath.Base(path), got, want)
		}
	}
}

func TestNot(t *testing.T) {
	for name, want := range map[string]string{
		"":              "this is not a GGUF file",
		"a GGUF file":   "this is not a GGUF file", // a damaged one
		"a zip archive": "this is a zip archive, not a GGUF file: unpack it first",
		"text":          "this is text, not a GGUF file",
		"a Git LFS pointer, not the file": "this is a Git LFS pointer, not the file: fetch the file " +
			"with `git lfs pull`",
	} {
		if got := filekind.Not(name, "a GGUF file"); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
