package source

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"trit/bitlinear/quant"
	"trit/format/gguf"
	"trit/format/ggufmeta"
	"trit/format/safetensors"
	"trit/internal/float16"
)

// storedAs makes a tensor of a folder that holds values in a type, and what is left of them there.
func storedAs(t *testing.T, dtype string, rows, k int, values []float32) (*Tensor, []float32) {
	t.Helper()
	var data []byte
	left := slices.Clone(values)
	for i, v := range values {
		switch dtype {
		case "F32":
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
		case "F16":
			data, left[i] = binary.LittleEndian.AppendUint16(data, float16.Bits(v)), float16.FromBits(float16.Bits(v))
		case "BF16":
			data, left[i] = binary.LittleEndian.AppendUint16(data, float16.BBits(v)), float16.BFromBits(float16.BBits(v))
		}
	}
	var b bytes.Buffer
	info := safetensors.TensorInfo{Name: "w", DType: dtype, Shape: []int{rows, k}}
	err := safetensors.Encode(&b, nil, []safetensors.Source{{TensorInfo: info, Write: func(w io.Writer) error { _, err := w.Write(data); return err }}})
	if err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.Parse("w", b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	out, err := denseTensor(f, info, rows, k, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out, left
}

// spreads are weights as training leaves them, and weights that lie on the borders of rounding.
func spreads(r *rand.Rand, n int) map[string][]float32 {
	out := map[string][]float32{"zeros": make([]float32, n), "one": make([]float32, n)}
	out["one"][n/2] = -3
	add := func(name string, f func(i int) float32) {
		w := make([]float32, n)
		for i := range w {
			w[i] = f(i)
		}
		out[name] = w
	}
	add("normal", func(int) float32 { return float32(0.02 * r.NormFloat64()) })
	add("one-sided", func(int) float32 { return float32(1 + 0.1*r.NormFloat64()) })
	add("of one size", func(i int) float32 { return []float32{0.25, -0.25, 0}[i%3] })
	add("borders", func(i int) float32 { return []float32{0.5, -0.5, 1.5, -1.5}[i%4] }) // the absmean is 1, or near it
	add("tiny", func(int) float32 { return float32(1e-7 * r.NormFloat64()) })
	add("wide", func(int) float32 { return float32(math.Exp(2 * r.NormFloat64())) })
	return out
}

// codesOf reads all codes of a tensor as values.
func codesOf(t *testing.T, x *Tensor) []int8 {
	t.Helper()
	var out []int8
	codes := make([]byte, x.Columns)
	for row := range x.Rows {
		if err := x.codes(codes, row); err != nil {
			t.Fatal(err)
		}
		for _, c := range codes {
			out = append(out, int8(c)-1)
		}
	}
	return out
}

// TestQuantisedIsTheDefinition holds codes and scales against bitlinear/quant.
func TestQuantisedIsTheDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, size := range [][2]int{{1, 1}, {1, 7}, {3, 5}, {9, 33}, {5, 257}, {2, 4099}, {64, 128}} {
		for name, w := range spreads(r, size[0]*size[1]) {
			for _, dtype := range []string{"F32", "F16", "BF16"} {
				x, left := storedAs(t, dtype, size[0], size[1], w)
				s, err := sumsOf(x)
				if err != nil {
					t.Fatal(err)
				}
				for _, sign := range []bool{false, true} {
					define := quant.Weights
					if sign {
						define = quant.Signs
					}
					want := make([]int8, len(w))
					scale := define(want, left)
					got := quantised(x, s, rule{sign: sign})
					if got.Scale != scale || !slices.Equal(codesOf(t, got), want) {
						t.Errorf("%s, %v of %s, sign %v: scale %g, want %g, or the codes differ", name, size, dtype, sign, got.Scale, scale)
					}
				}
			}
		}
	}
}

// TestKeepCodes rounds master weights whose values lie right at the borders.
func TestKeepCodes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const rows, k = 33, 129
	w := spreads(r, rows*k)["normal"]
	mean := quant.AbsMean(w)
	for i := 0; i < len(w); i += 3 {
		w[i] = mean / 2 * float32(1+0.001*r.NormFloat64()) * float32(1-i%2*2)
	}
	for _, from := range []string{"F32", "F16", "BF16"} {
		for _, typ := range []gguf.Type{gguf.F16, gguf.BF16, gguf.F32} {
			x, left := storedAs(t, from, rows, k, w)
			s, err := sumsOf(x)
			if err != nil {
				t.Fatal(err)
			}
			kept, err := keepCodes(x, quantised(x, s, rule{}), typ)
			if err != nil {
				t.Fatal(err)
			}
			got, step := make([]float32, 0, len(w)), map[gguf.Type]float64{gguf.F16: 1. / 1024, gguf.BF16: 1. / 128, gguf.F32: 0}[typ]
			for row := range rows {
				v := make([]float32, k)
				if err := kept.floats(v, row); err != nil {
					t.Fatal(err)
				}
				got = append(got, v...)
			}
			want, after := make([]int8, len(w)), make([]int8, len(w))
			quant.Weights(want, left)
			quant.Weights(after, got)
			for i, v := range got {
				if typ == gguf.F16 && float16.FromBits(float16.Bits(v)) != v || typ == gguf.BF16 && float16.BFromBits(float16.BBits(v)) != v {
					t.Fatalf("%s to %s: %g is no value of the type", from, typ, v)
				}
				if after[i] != want[i] || math.Abs(float64(v-left[i])) > step*math.Abs(float64(left[i]))+1e-7 {
					t.Fatalf("%s to %s: weight %d was %g and is %g, code %d and %d", from, typ, i, left[i], v, want[i], after[i])
				}
			}
		}
	}
}

