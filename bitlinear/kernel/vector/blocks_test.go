package vector

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"trit/bitlinear/kernel/kerneltest"
	"trit/internal/float16"
)

// randomBytes makes rows whose half-precision numbers are finite: every 16 bits have an
// exponent below the largest.
func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32()) &^ 0x40
	}
	return b
}

// rowTypes are the conversions of the rows of each type, with the one in plain Go.
var rowTypes = map[string]struct {
	values, bytes int
	fast, plain   func(dst []float32, src []byte)
}{
	"F16": {1, 2, FloatsF16, func(dst []float32, src []byte) {
		for i := range dst {
			dst[i] = float16.FromBits(uint16(src[2*i]) | uint16(src[2*i+1])<<8)
		}
	}},
	"BF16": {1, 2, FloatsBF16, func(dst []float32, src []byte) {
		for i := range dst {
			dst[i] = float16.BFromBits(uint16(src[2*i]) | uint16(src[2*i+1])<<8)
		}
	}},
	"F32": {1, 4, FloatsF32, func(dst []float32, src []byte) {
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
		}
	}},
	"Q8_0": {q80Values, q80Bytes, FloatsQ80, floatsQ80Generic},
	"Q6_K": {q6kValues, q6kBytes, FloatsQ6K, floatsQ6KGeneric},
}

func TestRowsHaveTheBitsOfGo(t *testing.T) { everyImplementation(t, testRows) }

func testRows(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	for name, c := range rowTypes {
		for _, n := range append([]int{2 * q6kValues, 5 * q6kValues}, kerneltest.Lengths...) {
			n -= n % c.values
			src := randomBytes(r, n/c.values*c.bytes+1)[1:] // not aligned
			whole, got := kerneltest.Guarded(make([]float32, n))
			want := make([]float32, n)
			c.fast(got, src)
			c.plain(want, src)
			if !slices.Equal(got, want) {
				t.Errorf("%s of %d: %v, want %v", name, n, got, want)
			}
			if !kerneltest.Intact(whole) {
				t.Errorf("%s of %d wrote outside", name, n)
			}
		}
	}
}

// TestDotRowsHasTheBitsOfDot, so that tokens have the same logits together and alone.
func TestDotRowsHasTheBitsOfDot(t *testing.T) { everyImplementation(t, testDotRows) }

func testDotRows(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for _, k := range []int{1, 15, 16, 17, 32, 256, 1000} {
		for _, rows := range []int{0, 1, 3, 4, 5, 8, 11} {
			for m := 1; m < 15; m++ {
				w, x := kerneltest.Spread(r, rows*k), kerneltest.Spread(r, m*k)
				stride := rows + r.IntN(3)
				got, want := make([]float32, m*stride), make([]float32, m*stride)
				DotRows(got, stride, w, x, k)
				for t := range m {
					for i := range rows {
						want[t*stride+i] = Dot(w[i*k:][:k], x[t*k:][:k])
					}
				}
				if !slices.Equal(got, want) {
					t.Fatalf("k %d, %d rows, %d tokens: %v, want %v", k, rows, m, got, want)
				}
			}
		}
	}
}

func TestDotQ6KHasTheBitsOfDot(t *testing.T) { everyImplementation(t, testDotQ6K) }

func testDotQ6K(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	for _, blocks := range []int{1, 2, 3, 10} {
		for count := range 5 {
			size := blocks * q6kBytes
			rows, values := randomBytes(r, count*size), make([]float32, blocks*q6kValues)
			x := kerneltest.Spread(r, len(values))
			whole, got := kerneltest.Guarded(make([]float32, count))
			DotQ6K(got, rows, x)
			for i := range got {
				floatsQ6KGeneric(values, rows[i*size:][:size])
				if want := Dot(values, x); got[i] != want {
					t.Errorf("%d blocks, row %d of %d: %g, want %g", blocks, i, count, got[i], want)
				}
			}
			if !kerneltest.Intact(whole) {
				t.Errorf("%d rows wrote outside", count)
			}
		}
	}
}

// TestDotF16HasTheBitsOfDot is for machines on which DotRows shares rows among tokens, which needs
// equal bits.
func TestDotF16HasTheBitsOfDot(t *testing.T) {
	if !HasRowTiles() {
		t.Skip("this machine has no tiles of rows")
	}
	r := rand.New(rand.NewPCG(9, 9))
	for _, n := range kerneltest.Lengths {
		x, w, half := kerneltest.Spread(r, n), make([]float32, n), make([]uint16, n)
		for i, v := range kerneltest.Spread(r, n) {
			half[i] = float16.Bits(v)
			w[i] = float16.FromBits(half[i])
		}
		if got, want := DotF16(half, x), Dot(w, x); got != want && n%16 == 0 {
			t.Errorf("%d values: %g, want %g", n, got, want)
		}
	}
}

// AddLowRank adds a row of the product, by float64.
func TestAddLowRank(t *testing.T) {
	const rank, width, scale = 3, 37, 0.75
	r := rand.New(rand.NewPCG(8, 1))
	dst, b, a := kerneltest.Spread(r, width), kerneltest.Spread(r, rank), kerneltest.Spread(r, rank*width)
	before := slices.Clone(dst)
	AddLowRank(dst, b, a, scale)
	for j, got := range dst {
		want, size := float64(before[j]), math.Abs(float64(before[j]))
		for i, v := range b {
			x := scale * float64(v) * float64(a[i*width+j])
			want, size = want+x, size+math.Abs(x)
		}
		if math.Abs(float64(got)-want) > 1e-6*size {
			t.Errorf("value %d is %g, want %g", j, got, want)
		}
	}
}
