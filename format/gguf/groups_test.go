package gguf

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"trit/internal/float16"
)

var goldenFlag = flag.String("golden", "../../testdata/blocks/ggml_blocks.json", "file of blocks with their values for TestVectors")

// groupTypes are all types that DecodeGroups takes.
var groupTypes = []Type{Q1_0, Q2_0, PQ2_0, PTQ1_0, TQ1_0, TQ2_0}

// TestVectors compares with what ggml's own functions make of blocks and of values.
func TestVectors(t *testing.T) {
	data, err := os.ReadFile(*goldenFlag)
	if err != nil {
		t.Fatal(err)
	}
	var vectors map[string]struct {
		Blocks string
		Values []float32
		In     []float32 `json:"quantize_in"`
		Out    string    `json:"quantize_out"`
	}
	if err := json.Unmarshal(data, &vectors); err != nil || len(vectors) == 0 {
		t.Fatalf("%d types, %v", len(vectors), err)
	}
	for name, v := range vectors {
		typ, err := ParseType(name)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float32, len(v.Values))
		if err := Dequantize(typ, got, unhex(t, v.Blocks)); err != nil || !slices.Equal(got, v.Values) {
			t.Errorf("%s: the values of the blocks differ, %v", name, err)
		}
		want := unhex(t, v.Out)
		packed := make([]byte, len(want))
		if err := Quantize(typ, packed, v.In); err != nil || !bytes.Equal(packed, want) {
			t.Errorf("%s: the blocks of the values differ, %v:\n%x\n%x", name, err, packed, want)
		}
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// plainWeight is weight i of a block by the formulas of the format, one weight at a time.
func plainWeight(typ Type, block []byte, i int) float32 {
	scale := func(at int) float32 { return float16.FromBits(uint16(block[at]) + uint16(block[at+1])<<8) }
	digit := func(b byte, n float64) float32 {
		return float32(math.Floor(math.Mod(float64(b)*math.Pow(3, n), 256)*3/256)) - 1
	}
	switch {
	case typ == Q1_0 && block[2+i/8]&(1<<(i%8)) != 0:
		return scale(0)
	case typ == Q1_0:
		return -scale(0)
	case typ == Q2_0 || typ == PQ2_0:
		return scale(0) * (float32(block[2+i/4]/byte(math.Pow(4, float64(i%4)))%4) - 1)
	case i < 80:
		return scale(26) * digit(block[i%16], float64(i/16))
	case i < 120:
		return scale(26) * digit(block[16+(i-80)%8], float64((i-80)/8))
	}
	return scale(26) * digit(block[24+(i-120)%2], float64((i-120)/2))
}

func TestGroupsByTheirFormulas(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 1))
	for _, typ := range []Type{Q1_0, Q2_0, PQ2_0, PTQ1_0} {
		const blocks = 50
		data := make([]byte, blocks*int(layouts[typ].bytes))
		for i := range data {
			data[i] = byte(r.IntN(256))
		}
		for b := range blocks {
			le.PutUint16(data[b*int(layouts[typ].bytes)+scaleAt[typ]:], float16.Bits(float32(r.NormFloat64())))
		}
		got := make([]float32, blocks*typ.Block())
		if err := Dequantize(typ, got, data); err != nil {
			t.Fatal(err)
		}
		for i, v := range got {
			size := int(layouts[typ].bytes)
			if want := plainWeight(typ, data[i/typ.Block()*size:][:size], i%typ.Block()); v != want {
				t.Fatalf("%v: weight %d is %g, want %g", typ, i, v, want)
			}
		}
	}
}

