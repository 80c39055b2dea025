package main

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trit/cmd/trit/cmdline"
	"trit/internal/testutil"
)

const embeddingGolden = "../../testdata/checkpoints/hf-qwen3-embedding/"

// embeddingTexts are the golden's texts, with ids of the Rust tokenizers and embeddings of
// PyTorch.
func embeddingTexts(t *testing.T) (texts []string, tokens []int, vectors [][]float32) {
	t.Helper()
	var golden struct {
		Texts []struct {
			Text string
			IDs  []int32
		}
	}
	b, err := os.ReadFile(embeddingGolden + "expected.json")
	if err == nil {
		err = json.Unmarshal(b, &golden)
	}
	raw, errRaw := os.ReadFile(embeddingGolden + "pytorch_text_embeddings.f32")
	if err != nil || errRaw != nil || len(golden.Texts) != 3 || len(raw) != 3*128*4 {
		t.Fatalf("%d texts, %d bytes, %v, %v", len(golden.Texts), len(raw), err, errRaw)
	}
	for _, text := range golden.Texts {
		v := make([]float32, 128)
		for i := range v {
			v[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		}
		texts, tokens, vectors, raw = append(texts, text.Text), append(tokens, len(text.IDs)), append(vectors, v), raw[512:]
	}
	return texts, tokens, vectors
}

func TestEmbed(t *testing.T) {
	texts, tokens, vectors := embeddingTexts(t)
	file := filepath.Join(t.TempDir(), "lines.txt")
	if err := os.WriteFile(file, []byte(texts[1]+"\n\n  \n"+texts[2]), 0o644); err != nil {
		t.Fatal(err)
	}
	code, out, stderr := trit("embed", embeddingGolden+"expected-i2_s.gguf", "-p", texts[0], "--file", file, "--json")
	var r embeddings
	if err := json.Unmarshal([]byte(out), &r); code != cmdline.ExitOK || stderr != "" || err != nil || len(r.Texts) != 3 || len(r.Cosines) != 3 {
		t.Fatalf("exit code %d, %q, %v, %d texts", code, stderr, err, len(r.Texts))
	}
	for i, e := range r.Texts {
		if d := testutil.RelativeL2(e.Vector, vectors[i]); e.Text != texts[i] || e.Tokens != tokens[i] || !(d < 0.01) {
			t.Errorf("%q of %d tokens is off by %.2g: want %q of %d and less than 0.01", e.Text, e.Tokens, d, texts[i], tokens[i])
		}
		for j, got := range r.Cosines[i] {
			want := 0.0
			for k, v := range vectors[i] {
				want += float64(v) * float64(vectors[j][k])
			}
			if math.Abs(got-want) > 0.01 {
				t.Errorf("the cosine of texts %d and %d is %.4f, want %.4f", i+1, j+1, got, want)
			}
		}
	}
}

func TestEmbedAsText(t *testing.T) {
	model := embeddingGolden + "expected-i2_s.gguf"
	_, one, _ := trit("embed", model, "-p", "a")
	if fields := strings.Fields(one); len(fields) != 128 || strings.Count(one, "\n") != 1 {
		t.Errorf("a text is %d numbers in %d lines", len(fields), strings.Count(one, "\n"))
	}
	_, two, _ := trit("embed", model, "-p", "a", "-p", "a")
	if lines := strings.Split(two, "\n"); len(lines) != 7 || lines[0]+"\n" != one || !strings.Contains(lines[4], "1.0000  1.0000  \"a\"") {
		t.Errorf("the same text twice is\n%s", two)
	}
	if code, _, stderr := trit("embed", model, "-p", strings.Repeat("1", 512)); code != cmdline.ExitFailed || !strings.Contains(stderr, "513 tokens") {
		t.Errorf("a text that is too long: exit code %d, %s", code, stderr)
	}
	// A model that is not one of embeddings, whose file says nothing of pooling.
	plain := convertedTo(t, tokensGolden, "x.gguf")
	if code, out, stderr := trit("embed", plain, "-p", "a"); code != cmdline.ExitFailed || out != "" || !strings.Contains(stderr, "--pooling last") {
		t.Errorf("no pooling: exit code %d, %s", code, stderr)
	}
	if code, _, stderr := trit("embed", plain, "-p", "a", "--pooling", "mean"); code != cmdline.ExitUsage || !strings.Contains(stderr, "knows last alone") {
		t.Errorf("another pooling: exit code %d, %s", code, stderr)
	}
	if code, out, stderr := trit("embed", plain, "-p", "a", "--pooling", "last"); code != cmdline.ExitOK || len(strings.Fields(out)) < 16 {
		t.Errorf("--pooling last: exit code %d, %s", code, stderr)
	}
}

func TestTooManyTextsAreNotCompared(t *testing.T) {
	r := embeddings{Texts: make([]embedding, maxCompared)}
	if r.compare(); len(r.Cosines) != maxCompared {
		t.Errorf("%d texts have %d rows of cosines", maxCompared, len(r.Cosines))
	}
	r = embeddings{Texts: make([]embedding, maxCompared+1)}
	if r.compare(); r.Cosines != nil {
		t.Errorf("%d texts are compared", maxCompared+1)
	}
}

func TestReadLinesRefusesHugeLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lines.txt")
	if err := os.WriteFile(path, append([]byte("a\n"), make([]byte, maxLine+1)...), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := readLines(path); err == nil || !strings.Contains(err.Error(), "after 1 lines") {
		t.Errorf("got %v", err)
	}
}
