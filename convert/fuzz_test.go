package convert

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"trit/convert/inspect"
	"trit/format/safetensors"
	"trit/model"
)

// fuzzMemory bounds what an input of a fuzz target may ask for, all together.
const fuzzMemory = 512 << 20

// tinies are the models of the seeds; the second one has rows that TQ2_0 can hold.
func tinies() []model.Config {
	llama, wide := tiny, tiny
	llama.SubNorms, llama.TieWordEmbeddings, llama.VocabSize = false, false, 8
	wide.HiddenSize, wide.IntermediateSize, wide.NumAttentionHeads, wide.VocabSize, wide.HiddenAct = 256, 256, 4, 8, model.SiLU
	return []model.Config{tiny, wide, llama}
}

func mustRead(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// put writes the file of an input.
func put(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// tries converts an input. What was accepted must be the same model when it is read again,
// and what was refused must leave nothing.
func tries(t *testing.T, in, out string, o Options) {
	t.Helper()
	dir := t.TempDir()
	out = filepath.Join(dir, out)
	var err error
	if n := allocated(func() { _, err = Convert(context.Background(), in, out, o) }); n > fuzzMemory {
		t.Errorf("%d MB of memory", n>>20)
	}
	left, _ := os.ReadDir(dir)
	if err != nil && len(left) > 0 || err == nil && len(left) != 1 {
		t.Errorf("%v lies there, with the error %v", left, err)
	}
	if err != nil {
		return
	}
	if c, err := compareFiles(in, out); err != nil || !c.Same {
		t.Errorf("what was written is another model: %v, %+v", err, c)
	}
}

func FuzzConvertFolder(f *testing.F) {
	for _, c := range tinies() {
		for _, packed := range []bool{true, false} {
			dir := f.TempDir()
			generate(f, dir, c, packed)
			f.Add(mustRead(f, filepath.Join(dir, "config.json")), mustRead(f, filepath.Join(dir, "model.safetensors")))
		}
	}
	f.Fuzz(func(t *testing.T, config, weights []byte) {
		dir := t.TempDir()
		put(t, filepath.Join(dir, "config.json"), config)
		put(t, filepath.Join(dir, "model.safetensors"), weights)
		tries(t, dir, "out.gguf", Options{})
		tries(t, dir, "out", Options{})
	})
}

// withTokens gives a GGUF file a vocabulary of bytes.
func withTokens(c *contents) {
	var tokens []string
	for i := range 8 {
		tokens = append(tokens, fmt.Sprintf("<0x%02X>", i))
	}
	c.meta["tokenizer.ggml.model"], c.meta["tokenizer.ggml.tokens"] = "llama", tokens
	c.meta["tokenizer.ggml.scores"], c.meta["tokenizer.ggml.token_type"] = make([]float32, 8), []int32{2, 3, 3, 6, 6, 6, 6, 6}
	c.meta["tokenizer.ggml.bos_token_id"], c.meta["tokenizer.ggml.eos_token_id"] = uint32(1), uint32(2)
}

// ggufSeeds are small files of all kinds of weights.
func ggufSeeds(f *testing.F) (seeds [][]byte) {
	for i, c := range tinies() {
		dir := f.TempDir()
		generate(f, dir, c, true)
		types := []Type{I2S}
		if i == 1 {
			types = []Type{I2S, TQ1, TQ2}
		}
		for _, typ := range types {
			path := mustConvert(f, dir, "x.gguf", Options{Type: typ, EmbeddingType: Q8})
			seeds = append(seeds, mustRead(f, path), mustRead(f, regguf(f, path, withTokens)))
		}
	}
	return seeds
}

func FuzzConvertGGUF(f *testing.F) {
	for _, b := range ggufSeeds(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "in.gguf")
		put(t, path, b)
		tries(t, path, "out", Options{})
		tries(t, path, "out.gguf", Options{Type: TQ2})
	})
}

func FuzzInspect(f *testing.F) {
	for _, b := range ggufSeeds(f) {
		f.Add(b, false)
	}
	dir := f.TempDir()
	generate(f, dir, tinies()[2], true)
	f.Add(mustRead(f, filepath.Join(dir, "model.safetensors")), true)
	f.Fuzz(func(t *testing.T, b []byte, tensors bool) {
		path := filepath.Join(t.TempDir(), map[bool]string{false: "x.gguf", true: "x.safetensors"}[tensors])
		put(t, path, b)
		n := allocated(func() {
			found, err := inspect.Read(path, inspect.Options{})
			if err != nil {
				return
			}
			if _, err := json.Marshal(found); err != nil {
				t.Error(err)
			}
			if err := found.WriteText(io.Discard); err != nil {
				t.Error(err)
			}
			if err := found.WriteHTML(io.Discard); err != nil {
				t.Error(err)
			}
		})
		if n > fuzzMemory {
			t.Errorf("%d MB of memory", n>>20)
		}
	})
}

func FuzzIndex(f *testing.F) {
	for _, s := range []string{
		`{"metadata":{"total_size":8},"weight_map":{"a":"1.safetensors","b":"2.safetensors"}}`,
		`{"weight_map":{"a":"1.safetensors","b":"../2.safetensors"}}`,
		`{"weight_map":{"a":"1.safetensors","a":"2.safetensors"}}`, `{"weight_map":{"a":null}}`, `[]`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, index []byte) {
		outer := t.TempDir()
		dir := filepath.Join(outer, "model")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for path, name := range map[string]string{"model/1.safetensors": "a", "model/2.safetensors": "b", "3.safetensors": "outside"} {
			if err := safetensors.WriteFile(filepath.Join(outer, path), nil, []safetensors.Source{safetensors.Float32Source(name, []int{1}, []float32{1})}); err != nil {
				t.Fatal(err)
			}
		}
		put(t, filepath.Join(dir, indexFile), index)
		s, err := safetensors.Open(dir)
		if err != nil {
			return
		}
		defer s.Close()
		if _, found := s.Tensor("outside"); found || len(s.Tensors()) == 0 || len(s.Tensors()) > 2 {
			t.Errorf("the tensors are %v", s.Tensors())
		}
	})
}

// TestSeedsConvert keeps the seeds of the fuzz targets sound: from refused ones they lead nowhere.
func TestSeedsConvert(t *testing.T) {
	for i, c := range tinies() {
		for _, packed := range []bool{true, false} {
			dir := t.TempDir()
			generate(t, dir, c, packed)
			file := mustConvert(t, dir, "x.gguf", Options{})
			if withRows := i == 1; withRows {
				mustConvert(t, file, "y.gguf", Options{Type: TQ2})
			}
			mustConvert(t, file, "folder", Options{})
		}
	}
}
