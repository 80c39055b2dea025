package gguf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"trit/internal/filekind"
	"trit/internal/mmap"
)

// Limits of what a file may hold, far above any model.
const (
	maxKeys        = 1 << 16
	maxTensors     = 1 << 20
	maxDims        = 4
	maxNameBytes   = 1 << 12
	maxStringBytes = 1 << 26 // a whole tokenizer.json
	maxArray       = 1 << 24
	maxAlignment   = 1 << 20
)

const (
	magic            = "GGUF"
	defaultAlignment = 32
)

// TensorInfo describes a tensor. Dims has the row length first; Offset counts from the
// beginning of the data.
type TensorInfo struct {
	Name   string
	Type   Type
	Dims   []uint64
	Offset uint64
	Size   uint64
}

// File is an open GGUF file.
type File struct {
	Version  uint32
	Metadata Metadata
	Tensors  []TensorInfo
	path     string
	mapped   *mmap.File
	data     []byte // from the first tensor on
	index    map[string]int
}

// Open maps a file and checks its header.
func Open(path string) (*File, error) {
	m, err := mmap.Open(path)
	if err != nil {
		return nil, err
	}
	f, err := parse(path, m.Data)
	if err != nil {
		m.Close()
		return nil, err
	}
	f.mapped = m
	return f, nil
}

// Parse reads a file in memory.
func Parse(data []byte) (*File, error) { return parse("GGUF", data) }

// Close gives the mapped memory back; slices from Data are invalid then.
func (f *File) Close() error {
	if f.mapped == nil {
		return nil
	}
	return f.mapped.Close()
}

// Path is the name that the file was opened by.
func (f *File) Path() string { return f.path }

// Tensor looks a tensor up by name.
func (f *File) Tensor(name string) (TensorInfo, bool) {
	i, ok := f.index[name]
	if !ok {
		return TensorInfo{}, false
	}
	return f.Tensors[i], true
}

// Data is the bytes of a tensor, without a copy.
func (f *File) Data(t TensorInfo) []byte { return f.data[t.Offset : t.Offset+t.Size] }

// Release gives back the memory of a part of Data until it is used again.
func (f *File) Release(part []byte) error {
	if f.mapped == nil {
		return nil
	}
	return f.mapped.Release(part)
}

// reader reads values from a byte slice one after another; it keeps the first error.
type reader struct {
	path string
	data []byte
	at   int
	err  error
}

func (r *reader) fail(field, format string, args ...any) {
	if r.err == nil {
		r.err = &FormatError{r.path, field, fmt.Sprintf(format, args...)}
	}
}

func (r *reader) bytes(n uint64, field string) []byte {
	if r.err == nil && n > uint64(len(r.data)-r.at) {
		r.fail(field, "%d bytes are wanted at byte %d of %d", n, r.at, len(r.data))
	}
	if r.err != nil {
		return nil
	}
	b := r.data[r.at : r.at+int(n)]
	r.at += int(n)
	return b
}

func (r *reader) uint(size uint64, field string) uint64 {
	b := r.bytes(size, field)
	var v uint64
	for i := range b {
		v |= uint64(b[i]) << (8 * i)
	}
	return v
}

func (r *reader) string(limit uint64, field string) string {
	n := r.uint(8, field)
	if n > limit {
		r.fail(field, "a string of %d bytes: want at most %d", n, limit)
	}
	return string(r.bytes(n, field))
}

func parse(path string, data []byte) (*File, error) {
	if !bytes.HasPrefix(data, []byte(magic)) {
		return nil, &KindError{path, filekind.Name(data)}
	}
	r := &reader{path: path, data: data, at: len(magic)}
	f := &File{path: path, Version: uint32(r.uint(4, "version")), index: map[string]int{}}
	if v := bits.ReverseBytes32(f.Version); r.err == nil && (v == 2 || v == 3) {
		return nil, &UnsupportedError{path, "version", "the file is big-endian, for other machines: convert the model " +
			"again, or turn its bytes with llama.cpp's gguf_convert_endian.py"}
	}
	if r.err == nil && f.Version != 2 && f.Version != 3 {
		return nil, &UnsupportedError{path, "version", fmt.Sprintf("%d is not supported: want 2 or 3", f.Version)}
	}
	tensors, keys := r.uint(8, "tensor count"), r.uint(8, "key count")
	if tensors > maxTensors || keys > maxKeys {
		r.fail("counts", "%d tensors and %d keys: want at most %d and %d", tensors, keys, maxTensors, maxKeys)
	}
	for i := uint64(0); i < keys && r.err == nil; i++ {
		key := r.string(maxNameBytes, "key")
		if _, twice := f.Metadata.Get(key); twice {
			r.fail(key, "the key stands twice")
		}
		f.Metadata.Set(key, r.value(uint32(r.uint(4, key)), key))
	}
	for i := uint64(0); i < tensors && r.err == nil; i++ {
		f.addTensor(r)
	}
	if r.err != nil {
		return nil, r.err
	}
	return f, f.placeTensors(r)
}

// Kinds of metadata values, with the format's numbers.
const (
	kindUint8 = iota
	kindInt8
	kindUint16
	kindInt16
	kindUint32
	kindInt32
	kindFloat32
	kindBool
	kindString
	kindArray
	kindUint64
	kindInt64
	kindFloat64
)

