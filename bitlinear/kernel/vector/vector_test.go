package vector

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"trit/bitlinear/kernel/kerneltest"
	"trit/bitlinear/quant"
)

// everyImplementation runs a test with each implementation of the vector functions.
func everyImplementation(t *testing.T, test func(t *testing.T)) {
	defer func(s implementation) { chosen = s }(chosen)
	for _, chosen = range implementations() {
		t.Run(chosen.name, test)
	}
}

// TestElementwiseFunctionsHaveTheBitsOfGo holds for each but the sums and Axpy.
func TestElementwiseFunctionsHaveTheBitsOfGo(t *testing.T) { everyImplementation(t, testElementwise) }

func testElementwise(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, n := range kerneltest.Lengths {
		x, w := kerneltest.Spread(r, n), kerneltest.Spread(r, n)
		ints := make([]int32, n)
		for i := range ints {
			ints[i] = int32(r.Uint32()) >> 8
		}
		for name, c := range map[string]struct{ fast, plain func(v []float32) }{
			"Rescale":   {func(v []float32) { Rescale(v, ints, 0.37) }, func(v []float32) { rescaleGeneric(v, ints, 0.37) }},
			"Ternarize": {func(v []float32) { Ternarize(v, w, quant.ToNearest(0.2)) }, func(v []float32) { ternarizeGeneric(v, w, 0.2) }},
			"ScaleTo": {func(v []float32) { ScaleTo(v, w, 0.37) }, func(v []float32) {
				for i := range v {
					v[i] = w[i] * 0.37
				}
			}},
			"ScaledProduct": {func(v []float32) { ScaledProduct(v, w, x, 0.37) }, func(v []float32) { scaledProductGeneric(v, w, x, 0.37) }},
			"ReLU2Product":  {func(v []float32) { ReLU2Product(v, x, w) }, func(v []float32) { relu2ProductGeneric(v, x, w) }},
			"SiLUProduct":   {func(v []float32) { SiLUProduct(v, x, w) }, func(v []float32) { siluProductGeneric(v, x, w) }},
			"Add":           {func(v []float32) { Add(v, x, w) }, func(v []float32) { addGeneric(v, x, w) }},
			"ExpScaled":     {func(v []float32) { ExpScaled(v, 3, 4) }, func(v []float32) { expScaledGeneric(v, 3, 4) }},
		} {
			whole, got := kerneltest.Guarded(x)
			want := slices.Clone(x)
			c.fast(got)
			c.plain(want)
			if !slices.Equal(got, want) {
				t.Errorf("%s of %d: %v, want %v", name, n, got, want)
			}
			if !kerneltest.Intact(whole) {
				t.Errorf("%s of %d wrote outside", name, n)
			}
		}
	}
}

func TestReductions(t *testing.T) { everyImplementation(t, testReductions) }

