package distill

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/data"
	_ "trit/internal/testutil" // which has the flag -golden: all packages under train take it
	"trit/train/graph"
)

const vocab, length = 20, 3

// fixed is a teacher whose logits at a position depend on the token there.
type fixed struct{ batch *data.Batch }

func (f *fixed) Read(b *data.Batch) error { f.batch = b; return nil }
func (f *fixed) States() *graph.States    { return nil }
func (f *fixed) VocabSize() int           { return vocab }
func (f *fixed) Fingerprint() string      { return "fixed" }
func (f *fixed) Close() error             { return nil }

func (f *fixed) Logits(dst []float32, lo, hi int) error {
	for i := lo; i < hi; i++ {
		r := rand.New(rand.NewPCG(uint64(f.batch.Tokens[i]), 1))
		for v := range vocab {
			dst[(i-lo)*vocab+v] = float32(3 * r.NormFloat64())
		}
	}
	return nil
}

func batch(tokens ...int32) *data.Batch {
	return &data.Batch{Tokens: tokens, Starts: make([]int32, len(tokens)), Targets: make([]int32, len(tokens))}
}

func probabilities(row []float32) (p []float64) {
	sum := 0.0
	for _, v := range row {
		sum += math.Exp(float64(v))
	}
	for _, v := range row {
		p = append(p, math.Exp(float64(v))/sum)
	}
	return p
}

// The likeliest tokens keep their probability, and the others share what is left.
func TestTopK(t *testing.T) {
	whole, b := &fixed{}, batch(7)
	for _, k := range []int{1, 4, vocab - 1} {
		some, err := TopK(whole, k, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := some.Read(b); err != nil {
			t.Fatal(err)
		}
		all, row := make([]float32, vocab), make([]float32, vocab)
		if err := errors.Join(whole.Logits(all, 0, 1), some.Logits(row, 0, 1)); err != nil {
			t.Fatal(err)
		}
		want, got := probabilities(all), probabilities(row)
		sorted := slices.Sorted(slices.Values(want))
		rest := 0.0
		for _, p := range sorted[:vocab-k] {
			rest += p
		}
		for i, p := range want {
			if p < sorted[vocab-k] {
				p = rest / float64(vocab-k)
			}
			if math.Abs(got[i]-p) > 1e-6 {
				t.Errorf("k %d: token %d has %g, want %g", k, i, got[i], p)
			}
		}
	}
	for _, k := range []int{-1, vocab} {
		if _, err := TopK(whole, k, nil); err == nil {
			t.Errorf("k %d of %d tokens was taken", k, vocab)
		}
	}
}

// Among equals the lowest ids are the likeliest.
func TestPickAmongEquals(t *testing.T) {
	picked := newTop(3)
	if err := picked.pick([]float32{1, 2, 1, 1, 2}); err != nil || !slices.Equal(picked.ids, []int32{1, 4, 0}) {
		t.Errorf("%v, %v", err, picked.ids)
	}
	if err := picked.pick([]float32{1, float32(math.NaN()), 1, 1, 2}); err == nil {
		t.Error("a logit that is no number was taken")
	}
}

// written is a cache of two rows of two batches.
func written(t testing.TB) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "teacher.topk")
	batches := []*data.Batch{batch(1, 2, 3), batch(4, 5, 6)}
	next := func(b *data.Batch) error {
		*b, batches = *batches[0], batches[1:]
		return nil
	}
	if err := WriteCache(path, &fixed{}, Header{Dataset: "data", SequenceLength: length, K: 4, Rows: 2}, next, nil, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCache(t *testing.T) {
	path := written(t)
	c, err := OpenCache(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	some, err := TopK(&fixed{}, 4, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := batch(4, 5, 6, 1, 2, 3) // in another order and another batch
	got, want := make([]float32, 4*vocab), make([]float32, 4*vocab)
	if err := errors.Join(c.Read(b), some.Read(b), c.Logits(got, 1, 5), some.Logits(want, 1, 5)); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) || c.Fingerprint() != "fixed" || c.VocabSize() != vocab || !IsCache(path) {
		t.Errorf("%v, want %v", got, want)
	}
	other := batch(1, 2, 3)
	other.Starts[2] = 2
	for _, b := range []*data.Batch{batch(1, 2, 4), other} {
		if err := c.Read(b); err == nil || !strings.Contains(err.Error(), "does not hold") {
			t.Errorf("a row that nobody asked about: %v", err)
		}
	}
	if c.CheckFor("data", length) != nil || c.CheckFor("other", length) == nil || c.CheckFor("data", 4) == nil {
		t.Error("the data that the cache is for")
	}
}

// A teacher that fails leaves no file.
func TestCacheIsWholeOrNot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "teacher.topk")
	next := func(b *data.Batch) error { return errors.New("the disk is gone") }
	err := WriteCache(path, &fixed{}, Header{SequenceLength: length, K: 4, Rows: 2}, next, nil, nil)
	if left, _ := os.ReadDir(filepath.Dir(path)); err == nil || len(left) > 0 {
		t.Errorf("%v, left %v", err, left)
	}
	for _, h := range []Header{{SequenceLength: 0, K: 4, Rows: 1}, {SequenceLength: 1, K: vocab, Rows: 1}, {SequenceLength: 1, K: 4}} {
		if err := WriteCache(path, &fixed{}, h, next, nil, nil); err == nil || strings.Contains(err.Error(), "disk") {
			t.Errorf("%+v: %v", h, err)
		}
	}
}

