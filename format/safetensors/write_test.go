package safetensors

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// A writer refuses tensors of another length than the header says, too many, and too few.
func TestWriterCounts(t *testing.T) {
	var file bytes.Buffer
	w, err := NewWriter(&file, nil, []TensorInfo{{"a", "F32", []int{1}}, {"b", "U8", []int{3}}})
	if err != nil {
		t.Fatal(err)
	}
	w.Write(make([]byte, 5))
	if err := w.EndTensor(); err == nil || !strings.Contains(err.Error(), "a: 5 bytes were written for F32 [1]: want 4") {
		t.Errorf("too long a tensor: %v", err)
	}
	file.Reset()
	if w, err = NewWriter(&file, nil, []TensorInfo{{"a", "F32", []int{1}}, {"b", "U8", []int{3}}}); err != nil {
		t.Fatal(err)
	}
	w.Write([]byte{0, 0})
	w.Write([]byte{0x80, 0x3f})
	if err := w.EndTensor(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err == nil || !strings.Contains(err.Error(), "b was not written") {
		t.Errorf("without b: %v", err)
	}
	w.Write([]byte{1, 2, 3})
	if err := errors.Join(w.EndTensor(), w.Close()); err != nil {
		t.Fatal(err)
	}
	if err := w.EndTensor(); err == nil || !strings.Contains(err.Error(), "all tensors") {
		t.Errorf("a third tensor: %v", err)
	}
	f, err := Parse("x", file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	a, err := f.Float32("a")
	b, errB := f.Bytes("b")
	if err != nil || errB != nil || a[0] != 1 || !bytes.Equal(b, []byte{1, 2, 3}) {
		t.Errorf("a %v, b %v: %v, %v", a, b, err, errB)
	}
}
