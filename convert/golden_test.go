package convert

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/convert/source"
	"trit/format/gguf"
	"trit/format/safetensors"
)

// goldenFlag is another folder of the form of testdata/checkpoints/hf-bitnet-bf16.
var goldenFlag = flag.String("golden", "", "a Hugging Face folder with an expected.json to compare with")

// mustConvert converts into a file or folder of the test.
func mustConvert(t testing.TB, in, out string, o Options) string {
	t.Helper()
	out = filepath.Join(t.TempDir(), out)
	if _, err := Convert(context.Background(), in, out, o); err != nil {
		t.Fatal(err)
	}
	return out
}

// convertGolden converts a golden folder and compares type, dims and sha256 of every
// tensor with expected.json, whose I2_S sums leave out the 28 bytes behind the scale.
func convertGolden(t *testing.T, dir string) string {
	t.Helper()
	out := mustConvert(t, dir, "out.gguf", Options{})
	b, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Arch    string
		Tensors map[string]struct {
			Type   string
			Dims   []uint64
			SHA256 string
		}
	}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if arch, _ := f.Metadata.String("general.architecture"); arch != want.Arch || len(f.Tensors) != len(want.Tensors) {
		t.Errorf("architecture %s with %d tensors, want %s with %d", arch, len(f.Tensors), want.Arch, len(want.Tensors))
	}
	for _, got := range f.Tensors {
		data := f.Data(got)
		if got.Type == gguf.I2_S {
			data = data[:len(data)-28]
		}
		sum, w := sha256.Sum256(data), want.Tensors[got.Name]
		if got.Type.String() != w.Type || !slices.Equal(got.Dims, w.Dims) || hex.EncodeToString(sum[:]) != w.SHA256 {
			t.Errorf("%s: %s %v %x, want %s %v %s", got.Name, got.Type, got.Dims, sum, w.Type, w.Dims, w.SHA256)
		}
	}
	return out
}

var ownGoldens = []string{"../testdata/checkpoints/hf-bitnet-bf16", "../testdata/checkpoints/hf-bitnet-packed", "../testdata/checkpoints/hf-llama-packed", "../testdata/checkpoints/hf-qwen3-embedding"}

func TestGolden(t *testing.T) {
	dirs := ownGoldens
	if *goldenFlag != "" {
		dirs = []string{*goldenFlag}
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			goldenTrips(t, dir, convertGolden(t, dir))
		})
	}
}

// goldenTrips takes a golden through all other forms and back.
func goldenTrips(t *testing.T, dir, i2s string) {
	sameTensors(t, i2s, mustConvert(t, mustConvert(t, i2s, "masters", Options{Type: BF16}), "x.gguf", Options{}), gguf.I2_S)
	sameTensors(t, i2s, mustConvert(t, mustConvert(t, i2s, "masters", Options{Type: F16}), "x.gguf", Options{}), gguf.I2_S)
	sameTensors(t, i2s, mustConvert(t, mustConvert(t, dir, "masters", Options{Type: F32}), "x.gguf", Options{}), gguf.I2_S)
	ternaryTrips(t, dir, i2s)
	packed := mustConvert(t, i2s, "packed", Options{Type: Packed})
	sameTensors(t, i2s, mustConvert(t, packed, "x.gguf", Options{}), gguf.I2_S)
	s, err := source.Open(dir, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if strings.Contains(s.Form, ", packed, ") {
		samePacked(t, dir, packed)
	}
}

// ternaryTrips goes through the types that hold scales in half precision: with their factors
// they are the same model, where rows fit.
func ternaryTrips(t *testing.T, dir, i2s string) {
	s, err := source.Open(dir, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.Config.HiddenSize%256 != 0 || s.Config.IntermediateSize%256 != 0 {
		return
	}
	for _, typ := range []Type{TQ1, TQ2} {
		tq := mustConvert(t, dir, "x.gguf", Options{Type: typ, ExactScales: true})
		sameTensors(t, i2s, mustConvert(t, tq, "x.gguf", Options{}), gguf.I2_S)
	}
}

// sameTensors compares the bytes of the tensors of a type, save for the padding of I2_S.
func sameTensors(t *testing.T, a, b string, typ gguf.Type) {
	t.Helper()
	fa, err := gguf.Open(a)
	if err != nil {
		t.Fatal(err)
	}
	defer fa.Close()
	fb, err := gguf.Open(b)
	if err != nil {
		t.Fatal(err)
	}
	defer fb.Close()
	compared := 0
	for _, ta := range fa.Tensors {
		tb, ok := fb.Tensor(ta.Name)
		if ta.Type != typ {
			continue
		}
		if !ok || tb.Type != typ || !bytes.Equal(fa.Data(ta), fb.Data(tb)) {
			t.Errorf("%s: %s %v, want the same bytes as %s %v", ta.Name, tb.Type, tb.Dims, ta.Type, ta.Dims)
		}
		compared++
	}
	if compared == 0 {
		t.Errorf("%s holds no tensor of type %s", a, typ)
	}
}

// samePacked compares the codes and scales of two packed folders, byte by byte.
func samePacked(t *testing.T, a, b string) {
	t.Helper()
	fa, err := safetensors.Open(a)
	if err != nil {
		t.Fatal(err)
	}
	defer fa.Close()
	fb, err := safetensors.Open(b)
	if err != nil {
		t.Fatal(err)
	}
	defer fb.Close()
	codes, scales := 0, 0
	for _, ta := range fa.Tensors() {
		scale := len(ta.Shape) == 1 && ta.Shape[0] == 1
		if ta.DType != "U8" && !scale {
			continue
		}
		tb, _ := fb.Tensor(ta.Name)
		x, _ := fa.Bytes(ta.Name)
		y, _ := fb.Bytes(ta.Name)
		if ta.DType != tb.DType || !slices.Equal(ta.Shape, tb.Shape) || !bytes.Equal(x, y) {
			t.Errorf("%s: %s %v, want the same bytes as %s %v", ta.Name, tb.DType, tb.Shape, ta.DType, ta.Shape)
		}
		if scale {
			scales++
		} else {
			codes++
		}
	}
	if codes == 0 || codes != scales {
		t.Errorf("%d weights and %d scales were compared", codes, scales)
	}
}

// Master weights of architecture llama, whose query and key rows stand in another order in a
// GGUF file, come back from it as they were, and as the same codes.
func TestMastersOfLlamaGGUF(t *testing.T) {
	i2s := mustConvert(t, llamaGolden, "x.gguf", Options{})
	masters := mustConvert(t, llamaGolden, "masters", Options{Type: F32})
	full := mustConvert(t, masters, "full.gguf", Options{Options: source.Options{Weights: source.WeightsFull}})
	back := mustConvert(t, full, "back", Options{Options: source.Options{Weights: source.WeightsMasters}, Type: F32})
	sameTensors(t, i2s, mustConvert(t, back, "x.gguf", Options{}), gguf.I2_S)
}

// The number of threads changes no byte.
func TestThreads(t *testing.T) {
	for _, dir := range []string{packedGolden, mastersGolden} {
		var first []byte
		for _, threads := range []int{1, 2, 5} {
			o := Options{Options: source.Options{Threads: threads}}
			b, err := os.ReadFile(mustConvert(t, dir, "x.gguf", o))
			if err != nil {
				t.Fatal(err)
			}
			if first == nil {
				first = b
			}
			if !bytes.Equal(b, first) {
				t.Errorf("%s: with %d threads it is another file", dir, threads)
			}
		}
	}
}
