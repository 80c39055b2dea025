package infer

import (
	"math"
	"sync"
)

// ropeTable holds cosine and sine of the rotary angles, [positions, head_dim/2] each.
type ropeTable struct {
	half  int
	theta float64
	mu    sync.Mutex
	table angles
}

func newRopeTable(headDim int, theta float64) *ropeTable {
	return &ropeTable{half: headDim / 2, theta: theta}
}

// angles are cosine and sine of each position.
type angles [][2][]float32

// extend makes the table reach to so many positions and returns it; sessions keep what
// they got, since a later call makes a longer one.
func (r *ropeTable) extend(positions int) angles {
	r.mu.Lock()
	defer r.mu.Unlock()
	table := r.table
	for t := len(table); t < positions; t++ {
		cos, sin := make([]float32, r.half), make([]float32, r.half)
		for i := range r.half {
			angle := float64(t) * math.Pow(r.theta, -float64(i)/float64(r.half))
			cos[i], sin[i] = float32(math.Cos(angle)), float32(math.Sin(angle))
		}
		table = append(table, [2][]float32{cos, sin})
	}
	r.table = table
	return table
}

// rotate turns every head of a row at position t: the pairs (i, i+half), or the pairs
// of neighbours where interleaved.
func (a angles) rotate(row []float32, t int, interleaved bool) {
	cos, sin := a[t][0], a[t][1]
	half := len(cos)
	for h := 0; h < len(row); h += 2 * half {
		head := row[h:][:2*half]
		for i, c := range cos {
			x, y := i, i+half
			if interleaved {
				x, y = 2*i, 2*i+1
			}
			u, v := head[x], head[y]
			head[x], head[y] = u*c-v*sin[i], v*c+u*sin[i]
		}
	}
}
