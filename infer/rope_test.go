package infer

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"trit/model"
)

// TestRotationIsTheFormula compares with angles and products written out, to the bit, in
// a table that was made in two steps.
func TestRotationIsTheFormula(t *testing.T) {
	const theta, heads = 500000, 3
	r := rand.New(rand.NewPCG(6, 6))
	for _, dim := range []int{2, 8, 48, 64, 80, 96, 128, 192} {
		table := newRopeTable(model.Config{HeadDim: dim, RopeTheta: theta})
		table.extend(nil, 7, false)
		angles := table.extend(nil, 301, false)
		for _, interleaved := range []bool{false, true} {
			for _, position := range []int{0, 1, 6, 7, 300} {
				row := normals(r, heads*dim)
				got := slices.Clone(row)
				angles.rotate(got, position, interleaved)
				for i := range heads * dim / 2 {
					pair := i % (dim / 2)
					x, y := i/(dim/2)*dim+pair, i/(dim/2)*dim+pair+dim/2
					if interleaved {
						x, y = 2*i, 2*i+1
					}
					angle := float64(position) * math.Pow(theta, -float64(pair)/float64(dim/2))
					c, s := float32(math.Cos(angle)), float32(math.Sin(angle))
					if got[x] != float32(row[x]*c)-float32(row[y]*s) || got[y] != float32(row[y]*c)+float32(row[x]*s) {
						t.Fatalf("dim %d, position %d, interleaved %v: pair %d is %g, %g", dim, position, interleaved, i, got[x], got[y])
					}
				}
			}
		}
	}
}

func BenchmarkRopeTable(b *testing.B) {
	for b.Loop() {
		newRopeTable(model.Config{HeadDim: 128, RopeTheta: 500000}).extend(nil, 4096, false)
	}
}

func BenchmarkRotate(b *testing.B) {
	angles, row := newRopeTable(model.Config{HeadDim: 128, RopeTheta: 500000}).extend(nil, 8, false), make([]float32, 25*128)
	for b.Loop() {
		angles.rotate(row, 5, false)
	}
}
