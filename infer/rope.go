package infer

import (
	"sync"

	"trit/bitlinear/kernel/vector"
	"trit/internal/parallel"
	"trit/model"
)

// ropeTable holds the rotary angles that sessions share; model.RotaryAngles defines them.
type ropeTable struct {
	frequencies []float64 // [head_dim/2]
	mu          sync.Mutex
	table       angles
}

func newRopeTable(c model.Config) *ropeTable {
	return &ropeTable{frequencies: c.RotaryFrequencies()}
}

// angles are cosine and sine of each position, [positions, head_dim/2].
type angles struct {
	half     int
	cos, sin []float32
}

// extend returns a table of at least positions positions. A later call may make a longer
// one, and never changes one that a session holds.
func (r *ropeTable) extend(pool *parallel.Pool, positions int) angles {
	r.mu.Lock()
	defer r.mu.Unlock()
	half, old := len(r.frequencies), r.table
	known := len(old.cos) / max(1, half)
	if positions <= known {
		return old
	}
	longer := angles{half, make([]float32, positions*half), make([]float32, positions*half)}
	copy(longer.cos, old.cos)
	copy(longer.sin, old.sin)
	pool.For(positions-known, max(1, 1<<10/max(1, half)), func(lo, hi int) {
		for t := known + lo; t < known+hi; t++ {
			model.RotaryAngles(r.frequencies, t, longer.cos[t*half:], longer.sin[t*half:])
		}
	})
	r.table = longer
	return longer
}

// rotate rotates every head of a row at position t: the pairs (i, i+half), or the adjacent
// pairs (2i, 2i+1) where interleaved.
func (a angles) rotate(row []float32, t int, interleaved bool) {
	half := a.half
	cos, sin := a.cos[t*half:][:half], a.sin[t*half:][:half]
	for ; len(row) > 0; row = row[2*half:] {
		if interleaved {
			rotateNeighbours(row[:2*half], cos, sin)
		} else {
			vector.Rotate(row[:half], row[half:2*half], cos, sin)
		}
	}
}

// rotateNeighbours is vector.Rotate for the pairs (2i, 2i+1).
func rotateNeighbours(head, cos, sin []float32) {
	for i, c := range cos {
		u, v, s := head[2*i], head[2*i+1], sin[i]
		head[2*i], head[2*i+1] = float32(u*c)-float32(v*s), float32(v*c)+float32(u*s)
	}
}
