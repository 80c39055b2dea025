package convert

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"trit/format/hffolder"
	"trit/format/safetensors"
	"trit/model"
)

var (
	shapeFlag = flag.String("shape", "tiny", "shape of the benchmark's model: tiny, or 2b4t (1.2 GB packed, 4.8 GB of masters)")
	keepFlag  = flag.String("keep", "", "leave the benchmark's model folders in this folder")
)

var shapes = map[string]model.Config{
	"tiny": {VocabSize: 512, HiddenSize: 256, IntermediateSize: 512, NumHiddenLayers: 2, NumAttentionHeads: 4, NumKeyValueHeads: 2, SubNorms: true, TieWordEmbeddings: true, Ternary: true},
	"2b4t": {VocabSize: 128256, HiddenSize: 2560, IntermediateSize: 6912, NumHiddenLayers: 30, NumAttentionHeads: 20, NumKeyValueHeads: 5, SubNorms: true, TieWordEmbeddings: true, Ternary: true},
}

// generate writes a folder of random weights, packed or as masters in bfloat16.
func generate(t testing.TB, dir string, c model.Config, packed bool) {
	t.Helper()
	c.Resolve()
	h := model.ForTraining(c, 1, 2)
	var sources []safetensors.Source
	for _, spec := range c.Tensors() {
		if !packed || !spec.Ternary {
			sources = append(sources, tensorOf(spec.Name, "BF16", spec.Shape, randomBF16(spec.Elements())))
			continue
		}
		h.QuantizationConfig.QuantizationMode = "offline"
		sources = append(sources, tensorOf(spec.Name, "U8", []int{spec.Shape[0] / 4, spec.Shape[1]}, randomCodes(spec.Elements()/4)),
			tensorOf(spec.Name+hffolder.ScaleSuffix, "BF16", []int{1}, randomBF16(1)))
	}
	if err := safetensors.WriteFile(filepath.Join(dir, hffolder.WeightsFile), nil, sources); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, hffolder.ConfigFile), b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// tensorOf is a tensor to be written.
func tensorOf(name, dtype string, shape []int, write func(io.Writer) error) safetensors.Source {
	return safetensors.Source{TensorInfo: safetensors.TensorInfo{Name: name, DType: dtype, Shape: shape}, Write: write}
}

// randomBF16 writes positive and negative numbers of sizes from 0.25 to 1 or so.
func randomBF16(n int) func(io.Writer) error {
	return randomBytes(2*n, func(r *rand.Rand, b []byte) {
		for i := 0; i < len(b); i += 2 {
			v := r.Uint32()
			b[i], b[i+1] = byte(v), byte(v>>8)&0x80|0x3e|byte(v>>16)&1
		}
		if n == 1 {
			b[1] &= 0x7f
		}
	})
}

func randomCodes(n int) func(io.Writer) error {
	return randomBytes(n, func(r *rand.Rand, b []byte) {
		for i := range b {
			v := byte(r.Uint32())
			b[i] = v &^ (v >> 1 & 0x55) // no code 3
		}
	})
}

func randomBytes(n int, fill func(r *rand.Rand, b []byte)) func(io.Writer) error {
	return func(w io.Writer) error {
		r, buf := rand.New(rand.NewPCG(1, uint64(n))), make([]byte, min(n, 1<<20))
		for ; n > 0; n -= len(buf) {
			buf = buf[:min(n, len(buf))]
			fill(r, buf)
			if _, err := w.Write(buf); err != nil {
				return err
			}
		}
		return nil
	}
}

// BenchmarkConvert converts to I2_S, with and without the comparison of the result, and
// copies the input for comparison.
func BenchmarkConvert(b *testing.B) {
	c := shapes[*shapeFlag]
	for _, form := range []string{"packed", "masters"} {
		dir := filepath.Join(b.TempDir(), form)
		if *keepFlag != "" {
			dir = filepath.Join(*keepFlag, form)
		}
		if _, err := os.Stat(dir); err != nil {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				b.Fatal(err)
			}
			generate(b, dir, c, form == "packed")
		}
		weights := filepath.Join(dir, hffolder.WeightsFile)
		info, err := os.Stat(weights)
		if err != nil {
			b.Fatal(err)
		}
		out := filepath.Join(b.TempDir(), "out.gguf")
		run := func(name string, work func() error) {
			b.Run(form+"/"+name, func(b *testing.B) {
				b.SetBytes(info.Size())
				for b.Loop() {
					if err := work(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		run("copy", func() error { return copyFile(weights, out) })
		run("convert", func() error {
			_, err := Convert(context.Background(), dir, out, Options{Overwrite: true, SkipVerify: true})
			return err
		})
		run("convert and verify", func() error {
			_, err := Convert(context.Background(), dir, out, Options{Overwrite: true})
			return err
		})
	}
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Sync()
}
