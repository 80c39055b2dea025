package gguf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"reflect"

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
	return WriteFileChecked(path, meta, tensors, nil)
}

// WriteFileChecked is WriteFile with a look at the written file before it takes the place of
// path.
func WriteFileChecked(path string, meta *Metadata, tensors []Source, check func(written string) error) error {
	header, sizes, err := makeHeader(meta, tensors)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return atomicfile.WriteChecked(path, func(w io.Writer) error {
		if _, err := w.Write(header); err != nil {
			return err
		}
		for i, t := range tensors {
			c := &counter{w: w}
			if err := t.Write(c); err != nil {
				return fmt.Errorf("%s: %w", t.Name, err)
			}
			if c.n != sizes[i] {
				return fmt.Errorf("%s: %d bytes were written for %s %v: want %d", t.Name, c.n, t.Type, t.Dims, sizes[i])
			}
			if _, err := w.Write(make([]byte, padding(c.n))); err != nil {
				return err
			}
		}
		return nil
	}, check)
}

type counter struct {
	w io.Writer
	n uint64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += uint64(n)
	return n, err
}

func padding(n uint64) uint64 { return -n % defaultAlignment }

func makeHeader(meta *Metadata, tensors []Source) (header []byte, sizes []uint64, err error) {
	var b bytes.Buffer
	b.WriteString(magic)
	put(&b, uint32(3), uint64(len(tensors)), uint64(len(meta.Keys)))
	for _, key := range meta.Keys {
		putString(&b, key)
		value, _ := meta.Get(key)
		if err := putValue(&b, value); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", key, err)
		}
	}
	offset := uint64(0)
	for _, t := range tensors {
		size, err := t.Type.Size(t.Dims)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", t.Name, err)
		}
		putString(&b, t.Name)
		put(&b, uint32(len(t.Dims)), t.Dims, uint32(t.Type), offset)
		sizes = append(sizes, size)
		offset += size + padding(size)
	}
	b.Write(make([]byte, padding(uint64(b.Len()))))
	return b.Bytes(), sizes, nil
}

func put(b *bytes.Buffer, values ...any) {
	for _, v := range values {
		binary.Write(b, le, v) // a bytes.Buffer does not fail, and the types are fixed
	}
}

func putString(b *bytes.Buffer, s string) {
	put(b, uint64(len(s)))
	b.WriteString(s)
}

// kindOf maps the kinds of Go to those of the format.
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
	put(b, kind)
	if kind != kindArray {
		putScalar(b, value)
		return nil
	}
	kind, ok = kindOf[v.Type().Elem().Kind()]
	if !ok || kind == kindArray {
		return fmt.Errorf("a value of type %T cannot be written", value)
	}
	put(b, kind, uint64(v.Len()))
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
	put(b, value)
}
