package gemm

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"trit/bitlinear/kernel/kerneltest"
	"trit/bitlinear/quant"
	"trit/internal/float16"
	"trit/internal/parallel"
)

// testProduct is a product with what it was made of: op(A), op(B) and C before, in float64.
type testProduct struct {
	Product
	a, b, before []float64
	guards       [][]float32 // what the parts of C lie in
}

// shape are the forms of a product that a test goes through.
type shape struct {
	m, n, k                    int
	transA, transB, form       int // form of B: see rightForms
	accumulate, factors, parts bool
}

// rightForms are the kinds of rows that the right side has, in turn.
var rightForms = []string{"float32", "int8", "ternary", "mixed", "source"}

func (s shape) String() string {
	return fmt.Sprintf("[%d,%d] by [%d,%d] transA %d transB %d %s accumulate %v factors %v parts %v",
		s.m, s.k, s.k, s.n, s.transA, s.transB, rightForms[s.form], s.accumulate, s.factors, s.parts)
}

// cut divides n rows into parts whose boundaries are not multiples of anything.
func cut(n int, parts bool) []int {
	if !parts || n < 3 {
		return []int{n}
	}
	first := n/3 | 1
	return []int{first, 0, (n - first) / 2, n - first - (n-first)/2}
}

func makeProduct(r *rand.Rand, s shape) *testProduct {
	p := &testProduct{Product: Product{M: s.m, N: s.n, K: s.k, Accumulate: s.accumulate}}
	p.TransA, p.TransB = s.transA == 1, s.transB == 1
	p.makeA(r, s)
	p.makeB(r, s)
	if s.factors {
		p.RowFactor = kerneltest.Spread(r, s.m)
	}
	for _, rows := range cut(s.m, s.parts) {
		c := kerneltest.Spread(r, rows*s.n)
		for _, v := range c {
			p.before = append(p.before, float64(v))
		}
		whole, part := kerneltest.Guarded(c)
		p.guards, p.C = append(p.guards, whole), append(p.C, part)
	}
	return p
}

func (p *testProduct) makeA(r *rand.Rand, s shape) {
	rows, cols := p.M, p.K
	if p.TransA {
		rows, cols = cols, rows
	}
	p.LDA = cols + 3
	p.A = kerneltest.Spread(r, (rows-1)*p.LDA+cols)
	scaled := p.A
	if s.factors {
		scaled = p.makeFactors(s, rows, cols)
	}
	p.a = make([]float64, p.M*p.K)
	for i := range p.M {
		for j := range p.K {
			at := i*p.LDA + j
			if p.TransA {
				at = j*p.LDA + i
			}
			p.a[i*p.K+j] = float64(scaled[at])
		}
	}
}

// makeFactors gives A factors and returns what it is then.
func (p *testProduct) makeFactors(s shape, rows, cols int) (scaled []float32) {
	scaled, first := slices.Clone(p.A), 0
	for _, columns := range cut(cols, s.parts) {
		f := Factors{columns, kerneltest.Spread(rand.New(rand.NewPCG(14, uint64(first))), rows)}
		p.AFactors = append(p.AFactors, f)
		for i := range rows {
			for j := first; j < first+columns; j++ {
				scaled[i*p.LDA+j] *= f.Of[i]
			}
		}
		first += columns
	}
	return scaled
}

func (p *testProduct) makeB(r *rand.Rand, s shape) {
	rows, width := p.K, p.N
	if p.TransB {
		rows, width = width, rows
	}
	var stored []float64
	for i, count := range cut(rows, s.parts) {
		part, values := makeRows(r, count, width, rowForm(s.form, i))
		p.B, stored = append(p.B, part), append(stored, values...)
	}
	p.b = stored
	if p.TransB {
		p.b = make([]float64, len(stored))
		for i, v := range stored {
			p.b[i%width*rows+i/width] = v
		}
	}
}

// rowForm is the form of part i of a right side.
func rowForm(form, i int) int {
	if form == 4 {
		return 3
	}
	return (form + i*(form/3)) % 3
}

// stored is a Source of float32 values in rows.
type stored struct {
	values []float32
	width  int
}

func (s stored) Values(dst []float32, row, col int) { copy(dst, s.values[row*s.width+col:][:len(dst)]) }

