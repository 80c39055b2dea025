// Package safetensors reads and writes the safetensors format: a JSON header that
// names tensors, and their bytes one after another. Reading maps the file and checks
// every number in it first.
package safetensors

import (
	"fmt"
	"slices"

	"trit/internal/filekind"
)

// Limits of what a file may hold, far above any model, so that a hostile header
// cannot ask for much.
const (
	maxHeaderBytes = 100 << 20
	maxTensors     = 1 << 20
	maxDims        = 16
	maxNameBytes   = 1 << 10
	maxShards      = 1 << 12

	maxEntryBytes    = 1 << 12  // of a tensor in the header, beside its name
	maxMetadataBytes = 16 << 20 // of the header's free text
	maxIndexBytes    = 32 << 20
)

// metadataKey is the entry of the header with free text, the only one that is no tensor.
const metadataKey = "__metadata__"

// dtypeBits is the size of one element of every type of the format.
var dtypeBits = map[string]int{
	"F64": 64, "I64": 64, "U64": 64, "C64": 64, "F32": 32, "I32": 32, "U32": 32, "F16": 16, "BF16": 16, "I16": 16, "U16": 16,
	"F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "I8": 8, "U8": 8, "BOOL": 8, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4,
}

// TensorInfo describes one tensor: its type by the format's name ("F32", "BF16",
// "U8", ...) and its row-major shape.
type TensorInfo struct {
	Name  string `json:"name"`
	DType string `json:"dtype"`
	Shape []int  `json:"shape"`
}

// Elements is the number of values.
func (t TensorInfo) Elements() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Bytes is the size of the values.
func (t TensorInfo) Bytes() int { return (t.Elements()*dtypeBits[t.DType] + 7) / 8 }

// FormatError is a file that breaks the format.
type FormatError struct{ File, Field, Problem string }

// Error names the file, the field and the problem.
func (e *FormatError) Error() string {
	return fmt.Sprintf("%s: not a sound safetensors file: %s: %s; download or write it again", e.File, e.Field, e.Problem)
}

// KindError is a file of another kind.
type KindError struct {
	File string
	Kind string // what it is, such as "a GGUF file"; "" if that is not known
}

// Error names the file and what it is.
func (e *KindError) Error() string { return e.File + ": " + filekind.Not(e.Kind, "a safetensors file") }

// UnsupportedError is a sound file that holds what this package cannot convert.
type UnsupportedError struct{ File, Field, Problem string }

// Error names the file, the field and the problem.
func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("%s: %s: %s", e.File, e.Field, e.Problem)
}

// checkInfo tests name, type and shape, and returns the size in bytes.
func checkInfo(t TensorInfo) (size uint64, problem string) {
	bits, known := dtypeBits[t.DType]
	switch {
	case t.Name == "" || len(t.Name) > maxNameBytes:
		return 0, fmt.Sprintf("the name has %d bytes: want 1 to %d", len(t.Name), maxNameBytes)
	case !known:
		return 0, fmt.Sprintf("dtype is %q: want one of the format's types", t.DType)
	case len(t.Shape) > maxDims:
		return 0, fmt.Sprintf("the shape has %d dimensions: want at most %d", len(t.Shape), maxDims)
	}
	elements := uint64(1)
	for _, d := range t.Shape {
		if d < 0 || d > 1<<40 || d > 0 && elements > 1<<50/uint64(d) {
			return 0, fmt.Sprintf("shape %v is out of range", t.Shape)
		}
		elements *= uint64(d)
	}
	return (elements*uint64(bits) + 7) / 8, ""
}

// Tensors lists all tensors in the order of the file.
func (f *File) Tensors() []TensorInfo { return slices.Clone(f.order) }

// Tensor looks a tensor up by name.
func (f *File) Tensor(name string) (TensorInfo, bool) {
	e, ok := f.entries[name]
	return e.info, ok
}
