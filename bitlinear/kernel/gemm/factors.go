package gemm

// Factors multiply a range of columns of the stored A of a Product, so that a scaled copy of A need
// not be made: A is read twice for the gradients of a layer, and once more for each copy.
type Factors struct {
	Columns int
	Of      []float32 // by stored row
}

// factors are those of all columns; nil for ones.
type factors []Factors

// at returns the factors by row of the columns [lo,hi), and whether these have the same.
func (f factors) at(lo, hi int) (of []float32, same bool) {
	if f == nil {
		return nil, true
	}
	i := 0
	for ; lo >= f[i].Columns; i++ {
		lo, hi = lo-f[i].Columns, hi-f[i].Columns
	}
	return f[i].Of, hi <= f[i].Columns
}

// element is element (i,j) of a matrix.
func (m matrix) element(i, j int) float32 {
	v := m.data[i*m.row+j*m.col]
	if m.factors == nil {
		return v
	}
	if m.transposed {
		i, j = j, i
	}
	of, _ := m.factors.at(j, j+1)
	return v * of[i]
}

// scale multiplies panels of tileRows rows by the factors of the rows [i,i+height) and columns
// [k,k+depth), as pack left them.
func (m matrix) scale(panels []float32, i, k, height, depth int) {
	for first := 0; first < height; first += tileRows {
		panel := panels[first*depth:]
		for v := range depth {
			lines := panel[v*tileRows:][:tileRows]
			m.scaleLine(lines[:min(tileRows, height-first)], i+first, k+v)
		}
	}
}

// scaleLine multiplies the values of column j, of the rows from i on.
func (m matrix) scaleLine(line []float32, i, j int) {
	if !m.transposed {
		of, _ := m.factors.at(j, j+1)
		for l, f := range of[i:][:len(line)] {
			line[l] *= f
		}
		return
	}
	of, same := m.factors.at(i, i+len(line))
	for l := range line {
		if !same {
			of, _ = m.factors.at(i+l, i+l+1)
		}
		line[l] *= of[j]
	}
}
