package gguf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"

	"trit/internal/atomicfile"
)

// Source is a tensor to be written: what it is, and a function that writes its bytes.
type Source struct {
	Name  string
	Type  Type
	Dims  []uint64 // row length first
	Write func(w io.Writer) error
}

// WriteFile writes a GGUF v3 file, whole or not at all, tensor after tensor in the
// given order, so that no more than one need be in memory.
func WriteFile(path string, meta *Metadata, tensors []Source) error {
	infos := make([]TensorInfo, len(tensors))
	for i, t := range tensors {
		infos[i] = TensorInfo{Name: t.Name, Type: t.Type, Dims: t.Dims}
	}
	return atomicfile.Write(path, func(to io.Writer) error {
		w, err := NewWriter(to, meta, infos)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for _, t := range tensors {
			if err := t.Write(w); err != nil {
				return fmt.Errorf("%s: %w", t.Name, err)
			}
			if err := w.EndTensor(); err != nil {
				return err
			}
		}
		return w.Close()
	})
}

// Writer writes a GGUF v3 file: the bytes of its tensors, in the order of the header, each
// ended by EndTensor.
type Writer struct {
	to      io.Writer
	tensors []TensorInfo // the current one is the first
	written uint64       // bytes of the current tensor
}

// NewWriter writes the header of a file with these tensors. Their offsets and sizes follow
// from types and dims, whatever they are set to.
func NewWriter(to io.Writer, meta *Metadata, tensors []TensorInfo) (*Writer, error) {
	tensors = slices.Clone(tensors)
	header, err := makeHeader(meta, tensors)
	if err != nil {
		return nil, err
	}
	_, err = to.Write(header)
	return &Writer{to: to, tensors: tensors}, err
}

// Write writes a part of the current tensor.
func (w *Writer) Write(b []byte) (int, error) {
	n, err := w.to.Write(b)
	w.written += uint64(n)
	return n, err
}

// EndTensor goes on to the next tensor. It is an error if the current one has another number
// of bytes than its type and dims say.
func (w *Writer) EndTensor() error {
	if len(w.tensors) == 0 {
		return errors.New("all tensors of the header were written already")
	}
	t := w.tensors[0]
	if w.written != t.Size {
		return fmt.Errorf("%s: %d bytes were written for %s %v: want %d", t.Name, w.written, t.Type, t.Dims, t.Size)
	}
	w.tensors, w.written = w.tensors[1:], 0
	_, err := w.to.Write(make([]byte, padding(t.Size)))
	return err
}

// Close reports an error if tensors of the header were not written.
func (w *Writer) Close() error {
	if len(w.tensors) > 0 {
		return fmt.Errorf("the tensor %s was not written", w.tensors[0].Name)
	}
	return nil
}

func padding(n uint64) uint64 { return -n % defaultAlignment }

// makeHeader sets offsets and sizes of the tensors too.
func makeHeader(meta *Metadata, tensors []TensorInfo) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(magic)
	putFixed(&b, uint32(3), uint64(len(tensors)), uint64(len(meta.Keys)))
	for _, key := range meta.Keys {
		putString(&b, key)
		value, _ := meta.Get(key)
		if err := putValue(&b, value); err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
	}
	offset := uint64(0)
	for i := range tensors {
		t := &tensors[i]
		size, err := t.Type.Size(t.Dims)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.Name, err)
		}
		t.Offset, t.Size = offset, size
		putString(&b, t.Name)
		putFixed(&b, uint32(len(t.Dims)), t.Dims, uint32(t.Type), offset)
		offset += size + padding(size)
	}
	b.Write(make([]byte, padding(uint64(b.Len()))))
	return b.Bytes(), nil
}

// putFixed writes values of fixed size, or slices of them.
func putFixed(b *bytes.Buffer, values ...any) {
	for _, v := range values {
		binary.Write(b, le, v) // a bytes.Buffer does not fail, and the types are fixed
	}
}

func putString(b *bytes.Buffer, s string) {
	putFixed(b, uint64(len(s)))
	b.WriteString(s)
}

// kindOf maps Go's kinds to the format's.
var kindOf = map[reflect.Kind]uint32{
	reflect.Uint8: kindUint8, reflect.Int8: kindInt8, reflect.Uint16: kindUint16, reflect.Int16: kindInt16, reflect.Uint32: kindUint32,
	reflect.Int32: kindInt32, reflect.Float32: kindFloat32, reflect.Bool: kindBool, reflect.String: kindString, reflect.Slice: kindArray,
	reflect.Uint64: kindUint64, reflect.Int64: kindInt64, reflect.Float64: kindFloat64,
}

func putValue(b *bytes.Buffer, value any) error {
	v := reflect.ValueOf(value)
	kind, ok := kindOf[v.Kind()]
	if !ok {
		return fmt.Errorf("a value of type %T cannot be written", value)
	}
	putFixed(b, kind)
	if kind != kindArray {
		putScalar(b, value)
		return nil
	}
	kind, ok = kindOf[v.Type().Elem().Kind()]
	if !ok || kind == kindArray {
		return fmt.Errorf("a value of type %T cannot be written", value)
	}
	putFixed(b, kind, uint64(v.Len()))
	for i := range v.Len() {
		putScalar(b, v.Index(i).Interface())
	}
	return nil
}

func putScalar(b *bytes.Buffer, value any) {
	if s, ok := value.(string); ok {
		putString(b, s)
		return
	}
	putFixed(b, value)
}
