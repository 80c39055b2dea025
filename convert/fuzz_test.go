package convert

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"unsafe"

	"trit/convert/inspect"
	"trit/format/gguf"
	"trit/format/safetensors"
	"trit/model"
)

// fuzzMemory bounds what an input of a fuzz target may ask for, all together.
const fuzzMemory = 512 << 20

// tinies are the models of the seeds; the second one has rows that TQ2_0 can hold.
func tinies() []model.Config {
	small := tiny
	small.VocabSize = 8
	llama, wide := small, small
	llama.SubNorms, llama.TieWordEmbeddings = false, false
	wide.HiddenSize, wide.IntermediateSize, wide.NumAttentionHeads, wide.VocabSize, wide.HiddenAct = 256, 256, 4, 8, model.SiLU
	return []model.Config{small, wide, llama}
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

// An input of these targets is a file of seeds and a few changes of it, each a number. Numbers are
// never minimized, which for a file of some kilobytes takes a minute each time that a change leads
// somewhere new. Files are written where no sync waits for a disk.

// lengths are numbers that a change puts in the place of another one.
var lengths = []string{"0", "1", "-1", "2", "3", "127", "128", "129", "255", "256", "65536", "2147483648", "4294967296",
	"9223372036854775807", "9223372036854775808", "1e9", "0.5", "null", "true", `"x"`, "[]", "{}"}

// changed makes changes of a copy of b: the low byte of a change is a value, the next one says
// what to do, and the others where. 0 is no change.
func changed(b []byte, changes ...uint64) []byte {
	b = slices.Clone(b)
	for _, c := range changes {
		if c == 0 || len(b) == 0 {
			continue
		}
		value, at := byte(c), int(c>>16%uint64(len(b)))
		end := min(at+1+int(value)%24, len(b))
		switch c >> 8 % 8 {
		case 0:
			b[at] = value
		case 1:
			b[at] ^= 1 << (value & 7)
		case 2:
			b = slices.Insert(b, at, value)
		case 3:
			b = slices.Delete(b, at, end)
		case 4:
			b = slices.Insert(b, at, slices.Clone(b[at:end])...)
		case 5:
			b = b[:at]
		default:
			b = withLength(b, at, lengths[int(value)%len(lengths)])
		}
	}
	return b
}

// withLength replaces the first decimal number from a position on; without one, 8 bytes there, so
// that binary numbers change too.
func withLength(b []byte, at int, text string) []byte {
	from := bytes.IndexAny(b[at:], "0123456789")
	if from < 0 {
		n, _ := strconv.ParseUint(text, 10, 64)
		copy(b[at:], binary.LittleEndian.AppendUint64(nil, n))
		return b
	}
	from += at
	to := from
	for to < len(b) && b[to] >= '0' && b[to] <= '9' {
		to++
	}
	return slices.Replace(b, from, to, []byte(text)...)
}

// tensorFile is a safetensors file with this header.
func tensorFile(header, weights []byte) []byte {
	b := append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...)
	return append(b, weights...)
}

// inMemory lets temporary folders be in memory, if the system has such a folder.
func inMemory(f *testing.F) {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		f.Setenv("TMPDIR", "/dev/shm")
	}
}

