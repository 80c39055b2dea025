package gguf

import (
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func bytesSource(name string, t Type, dims []uint64, b []byte) Source {
	return Source{name, t, dims, func(w io.Writer) error { _, err := w.Write(b); return err }}
}

func sampleMetadata() *Metadata {
	m := &Metadata{}
	for key, v := range map[string]any{
		"u8": uint8(1), "i8": int8(-1), "u16": uint16(2), "i16": int16(-2), "u32": uint32(3), "i32": int32(-3), "u64": uint64(4), "i64": int64(-4),
		"f32": float32(1.5), "f64": 2.5, "bool": true, "string": "text", "strings": []string{"a", ""}, "floats": []float32{1, 2}, "ints": []int32{-1, 5}, "bools": []bool{true, false},
	} {
		m.Set(key, v)
	}
	return m
}

func writeSample(t testing.TB) string {
	path := filepath.Join(t.TempDir(), "x.gguf")
	err := WriteFile(path, sampleMetadata(), []Source{
		bytesSource("a", F32, []uint64{3}, []byte{0, 0, 128, 63, 0, 0, 0, 64, 0, 0, 0, 0}),
		bytesSource("b", I2_S, []uint64{128, 2}, make([]byte, 96)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRoundTrip(t *testing.T) {
	f, err := Open(writeSample(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := sampleMetadata()
	for _, key := range want.Keys {
		got, _ := f.Metadata.Get(key)
		if w, _ := want.Get(key); !reflect.DeepEqual(got, w) {
			t.Errorf("%s is %v, want %v", key, got, w)
		}
	}
	a, _ := f.Tensor("a")
	v := make([]float32, 3)
	if err := Dequantize(a.Type, v, f.Data(a)); err != nil || !slices.Equal(v, []float32{1, 2, 0}) {
		t.Errorf("a is %v, %v", v, err)
	}
	if b, _ := f.Tensor("b"); b.Size != 96 || b.Offset%32 != 0 {
		t.Errorf("b is %+v", b)
	}
}

func TestReadsTheGolden(t *testing.T) {
	f, err := Open("../../testdata/engine/tiny-i2_s.gguf")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if a, _ := f.Metadata.String("general.architecture"); a != "bitnet-b1.58" {
		t.Errorf("architecture %q", a)
	}
	q, ok := f.Tensor("blk.0.attn_q.weight")
	if !ok || q.Type != I2_S {
		t.Fatalf("attn_q is %+v", q)
	}
	w := make([]float32, q.Dims[0]*q.Dims[1])
	if err := Dequantize(I2_S, w, f.Data(q)); err != nil {
		t.Fatal(err)
	}
	scale := I2SScale(f.Data(q))
	for _, v := range w {
		if v != 0 && v != scale && v != -scale {
			t.Fatalf("a weight is %g, the scale %g", v, scale)
		}
	}
}

// Blocks written out by hand from ggml's definitions: scale 2 (0x4000 in half precision).
func TestDequantizeBlocks(t *testing.T) {
	tq2, tq1 := make([]byte, 66), make([]byte, 54)
	for i := range 64 {
		tq2[i] = 0b10_01_00_01 // from the low bits: 0, -1, 0, +1
	}
	tq2[65], tq1[53] = 0x40, 0x40
	// Trits 0,1,2,1,0 (values -1,0,1,0,-1) are 0*81+1*27+2*9+1*3+0 = 48; the byte is ceil(48*256/243) = 51.
	for i := range 48 {
		tq1[i] = 51
	}
	for i := 48; i < 52; i++ { // four trits 0,1,2,1 with a fifth of 0
		tq1[i] = 51
	}
	got := make([]float32, 256)
	if err := Dequantize(TQ2_0, got, tq2); err != nil {
		t.Fatal(err)
	}
	for i, v := range got {
		if want := []float32{0, -2, 0, 2}[i%128/32]; v != want {
			t.Fatalf("TQ2_0: value %d is %g, want %g", i, v, want)
		}
	}
	if err := Dequantize(TQ1_0, got, tq1); err != nil {
		t.Fatal(err)
	}
	five := []float32{-2, 0, 2, 0, -2}
	for i, v := range got {
		want := five[i/32%5]
		if i >= 160 && i < 240 {
			want = five[(i-160)/16]
		} else if i >= 240 {
			want = five[(i-240)/4]
		}
		if v != want {
			t.Fatalf("TQ1_0: value %d is %g, want %g", i, v, want)
		}
	}
	q4 := make([]byte, 18)
	q4[1], q4[2] = 0x40, 0x9F // low nibble 15, high nibble 9
	if err := Dequantize(Q4_0, got[:32], q4); err != nil || got[0] != 14 || got[16] != 2 || got[1] != -16 {
		t.Errorf("Q4_0: %v, %v", got[:32], err)
	}
	q6 := make([]byte, 210)
	q6[0], q6[128], q6[192], q6[209] = 0x2F, 0b11, 3, 0x40 // value 0: 15+3*16-32 = 31; value 64: 2-32 = -30
	q6[196] = 1
	if err := Dequantize(Q6_K, got, q6); err != nil || got[0] != 31*3*2 || got[64] != -30*2 {
		t.Errorf("Q6_K: %g and %g, %v", got[0], got[64], err)
	}
}

func TestQuantizeQ80(t *testing.T) {
	src, back, b := make([]float32, 64), make([]float32, 64), make([]byte, 68)
	for i := range src {
		src[i] = float32(i-20) / 7
	}
	if err := Quantize(Q8_0, b, src); err != nil {
		t.Fatal(err)
	}
	if err := Dequantize(Q8_0, back, b); err != nil {
		t.Fatal(err)
	}
	for i, v := range src {
		if math.Abs(float64(back[i]-v)) > 43.0/7/127 { // half a step and the rounding of the scale
			t.Fatalf("value %d: %g, want %g", i, back[i], v)
		}
	}
}

func TestRejects(t *testing.T) {
	good, err := os.ReadFile(writeSample(t))
	if err != nil {
		t.Fatal(err)
	}
	edit := func(f func(b []byte) []byte) []byte { return f(slices.Clone(good)) }
	for name, b := range map[string][]byte{
		"empty":          nil,
		"magic":          edit(func(b []byte) []byte { b[0] = 'X'; return b }),
		"version":        edit(func(b []byte) []byte { b[4] = 9; return b }),
		"many tensors":   edit(func(b []byte) []byte { b[14] = 255; return b }),
		"many keys":      edit(func(b []byte) []byte { b[22] = 255; return b }),
		"huge key":       edit(func(b []byte) []byte { b[30] = 255; return b }),
		"cut in header":  good[:200],
		"cut in tensors": good[:len(good)-64],
	} {
		_, err := Parse(b)
		var format *FormatError
		var unsupported *UnsupportedError
		var kind *KindError
		if wrongKind := name == "empty" || name == "magic"; wrongKind && errors.As(err, &kind) {
			continue
		}
		if !errors.As(err, &format) && !errors.As(err, &unsupported) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	_, err = Parse(edit(func(b []byte) []byte { slices.Reverse(b[4:8]); return b }))
	if err == nil || !strings.Contains(err.Error(), "big-endian") {
		t.Errorf("a big-endian file: got %v", err)
	}
	for cut := range good {
		if _, err := Parse(good[:cut]); err == nil && cut < len(good)-32 {
			t.Fatalf("a file cut at byte %d of %d was accepted", cut, len(good))
		}
	}
	if _, err := I2_S.Size([]uint64{5460, 2}); err == nil {
		t.Error("I2_S of rows that are no multiple of 128 was accepted")
	}
}

func FuzzParse(f *testing.F) {
	b, err := os.ReadFile(writeSample(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := Parse(b)
		if err != nil {
			return
		}
		for _, tensor := range g.Tensors {
			if uint64(len(g.Data(tensor))) != tensor.Size {
				t.Fatal("a tensor has not its size")
			}
		}
	})
}
