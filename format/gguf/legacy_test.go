package gguf

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// numbered42 is a file of tensors whose type has the number 42, with as many rows of 256 values each
// as the list says, in groups of 64 or of 128.
func numbered42(t *testing.T, typ Type, rows ...int) []byte {
	t.Helper()
	var sources []Source
	for i, n := range rows {
		dims := []uint64{256, uint64(n)}
		size, err := typ.Size(dims)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, bytesSource(string(rune('a'+i)), typ, dims, bytes.Repeat([]byte{0x5a}, int(size))))
	}
	path := filepath.Join(t.TempDir(), "x.gguf")
	if err := WriteFile(path, &Metadata{}, sources); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.ReplaceAll(data, le.AppendUint32(nil, uint32(PQ2_0)), le.AppendUint32(nil, uint32(Q2_0)))
}

func TestTypeNumber42(t *testing.T) {
	for name, c := range map[string]struct {
		data []byte
		want Type
	}{
		"groups of 64":                          {numbered42(t, Q2_0, 3, 5, 1), Q2_0},
		"groups of 128":                         {numbered42(t, PQ2_0, 3, 5, 1), PQ2_0},
		"one tensor of 64":                      {numbered42(t, Q2_0, 7), Q2_0},
		"one tensor of 128":                     {numbered42(t, PQ2_0, 7), PQ2_0},
		"an end without padding, of 64":         {unpadded(numbered42(t, Q2_0, 7), Q2_0, 7), Q2_0},
		"an end without padding, of 128":        {unpadded(numbered42(t, PQ2_0, 7), PQ2_0, 7), PQ2_0},
		"too small to tell, and larger ones":    {numbered42(t, PQ2_0, 1, 9), PQ2_0},
		"too small to tell: the format of ggml": {numbered42(t, Q2_0, 1), Q2_0},
	} {
		f, err := Parse(c.data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, tensor := range f.Tensors {
			data := f.Data(tensor)
			if tensor.Type != c.want || bytes.Count(data, []byte{0x5a}) != len(data) {
				t.Errorf("%s: tensor %s is %v of %d bytes, want %v", name, tensor.Name, tensor.Type, len(data), c.want)
			}
			if at, _ := f.Tensor(tensor.Name); at.Type != c.want {
				t.Errorf("%s: looked up by name, tensor %s is %v", name, tensor.Name, at.Type)
			}
		}
	}
	short := numbered42(t, PQ2_0, 3, 5)
	if _, err := Parse(short[:len(short)-64]); err == nil || !strings.Contains(err.Error(), "b: ") {
		t.Errorf("a file that is neither: got %v", err)
	}
}

// unpadded takes the padding off that follows the only tensor of a file.
func unpadded(data []byte, typ Type, rows int) []byte {
	size, _ := typ.Size([]uint64{256, uint64(rows)})
	return data[:bytes.IndexByte(data, 0x5a)+int(size)]
}
