// Package preference holds what learning from pairs needs beside their loss (graph.Preference): the
// log-probabilities of the reference, computed once and kept in the folder of the run, and the
// figures of many pairs.
//
// The reference is the model that the run begins with. An adapter is zero at its first step, so the
// model that it is trained on is the same reference.
package preference

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"slices"

	"trit/data"
	"trit/format/safetensors"
	"trit/train/graph"
)

// File is the name of the file of a Reference in the folder of a run.
const File = "reference.safetensors"

// rowKey stands for a row: the first bytes of a hash of its tokens and targets.
type rowKey [16]byte

// Reference knows the log-probability of rows by the reference, a sum over the targets of each. It
// knows a row by its tokens and targets, wherever it is in the data.
type Reference struct {
	dataset, base string
	rows          map[rowKey]float64
}

// New is a Reference that knows no row yet. dataset is the fingerprint of the data, and base the one
// of the model (see Base).
func New(dataset, base string) *Reference {
	return &Reference{dataset, base, map[rowKey]float64{}}
}

// Base is the fingerprint of a model that computes with a share lambda of the rounding.
func Base(p *graph.Params, lambda float64) (string, error) {
	h := sha256.New()
	if err := json.NewEncoder(h).Encode([]any{p.Config, lambda}); err != nil {
		return "", err
	}
	if b := p.Base(); b != nil {
		fmt.Fprintln(h, b.Fingerprint())
	}
	for _, spec := range p.Specs() {
		if err := safetensors.WriteFloat32(h, p.Value(spec.Name)); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// keys are the keys of the rows of a batch. A row without targets, which is padding, has none.
func keys(b *data.Batch, rows int, use func(row int, k rowKey)) {
	length := len(b.Tokens) / rows
	buffer := make([]byte, 0, 8*length)
	for r := range rows {
		tokens, targets := b.Tokens[r*length:][:length], b.Targets[r*length:][:length]
		last := length
		for last > 0 && targets[last-1] < 0 { // what follows is padding of any length
			last--
		}
		if last == 0 {
			continue
		}
		buffer = buffer[:0]
		for i := range last {
			buffer = binary.LittleEndian.AppendUint32(buffer, uint32(tokens[i]))
			buffer = binary.LittleEndian.AppendUint32(buffer, uint32(targets[i]))
		}
		sum := sha256.Sum256(buffer)
		use(r, rowKey(sum[:]))
	}
}

// Fill writes the log-probabilities of the rows of a batch to dst, which has one place for each row. It
// reports whether all are known.
func (f *Reference) Fill(dst []float64, b *data.Batch) (known bool) {
	known = true
	clear(dst)
	keys(b, len(dst), func(row int, k rowKey) {
		v, found := f.rows[k]
		dst[row], known = v, known && found
	})
	return known
}

// Add takes what the reference gave for the pairs of a batch.
func (f *Reference) Add(b *data.Batch, pairs []graph.Pair) {
	keys(b, 2*len(pairs), func(row int, k rowKey) { f.rows[k] = pairs[row/2].LogProbs[row%2] })
}

// Len is the number of rows that are known.
func (f *Reference) Len() int { return len(f.rows) }

// entryBytes is the size of a row in the file: key and log-probability.
const entryBytes = 16 + 8

// Encode returns the rows as bytes, in the order of their keys.
func (f *Reference) Encode() []byte {
	order := slices.SortedFunc(maps.Keys(f.rows), func(a, b rowKey) int { return cmp.Compare(string(a[:]), string(b[:])) })
	out := make([]byte, 0, entryBytes*len(order))
	for _, k := range order {
		out = append(out, k[:]...)
		out = binary.LittleEndian.AppendUint64(out, math.Float64bits(f.rows[k]))
	}
	return out
}

// Decode adds the rows that Encode made bytes of.
func (f *Reference) Decode(b []byte) error {
	if len(b)%entryBytes != 0 {
		return fmt.Errorf("%d bytes: want a multiple of %d", len(b), entryBytes)
	}
	for ; len(b) > 0; b = b[entryBytes:] {
		v := math.Float64frombits(binary.LittleEndian.Uint64(b[16:]))
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("a log-probability is %g: want a finite number", v)
		}
		f.rows[rowKey(b[:16])] = v
	}
	return nil
}

// rowsTensor is the tensor of the file that holds all rows.
const rowsTensor = "rows"

// Save writes the rows to a file, whole or not at all.
func (f *Reference) Save(path string) error {
	b := f.Encode()
	sum := sha256.Sum256(b)
	return safetensors.WriteFile(path,
		map[string]string{"dataset": f.dataset, "base": f.base, "sha256": hex.EncodeToString(sum[:])},
		[]safetensors.Source{{
			TensorInfo: safetensors.TensorInfo{Name: rowsTensor, DType: "U8", Shape: []int{len(f.rows), entryBytes}},
			Write: func(w io.Writer) error {
				_, err := w.Write(b)
				return err
			},
		}})
}

// ErrOther is that a file holds log-probabilities of other data or of another model.
var ErrOther = errors.New("it holds the log-probabilities of other data or of another model")

// Open reads the file of a run on the data with the fingerprint dataset. base is the fingerprint of
// the model; "" takes any, for a run that has moved its weights since. The error is ErrOther if the
// file belongs to something else, and fs.ErrNotExist if there is none.
func Open(path, dataset, base string) (*Reference, error) {
	file, err := safetensors.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	m := file.Metadata()
	if m["dataset"] != dataset || base != "" && m["base"] != base {
		return nil, fmt.Errorf("%s: %w", path, ErrOther)
	}
	b, err := file.Bytes(rowsTensor)
	if err != nil {
		return nil, err
	}
	f := New(dataset, m["base"])
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != m["sha256"] {
		err = errors.New("its checksum is another: the file is damaged")
	} else {
		err = f.Decode(b)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// Missing reports whether an error of Open means that the file has to be made: there is none, or it
// belongs to something else.
func Missing(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrOther) }