// BF16Pairs has values for rows of even numbers alone.
func (s stored) BF16Pairs(dst []byte, pairs, row, col int) bool {
	if row%2 != 0 {
		return false
	}
	for i := range 32 * pairs {
		v := s.values[(row+i/32*2+i%2)*s.width+col+i/2%16]
		binary.LittleEndian.PutUint16(dst[2*i:], float16.BBits(v))
	}
	return true
}

// makeRows makes rows of a form and what they mean.
func makeRows(r *rand.Rand, count, width, form int) (Rows, []float64) {
	rows, values := Rows{Count: count}, make([]float64, count*width)
	switch form {
	case 1:
		rows.Int8 = make([]int8, count*width)
		for i := range values {
			rows.Int8[i] = int8(r.IntN(256) - 128)
			values[i] = float64(rows.Int8[i])
		}
	case 2:
		rows.F32, rows.Rounding = kerneltest.Spread(r, count*width), quant.ToNearest(0.2)
		for i, w := range rows.F32 {
			values[i] = max(-1, min(1, math.RoundToEven(float64(w*0.2))))
		}
	case 3:
		source := stored{kerneltest.Spread(r, count*width), width}
		rows.Source = source
		for i, v := range source.values {
			values[i] = float64(v)
		}
	default:
		rows.F32 = kerneltest.Spread(r, count*width)
		for i, v := range rows.F32 {
			values[i] = float64(v)
		}
	}
	return rows, values
}

// verify compares C with the product in float64 of operands that round has rounded.
func (p *testProduct) verify(t *testing.T, s shape, round func(float64) float64) {
	t.Helper()
	c := slices.Concat(p.C...)
	for i, got := range c {
		row, col := i/p.N, i%p.N
		want, size := 0.0, 0.0
		for k := range p.K {
			x := round(p.a[row*p.K+k]) * round(p.b[k*p.N+col])
			want, size = want+x, size+math.Abs(x)
		}
		if p.RowFactor != nil {
			f := float64(p.RowFactor[row])
			want, size = want*f, size*math.Abs(f)
		}
		if p.Accumulate {
			want, size = want+p.before[i], size+math.Abs(p.before[i])
		}
		if math.Abs(float64(got)-want) > 1e-6*size+1e-6 {
			t.Fatalf("%v: element (%d,%d) is %g, want %g", s, row, col, got, want)
		}
	}
	for i, g := range p.guards {
		if !kerneltest.Intact(g) {
			t.Fatalf("%v: wrote outside of part %d of C", s, i)
		}
	}
}

// sizes go around the edges of tiles of 8, 16 and 32, and of pairs and steps of values.
var productSizes = [][3]int{
	{1, 1, 1}, {5, 16, 2}, {8, 32, 32}, {16, 33, 31}, {33, 50, 65},
	{40, 64, 100}, {70, 100, 33}, {530, 34, 130}, {20, 40, 800}, {7, 170, 600},
}

// everyShape calls test with products of all forms, C as it was before each.
func everyShape(t *testing.T, test func(t *testing.T, s shape, p *testProduct)) {
	r := rand.New(rand.NewPCG(11, 11))
	for _, size := range productSizes {
		for form := range 1 << 5 {
			bit := func(i int) int { return form >> i & 1 }
			for right := range rightForms {
				if bit(1) == 1 && right%4 > 0 || testing.Short() && (form+right)%3 > 0 {
					continue
				}
				s := shape{size[0], size[1], size[2], bit(0), bit(1), right, bit(2) == 1, bit(3) == 1, bit(4) == 1}
				test(t, s, makeProduct(r, s))
			}
		}
	}
}

func TestProductFloat32(t *testing.T) {
	everyImplementation(t, func(t *testing.T) {
		everyShape(t, func(t *testing.T, s shape, p *testProduct) {
			p.Float32(nil)
			p.verify(t, s, func(v float64) float64 { return v })
		})
	})
}

func TestProductBF16(t *testing.T) {
	everyBF16(t, func(t *testing.T) {
		everyShape(t, func(t *testing.T, s shape, p *testProduct) {
			p.BF16(nil)
			p.verify(t, s, func(v float64) float64 { return rounded(float32(v)) })
		})
	})
}

