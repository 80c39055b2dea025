// Package gguf reads and writes GGUF files, the single-file format of llama.cpp and its
// kin, and converts their tensor types from and to float32.
package gguf

import (
	"fmt"
	"strings"

	"trit/internal/filekind"
)

// Type is the storage type of a tensor, with ggml's numbers.
type Type uint32

// The types of ggml that are in use, bitnet.cpp's I2_S, and PrismML's PQ2_0 and PTQ1_0.
const (
	F32    Type = 0
	F16    Type = 1
	Q4_0   Type = 2
	Q8_0   Type = 8
	Q4_K   Type = 12
	Q5_K   Type = 13
	Q6_K   Type = 14
	I8     Type = 24
	I16    Type = 25
	I32    Type = 26
	I64    Type = 27
	F64    Type = 28
	BF16   Type = 30
	TQ1_0  Type = 34
	TQ2_0  Type = 35
	I2_S   Type = 36
	Q1_0   Type = 41
	Q2_0   Type = 42 // files of spring 2026 have PQ2_0 under this number; see resolveQ2
	PQ2_0  Type = 142
	PTQ1_0 Type = 143
)

// layout is the name of a type, and the number of values and of bytes in a block of it.
type layout struct {
	name          string
	values, bytes uint64
}

var layouts = map[Type]layout{
	F32: {"F32", 1, 4}, F16: {"F16", 1, 2}, BF16: {"BF16", 1, 2}, F64: {"F64", 1, 8},
	I8: {"I8", 1, 1}, I16: {"I16", 1, 2}, I32: {"I32", 1, 4}, I64: {"I64", 1, 8},
	Q4_0: {"Q4_0", 32, 18}, 3: {"Q4_1", 32, 20}, 6: {"Q5_0", 32, 22}, 7: {"Q5_1", 32, 24}, Q8_0: {"Q8_0", 32, 34}, 9: {"Q8_1", 32, 36},
	10: {"Q2_K", 256, 84}, 11: {"Q3_K", 256, 110}, Q4_K: {"Q4_K", 256, 144}, Q5_K: {"Q5_K", 256, 176}, Q6_K: {"Q6_K", 256, 210}, 15: {"Q8_K", 256, 292},
	TQ1_0: {"TQ1_0", 256, 54}, TQ2_0: {"TQ2_0", 256, 66}, I2_S: {"I2_S", 128, 32},
	Q1_0: {"Q1_0", 128, 18}, Q2_0: {"Q2_0", 64, 18}, PQ2_0: {"PQ2_0", 128, 34}, PTQ1_0: {"PTQ1_0", 128, 28},
}

// i2sTail is what follows the codes of an I2_S tensor: the float32 scale and padding.
const i2sTail = 32

// String is ggml's name.
func (t Type) String() string {
	if l, ok := layouts[t]; ok {
		return l.name
	}
	return fmt.Sprintf("type %d", uint32(t))
}

// ParseType finds a type by its name, in any case.
func ParseType(name string) (Type, error) {
	for t, l := range layouts {
		if strings.EqualFold(l.name, name) {
			return t, nil
		}
	}
	return 0, fmt.Errorf("%q is not a tensor type", name)
}

// Size is the bytes of a tensor of the given dims, the row length first.
func (t Type) Size(dims []uint64) (uint64, error) {
	l, ok := layouts[t]
	if !ok {
		return 0, fmt.Errorf("tensor type %d is not known", uint32(t))
	}
	n := uint64(1)
	for _, d := range dims {
		if d > 1<<40 || d > 0 && n > 1<<48/d {
			return 0, fmt.Errorf("dims %v are out of range", dims)
		}
		n *= d
	}
	if len(dims) > 0 && dims[0]%l.values != 0 {
		return 0, fmt.Errorf("rows of %d values do not fit %s, which packs %d at a time: take another type, or a model "+
			"whose size is a multiple of %d", dims[0], l.name, l.values, l.values)
	}
	size := n / l.values * l.bytes
	if t == I2_S {
		size += i2sTail
	}
	return size, nil
}

// FormatError is a file that breaks the format.
type FormatError struct{ File, Field, Problem string }

// Error names the file, the field and the problem.
func (e *FormatError) Error() string {
	return fmt.Sprintf("%s: not a sound GGUF file: %s: %s; download or convert it again", e.File, e.Field, e.Problem)
}

// KindError is a file of another kind.
type KindError struct {
	File string
	Kind string // what it is, such as "a parquet file"; "" if that is not known
}

// Error names the file and what it is.
func (e *KindError) Error() string { return e.File + ": " + filekind.Not(e.Kind, "a GGUF file") }

// UnsupportedError is a sound file that holds what this package cannot read.
type UnsupportedError struct{ File, Field, Problem string }

// Error names the file, the field and the problem.
func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("%s: %s: %s", e.File, e.Field, e.Problem)
}

// Dims is a row-major shape in the order of the format, the row length first.
func Dims(shape []int) []uint64 {
	d := make([]uint64, len(shape))
	for i, n := range shape {
		d[len(shape)-1-i] = uint64(n)
	}
	return d
}
