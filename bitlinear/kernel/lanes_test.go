package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// lengths go around the 16 lanes of a register.
var lengths = []int{0, 1, 15, 16, 17, 31, 32, 33, 127, 128, 129, 1000}

// spread gives values of both signs whose squares stay in range.
func spread(r *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.NormFloat64() * 4)
	}
	return v
}

// offset gives a copy that begins in the middle of a register, between guards.
func offset(v []float32) (whole, part []float32) {
	whole = make([]float32, len(v)+6)
	for i := range whole {
		whole[i] = 12345
	}
	copy(whole[3:], v)
	return whole, whole[3:][:len(v)]
}

// everyVectorSet runs a test with each implementation of the vector functions.
func everyVectorSet(t *testing.T, test func(t *testing.T)) {
	defer func(s vectorSet) { chosenVectors = s }(chosenVectors)
	for _, chosenVectors = range vectorSets() {
		t.Run(chosenVectors.name, test)
	}
}

// TestElementwiseFunctionsHaveTheBitsOfGo holds for each but the sums and Axpy.
func TestElementwiseFunctionsHaveTheBitsOfGo(t *testing.T) { everyVectorSet(t, testElementwise) }

func testElementwise(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, n := range lengths {
		x, w := spread(r, n), spread(r, n)
		ints := make([]int32, n)
		for i := range ints {
			ints[i] = int32(r.Uint32()) >> 8
		}
		for name, c := range map[string]struct{ fast, plain func(v []float32) }{
			"Rescale":        {func(v []float32) { Rescale(v, ints, 0.37) }, func(v []float32) { rescaleGeneric(v, ints, 0.37) }},
			"TernarizeFloat": {func(v []float32) { TernarizeFloat(v, w, 0.2) }, func(v []float32) { ternarizeGeneric(v, w, 0.2) }},
			"ScaleTo": {func(v []float32) { ScaleTo(v, w, 0.37) }, func(v []float32) {
				for i := range v {
					v[i] = w[i] * 0.37
				}
			}},
			"ScaledProduct": {func(v []float32) { ScaledProduct(v, w, x, 0.37) }, func(v []float32) { scaledProductGeneric(v, w, x, 0.37) }},
			"ReLU2Product":  {func(v []float32) { ReLU2Product(v, w) }, func(v []float32) { relu2ProductGeneric(v, w) }},
			"SiLUProduct":   {func(v []float32) { SiLUProduct(v, w) }, func(v []float32) { siluProductGeneric(v, w) }},
			"ExpScaled":     {func(v []float32) { ExpScaled(v, 3, 4) }, func(v []float32) { expScaledGeneric(v, 3, 4) }},
		} {
			whole, got := offset(x)
			want := slices.Clone(x)
			c.fast(got)
			c.plain(want)
			if !slices.Equal(got, want) {
				t.Errorf("%s of %d: %v, want %v", name, n, got, want)
			}
			if slices.Max(whole[:3]) != 12345 || slices.Min(whole[:3]) != 12345 || slices.Min(whole[n+3:]) != 12345 || slices.Max(whole[n+3:]) != 12345 {
				t.Errorf("%s of %d wrote outside", name, n)
			}
		}
	}
}

func TestReductions(t *testing.T) { everyVectorSet(t, testReductions) }

func testReductions(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for _, n := range lengths {
		x, y := spread(r, n), spread(r, n)
		half, bytes := make([]uint16, n), make([]int8, n)
		var dot, size, dotHalf float64
		var sum int32
		for i := range x {
			half[i], bytes[i] = uint16(0x3000+r.IntN(0x1000)), int8(r.IntN(256)-128)
			dot += float64(x[i]) * float64(y[i])
			size += math.Abs(float64(x[i]) * float64(y[i]))
			dotHalf += float64(dotF16Generic(half[i:i+1], []float32{1})) * float64(x[i])
			sum += int32(bytes[i])
		}
		bound := 1e-5*size + 1e-5
		if got := float64(Dot(x, y)); math.Abs(got-dot) > bound {
			t.Errorf("Dot of %d is %g, want %g", n, got, dot)
		}
		if got := float64(DotF16(half, x)); math.Abs(got-dotHalf) > bound {
			t.Errorf("DotF16 of %d is %g, want %g", n, got, dotHalf)
		}
		if got := sumInt8(bytes); got != sum {
			t.Errorf("sumInt8 of %d is %d, want %d", n, got, sum)
		}
		if n > 0 && (Max(x) != slices.Max(x) || absMax(x) != absMaxGeneric(x)) {
			t.Errorf("Max or absMax of %d: %g and %g, want %g and %g", n, Max(x), absMax(x), slices.Max(x), absMaxGeneric(x))
		}
		want := slices.Clone(y)
		axpyGeneric(0.7, x, want)
		Axpy(0.7, x, y)
		for i := range y {
			if math.Abs(float64(y[i]-want[i])) > 1e-5 {
				t.Errorf("Axpy of %d: element %d is %g, want %g", n, i, y[i], want[i])
			}
		}
	}
}