func testReductions(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for _, n := range kerneltest.Lengths {
		x, y := kerneltest.Spread(r, n), kerneltest.Spread(r, n)
		half := make([]uint16, n)
		var dot, size, dotHalf float64
		for i := range x {
			half[i] = uint16(0x3000 + r.IntN(0x1000))
			dot += float64(x[i]) * float64(y[i])
			size += math.Abs(float64(x[i]) * float64(y[i]))
			dotHalf += float64(dotF16Generic(half[i:i+1], []float32{1})) * float64(x[i])
		}
		bound := 1e-5*size + 1e-5
		if got := float64(Dot(x, y)); math.Abs(got-dot) > bound {
			t.Errorf("Dot of %d is %g, want %g", n, got, dot)
		}
		if got := float64(DotF16(half, x)); math.Abs(got-dotHalf) > bound {
			t.Errorf("DotF16 of %d is %g, want %g", n, got, dotHalf)
		}
		if n > 0 && (Max(x) != slices.Max(x) || AbsMax(x) != absMaxGeneric(x)) {
			t.Errorf("Max or AbsMax of %d: %g and %g, want %g and %g", n, Max(x), AbsMax(x), slices.Max(x), absMaxGeneric(x))
		}
		if got, want := ExpSum(x, 3, 4), ExpScaled(slices.Clone(x), 3, 4); got != want {
			t.Errorf("ExpSum of %d is %g, the sum of ExpScaled %g", n, got, want)
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
	x, y, half := kerneltest.Spread(r, 1000), kerneltest.Spread(r, 1000), make([]uint16, 1000)
	for i := range half {
		half[i] = uint16(0x3000 + r.IntN(0x1000))
	}
	var first []float32
	everyImplementation(t, func(t *testing.T) {
		if chosen.dot == nil {
			return
		}
		v := slices.Clone(x)
		Axpy(0.7, y, v)
		squares := SumSquares(x)
		got := append(v, Dot(x, y), DotF16(half, x), ExpScaled(slices.Clone(x), 3, 4), ExpSum(x, 3, 4))
		got = append(got, NormSums(v, x, y, y, 0.3))
		NormGrad(v, x, y, x, 0.3, 0.7)
		got = append(got, float32(squares), float32(squares-float64(float32(squares))))
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
	everyImplementation(t, func(t *testing.T) {
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
	everyImplementation(t, func(t *testing.T) {
		for _, n := range kerneltest.Lengths {
			x := kerneltest.Spread(r, n)
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

// TestDotF16RowsHasTheBitsOfDotF16 goes around the four rows that are read together.
func TestDotF16RowsHasTheBitsOfDotF16(t *testing.T) {
	everyImplementation(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(4, 4))
		for _, n := range kerneltest.Lengths {
			for rows := range 10 {
				x, w := kerneltest.Spread(r, n), make([]uint16, rows*n)
				for i := range w {
					w[i] = uint16(0x3000 + r.IntN(0x1000))
				}
				whole, y := kerneltest.Guarded(make([]float32, rows))
				DotF16Rows(y, w, x)
				for i, got := range y {
					if want := DotF16(w[i*n:][:n], x); got != want {
						t.Errorf("%d values, row %d of %d: %g, want %g", n, i, rows, got, want)
					}
				}
				if !kerneltest.Intact(whole) {
					t.Errorf("%d values, %d rows: wrote outside", n, rows)
				}
			}
		}
	})
}

func TestQuantizeActivationsIsTheDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for _, n := range kerneltest.Sizes {
		x := kerneltest.Normal(r, n)
		x[r.IntN(n)] *= 50
		got, want := make([]int8, n), make([]int8, n)
		s, ws := QuantizeActivations(got, x), quant.Activations(want, x)
		if s != ws || !slices.Equal(got, want) {
			t.Fatalf("n %d: %v scale %g, want %v scale %g", n, got, s, want, ws)
		}
		w, tern := make([]float32, n), make([]int8, n)
		scale := quant.Weights(tern, x)
		Ternarize(w, x, quant.ToNearest(1/scale))
		for i := range w {
			if w[i] != float32(tern[i]) {
				t.Fatalf("n %d: ternary %v, want %v", n, w, tern)
			}
		}
	}
}

func TestQuantizeActivations4IsTheDefinition(t *testing.T) {
	everyImplementation(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 4))
		for _, n := range kerneltest.Lengths {
			x := kerneltest.Spread(r, n)
			if n > 2 {
				x[r.IntN(n)] *= 50 // beyond 4 bits
			}
			got, want := make([]int8, n), make([]int8, n)
			if s, ws := QuantizeActivations4(got, x), quant.Activations4(want, x); s != ws || !slices.Equal(got, want) {
				t.Fatalf("%d values: %v scale %g, want %v scale %g", n, got, s, want, ws)
			}
		}
	})
}

func TestExp(t *testing.T) {
	for x := float32(-90); x < 90; x += 0.0137 {
		want := math.Exp(float64(x))
		if x < -86.5 {
			want = 0
		} else if x > 88.7 {
			continue
		}
		if got := float64(Exp(x)); math.Abs(got-want) > 3e-7*want {
			t.Fatalf("Exp(%g) = %g, want %g", x, got, want)
		}
	}
	if !math.IsInf(float64(Exp(100)), 1) || !math.IsNaN(float64(Exp(float32(math.NaN())))) {
		t.Error("Exp(100) is not infinite or Exp(NaN) is not NaN")
	}
}

func TestRotateHasTheBitsOfGo(t *testing.T) {
	everyImplementation(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(4, 4))
		for _, n := range kerneltest.Lengths {
			x, y, cos, sin := kerneltest.Spread(r, n), kerneltest.Spread(r, n), kerneltest.Spread(r, n), kerneltest.Spread(r, n)
			wholeX, gotX := kerneltest.Guarded(x)
			wholeY, gotY := kerneltest.Guarded(y)
			Rotate(gotX, gotY, cos, sin)
			for i, u := range x {
				v, c, s := y[i], cos[i], sin[i]
				if gotX[i] != float32(u*c)-float32(v*s) || gotY[i] != float32(v*c)+float32(u*s) {
					t.Fatalf("%d pairs: pair %d is %g, %g", n, i, gotX[i], gotY[i])
				}
			}
			for _, w := range [][]float32{wholeX, wholeY} {
				if !kerneltest.Intact(w) {
					t.Errorf("Rotate of %d wrote outside", n)
				}
			}
		}
	})
}

func TestAbsMean(t *testing.T) { everyImplementation(t, testAbsMean) }

func testAbsMean(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 17))
	for _, n := range append(kerneltest.Lengths, absMeanPart-1, 2*absMeanPart+5) {
		w := kerneltest.Spread(r, n)
		if got, want := AbsMean(nil, w), quant.AbsMean(w); math.Abs(float64(got/want-1)) > 1e-7 {
			t.Errorf("AbsMean of %d is %.9g, want %.9g", n, got, want)
		}
	}
}
