package model

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"strings"

	"trit/setting"
)

// StoredWeight is a projection as it lies in a file.
type StoredWeight struct {
	Name string
	Kind string // type and shape: weights of different kinds are not compared
	Data []byte // the numbers or codes, without scales
	// Zero reports whether all weights are zero. It reads no more than it must.
	Zero func() bool
	// Release gives back the memory of a part of Data, which is read again when it is used again.
	Release func(part []byte) error
}

// release gives back the memory of a weight. Memory that stays is no fault.
func (w StoredWeight) release() { _ = w.Release(w.Data) }

// DeadWeights are warnings of projections that no training leaves: those that are all zero,
// and those that repeat another one byte for byte. Of sound weights it reads the beginning
// only, and it holds the memory of one at a time.
func DeadWeights(weights []StoredWeight) []setting.Note {
	var zero, repeated []string
	var live []StoredWeight
	for _, w := range weights {
		if w.Zero() {
			zero = append(zero, plain(w.Name))
		} else {
			live = append(live, w)
		}
		w.release()
	}
	first := func(w StoredWeight) string { return w.Kind + string(w.Data[:min(len(w.Data), fingerprintBytes)]) }
	seed := maphash.MakeSeed()
	whole := func(w StoredWeight) string { return fmt.Sprint(w.Kind, maphash.Bytes(seed, w.Data)) }
	for _, alike := range grouped(live, first) {
		if len(alike) == 1 {
			continue
		}
		for _, same := range grouped(alike, whole) {
			for _, w := range same[1:] {
				if bytes.Equal(w.Data, same[0].Data) {
					repeated = append(repeated, fmt.Sprintf("%s (of %s)", plain(w.Name), plain(same[0].Name)))
				}
			}
		}
	}
	return append(deadNote("projections are all zero", zero),
		deadNote("projections repeat the weights of another one byte for byte", repeated)...)
}

// fingerprintBytes is how much of a weight is compared first.
const fingerprintBytes = 512

// grouped splits weights by a key, in the order of their first ones.
func grouped(weights []StoredWeight, key func(StoredWeight) string) (groups [][]StoredWeight) {
	at := map[string]int{}
	for _, w := range weights {
		k := key(w)
		w.release()
		i, ok := at[k]
		if !ok {
			i = len(groups)
			at[k], groups = i, append(groups, nil)
		}
		groups[i] = append(groups[i], w)
	}
	return groups
}

// maxNamed is how many projections a warning names.
const maxNamed = 8

func deadNote(what string, names []string) []setting.Note {
	if len(names) == 0 {
		return nil
	}
	count, more := len(names), ""
	if n := len(names) - maxNamed; n > 0 {
		names, more = names[:maxNamed], fmt.Sprintf(" and %d more", n)
	}
	return []setting.Note{setting.Note(fmt.Sprintf("%s, which no training leaves (%d found): %s%s",
		what, count, strings.Join(names, ", "), more))}
}