// tries converts an input. What was accepted must be the same model when it is read again,
// and what was refused must leave nothing.
func tries(t *testing.T, in, out string, o Options) {
	t.Helper()
	dir := t.TempDir()
	out, o.Threads = filepath.Join(dir, out), 1
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

// folderSeed is a folder of a model, with the parts of its file of weights.
type folderSeed struct{ config, header, weights []byte }

func folderSeeds(t testing.TB) (seeds []folderSeed) {
	full := model.Config{VocabSize: 8, HiddenSize: 32, IntermediateSize: 32, NumHiddenLayers: 1, NumAttentionHeads: 2, NumKeyValueHeads: 1}
	for _, c := range append(tinies(), full) {
		dir := t.TempDir()
		generate(t, dir, c, c.Ternary) // making float weights ternary takes too long
		b := mustRead(t, filepath.Join(dir, "model.safetensors"))
		size := 8 + int(binary.LittleEndian.Uint64(b))
		seeds = append(seeds, folderSeed{mustRead(t, filepath.Join(dir, "config.json")), b[8:size], b[size:]})
	}
	return seeds
}

func FuzzConvertFolder(f *testing.F) {
	inMemory(f)
	seeds := folderSeeds(f)
	for i := range seeds {
		for _, toFolder := range []bool{true, false} {
			f.Add(uint(i), toFolder, uint64(0), uint64(0), uint64(0), uint64(0))
			f.Add(uint(i), toFolder, uint64(100<<16|6<<8), uint64(0), uint64(0), uint64(0))
			f.Add(uint(i), toFolder, uint64(0), uint64(90<<16|6<<8|8), uint64(200<<16|7<<8|2), uint64(0))
			f.Add(uint(i), toFolder, uint64(0), uint64(0), uint64(0), uint64(50<<16|255))
		}
	}
	f.Fuzz(func(t *testing.T, seed uint, toFolder bool, config, header, again, weights uint64) {
		dir, s := t.TempDir(), seeds[seed%uint(len(seeds))]
		put(t, filepath.Join(dir, "config.json"), changed(s.config, config))
		put(t, filepath.Join(dir, "model.safetensors"), tensorFile(changed(s.header, header, again), changed(s.weights, weights)))
		tries(t, dir, map[bool]string{false: "out.gguf", true: "out"}[toFolder], Options{})
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
	c.meta["tokenizer.ggml.pre"] = "default"
	c.meta["tokenizer.ggml.bos_token_id"], c.meta["tokenizer.ggml.eos_token_id"] = uint32(1), uint32(2)
}

// ggufSeed is a GGUF file, cut before the first tensor.
type ggufSeed struct {
	head, weights []byte
	typ           Type
}

// ggufSeeds are small files of all kinds of weights.
func ggufSeeds(t testing.TB) (seeds []ggufSeed) {
	for i, c := range tinies() {
		dir := t.TempDir()
		generate(t, dir, c, true)
		types := []Type{I2S}
		if i == 1 {
			types = []Type{I2S, TQ1, TQ2}
		}
		for _, typ := range types {
			path := mustConvert(t, dir, "x.gguf", Options{Type: typ, EmbeddingType: Q8})
			for _, path := range []string{path, regguf(t, path, withTokens)} {
				b := mustRead(t, path)
				n := len(b) - weightBytes(t, b)
				seeds = append(seeds, ggufSeed{b[:n], b[n:], typ})
			}
		}
	}
	return seeds
}

// file is the seed's file with changes.
func (s ggufSeed) file(head, again, weights uint64) []byte {
	return append(changed(s.head, head, again), changed(s.weights, weights)...)
}

// weightBytes is the number of bytes of a GGUF file from the first tensor on.
func weightBytes(t testing.TB, b []byte) (n int) {
	t.Helper()
	g, err := gguf.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, info := range g.Tensors {
		at := uintptr(unsafe.Pointer(unsafe.SliceData(g.Data(info)))) - uintptr(unsafe.Pointer(unsafe.SliceData(b)))
		n = max(n, len(b)-int(at))
	}
	return n
}

// addGGUF adds each seed, whole and with a change.
func addGGUF(f *testing.F, seeds []ggufSeed) {
	for i := range seeds {
		for _, way := range []bool{true, false} {
			f.Add(uint(i), way, uint64(0), uint64(0), uint64(0))
			f.Add(uint(i), way, uint64(20<<16|1<<8), uint64(0), uint64(0))
			f.Add(uint(i), way, uint64(150<<16|6<<8|4), uint64(300<<16|4<<8|7), uint64(50<<16|255))
		}
	}
}

func FuzzConvertGGUF(f *testing.F) {
	inMemory(f)
	seeds := ggufSeeds(f)
	addGGUF(f, seeds)
	f.Fuzz(func(t *testing.T, seed uint, toFolder bool, head, again, weights uint64) {
		path := filepath.Join(t.TempDir(), "in.gguf")
		put(t, path, seeds[seed%uint(len(seeds))].file(head, again, weights))
		if toFolder {
			tries(t, path, "out", Options{})
		} else {
			tries(t, path, "out.gguf", Options{Type: TQ2})
		}
	})
}

func FuzzInspect(f *testing.F) {
	inMemory(f)
	seeds, folders := ggufSeeds(f), folderSeeds(f)
	addGGUF(f, seeds)
	f.Fuzz(func(t *testing.T, seed uint, tensors bool, head, again, weights uint64) {
		path, b := filepath.Join(t.TempDir(), "x.gguf"), seeds[seed%uint(len(seeds))].file(head, again, weights)
		if s := folders[seed%uint(len(folders))]; tensors {
			path, b = filepath.Join(t.TempDir(), "x.safetensors"), tensorFile(changed(s.header, head, again), changed(s.weights, weights))
		}
		put(t, path, b)
		if n := allocated(func() { inspects(t, path) }); n > fuzzMemory {
			t.Errorf("%d MB of memory", n>>20)
		}
	})
}

// inspects shows a file in all forms.
func inspects(t *testing.T, path string) {
	t.Helper()
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
}

func FuzzIndex(f *testing.F) {
	inMemory(f)
	shards := f.TempDir()
	for path, name := range map[string]string{"1": "a", "2": "b", "outside": "outside"} {
		tensor := []safetensors.Source{safetensors.Float32Source(name, []int{1}, []float32{1})}
		if err := safetensors.WriteFile(filepath.Join(shards, path), nil, tensor); err != nil {
			f.Fatal(err)
		}
	}
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
		for path, name := range map[string]string{"model/1": "1", "model/2": "2", "3": "outside"} {
			if err := os.Link(filepath.Join(shards, name), filepath.Join(outer, path+".safetensors")); err != nil {
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
	for _, s := range folderSeeds(t) {
		dir := t.TempDir()
		put(t, filepath.Join(dir, "config.json"), changed(s.config, 0))
		put(t, filepath.Join(dir, "model.safetensors"), tensorFile(s.header, s.weights))
		mustConvert(t, dir, "x.gguf", Options{})
		mustConvert(t, dir, "folder", Options{})
	}
	for _, s := range ggufSeeds(t) {
		path := filepath.Join(t.TempDir(), "x.gguf")
		put(t, path, s.file(0, 0, 0))
		mustConvert(t, path, "folder", Options{})
		if s.typ != I2S {
			mustConvert(t, path, "y.gguf", Options{Type: TQ2})
		}
	}
}

func TestChanged(t *testing.T) {
	const text = `{"a":128,"b":7}`
	for change, want := range map[uint64]string{
		0: text, 1<<16 | 'x': `{xa":128,"b":7}`, 2<<16 | 1<<8: "{\"`\":128,\"b\":7}", 5<<16 | 2<<8 | '9': `{"a":9128,"b":7}`,
		5<<16 | 3<<8 | 2: `{"a":,"b":7}`, 5<<16 | 4<<8 | 2: `{"a":128128,"b":7}`, 5<<16 | 5<<8: `{"a":`,
		3<<16 | 6<<8 | 2: `{"a":-1,"b":7}`,
	} {
		if got := string(changed([]byte(text), change)); got != want {
			t.Errorf("change %x gives %s, want %s", change, got, want)
		}
	}
}
