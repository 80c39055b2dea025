// Package ranks holds what data-parallel training needs of a job of several processes: a
// few collective operations (Comm), and on top of them an Exchange of gradients, weights and
// moments in which each rank owns a part of the optimiser's state (ZeRO stage 1,
// Rajbhandari et al. 2020).
//
// All arithmetic is done here, in the order of the ranks; a Comm only moves bytes. So sums
// have the same bits over any transport, and the bits of one rank that adds up the same
// gradients one after another.
//
// A bucket is a range of all weights laid one after another, and the unit that the ranks
// exchange. It is cut into one part for each rank; a Piece is the range of one weight in a
// part.
package ranks

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"unsafe"
)

// Comm joins the ranks of a job. All operations are collective: every rank calls the
// same ones in the same order with the same lengths, from one goroutine at a time, and
// each returns when this rank's part is done. After an error the job is lost.
//
// A slice of more than a few kilobytes should be one that is kept and used again.
// Network cards remember which memory they were given, and libraries learn through
// libc that it was freed, which Go does not go through.
type Comm interface {
	Rank() int // from 0
	Size() int // number of ranks
	// AllToAll sends the r-th of Size equal parts of src to rank r; the r-th part of
	// dst becomes what rank r sent here. dst and src are of one length and apart.
	AllToAll(dst, src []byte) error
	// AllGather makes dst, on every rank, the slices own of all ranks one after another.
	AllGather(dst, own []byte) error
	// Broadcast fills x with the bytes that it has on rank 0.
	Broadcast(x []byte) error
	// Abort ends the job on all ranks with a message: for errors that only this rank
	// knows of, while the others wait for it. It may be called at any time from any
	// goroutine. It does not return if ranks are processes.
	Abort(message string)
	// Close leaves the job. Every rank calls it when its work is done.
	Close() error
}

// AbortError is the error of operations after another rank has ended the job.
type AbortError struct {
	Rank    int
	Message string
}

// Error names the rank that ended the job.
func (e *AbortError) Error() string { return fmt.Sprintf("rank %d: %s", e.Rank, e.Message) }

// AllReduce replaces each x by its sum over the ranks. They are added in the order of the
// ranks, so that all have the same bits. It is for a few numbers.
func AllReduce(c Comm, x ...*float64) error {
	own, all := make([]byte, 8*len(x)), make([]byte, 8*len(x)*c.Size())
	for i, v := range x {
		binary.LittleEndian.PutUint64(own[8*i:], math.Float64bits(*v))
	}
	if err := c.AllGather(all, own); err != nil {
		return err
	}
	for i, v := range x {
		*v = 0
		for r := range c.Size() {
			*v += math.Float64frombits(binary.LittleEndian.Uint64(all[8*(r*len(x)+i):]))
		}
	}
	return nil
}

// AllReduceAny sets each flag on all ranks if it is set on any of them.
func AllReduceAny(c Comm, flags ...*bool) error {
	counts, at := make([]float64, len(flags)), make([]*float64, len(flags))
	for i, f := range flags {
		if at[i] = &counts[i]; *f {
			counts[i] = 1
		}
	}
	if err := AllReduce(c, at...); err != nil {
		return err
	}
	for i, f := range flags {
		*f = counts[i] > 0
	}
	return nil
}

// Agree returns the same error on all ranks unless value is the same on all. what names
// it, as in "the configuration".
func Agree(c Comm, what string, value []byte) error {
	own := sha256.Sum256(value)
	all := make([]byte, len(own)*c.Size())
	if err := c.AllGather(all, own[:]); err != nil {
		return err
	}
	for r := range c.Size() {
		if string(all[len(own)*r:][:len(own)]) != string(all[:len(own)]) {
			return fmt.Errorf("%s of rank %d differs from rank 0: start all ranks with the same files and options", what, r)
		}
	}
	return nil
}

// Broadcast sets v to its value on rank 0. It is sent as JSON, so it must be small.
func Broadcast[T any](c Comm, v *T) error {
	if c.Size() == 1 {
		return nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := BroadcastBytes(c, &text); err != nil || c.Rank() == 0 {
		return err
	}
	*v = *new(T)
	return json.Unmarshal(text, v)
}

// BroadcastBytes sets b to what it is on rank 0, of any length.
func BroadcastBytes(c Comm, b *[]byte) error {
	length := binary.LittleEndian.AppendUint64(nil, uint64(len(*b)))
	if err := c.Broadcast(length); err != nil {
		return err
	}
	if c.Rank() != 0 {
		*b = make([]byte, binary.LittleEndian.Uint64(length))
	}
	return c.Broadcast(*b)
}

// Collect returns the bytes of all ranks, which may be of different lengths, in the order of the
// ranks.
func Collect(c Comm, own []byte) ([][]byte, error) {
	lengths := make([]byte, 8*c.Size())
	if err := c.AllGather(lengths, binary.LittleEndian.AppendUint64(nil, uint64(len(own)))); err != nil {
		return nil, err
	}
	longest := uint64(0)
	for r := range c.Size() {
		longest = max(longest, binary.LittleEndian.Uint64(lengths[8*r:]))
	}
	padded, all := make([]byte, longest), make([]byte, longest*uint64(c.Size()))
	copy(padded, own)
	if err := c.AllGather(all, padded); err != nil {
		return nil, err
	}
	list := make([][]byte, c.Size())
	for r := range list {
		list[r] = all[longest*uint64(r):][:binary.LittleEndian.Uint64(lengths[8*r:])]
	}
	return list, nil
}

// checkLengths refuses what would write past the end of a slice: part bytes come from each
// rank into dst bytes.
func checkLengths(c Comm, dst, part int) error {
	if dst != part*c.Size() {
		return fmt.Errorf("%d bytes for %d from each of %d ranks: want %d", dst, part, c.Size(), part*c.Size())
	}
	return nil
}

// view is the memory of x. The ranks of a job have one byte order.
func view(x []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 4*len(x))
}
