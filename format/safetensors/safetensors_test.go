package safetensors

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// file makes a safetensors file of a header and a body.
func file(header string, body int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, body)...)
}

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.safetensors")
	values := []float32{1, -2.5, 3e-30, 4, 5, 6}
	err := WriteFile(path, map[string]string{"format": "pt"}, []Source{
		Float32Source("b", []int{2, 3}, values),
		{TensorInfo{"a", "BF16", []int{2}}, func(w io.Writer) error { _, err := w.Write([]byte{0x80, 0x3f, 0, 0xc0}); return err }},
		Float32Source("empty", []int{0, 7}, nil),
		Float32Source("scalar", nil, []float32{9}),
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := Open(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := f.Float32("b")
	if err != nil || !slices.Equal(b, values) {
		t.Errorf("b is %v, %v", b, err)
	}
	a, err := f.Float32("a")
	if err != nil || !slices.Equal(a, []float32{1, -2}) {
		t.Errorf("a is %v, %v", a, err)
	}
	if s, _ := f.Float32("scalar"); !slices.Equal(s, []float32{9}) || f.Metadata()["format"] != "pt" || len(f.Tensors()) != 4 {
		t.Errorf("scalar %v, metadata %v, %d tensors", s, f.Metadata(), len(f.Tensors()))
	}
	if _, err := f.Float32("c"); err == nil {
		t.Error("a tensor that is not there was read")
	}
}

func TestReadFloat32At(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.safetensors")
	values := []float32{1, 2, 3, 4, 5}
	half := Source{TensorInfo{"half", "BF16", []int{1}}, func(w io.Writer) error { _, err := w.Write([]byte{0, 0}); return err }}
	if err := WriteFile(path, nil, []Source{Float32Source("a", []int{5}, values), half}); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, r := range [][2]int{{0, 5}, {1, 3}, {4, 5}, {5, 5}} {
		got := make([]float32, r[1]-r[0])
		if err := f.ReadFloat32At("a", r[0], got); err != nil || !slices.Equal(got, values[r[0]:r[1]]) {
			t.Errorf("values %v: %v, %v", r, got, err)
		}
	}
	for _, c := range []struct {
		name  string
		lo, n int
	}{{"a", -1, 2}, {"a", 4, 2}, {"a", 6, 0}, {"half", 0, 1}, {"b", 0, 1}} {
		if err := f.ReadFloat32At(c.name, c.lo, make([]float32, c.n)); err == nil {
			t.Errorf("%d values of %s from %d were read", c.n, c.name, c.lo)
		}
	}
}

func TestShortSourceLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	err := WriteFile(filepath.Join(dir, "x.safetensors"), nil, []Source{Float32Source("a", []int{3}, []float32{1})})
	if err == nil {
		t.Fatal("a source that wrote too little was accepted")
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("%d files are left", len(left))
	}
}

func TestRejects(t *testing.T) {
	one := `"dtype":"F32","shape":[1],"data_offsets":[0,4]`
	for name, data := range map[string][]byte{
		"empty":               nil,
		"short":               {1, 2, 3},
		"huge header":         binary.LittleEndian.AppendUint64(nil, 1<<62),
		"header beyond file":  append(binary.LittleEndian.AppendUint64(nil, 50), "{}"...),
		"not JSON":            file("{nope", 0),
		"not an object":       file("[]", 0),
		"unknown dtype":       file(`{"a":{"dtype":"F31","shape":[1],"data_offsets":[0,4]}}`, 4),
		"wrong size":          file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 4),
		"negative size":       file(`{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}`, 4),
		"overflow":            file(`{"a":{"dtype":"F32","shape":[1099511627776,1099511627776],"data_offsets":[0,0]}}`, 0),
		"backwards":           file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}`, 4),
		"beyond the end":      file(`{"a":{`+one+`}}`, 3),
		"overlap":             file(`{"a":{`+one+`},"b":{`+one+`}}`, 4),
		"gap":                 file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8),
		"trailing bytes":      file(`{"a":{`+one+`}}`, 5),
		"too many dims":       file(`{"a":{"dtype":"F32","shape":[`+strings.Repeat("1,", maxDims)+`1],"data_offsets":[0,4]}}`, 4),
		"long name":           file(`{"`+strings.Repeat("n", maxNameBytes+1)+`":{`+one+`}}`, 4),
		"metadata of numbers": file(`{"__metadata__":{"a":1}}`, 0),
		"metadata twice":      file(`{"__metadata__":{},"__metadata__":{}}`, 0),
		"much metadata":       file(`{"__metadata__":{"a":"`+strings.Repeat("x", maxMetadataBytes)+`"}}`, 0),
		"tensor twice":        file(`{"a":{`+one+`},"a":{`+one+`}}`, 4),
		"large entry":         file(`{"a":{"dtype":"F32","shape":[`+strings.Repeat("1,", maxEntryBytes/2)+`1],"data_offsets":[0,4]}}`, 4),
		"more after the end":  file(`{"a":{`+one+`}}{}`, 4),
		"no end":              file(`{"a":{`+one+`}`, 4),
		"deep nesting":        file(`{"a":`+strings.Repeat("[", 1<<20), 0),
		"fraction":            file(`{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}`, 4),
		"negative offset":     file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}`, 4),
		"petabytes":           file(`{"a":{"dtype":"F32","shape":[1099511627776,256],"data_offsets":[0,1125899906842624]}}`, 4),
	} {
		_, err := Parse(name, data)
		var format *FormatError
		var kind *KindError
		if name == "empty" && errors.As(err, &kind) {
			continue
		}
		if !errors.As(err, &format) {
			t.Errorf("%s: got %v, want a FormatError", name, err)
		}
	}
}

