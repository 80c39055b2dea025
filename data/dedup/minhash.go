package dedup

import (
	"math"
	"math/bits"
	"unicode"
)

// Texts are near duplicates if one of 14 bands of 8 MinHash values is equal, so of pairs that
// share 75 % of their shingles 77 % are found, of those that share 85 % 99 %, and 50 % 5 %. Shingles are 5 words
// that follow one another. Source: G. Penedo et al., The FineWeb Datasets, 2024, section 3.4.
const (
	bands        = 14
	rowsOfBand   = 8
	hashes       = bands * rowsOfBand
	shingleWords = 5
)

// multipliers and offsets are those of the hash functions, h(x) = (a*x + b) >> 32 of 64 bits, of which
// any two values are independent. Source: M. Dietzfelbinger, Universal Hashing and k-Wise Independent
// Random Variables via Integer Arithmetic without Primes, 1996.
var multipliers, offsets = functions()

func functions() (a, b [hashes]uint64) {
	for i := range a {
		a[i], b[i] = mix(uint64(2*i+1))|1, mix(uint64(2*i+2))
	}
	return a, b
}

// mix is the finaliser of SplitMix64, a permutation of 64 bits.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// signature is the least value of each hash function over the shingles of a text.
type signature [hashes]uint32

func signatureOf(text string) *signature {
	s := new(signature)
	for i := range s {
		s[i] = math.MaxUint32
	}
	var last [shingleWords]uint64 // hashes of words, the latest first
	n := 0
	eachWord(text, func(word uint64) {
		copy(last[1:], last[:shingleWords-1])
		last[0] = word
		if n++; n >= shingleWords {
			s.take(&last)
		}
	})
	if n < shingleWords {
		s.take(&last)
	}
	return s
}

// take takes a shingle.
func (s *signature) take(words *[shingleWords]uint64) {
	x := uint64(0)
	for _, w := range words {
		x = mix(bits.RotateLeft64(x, 5) ^ w)
	}
	for i := range s {
		s[i] = min(s[i], uint32((multipliers[i]*x+offsets[i])>>32))
	}
}

// keys are hashes of the bands.
func (s *signature) keys() []uint64 {
	keys := make([]uint64, bands)
	for i := range keys {
		key := uint64(i + 1)
		for _, v := range s[i*rowsOfBand : (i+1)*rowsOfBand] {
			key = mix(key ^ uint64(v))
		}
		keys[i] = key
	}
	return keys
}

// eachWord calls yield with a hash of each word, a run of letters and digits in lower case. In writing
// that has no spaces between words, each character is one.
func eachWord(text string, yield func(word uint64)) {
	const empty, prime = 0xcbf29ce484222325, 0x100000001b3 // FNV-1a
	h := uint64(empty)
	end := func() {
		if h != empty {
			yield(h)
			h = empty
		}
	}
	for _, r := range text {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			h = (h ^ uint64(r)) * prime
		case r >= 'A' && r <= 'Z':
			h = (h ^ uint64(r+'a'-'A')) * prime
		case r < 128 || !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r):
			end()
		case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai):
			end()
			yield((empty ^ uint64(r)) * prime)
		default:
			h = (h ^ uint64(unicode.ToLower(r))) * prime
		}
	}
	end()
}
