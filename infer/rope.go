package infer

import (
	"math"
	"sync"

	"trit/bitlinear/kernel/vector"
	"trit/internal/parallel"
	"trit/model"
)

// ropeTable holds the rotary angles that sessions share; model.Rotary defines them.
type ropeTable struct {
	config model.Config
	mu     sync.Mutex
	tables [2]angles // of sessions with the short factors of longrope, or no factors, and with the long ones
}

func newRopeTable(c model.Config) *ropeTable { return &ropeTable{config: c} }

// angles are cosine and sine of each position, [positions, half]; 2*half of the head values of
// each head are turned.
type angles struct {
	head, half int
	cos, sin   []float32
}

// long reports whether sequences of up to capacity tokens are turned by the long factors.
func (r *ropeTable) long(capacity int) bool { return r.config.RotaryIsLong(capacity) }

// extend returns a table of at least positions positions. A later call may make a longer
// one, and never changes one that a session holds.
func (r *ropeTable) extend(pool *parallel.Pool, positions int, long bool) angles {
	r.mu.Lock()
	defer r.mu.Unlock()
	table, length := &r.tables[0], 1
	if long {
		table, length = &r.tables[1], math.MaxInt
	}
	half, old := r.config.RotaryDim()/2, *table
	known := len(old.cos) / max(1, half)
	if positions <= known {
		return old
	}
	rotary := r.config.Rotary(length)
	longer := angles{r.config.HeadDim, half, make([]float32, positions*half), make([]float32, positions*half)}
	copy(longer.cos, old.cos)
	copy(longer.sin, old.sin)
	pool.For(positions-known, max(1, 1<<10/max(1, half)), func(lo, hi int) {
		for t := known + lo; t < known+hi; t++ {
			rotary.Angles(t, longer.cos[t*half:], longer.sin[t*half:])
		}
	})
	*table = longer
	return longer
}

// rotate rotates the first 2*half values of every head of a row at position t: the pairs
// (i, i+half), or the adjacent pairs (2i, 2i+1) where interleaved.
func (a angles) rotate(row []float32, t int, interleaved bool) {
	half := a.half
	cos, sin := a.cos[t*half:][:half], a.sin[t*half:][:half]
	for ; len(row) > 0; row = row[a.head:] {
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