// TestProductOfPanels has the bits of a product that packs A itself, of A as it is stored and of its transpose.
func TestProductOfPanels(t *testing.T) {
	everyBF16(t, func(t *testing.T) {
		everyShape(t, func(t *testing.T, s shape, p *testProduct) {
			panels := p.Product
			panels.Left, panels.A, panels.AFactors, panels.C = new(Panels), nil, nil, nil
			for _, c := range p.C {
				panels.C = append(panels.C, slices.Clone(c))
			}
			p.packA(panels.Left, parallel.New(3))
			panels.BF16(nil)
			p.BF16(parallel.New(2))
			if !slices.Equal(slices.Concat(panels.C...), slices.Concat(p.C...)) {
				t.Fatalf("%v: other bits", s)
			}
		})
	})
}

// TestPanels compares all values, and zeros around them, with the definition, in memory that held others.
func TestPanels(t *testing.T) {
	everyBF16(t, func(t *testing.T) {
		r, p := rand.New(rand.NewPCG(21, 21)), new(Panels)
		for _, size := range [][2]int{{1, 1}, {70, 300}, {33, 65}, {64, 544}, {31, 31}} {
			rows, cols := size[0], size[1]
			p.Reset(rows, cols)
			x, cut := kerneltest.Spread(r, rows*cols), cols*2/3
			for i := range rows {
				p.SetRow(i, 0, x[i*cols:][:cut], 3)
				p.SetRow(i, cut, x[i*cols:][cut:cols], 0.7)
			}
			for i := range p.panels * bf16Tile {
				for j := range p.steps * bf16Step {
					want, got := float32(0), binary.LittleEndian.Uint16(p.data[p.at(i, j/bf16Step)+2*(j%bf16Step):])
					if i < rows && j < cut {
						want = x[i*cols+j] * 3
					} else if i < rows && j < cols {
						want = x[i*cols+j] * 0.7
					}
					if got != float16.BBits(want) {
						t.Fatalf("[%d,%d]: value (%d,%d) is %#x, want %g", rows, cols, i, j, got, want)
					}
				}
			}
		}
		if got := panicked(func() { p.SetRow(31, 0, make([]float32, 1), 1) }); !strings.Contains(got, "outside") {
			t.Errorf("a row too many: %q", got)
		}
	})
}

func TestProductRefusesWrongPanels(t *testing.T) {
	if !HasBF16() {
		t.Skip("this machine has no instructions for bfloat16")
	}
	left := new(Panels)
	left.Reset(2, 3)
	product := func() *Product {
		return &Product{M: 2, N: 4, K: 3, Left: left, B: []Rows{{Count: 3, F32: make([]float32, 12)}},
			C: [][]float32{make([]float32, 8)}}
	}
	product().BF16(nil) // all is well
	both, other := product(), product()
	both.A, other.TransA = make([]float32, 6), true
	for problem, run := range map[string]func(){
		"the product in float32": func() { product().Float32(nil) },
		"want [2,3] and no A":    func() { both.BF16(nil) },
		"[2,3], want [3,2]":      func() { other.BF16(nil) },
	} {
		if got := panicked(run); !strings.Contains(got, problem) {
			t.Errorf("want a panic with %q, got %q", problem, got)
		}
	}
}

// TestProductBitsDoNotDependOnThreads nor on where B and C are cut.
func TestProductBitsDoNotDependOnThreads(t *testing.T) {
	t.Run("float32", func(t *testing.T) { testProductBits(t, (*Product).Float32) })
	everyBF16(t, func(t *testing.T) { testProductBits(t, (*Product).BF16) })
}

func testProductBits(t *testing.T, run func(*Product, *parallel.Pool)) {
	var want [2][]float32
	for threads := 1; threads <= 3; threads++ {
		pool := parallel.New(threads)
		for i, parts := range []bool{false, true, false, true} {
			s := shape{m: 300, n: 70, k: 2500, form: 2, factors: true, accumulate: true, parts: parts}
			if i >= 2 {
				s.m, s.n = 30, 700
			}
			p := makeProduct(rand.New(rand.NewPCG(12, 12)), s)
			for i := range p.AFactors {
				p.AFactors[i].Of = p.AFactors[0].Of
			}
			run(&p.Product, pool)
			got := slices.Concat(p.C...)
			if want[i/2] == nil {
				want[i/2] = got
			}
			if !slices.Equal(got, want[i/2]) {
				t.Errorf("%d threads, [%d,%d], parts %v: other bits", threads, s.m, s.n, parts)
			}
		}
	}
}

