package intgrad

import (
	"slices"
	"sync"
)

// maxima are the largest values of columns, as bits, in as many parts as goroutines have set rows at the same time.
type maxima struct {
	lock      sync.Mutex
	all, free [][]uint32
}

// reset forgets all maxima, and makes room for n columns.
func (x *maxima) reset(n int) {
	for i, part := range x.all {
		x.all[i] = resize(part, n)
		clear(x.all[i])
	}
	x.free = append(x.free[:0], x.all...)
}

// take gives a part of n columns to a goroutine.
func (x *maxima) take(n int) (part []uint32) {
	x.lock.Lock()
	defer x.lock.Unlock()
	last := len(x.free) - 1
	if last < 0 {
		part = make([]uint32, n)
		x.all = append(x.all, part)
		return part
	}
	part, x.free = x.free[last], x.free[:last]
	return part
}

// give takes a part back.
func (x *maxima) give(part []uint32) {
	x.lock.Lock()
	defer x.lock.Unlock()
	x.free = append(x.free, part)
}

// largest returns the largest values of all parts.
func (x *maxima) largest() []uint32 {
	for _, part := range x.all[1:] {
		for i, v := range part {
			x.all[0][i] = max(x.all[0][i], v)
		}
	}
	return x.all[0]
}

func resize[T any](s []T, n int) []T { return slices.Grow(s[:0], n)[:n] }