// TestSumsHaveTheSameBits compares the implementations that add up 16 lanes.
func TestSumsHaveTheSameBits(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	x, y, half := spread(r, 1000), spread(r, 1000), make([]uint16, 1000)
	for i := range half {
		half[i] = uint16(0x3000 + r.IntN(0x1000))
	}
	var first []float32
	everyVectorSet(t, func(t *testing.T) {
		if chosenVectors.dot == nil {
			return
		}
		v := slices.Clone(x)
		Axpy(0.7, y, v)
		squares := SumSquares(x)
		got := append(v, Dot(x, y), DotF16(half, x), ExpScaled(slices.Clone(x), 3, 4), float32(squares), float32(squares-float64(float32(squares))))
		if first == nil {
			first = got
		}
		if !slices.Equal(got, first) {
			t.Errorf("%v, the best implementation has %v", got, first)
		}
	})
}

// TestExpAtTheLimits is for what Exp treats apart, and for values beside it.
func TestExpAtTheLimits(t *testing.T) {
	inf := float32(math.Inf(1))
	var values []float32
	for _, v := range []float32{-86.5, 88.7, 88.722839, 0, inf, -inf, 1e30, -1e30, float32(math.NaN())} {
		values = append(values, v, math.Nextafter32(v, inf), math.Nextafter32(v, -inf))
	}
	values = append(values, make([]float32, 32-len(values))...)
	everyVectorSet(t, func(t *testing.T) {
		got := slices.Clone(values)
		ExpScaled(got, 1, 0)
		for i, v := range values {
			if want := Exp(v); got[i] != want && want == want || want != want && got[i] == got[i] {
				t.Errorf("Exp(%g) is %g, want %g", v, got[i], want)
			}
		}
	})
}

func TestQuantizeActivationsOfEachImplementation(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	everyVectorSet(t, func(t *testing.T) {
		for _, n := range lengths {
			x := spread(r, n)
			for i := range min(n, 40) {
				x[i] = float32(i) - 20.5 // halves, and values beyond int8
			}
			whole, want := make([]int8, n+6), make([]int8, n)
			for i := range whole {
				whole[i] = 99
			}
			quantize(whole[3:][:n], x, 8)
			quantizeGeneric(want, x, 8)
			if !slices.Equal(whole[3:][:n], want) {
				t.Errorf("%d values: %v, want %v", n, whole[3:][:n], want)
			}
			if slices.ContainsFunc(append(slices.Clone(whole[:3]), whole[n+3:]...), func(v int8) bool { return v != 99 }) {
				t.Errorf("%d values: wrote outside", n)
			}
		}
	})
}

func TestRescaledSums(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	everyVectorSet(t, func(t *testing.T) {
		for _, rows := range []int{13, 16, 32} {
			const width, tokens, row, first = 70, 5, 7, 2
			stride := ceil(rows, blockRows) * blockRows
			s := sums{row, rows, first, tokens, stride, make([]int32, tokens*stride)}
			for i := range s.values {
				s.values[i] = int32(r.Uint32())
			}
			factor := spread(r, first+tokens)
			got, want := make([]float32, (first+tokens)*width), make([]float32, (first+tokens)*width)
			s.rescaleTo(got, width, factor)
			for token := range tokens {
				rescaleGeneric(want[(first+token)*width+row:], s.of(token), factor[first+token])
			}
			if !slices.Equal(got, want) {
				t.Errorf("%d rows: %v, want %v", rows, got, want)
			}
		}
	})
}

// TestDotF16RowsHasTheBitsOfDotF16 goes around the four rows that are read together.
func TestDotF16RowsHasTheBitsOfDotF16(t *testing.T) {
	everyVectorSet(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(4, 4))
		for _, n := range lengths {
			for rows := range 10 {
				x, w := spread(r, n), make([]uint16, rows*n)
				for i := range w {
					w[i] = uint16(0x3000 + r.IntN(0x1000))
				}
				whole, y := offset(make([]float32, rows))
				DotF16Rows(y, w, x)
				for i, got := range y {
					if want := DotF16(w[i*n:][:n], x); got != want {
						t.Errorf("%d values, row %d of %d: %g, want %g", n, i, rows, got, want)
					}
				}
				if whole[2] != 12345 || whole[rows+3] != 12345 {
					t.Errorf("%d values, %d rows: wrote outside", n, rows)
				}
			}
		}
	})
}