// A header of a few bytes a tensor is refused before all of them are in memory.
func TestManyTensors(t *testing.T) {
	var header strings.Builder
	for i := range maxTensors + 1 {
		fmt.Fprintf(&header, `,"%x":0`, i)
	}
	_, err := Parse("many", file("{"+header.String()[1:]+"}", 0))
	if err == nil || !strings.Contains(err.Error(), "more than 1048576 tensors") {
		t.Errorf("got %v", err)
	}
}

// writeShards writes one tensor into each of some files and an index.
func writeShards(t *testing.T, dir, index string, tensors map[string]string) {
	t.Helper()
	for shard, name := range tensors {
		if err := WriteFile(filepath.Join(dir, shard), nil, []Source{Float32Source(name, []int{1}, []float32{1})}); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "model.safetensors.index.json"), []byte(index), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestIndexAndShards(t *testing.T) {
	const good = `{"weight_map":{"a":"1.safetensors","b":"2.safetensors"}}`
	for _, c := range []struct {
		index, first, second, want string
	}{
		{good, "a", "b", ""},
		{good, "b", "a", "is said to be in"},
		{good, "a", "a", "stands in two files"},
		{good, "a", "", "index.json names 2.safetensors, which is not there"},
		{`{"weight_map":{"a":"1.safetensors","b":"2.safetensors","c":"1.safetensors"}}`, "a", "b", "c is said to be in 1.safetensors, but it is not there"},
		{`{"weight_map":{"a":"1.safetensors","b":"model.safetensors.index.json"}}`, "a", "b", "weight_map"},
		{`{"weight_map":{}}`, "a", "b", "names no tensor"},
		{`{"weight_map":["a"]}`, "a", "b", "weight_map"},
		{`{"weight_map":{"a":1}}`, "a", "b", "weight_map"},
		{good + strings.Repeat(" ", maxIndexBytes), "a", "b", "more than"},
	} {
		tensors := map[string]string{"1.safetensors": c.first, "2.safetensors": c.second}
		if c.second == "" {
			delete(tensors, "2.safetensors")
		}
		dir := t.TempDir()
		writeShards(t, dir, c.index, tensors)
		f, err := Open(dir)
		if c.want == "" {
			if err != nil || len(f.Tensors()) != 2 {
				t.Errorf("good shards: %v", err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.80s with %q and %q: got %v, want %q", c.index, c.first, c.second, err, c.want)
		}
	}
}

// A folder with a single file and shards does not say which of them are the model.
func TestFileBesideShards(t *testing.T) {
	dir := t.TempDir()
	writeShards(t, dir, `{"weight_map":{"a":"1.safetensors"}}`, map[string]string{"1.safetensors": "a", "model.safetensors": "a"})
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "holds both model.safetensors and") {
		t.Errorf("got %v, want an error of two models", err)
	}
}

func TestIndexNamesManyShards(t *testing.T) {
	names := map[string]string{}
	for i := range maxShards + 1 {
		names[fmt.Sprint(i)] = fmt.Sprintf("%d.safetensors", i)
	}
	if _, err := shardNames("index", names); err == nil || !strings.Contains(err.Error(), "more than 4096 shards") {
		t.Errorf("got %v", err)
	}
}

func TestShardIsAFolder(t *testing.T) {
	dir := t.TempDir()
	writeShards(t, dir, `{"weight_map":{"a":"1.safetensors"}}`, nil)
	if err := os.Mkdir(filepath.Join(dir, "1.safetensors"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "1.safetensors") || !strings.Contains(err.Error(), "folder") {
		t.Errorf("got %v", err)
	}
}

func TestIndexMayNotLeaveTheFolder(t *testing.T) {
	dir := t.TempDir()
	for _, bad := range []string{"../x.safetensors", "/etc/passwd", "a.bin", "sub/a.safetensors", "", "..", `..\\x.safetensors/`} {
		os.WriteFile(filepath.Join(dir, "model.safetensors.index.json"), fmt.Appendf(nil, `{"weight_map":{"a":%q}}`, bad), 0o644)
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "weight_map") {
			t.Errorf("%s: got %v", bad, err)
		}
	}
}

// A file that is cut short names the first tensor that is not whole, whatever their names and order.
func TestCutFileNamesTheFirst(t *testing.T) {
	const header = `{"d":{"dtype":"F32","shape":[2],"data_offsets":[24,32]},"a":{"dtype":"F32","shape":[2],"data_offsets":[16,24]},
		"c":{"dtype":"F32","shape":[2],"data_offsets":[8,16]},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`
	for size, first := range map[int]string{31: "d", 20: "a", 16: "a", 9: "c", 0: "b"} {
		for range 20 { // as often as the order of a map may matter
			_, err := Parse("cut", file(header, size))
			if want := fmt.Sprintf("inside the %d that follow", size); err == nil || !strings.Contains(err.Error(), "file: "+first+": ") ||
				!strings.Contains(err.Error(), want) {
				t.Fatalf("%d bytes: got %v, want %s", size, err, first)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4))
	f.Add(file(`{"__metadata__":{"x":"y"},"a":{"dtype":"U8","shape":[2,2],"data_offsets":[0,4]},"b":{"dtype":"BF16","shape":[],"data_offsets":[4,6]}}`, 6))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Parse("fuzz", data)
		if err != nil {
			return
		}
		for _, info := range s.Tensors() {
			if b, err := s.Bytes(info.Name); err != nil || len(b) != info.Bytes() {
				t.Fatalf("%s: %d bytes, %v", info.Name, len(b), err)
			}
			s.Float32(info.Name)
			s.Int32(info.Name)
		}
	})
}
