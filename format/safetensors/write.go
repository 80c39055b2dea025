package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"trit/internal/atomicfile"
)

// Source is a tensor to be written: what it is, and a function that writes its bytes.
type Source struct {
	TensorInfo
	Write func(w io.Writer) error
}

// Float32Source is a tensor of float32 values in memory.
func Float32Source(name string, shape []int, data []float32) Source {
	return Source{TensorInfo{name, "F32", shape}, func(w io.Writer) error { return WriteFloat32(w, data) }}
}

// WriteFloat32 writes values as little-endian float32.
func WriteFloat32(w io.Writer, data []float32) error {
	const chunk = 1 << 14
	buf := make([]byte, 0, 4*min(chunk, len(data)))
	for len(data) > 0 {
		n := min(chunk, len(data))
		buf = buf[:0]
		for _, v := range data[:n] {
			buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(v))
		}
		if _, err := w.Write(buf); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// WriteFile writes tensors in the given order to path, whole or not at all.
func WriteFile(path string, metadata map[string]string, tensors []Source) error {
	return atomicfile.Write(path, func(w io.Writer) error {
		if err := Encode(w, metadata, tensors); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	})
}

// Encode writes a whole file to w, tensors in the given order. A source that writes
// another number of bytes than its type and shape say is an error.
func Encode(to io.Writer, metadata map[string]string, tensors []Source) error {
	infos := make([]TensorInfo, len(tensors))
	for i, t := range tensors {
		infos[i] = t.TensorInfo
	}
	w, err := NewWriter(to, metadata, infos)
	if err != nil {
		return err
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
}

// Writer writes a file: the bytes of its tensors, in the order of the header, each ended by
// EndTensor.
type Writer struct {
	to      io.Writer
	tensors []TensorInfo // the current one is the first
	written int          // bytes of the current tensor
}

// NewWriter writes the header of a file with these tensors and this free text.
func NewWriter(to io.Writer, metadata map[string]string, tensors []TensorInfo) (*Writer, error) {
	header, err := makeHeader(metadata, tensors)
	if err != nil {
		return nil, err
	}
	_, err = to.Write(header)
	return &Writer{to: to, tensors: tensors}, err
}

// Write writes a part of the current tensor.
func (w *Writer) Write(b []byte) (int, error) {
	n, err := w.to.Write(b)
	w.written += n
	return n, err
}

// EndTensor goes on to the next tensor. It is an error if the current one has another number
// of bytes than its type and shape say.
func (w *Writer) EndTensor() error {
	if len(w.tensors) == 0 {
		return errors.New("all tensors of the header were written already")
	}
	t := w.tensors[0]
	if w.written != t.Bytes() {
		return fmt.Errorf("%s: %d bytes were written for %s %v: want %d", t.Name, w.written, t.DType, t.Shape, t.Bytes())
	}
	w.tensors, w.written = w.tensors[1:], 0
	return nil
}

// Close reports an error if tensors of the header were not written.
func (w *Writer) Close() error {
	if len(w.tensors) > 0 {
		return fmt.Errorf("the tensor %s was not written", w.tensors[0].Name)
	}
	return nil
}

// makeHeader is the length and the JSON header, padded with spaces to 8 bytes.
func makeHeader(metadata map[string]string, tensors []TensorInfo) ([]byte, error) {
	var b bytes.Buffer
	b.Write(make([]byte, 8))
	b.WriteByte('{')
	if len(metadata) > 0 {
		m, err := json.Marshal(metadata)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, `%q:%s`, metadataKey, m)
	}
	offset, seen := uint64(0), map[string]bool{}
	for i, t := range tensors {
		size, problem := checkInfo(t)
		if problem != "" || seen[t.Name] {
			return nil, fmt.Errorf("tensor %q cannot be written: it stands twice or %s", t.Name, problem)
		}
		seen[t.Name] = true
		if i > 0 || len(metadata) > 0 {
			b.WriteByte(',')
		}
		name, _ := json.Marshal(t.Name)
		shape, _ := json.Marshal(append([]int{}, t.Shape...))
		fmt.Fprintf(&b, `%s:{"dtype":%q,"shape":%s,"data_offsets":[%d,%d]}`, name, t.DType, shape, offset, offset+size)
		offset += size
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	out := b.Bytes()
	binary.LittleEndian.PutUint64(out, uint64(len(out)-8))
	return out, nil
}
