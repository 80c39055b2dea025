package data

import (
	"math/bits"
	"math/rand/v2"
)

// order is a permutation of documents: which of them comes at a place of an epoch. A saved position must mean the same
// in every later version, so none of them may change.
type order interface{ at(place int) int }

// keyedOrder is Manifest.Order of data sets whose order is computed. Others hold it in 4 bytes a document, as the runs
// that began with them did.
const keyedOrder = "keyed"

// keyedFrom is the number of documents from which a data set is prepared for a computed order. 100 billion tokens would
// hold hundreds of MiB.
const keyedFrom = 1 << 24

func orderOf(documents int64) string {
	if documents < keyedFrom {
		return ""
	}
	return keyedOrder
}

// listed is an order that is held.
type listed []uint32

func (l listed) at(place int) int { return int(l[place]) }

// shuffled is the order of Fisher and Yates, in the memory of the last one. It does not call rand.Shuffle, which may
// change with the standard library.
func shuffled(n int, seed, epoch uint64, last order) listed {
	list, ok := last.(listed)
	if !ok {
		list = make(listed, n)
	}
	random := rand.NewPCG(seed, epoch)
	for i := range list {
		list[i] = uint32(i)
	}
	for i := n - 1; i > 0; i-- {
		j, _ := bits.Mul64(random.Uint64(), uint64(i+1))
		list[i], list[j] = list[j], list[i]
	}
	return list
}

// keyedRounds is the number of rounds. Four make a permutation that cannot be told from a random one without
// knowing the key, if the rounds' functions cannot: M. Luby and C. Rackoff, How to Construct Pseudorandom Permutations
// from Pseudorandom Functions, 1988. Two more make up for the first
// number of a generator in the place of such a function.
const keyedRounds = 6

// keyed is an order that is computed place by place: a Feistel network over an even number of bits, which is applied
// again while its result is no document. Source: J. Black and P. Rogaway, Ciphers with Arbitrary Finite Domains, 2002,
// section 3 (cycle walking).
type keyed struct {
	n    uint64
	half uint // bits of a half
	keys [keyedRounds]uint64
}

func newKeyed(n int, seed, epoch uint64) *keyed {
	k := &keyed{n: uint64(n), half: uint(bits.Len64(uint64(max(n-1, 1)))+1) / 2}
	random := rand.NewPCG(seed, epoch)
	for i := range k.keys {
		k.keys[i] = random.Uint64()
	}
	return k
}

// at takes fewer than four applications on average, as the domain is smaller than four times n.
func (k *keyed) at(place int) int {
	x := k.permute(uint64(place))
	for x >= k.n {
		x = k.permute(x)
	}
	return int(x)
}

func (k *keyed) permute(x uint64) uint64 {
	mask := uint64(1)<<k.half - 1
	left, right := x>>k.half, x&mask
	for _, key := range k.keys {
		var f rand.PCG
		f.Seed(key, right)
		left, right = right, left^f.Uint64()&mask
	}
	return left<<k.half | right
}
