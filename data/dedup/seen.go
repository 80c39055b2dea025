package dedup

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"strconv"

	"trit/setting"
)

// Mode is which duplicates are looked for.
type Mode string

// The modes.
const (
	Keep  Mode = "keep"  // none
	Exact Mode = "exact" // texts that are the same byte by byte
	Near  Mode = "near"  // and texts that share most runs of five words
)

// Modes are all of them.
var Modes = []Mode{Keep, Exact, Near}

// DefaultMemory is the size of a filter in bytes.
const DefaultMemory = 512 << 20

// Verdict is what Seen says of a text.
type Verdict string

// The verdicts.
const (
	New           Verdict = ""
	SameText      Verdict = "exact duplicate"
	NearDuplicate Verdict = "near duplicate"
)

// Keys are the hashes by which a text is known: the first of the whole text, the others of bands of its
// MinHash values.
func Keys(text string, mode Mode) []uint64 {
	if mode != Exact && mode != Near {
		return nil
	}
	sum := sha256.Sum256([]byte(text))
	keys := []uint64{binary.LittleEndian.Uint64(sum[:])}
	if mode == Near {
		keys = append(keys, signatureOf(text).keys()...)
	}
	return keys
}

// Seen remembers the keys of texts in a Bloom filter: it forgets none, and takes a new text for a
// duplicate with the probability FalseRate. It is not safe for concurrent use.
type Seen struct {
	bits  []uint64
	keys  uint64
	width int // keys of a text
}

// probes is the number of bits of a key. It is the best number at 14 bits of memory a key, and leaves
// fewer than one key in 10000 in doubt from 20 on.
const probes = 10

// NewSeen makes an empty filter of a size in bytes, 0 = DefaultMemory.
func NewSeen(memory int64) (*Seen, error) {
	if memory == 0 {
		memory = DefaultMemory
	}
	if memory < 1<<10 || memory > 1<<40 {
		return nil, &setting.Error{Field: "dedup.NewSeen", Found: strconv.FormatInt(memory, 10), Wanted: "1 KiB to 1 TiB"}
	}
	return &Seen{bits: make([]uint64, memory/8)}, nil
}

// Check says whether a text with these keys was seen, and remembers it if it was not.
func (s *Seen) Check(keys []uint64) Verdict {
	for i, key := range keys {
		if s.has(key) {
			if i == 0 {
				return SameText
			}
			return NearDuplicate
		}
	}
	s.Add(keys)
	return New
}

// Add remembers the keys of a text.
func (s *Seen) Add(keys []uint64) {
	s.width = max(s.width, len(keys))
	for _, key := range keys {
		s.keys++
		for word, bit := range s.places(key) {
			s.bits[word] |= bit
		}
	}
}

func (s *Seen) has(key uint64) bool {
	for word, bit := range s.places(key) {
		if s.bits[word]&bit == 0 {
			return false
		}
	}
	return true
}

// places yields the bits of a key. Source: A. Kirsch and M. Mitzenmacher, Less Hashing, Same
// Performance: Building a Better Bloom Filter, 2006.
func (s *Seen) places(key uint64) func(yield func(word, bit uint64) bool) {
	step, size := mix(key)|1, uint64(len(s.bits))*64
	return func(yield func(word, bit uint64) bool) {
		for range probes {
			at := key % size
			if !yield(at/64, 1<<(at%64)) {
				return
			}
			key += step
		}
	}
}

// FalseRate is the probability with which the next new text is taken for a duplicate.
func (s *Seen) FalseRate() float64 {
	return FalseRate(int64(len(s.bits))*8, float64(s.keys), float64(s.width))
}

// FalseRate is that of a filter of a size in bytes that holds a number of keys, for a text of width
// keys.
func FalseRate(memory int64, keys, width float64) float64 {
	full := 1 - math.Exp(-probes*keys/(float64(memory)*8))
	return 1 - math.Pow(1-math.Pow(full, probes), width)
}

// Width is the number of keys of a text.
func (m Mode) Width() int {
	switch m {
	case Exact:
		return 1
	case Near:
		return 1 + bands
	}
	return 0
}
