package memory

import (
	"bytes"
	"slices"
	"testing"
	"unsafe"

	"trit/internal/float16"
	"trit/internal/parallel"
)

func TestRandomF16(t *testing.T) {
	halves := RandomF16(parallel.New(1), 100001, 1)
	for threads := 2; threads <= 3; threads++ {
		if !slices.Equal(RandomF16(parallel.New(threads), 100001, 1), halves) {
			t.Errorf("%d threads give other values than one", threads)
		}
	}
	if slices.Equal(RandomF16(nil, 100001, 2), halves) {
		t.Error("two seeds give the same values")
	}
	for i := 0; i < len(halves); i += 2 {
		v := float16.FromBits(uint16(halves[i]) | uint16(halves[i+1])<<8)
		if v = max(v, -v); v < 1.0/128 || v >= 1.0/64 {
			t.Fatalf("value %d is %g", i/2, v)
		}
	}
}

// TestAllocate: pieces are zero, of the length that was asked for, begin at a line of the cache, and
// share no byte.
func TestAllocate(t *testing.T) {
	var pieces [][]byte
	for i := range 200 {
		n := i * i * 97 // chunks are passed, and 64 MB are not
		piece := Allocate(n)
		if len(piece) != n || cap(piece) != n {
			t.Fatalf("%d bytes, with space for %d, want %d", len(piece), cap(piece), n)
		}
		if n > 0 && uintptr(unsafe.Pointer(&piece[0]))%64 != 0 {
			t.Errorf("piece %d begins within a line of the cache", i)
		}
		for _, v := range piece {
			if v != 0 {
				t.Fatalf("piece %d has a byte of another", i)
			}
		}
		for j := range piece {
			piece[j] = byte(i)
		}
		pieces = append(pieces, piece)
	}
	for i, piece := range pieces {
		if bytes.Count(piece, []byte{byte(i)}) != len(piece) {
			t.Errorf("piece %d was written to by another", i)
		}
	}
}

func TestCopyWeights(t *testing.T) {
	data := make([]byte, 33<<20+5)
	for i := range data {
		data[i] = byte(i * 7 >> 3)
	}
	released := 0
	got := CopyWeights(parallel.New(3), data, func(part []byte) { released += len(part) })
	if !bytes.Equal(got, data) {
		t.Error("the copy differs")
	}
	if released != len(data) {
		t.Errorf("%d bytes are not needed any more, want %d", released, len(data))
	}
}

func TestReaderReadsAll(t *testing.T) {
	r := NewReader(1 << 16)
	if got := r.Read(parallel.New(2)); got != 1<<16 {
		t.Errorf("read %d bytes, want %d", got, 1<<16)
	}
}