// TestProductIntoColumns has the bits of a result of its own, and leaves the other columns alone.
func TestProductIntoColumns(t *testing.T) {
	t.Run("float32", func(t *testing.T) { testIntoColumns(t, (*Product).Float32) })
	everyBF16(t, func(t *testing.T) { testIntoColumns(t, (*Product).BF16) })
}

func testIntoColumns(t *testing.T, run func(*Product, *parallel.Pool)) {
	for _, size := range productSizes {
		const first, beside = 3, 8
		s := shape{m: size[0], n: size[1], k: size[2], factors: true, accumulate: true}
		p := makeProduct(rand.New(rand.NewPCG(13, 13)), s)
		wide := slices.Repeat([]float32{kerneltest.Guard}, s.m*(s.n+beside))
		columns := p.Product
		columns.C, columns.LDC = [][]float32{wide[first:][:(s.m-1)*(s.n+beside)+s.n]}, s.n+beside
		for i, v := range p.C[0] {
			wide[i/s.n*(s.n+beside)+i%s.n+first] = v
		}
		run(&p.Product, nil)
		run(&columns, parallel.New(3))
		for i, got := range wide {
			want, col := float32(kerneltest.Guard), i%(s.n+beside)-first
			if col >= 0 && col < s.n {
				want = p.C[0][i/(s.n+beside)*s.n+col]
			}
			if got != want {
				t.Fatalf("%v: value %d of the wide matrix is %g, want %g", s, i, got, want)
			}
		}
	}
}

func TestProductRefusesWrongSizes(t *testing.T) {
	for problem, spoil := range map[string]func(p *Product){
		"at least one":          func(p *Product) { p.K = 0 },
		"A holds":               func(p *Product) { p.LDA++ },
		"rows of 3":             func(p *Product) { p.LDA-- },
		"B hold":                func(p *Product) { p.B[0].F32 = p.B[0].F32[1:] },
		"B has":                 func(p *Product) { p.B[0] = Rows{Count: 2, F32: make([]float32, 8)} },
		"in int8 are":           func(p *Product) { p.B[0] = Rows{Count: 3, Int8: make([]int8, 12), Rounding: quant.ToNearest(1)} },
		"not plain float32":     func(p *Product) { p.TransB, p.B[0] = true, Rows{Count: 4, Int8: make([]int8, 12)} },
		"want rows of":          func(p *Product) { p.C[0] = p.C[0][1:] },
		"C holds":               func(p *Product) { p.C[0] = p.C[0][4:] },
		"rows 3 apart":          func(p *Product) { p.LDC = 3 },
		"1 factors of 3":        func(p *Product) { p.AFactors = []Factors{{3, make([]float32, 1)}} },
		"2 columns of A":        func(p *Product) { p.AFactors = []Factors{{2, make([]float32, 2)}} },
		"row factors":           func(p *Product) { p.RowFactor = make([]float32, 3) },
		"one of them":           func(p *Product) { p.B[0].Int8 = make([]int8, 12) },
		"in one of":             func(p *Product) { p.B[0].Source = stored{} },
		"[2,3] by [3,4]: A hol": func(p *Product) { p.A = nil },
	} {
		p := Product{M: 2, N: 4, K: 3, A: make([]float32, 6), LDA: 3,
			B: []Rows{{Count: 3, F32: make([]float32, 12)}}, C: [][]float32{make([]float32, 8)}}
		p.Float32(nil) // all is well
		spoil(&p)
		if got := panicked(func() { p.Float32(nil) }); !strings.Contains(got, problem) {
			t.Errorf("want a panic with %q, got %q", problem, got)
		}
	}
}

func panicked(f func()) (message string) {
	defer func() { message = fmt.Sprint(recover()) }()
	f()
	return ""
}