// Codes times scales of half precision come back from every type that can hold them.
func TestGroupsComeBack(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 2))
	for _, typ := range groupTypes {
		values := make([]float32, 10*typ.Block())
		for i := range values {
			if group := i / typ.Block(); typ != Q1_0 && group%4 == 3 {
				continue // a group of zeros alone
			}
			scale := float16.FromBits(uint16(0x2000 + i/typ.Block()))
			values[i] = scale * float32(r.IntN(3)-1)
			if typ == Q1_0 {
				values[i] = scale * float32(r.IntN(2)*2-1)
			}
		}
		size, _ := typ.Size([]uint64{uint64(len(values))})
		data, got := make([]byte, size), make([]float32, len(values))
		if err := Quantize(typ, data, values); err != nil {
			t.Fatal(err)
		}
		if err := Dequantize(typ, got, data); err != nil || !slices.Equal(got, values) {
			t.Errorf("%v: values do not come back, %v", typ, err)
		}
		codes, scales := make([]byte, len(values)), make([]uint16, len(values)/typ.Block())
		if err := DecodeGroups(typ, codes, scales, data); err != nil {
			t.Fatal(err)
		}
		for i, c := range codes {
			if w := (float32(c) - 1) * float16.FromBits(scales[i/typ.Block()]); w != values[i] {
				t.Fatalf("%v: code %d is %d, a weight of %g, want %g", typ, i, c, w, values[i])
			}
		}
	}
	if err := DecodeGroups(Q8_0, make([]byte, 32), make([]uint16, 1), make([]byte, 34)); err == nil {
		t.Error("Q8_0 has no groups of codes")
	}
	if err := DecodeGroups(Q2_0, make([]byte, 64), make([]uint16, 1), make([]byte, 19)); err == nil {
		t.Error("a block with a byte too many was read")
	}
}

// Blocks of Q4_K and Q5_K by ggml's formulas, from values that the scales and minima are chosen for.
func TestBlocksWithMinima(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 3))
	for _, typ := range []Type{Q4_K, Q5_K} {
		block, want := make([]byte, layouts[typ].bytes), make([]float32, 256)
		le.PutUint16(block, float16.Bits(0.25))
		le.PutUint16(block[2:], float16.Bits(0.5))
		nibbles := block[len(block)-128:]
		for part := range 8 {
			scale, minimum := r.IntN(64), r.IntN(64)
			putScaleOfK(block[4:16], part, scale, minimum)
			for j := range 32 {
				q := r.IntN(16)
				nibbles[part/2*32+j] |= byte(q << (part % 2 * 4))
				if typ == Q5_K && r.IntN(2) == 1 {
					block[16+j] |= 1 << part
					q += 16
				}
				want[32*part+j] = 0.25*float32(scale)*float32(q) - 0.5*float32(minimum)
			}
		}
		got := make([]float32, 256)
		if err := Dequantize(typ, got, block); err != nil || !slices.Equal(got, want) {
			t.Errorf("%v: %v, got %v, want %v", typ, err, got[:40], want[:40])
		}
		le.PutUint16(block[2:], infiniteHalf)
		if Finite(typ, block) {
			t.Errorf("%v: infinite minima pass for finite", typ)
		}
	}
}

// putScaleOfK is the inverse of scaleOfK.
func putScaleOfK(b []byte, part, scale, minimum int) {
	if part < 4 {
		b[part] |= byte(scale)
		b[4+part] |= byte(minimum)
		return
	}
	b[4+part] = byte(scale&15 | minimum&15<<4)
	b[part-4] |= byte(scale >> 4 << 6)
	b[part] |= byte(minimum >> 4 << 6)
}

// FuzzGroups packs what it unpacks of any bytes, and finds the same codes again.
func FuzzGroups(f *testing.F) {
	f.Add(uint8(0), []byte("a block of any bytes, which need not be sound"))
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		typ := groupTypes[int(which)%len(groupTypes)]
		size := int(layouts[typ].bytes)
		data = data[:len(data)/size*size]
		scales := make([]uint16, len(data)/size)
		codes := make([]byte, len(scales)*typ.Block())
		if err := DecodeGroups(typ, codes, scales, data); err != nil {
			t.Fatal(err)
		}
		block, again := make([]byte, size), make([]byte, typ.Block())
		for g := range scales {
			want := codes[g*typ.Block():][:typ.Block()]
			groupCodecs[typ].encode(want, block)
			groupCodecs[typ].decode(again, block)
			if !bytes.Equal(again, want) {
				t.Fatalf("%v: group %d has the codes %v, then %v", typ, g, want, again)
			}
		}
	})
}
