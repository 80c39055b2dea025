package gemm

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"trit/bitlinear/kernel/kerneltest"
	"trit/bitlinear/kernel/vector"
	"trit/internal/float16"
)

// everyBF16 runs a test with each engine for bfloat16 of this machine.
func everyBF16(t *testing.T, test func(t *testing.T)) {
	if !HasBF16() {
		t.Skip("this machine has no instructions for bfloat16")
	}
	defer func(e engine) { chosenBF16 = e }(chosenBF16)
	for _, chosenBF16 = range engines() {
		t.Run(chosenBF16.name, test)
	}
}

func rounded(v float32) float64 { return float64(float16.BFromBits(float16.BBits(v))) }

// TestBF16IsExactOnIntegers: a backward product of ternary weights loses nothing but what is
// rounded off dY.
func TestBF16IsExactOnIntegers(t *testing.T) {
	everyBF16(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(2, 2))
		const m, n, k = 600, 70, 320
		a, b := make([]float32, m*k), make([]int8, k*n)
		for i := range a {
			a[i] = float32(r.IntN(257) - 128)
		}
		copy(b, kerneltest.Int8(r, len(b)))
		got, want := make([]float32, m*n), make([]float32, m*n)
		p := Product{M: m, N: n, K: k, A: a, LDA: k, B: []Rows{{Count: k, Int8: b}}, C: [][]float32{got}}
		p.BF16(nil)
		wide := make([]float32, len(b))
		vector.WidenInt8(wide, b)
		Mul(nil, false, false, m, n, k, a, wide, want, false)
		if !slices.Equal(got, want) {
			t.Error("not the product of the integers")
		}
	})
}

func TestBF16IsRefusedWithoutInstructions(t *testing.T) {
	defer func(e engine) { chosenBF16 = e }(chosenBF16)
	chosenBF16 = engine{}
	p := Product{M: 1, N: 1, K: 1, A: []float32{1}, LDA: 1, B: []Rows{{Count: 1, F32: []float32{1}}}, C: [][]float32{{0}}}
	want := "gemm: product of [1,1] by [1,1]: this machine has no instructions for bfloat16"
	if got := panicked(func() { p.BF16(nil) }); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A caller that packs its operands gets the sums of all panels, on top of others if it wants.
func TestMulPacked(t *testing.T) {
	everyBF16(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(6, 6))
		for _, shape := range [][2]int{{1, 1}, {3, 2}, {2, 9}} {
			panels, steps := shape[0], shape[1]
			panelBytes, blockBytes := (steps+1)*PanelBytes, (steps+2)*BlockBytes // with gaps
			x, blocks := make([]byte, panels*panelBytes), make([]byte, 2*blockBytes)
			for _, list := range [][]byte{x, blocks} {
				for i := 0; i < len(list); i += 2 {
					binary.LittleEndian.PutUint16(list[i:], float16.BBits(float32(r.IntN(17)-8)))
				}
			}
			at := func(list []byte, i int) float32 { return float16.BFromBits(binary.LittleEndian.Uint16(list[2*i:])) }
			whole, sums := kerneltest.Guarded(slices.Repeat([]float32{3}, panels*bf16Tile*bf16Tile))
			product := NewPacked(panels, steps, blocks, blockBytes, x, panelBytes, sums, true)
			MulPacked([]Packed{product, product})
			for i := range sums {
				row, col, want := i/bf16Tile, i%bf16Tile, float32(3)
				for k := range steps * bf16Step {
					left := row/bf16Tile*panelBytes/2 + (k/32*32+row%bf16Tile)*32 + k%32
					right := col/16*blockBytes/2 + (k/2*16+col%16)*2 + k%2
					want += 2 * at(x, left) * at(blocks, right)
				}
				if sums[i] != want {
					t.Fatalf("%d panels, %d steps: sum %d is %g, want %g", panels, steps, i, sums[i], want)
				}
			}
			again := slices.Clone(sums)
			MulPacked([]Packed{NewPacked(panels, steps, blocks, blockBytes, x, panelBytes, sums, false), product})
			for i, v := range again {
				if sums[i] != v-3 {
					t.Fatalf("%d panels, %d steps: sum %d from nothing is %g, want %g", panels, steps, i, sums[i], v-3)
				}
			}
			if !kerneltest.Intact(whole) {
				t.Fatalf("%d panels, %d steps: wrote outside", panels, steps)
			}
		}
	})
}