// TestStoredSums compares the implementations with plain Go, in rows wider than they fill.
func TestStoredSums(t *testing.T) {
	r := rand.New(rand.NewPCG(18, 18))
	everyImplementation(t, func(t *testing.T) {
		for _, cols := range []int{1, 31, 32} {
			const rows, width, first = 5, 41, 7
			sums, factor := kerneltest.Spread(r, rows*tileCols), kerneltest.Spread(r, rows)
			for _, add := range []bool{false, true} {
				got := kerneltest.Spread(r, rows*width)
				want := slices.Clone(got)
				storeSums(got[first:], width, sums, factor, cols, add)
				for i := range want {
					row, col := i/width, i%width-first
					if col < 0 || col >= cols {
						continue
					}
					product := float32(sums[row*tileCols+col] * factor[row])
					if add {
						product += want[i]
					}
					want[i] = product
				}
				if !slices.Equal(got, want) {
					t.Errorf("%d columns, add %v: %v, want %v", cols, add, got, want)
				}
			}
		}
	})
}

// TestProductOfManyColumns has more of them than are packed at a time.
func TestProductOfManyColumns(t *testing.T) {
	everyBF16(t, func(t *testing.T) {
		s := shape{m: 3, n: PackedValues/256 + 50, k: 5, form: 2, factors: true}
		p := makeProduct(rand.New(rand.NewPCG(16, 16)), s)
		p.BF16(nil)
		p.verify(t, s, func(v float64) float64 { return rounded(float32(v)) })
	})
}

// TestLateSums has the bits of a product whose result is read soon, in rows that can be written past
// the caches and in rows that cannot, and leaves alone what lies around it.
func TestLateSums(t *testing.T) {
	everyImplementation(t, func(t *testing.T) { testLate(t, (*Product).Float32) })
	everyBF16(t, func(t *testing.T) { testLate(t, (*Product).BF16) })
}

func testLate(t *testing.T, run func(*Product, *parallel.Pool)) {
	const lines, guard = 16, 64
	for _, s := range []shape{{m: 40, n: 96, k: 65}, {m: 33, n: 80, k: 2500}, {m: 20, n: 50, k: 30}} {
		s.factors = true
		soon, late := makeProduct(rand.New(rand.NewPCG(15, 15)), s), makeProduct(rand.New(rand.NewPCG(15, 15)), s)
		whole := slices.Repeat([]float32{kerneltest.Guard}, s.m*s.n+2*guard)
		first := guard
		for uintptr(unsafe.Pointer(&whole[first]))%(4*lines) != 0 {
			first--
		}
		late.Late, late.C = true, [][]float32{whole[first:][:s.m*s.n]}
		run(&soon.Product, nil)
		run(&late.Product, nil)
		if !slices.Equal(late.C[0], soon.C[0]) {
			t.Errorf("%v: other bits", s)
		}
		for i, v := range whole {
			if outside := i < first || i >= first+s.m*s.n; outside && v != kerneltest.Guard {
				t.Fatalf("%v: wrote %d values from the result on", s, i-first)
			}
		}
	}
}

// TestPackedPanels compares each implementation with the definition: eight rows to a panel,
// value by value, and what is missing is zero.
func TestPackedPanels(t *testing.T) {
	r := rand.New(rand.NewPCG(19, 19))
	everyImplementation(t, func(t *testing.T) {
		for _, transposed := range []bool{false, true} {
			for _, height := range []int{1, 7, 8, 9, 23, 40} {
				for _, depth := range []int{1, 15, 16, 17, 50} {
					lines, width := height, depth
					if transposed {
						lines, width = depth, height
					}
					m := newMatrix(kerneltest.Spread(r, (lines+2)*(width+5)), width+5, transposed)
					got := slices.Repeat([]float32{12345}, ceil(height, tileRows)*tileRows*depth+1)
					m.pack(got[:len(got)-1], 1, 2, height, depth)
					if got[len(got)-1] != 12345 {
						t.Errorf("%d rows of %d values: wrote outside", height, depth)
					}
					for i, v := range got[:len(got)-1] {
						row, value, want := i/(tileRows*depth)*tileRows+i%tileRows, i/tileRows%depth, float32(0)
						if row < height {
							want = m.data[(row+1)*m.row+(value+2)*m.col]
						}
						if v != want {
							t.Fatalf("%d rows of %d values, transposed %v: row %d, value %d is %g, want %g",
								height, depth, transposed, row, value, v, want)
						}
					}
				}
			}
		}
	})
}