// sealed is a file with a true checksum.
func sealed(head string, body []byte) []byte {
	b := append([]byte(head+"\n"), body...)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

func TestDamagedCaches(t *testing.T) {
	good, err := os.ReadFile(written(t))
	if err != nil {
		t.Fatal(err)
	}
	changed := slices.Clone(good)
	changed[len(good)/2]++
	head := func(v, n, k, rows int) string {
		return fmt.Sprintf(`{"format":"trit teacher 1","vocab_size":%d,"sequence_length":%d,"k":%d,"rows":%d}`, v, n, k, rows)
	}
	for want, b := range map[string][]byte{
		"no line":            bytes.Repeat([]byte("x"), 2*maxHeader),
		"checksum":           changed,
		"cut off":            good[:len(good)-5],
		"format is":          sealed(`{"format":"gguf"}`, nil),
		"no field":           sealed(`{"format":"trit teacher 1","more":1}`, nil),
		"vocab_size is":      sealed(head(maxVocab+1, 1, 1, 1), nil),
		"sequence_length is": sealed(head(9, maxLength+1, 1, 1), nil),
		"k is 9":             sealed(head(9, 1, 9, 1), nil),
		"rows is":            sealed(head(9, 1, 1, maxRows+1), nil),
		"not 4294967296":     sealed(head(maxVocab, maxLength, maxVocab-1, maxRows), nil),
	} {
		path := filepath.Join(t.TempDir(), "damaged")
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		if c, err := OpenCache(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
			if c != nil {
				c.Close()
			}
		}
	}
}

// What a file says of a position is checked when it is asked for.
func TestDamagedPositions(t *testing.T) {
	for want, top := range map[string]top{
		"token 9":            {ids: []int32{9}, logProbs: []float32{-1}, rest: -1},
		"probability of 2":   {ids: []int32{1}, logProbs: []float32{2}, rest: -1},
		"probability of NaN": {ids: []int32{1}, logProbs: []float32{-1}, rest: float32(math.NaN())},
	} {
		if err := newTop(1).decode(top.encode(nil), 9); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func FuzzCache(f *testing.F) {
	good, err := os.ReadFile(written(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(sealed(`{"format":"trit teacher 1","vocab_size":3,"sequence_length":1,"k":1,"rows":1}`, make([]byte, keySize+12)))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := &Cache{}
		if c.parse(b) != nil {
			return
		}
		for _, row := range c.rows {
			c.batch = [][]byte{row}
			if c.header.VocabSize < 1<<10 {
				c.Logits(make([]float32, c.header.VocabSize), 0, 1)
			}
		}
	})
}
