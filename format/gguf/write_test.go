package gguf

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// A writer refuses tensors of another length than the header says, too many, and too few.
func TestWriterCounts(t *testing.T) {
	infos := []TensorInfo{{Name: "a", Type: F32, Dims: []uint64{2}}, {Name: "b", Type: F16, Dims: []uint64{4}}}
	var file bytes.Buffer
	w, err := NewWriter(&file, &Metadata{}, infos)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(make([]byte, 4))
	if err := w.EndTensor(); err == nil || !strings.Contains(err.Error(), "a: 4 bytes were written for F32 [2]: want 8") {
		t.Errorf("half a tensor: %v", err)
	}
	w.Write([]byte{0, 0, 0x80, 0x3f}) // 1
	if err := errors.Join(w.EndTensor()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err == nil || !strings.Contains(err.Error(), "b was not written") {
		t.Errorf("without b: %v", err)
	}
	w.Write([]byte{1, 2, 3, 4, 5, 6, 7, 8})
	if err := errors.Join(w.EndTensor(), w.Close()); err != nil {
		t.Fatal(err)
	}
	if err := w.EndTensor(); err == nil || !strings.Contains(err.Error(), "all tensors") {
		t.Errorf("a third tensor: %v", err)
	}
	f, err := Parse(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	values := make([]float32, 2)
	a, _ := f.Tensor("a")
	if err := Dequantize(a.Type, values, f.Data(a)); err != nil || values[0] != 0 || values[1] != 1 {
		t.Errorf("a holds %v, %v", values, err)
	}
	if b, _ := f.Tensor("b"); b.Offset != 32 || !bytes.Equal(f.Data(b), []byte{1, 2, 3, 4, 5, 6, 7, 8}) {
		t.Errorf("b at %d holds %v", b.Offset, f.Data(b))
	}
	if infos[1].Offset != 0 {
		t.Error("the caller's tensors were changed")
	}
}

func TestParseType(t *testing.T) {
	for typ, l := range layouts {
		if got, err := ParseType(strings.ToLower(l.name)); err != nil || got != typ {
			t.Errorf("%s: %v, %v", l.name, got, err)
		}
	}
	if _, err := ParseType("q2"); err == nil {
		t.Error("q2 is a type")
	}
}