func (r *reader) value(kind uint32, key string) any {
	switch kind {
	case kindUint8:
		return uint8(r.uint(1, key))
	case kindInt8:
		return int8(r.uint(1, key))
	case kindUint16:
		return uint16(r.uint(2, key))
	case kindInt16:
		return int16(r.uint(2, key))
	case kindUint32:
		return uint32(r.uint(4, key))
	case kindInt32:
		return int32(r.uint(4, key))
	case kindFloat32:
		return math.Float32frombits(uint32(r.uint(4, key)))
	case kindBool:
		return r.uint(1, key) != 0
	case kindString:
		return r.string(maxStringBytes, key)
	case kindArray:
		return r.array(key)
	case kindUint64:
		return r.uint(8, key)
	case kindInt64:
		return int64(r.uint(8, key))
	case kindFloat64:
		return math.Float64frombits(r.uint(8, key))
	}
	r.fail(key, "value type %d is not one of the format's", kind)
	return nil
}

func (r *reader) array(key string) any {
	kind, n := uint32(r.uint(4, key)), r.uint(8, key)
	// Every element takes at least a byte, so a list cannot be longer than the file.
	if n > maxArray || n > uint64(len(r.data)) {
		r.fail(key, "a list of %d values: want at most %d", n, maxArray)
		return nil
	}
	switch kind {
	case kindUint8:
		return list[uint8](r, kind, n, key)
	case kindInt8:
		return list[int8](r, kind, n, key)
	case kindUint16:
		return list[uint16](r, kind, n, key)
	case kindInt16:
		return list[int16](r, kind, n, key)
	case kindUint32:
		return list[uint32](r, kind, n, key)
	case kindInt32:
		return list[int32](r, kind, n, key)
	case kindFloat32:
		return list[float32](r, kind, n, key)
	case kindBool:
		return list[bool](r, kind, n, key)
	case kindString:
		return list[string](r, kind, n, key)
	case kindUint64:
		return list[uint64](r, kind, n, key)
	case kindInt64:
		return list[int64](r, kind, n, key)
	case kindFloat64:
		return list[float64](r, kind, n, key)
	}
	r.fail(key, "lists of value type %d are not read", kind)
	return nil
}

func list[T any](r *reader, kind uint32, n uint64, key string) []T {
	var out []T
	for i := uint64(0); i < n && r.err == nil; i++ {
		if v, ok := r.value(kind, key).(T); ok {
			out = append(out, v)
		}
	}
	return out
}

func (f *File) addTensor(r *reader) {
	t := TensorInfo{Name: r.string(maxNameBytes, "tensor name")}
	dims := r.uint(4, t.Name)
	if dims > maxDims {
		r.fail(t.Name, "%d dimensions: want at most %d", dims, maxDims)
		return
	}
	for range dims {
		t.Dims = append(t.Dims, r.uint(8, t.Name))
	}
	t.Type, t.Offset = Type(r.uint(4, t.Name)), r.uint(8, t.Name)
	if r.err != nil {
		return
	}
	if _, twice := f.index[t.Name]; twice {
		r.fail(t.Name, "the tensor stands twice")
	}
	size, err := t.Type.Size(t.Dims)
	if err != nil {
		r.fail(t.Name, "%v", err)
	}
	t.Size = size
	f.index[t.Name] = len(f.Tensors)
	f.Tensors = append(f.Tensors, t)
}

// placeTensors checks that the tensors lie inside the file and not on each other.
func (f *File) placeTensors(r *reader) error {
	alignment := uint64(defaultAlignment)
	if a, ok := f.Metadata.Uint("general.alignment"); ok {
		alignment = a
	}
	if alignment == 0 || alignment > maxAlignment || alignment&(alignment-1) != 0 {
		return &FormatError{f.path, "general.alignment",
			fmt.Sprintf("%d: want a power of two up to %d", alignment, maxAlignment)}
	}
	start := (uint64(r.at) + alignment - 1) / alignment * alignment
	if len(f.Tensors) > 0 && start > uint64(len(r.data)) {
		return &FormatError{f.path, "data", "the file ends before its tensors"}
	}
	f.data = r.data[min(start, uint64(len(r.data))):]
	order := slices.Clone(f.Tensors)
	slices.SortFunc(order, func(a, b TensorInfo) int {
		if a.Offset < b.Offset {
			return -1
		}
		return 1
	})
	f.resolveQ2(order, alignment)
	end := uint64(0)
	for _, t := range order {
		switch {
		case t.Offset%alignment != 0:
			return &FormatError{f.path, t.Name,
				fmt.Sprintf("offset %d is not a multiple of the alignment %d", t.Offset, alignment)}
		case t.Offset < end:
			return &FormatError{f.path, t.Name, fmt.Sprintf("begins at %d, inside the tensor that ends at %d", t.Offset, end)}
		case t.Size > uint64(len(f.data)) || t.Offset > uint64(len(f.data))-t.Size:
			return &FormatError{f.path, t.Name,
				fmt.Sprintf("%d bytes at %d: the data ends at %d; the file is cut short", t.Size, t.Offset, len(f.data))}
		}
		end = t.Offset + t.Size
	}
	return f.checkQ2(order, alignment)
}

var le = binary.LittleEndian