// ofCodes is a tensor of ternary values.
func ofCodes(q []int8, rows, k int, scale float32) *Tensor {
	t := &Tensor{Rows: rows, Columns: k, Scale: scale, release: func(int, int) {}}
	t.codes = func(dst []byte, row int) error {
		for i := range dst {
			dst[i] = byte(q[row*k+i] + 1)
		}
		return nil
	}
	return t
}

// shares are ternary values, with their share of zeros.
func shares(r *rand.Rand, n int) map[string][]int8 {
	out := map[string][]int8{"one": make([]int8, n), "no zero": make([]int8, n), "one zero": make([]int8, n)}
	out["one"][n/3] = -1
	for i := range n {
		out["no zero"][i] = int8(r.IntN(2)*2 - 1)
	}
	copy(out["one zero"], out["no zero"])
	out["one zero"][n-1] = 0
	for share := 1; share < 20; share++ {
		q := make([]int8, n)
		for i := range q {
			if r.IntN(20) >= share {
				q[i] = int8(r.IntN(2)*2 - 1)
			}
		}
		out[fmt.Sprintf("%d %%", 5*share)] = q
	}
	return out
}

// TestSynthetic makes master weights of codes: their codes are these, and their absmean, as
// the type holds them, is the scale.
func TestSynthetic(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	const rows, k = 64, 129
	for name, q := range shares(r, rows*k) {
		for _, typ := range []gguf.Type{gguf.F32, gguf.BF16, gguf.F16} {
			for _, scale := range []float32{1, 0.02, 0.0173, 1.2187501, 3.3333333} {
				x, err := synthetic(ofCodes(q, rows, k, scale), typ)
				if err != nil {
					t.Fatal(err)
				}
				got := decoded(t, x, typ)
				after := make([]int8, len(q))
				absmean := quant.Weights(after, got)
				if !slices.Equal(after, q) {
					t.Fatalf("%s in %s, scale %g: the codes differ", name, typ, scale)
				}
				// Without a zero there is no room for the remainder, which is below the step of the type.
				if off := math.Abs(float64(absmean)/float64(scale) - 1); off > 0 && (name != "no zero" || off > 1./128/rows/k) {
					t.Errorf("%s in %s: the absmean is %.9g, want %.9g", name, typ, absmean, scale)
				}
			}
		}
	}
	zeros, err := synthetic(ofCodes(make([]int8, rows*k), rows, k, quant.MinScale), gguf.BF16)
	if err != nil {
		t.Fatal(err)
	}
	if got := decoded(t, zeros, gguf.BF16); slices.Max(got) != 0 || slices.Min(got) != 0 {
		t.Error("zeros did not stay zeros")
	}
	one := make([]int8, rows*k)
	one[5] = 1
	if _, err := synthetic(ofCodes(one, rows, k, 100), gguf.F16); err == nil {
		t.Error("a master weight of 825600 was made in F16")
	}
}

// decoded encodes a tensor in a type and reads it again.
func decoded(t *testing.T, x *Tensor, typ gguf.Type) (out []float32) {
	t.Helper()
	row, b := make([]float32, x.Columns), make([]byte, typ.RowBytes(x.Columns))
	for i := range x.Rows {
		if err := x.Floats(row, i); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(gguf.Quantize(typ, b, row), gguf.Dequantize(typ, row, b)); err != nil {
			t.Fatal(err)
		}
		out = append(out, row...)
	}
	return out
}

// TestOrderOfHeads holds the order of rows in llama files against
// reshape(heads, 2, half).swapaxes(1, 2) of the rows that are turned.
func TestOrderOfHeads(t *testing.T) {
	for _, c := range []struct{ heads, half, rest int }{{1, 1, 0}, {1, 5, 0}, {4, 3, 0}, {3, 32, 0}, {3, 4, 8}, {1, 1, 3}} {
		head := 2*c.half + c.rest
		rows := c.heads * head
		to, from := ggufmeta.AlternatingRow(rows, c.heads, 2*c.half), ggufmeta.HalvedRow(rows, c.heads, 2*c.half)
		for h := range c.heads {
			want, at := make([]int, 0, head), h*head
			for i := range c.half {
				for p := range 2 { // the axes in their new order: half, then 2
					want = append(want, at+p*c.half+i)
				}
			}
			for i := range c.rest {
				want = append(want, at+2*c.half+i)
			}
			for i, w := range want {
				if to(at+i) != w || from(w) != at+i {
					t.Fatalf("%+v: row %d of the file is row %d, want %d; back %d", c, at+i, to(at+i), w, from(w))
				}
			}
		}
	}
}
