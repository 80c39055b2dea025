package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"trit/internal/atomicfile"
	"trit/internal/filekind"
	"trit/internal/float16"
	"trit/internal/jsonfile"
	"trit/internal/mmap"
)

// File is an open safetensors file, or a folder of shards behind one interface.
type File struct {
	path     string
	maps     []*mmap.File
	order    []TensorInfo
	entries  map[string]entry
	metadata map[string]string
}

type entry struct {
	info TensorInfo
	data []byte
}

// Names of files in a folder.
const (
	singleFile = "model.safetensors"
	indexFile  = "model.safetensors.index.json"
)

// Open maps a safetensors file, or a folder with model.safetensors or with shards
// named by model.safetensors.index.json, and checks its header.
func Open(path string) (*File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	f := &File{path: path, entries: map[string]entry{}, metadata: map[string]string{}}
	switch single := filepath.Join(path, singleFile); {
	case !info.IsDir():
		err = f.add(path)
	case exists(single) && exists(filepath.Join(path, indexFile)):
		err = fmt.Errorf("%s holds both %s and %s, and programs differ in which they read: take out the one that is not "+
			"the model", path, singleFile, indexFile)
	case exists(single):
		err = f.add(single)
	default:
		err = f.addShards(path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// addShards opens the files that a folder's index names.
func (f *File) addShards(dir string) error {
	indexPath := filepath.Join(dir, indexFile)
	weightMap, err := readIndex(dir, indexPath)
	if err != nil {
		return err
	}
	names, err := shardNames(indexPath, weightMap)
	if err != nil {
		return err
	}
	for _, name := range names {
		before := len(f.order)
		err := f.add(filepath.Join(dir, name))
		if errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%s names %s, which is not there: fetch the model again (%w)", indexPath, name, err)
		}
		if err != nil {
			return err
		}
		for _, t := range f.order[before:] {
			if said, ok := weightMap[t.Name]; ok && said != name {
				return &FormatError{indexPath, "weight_map",
					fmt.Sprintf("%s is said to be in %s, but it is in %s", t.Name, said, name)}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(weightMap)) {
		if _, ok := f.entries[name]; !ok {
			return &FormatError{indexPath, "weight_map",
				fmt.Sprintf("%s is said to be in %s, but it is not there", shortName(name), weightMap[name])}
		}
	}
	return nil
}

// readIndex reads which file holds which tensor.
func readIndex(dir, indexPath string) (map[string]string, error) {
	b, err := atomicfile.Read(indexPath, maxIndexBytes)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s holds neither %s nor %s: name a folder with weights", dir, singleFile, indexFile)
	}
	if err != nil {
		return nil, err
	}
	var index struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := jsonfile.Decode(b, &index); err != nil {
		return nil, &FormatError{indexPath, "weight_map", err.Error()}
	}
	if len(index.WeightMap) == 0 {
		return nil, &FormatError{indexPath, "weight_map", "it names no tensor"}
	}
	return index.WeightMap, nil
}

// shardNames lists the files of an index in order. A name outside the folder is an error.
func shardNames(indexPath string, weightMap map[string]string) ([]string, error) {
	var names []string
	for _, n := range weightMap {
		if slices.Contains(names, n) {
			continue
		}
		names = append(names, n)
		if filepath.Base(n) != n || !strings.HasSuffix(n, ".safetensors") {
			return nil, &FormatError{indexPath, "weight_map",
				fmt.Sprintf("%q is not the name of a safetensors file in this folder", n)}
		}
		if len(names) > maxShards {
			return nil, &FormatError{indexPath, "weight_map", fmt.Sprintf("more than %d shards", maxShards)}
		}
	}
	slices.Sort(names)
	return names, nil
}

func (f *File) add(path string) error {
	m, err := mmap.Open(path)
	if err != nil {
		return err
	}
	f.maps = append(f.maps, m)
	return f.parse(path, m.Data)
}

// Parse reads a file that is in memory already; name stands in errors.
func Parse(name string, data []byte) (*File, error) {
	f := &File{path: name, entries: map[string]entry{}, metadata: map[string]string{}}
	return f, f.parse(name, data)
}

// rawTensor is a tensor of the JSON header.
type rawTensor struct {
	DType   string   `json:"dtype"`
	Shape   []int    `json:"shape"`
	Offsets []uint64 `json:"data_offsets"`
}

func (f *File) parse(path string, data []byte) error {
	header, body, err := splitHeader(path, data)
	if err != nil {
		return err
	}
	raw, metadata, err := splitEntries(path, header)
	if err != nil {
		return err
	}
	if len(f.entries)+len(raw) > maxTensors {
		return &FormatError{path, "header",
			fmt.Sprintf("%d tensors with those of the files before it: want at most %d", len(f.entries)+len(raw), maxTensors)}
	}
	if metadata != nil {
		if err := jsonfile.Decode(metadata, &f.metadata); err != nil {
			return &FormatError{path, metadataKey, "want strings: " + err.Error()}
		}
	}
	return f.addTensors(path, raw, body)
}

// splitEntries takes the header apart entry by entry, so that one with more or larger
// entries than any model has is refused before they are all in memory.
func splitEntries(path string, header []byte) (raw map[string]json.RawMessage, metadata json.RawMessage, err error) {
	raw = map[string]json.RawMessage{}
	dec := json.NewDecoder(bytes.NewReader(header))
	dec.Token() // the {, which splitHeader has seen
	for dec.More() {
		key, err := dec.Token()
		name, _ := key.(string)
		var b json.RawMessage
		if err == nil {
			err = dec.Decode(&b)
		}
		if err != nil {
			return nil, nil, &FormatError{path, "header", jsonfile.Explain(header, err).Error()}
		}
		if problem := checkEntry(name, b, len(raw)); problem != "" {
			return nil, nil, &FormatError{path, shortName(name), problem}
		}
		if _, twice := raw[name]; twice || name == metadataKey && metadata != nil {
			return nil, nil, &FormatError{path, name, "it stands twice in the header"}
		}
		if name == metadataKey {
			metadata = b
			continue
		}
		raw[name] = b
	}
	return raw, metadata, checkEnd(path, dec)
}

// checkEntry tests an entry of the header; before is the number of tensors ahead of it.
func checkEntry(name string, b []byte, before int) (problem string) {
	limit := maxEntryBytes
	if name == metadataKey {
		limit = maxMetadataBytes
	}
	switch {
	case len(name) > maxNameBytes:
		return fmt.Sprintf("the name has %d bytes: want at most %d", len(name), maxNameBytes)
	case len(b) > limit:
		return fmt.Sprintf("%d bytes in the header: want at most %d", len(b), limit)
	case before == maxTensors:
		return fmt.Sprintf("more than %d tensors", maxTensors)
	}
	return ""
}

// shortName is the beginning of a name, for a message.
func shortName(name string) string { return name[:min(len(name), maxNameBytes)] }

// checkEnd refuses a header that does not end with its object.
func checkEnd(path string, dec *json.Decoder) error {
	if _, err := dec.Token(); err != nil {
		return &FormatError{path, "header", jsonfile.Explain(nil, err).Error()}
	}
	if _, err := dec.Token(); err != io.EOF {
		return &FormatError{path, "header", "more follows the end of its object"}
	}
	return nil
}

func splitHeader(path string, data []byte) (header, body []byte, err error) {
	if kind := filekind.Name(data); kind != "" && kind != "a safetensors file" && kind != "text" {
		return nil, nil, &KindError{path, kind}
	}
	if len(data) < 8 {
		return nil, nil, &FormatError{path, "header length", fmt.Sprintf("the file has %d bytes: want at least 8", len(data))}
	}
	n := binary.LittleEndian.Uint64(data)
	if n > maxHeaderBytes || n > uint64(len(data)-8) {
		return nil, nil, &FormatError{path, "header length",
			fmt.Sprintf("%d bytes in a file of %d: want at most what is there and at most %d", n, len(data), maxHeaderBytes)}
	}
	header = data[8 : 8+n]
	if !bytes.HasPrefix(header, []byte("{")) {
		return nil, nil, &FormatError{path, "header", "it does not begin with {"}
	}
	return header, data[8+n:], nil
}

// placed is a tensor with the bytes of the body that it lies in.
type placed struct {
	info       TensorInfo
	begin, end uint64
}

// placeTensor reads an entry of the header. The body has size bytes.
func placeTensor(path, name string, b json.RawMessage, size uint64) (placed, error) {
	var t rawTensor
	if err := jsonfile.Decode(b, &t); err != nil {
		return placed{}, &FormatError{path, name, err.Error()}
	}
	info := TensorInfo{name, t.DType, t.Shape}
	want, problem := checkInfo(info)
	if problem != "" {
		return placed{}, &FormatError{path, name, problem}
	}
	o := t.Offsets
	if len(o) != 2 || o[1] < o[0] || o[1]-o[0] != want {
		return placed{}, misplaced(path, info, o, size)
	}
	return placed{info, o[0], o[1]}, nil
}

// misplaced is the error of a tensor that does not lie in the body as its type and shape want.
func misplaced(path string, t TensorInfo, offsets []uint64, size uint64) error {
	want, _ := checkInfo(t)
	return &FormatError{path, t.Name, fmt.Sprintf("data_offsets %v: want %d bytes (%s %v) inside the %d that follow "+
		"the header", offsets, want, t.DType, t.Shape, size)}
}

// addTensors checks that the tensors tile the body without gap or overlap, as the
// format wants.
func (f *File) addTensors(path string, raw map[string]json.RawMessage, body []byte) error {
	var all []placed
	size := uint64(len(body))
	for _, name := range slices.Sorted(maps.Keys(raw)) { // of several wrong ones the same is named each time
		p, err := placeTensor(path, name, raw[name], size)
		if err != nil {
			return err
		}
		if _, twice := f.entries[name]; twice {
			return &FormatError{path, name, "the tensor stands in two files"}
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b placed) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end), strings.Compare(a.info.Name, b.info.Name))
	})
	at := uint64(0)
	for _, p := range all {
		if p.begin != at {
			return &FormatError{path, p.info.Name,
				fmt.Sprintf("begins at byte %d: the tensor before it ends at %d", p.begin, at)}
		}
		if p.end > size {
			return misplaced(path, p.info, []uint64{p.begin, p.end}, size)
		}
		at = p.end
		f.order = append(f.order, p.info)
		f.entries[p.info.Name] = entry{p.info, body[p.begin:p.end]}
	}
	if at != size {
		return &FormatError{path, "data", fmt.Sprintf("%d bytes follow the last tensor", size-at)}
	}
	return nil
}

// Close gives the mapped memory back; slices from Bytes are invalid then.
func (f *File) Close() error {
	var errs []error
	for _, m := range f.maps {
		errs = append(errs, m.Close())
	}
	f.maps = nil
	return errors.Join(errs...)
}

// Release frees the memory of a part of a slice that Bytes returned. The part is read from the
// file again when it is used again.
func (f *File) Release(part []byte) error {
	if len(f.maps) == 0 {
		return nil
	}
	return f.maps[0].Release(part) // any mapping gives back memory of all
}

// Metadata is the free text of the header.
func (f *File) Metadata() map[string]string { return f.metadata }

// Bytes is a tensor's data as it lies in the file, without a copy.
func (f *File) Bytes(name string) ([]byte, error) {
	e, ok := f.entries[name]
	if !ok {
		return nil, fmt.Errorf("%s: there is no tensor %s", f.path, name)
	}
	return e.data, nil
}

// Float32 copies a tensor of floating-point numbers to float32.
func (f *File) Float32(name string) ([]float32, error) {
	if _, err := f.Bytes(name); err != nil {
		return nil, err
	}
	out := make([]float32, f.entries[name].info.Elements())
	return out, f.ReadFloat32(name, out)
}

// ReadFloat32 is Float32 into memory of the caller, which must be as long as the tensor.
func (f *File) ReadFloat32(name string, dst []float32) error {
	b, err := f.Bytes(name)
	if err != nil {
		return err
	}
	info := f.entries[name].info
	if info.Elements() != len(dst) {
		return fmt.Errorf("%s: %s has %d values, shape %v: want %d", f.path, name, info.Elements(), info.Shape, len(dst))
	}
	return DecodeFloat32(dst, f.path, info, b)
}

// ReadFloat32At reads a part of a tensor of float32 values, those from lo on.
func (f *File) ReadFloat32At(name string, lo int, dst []float32) error {
	b, err := f.Bytes(name)
	if err != nil {
		return err
	}
	info := f.entries[name].info
	if info.DType != "F32" || lo < 0 || lo+len(dst) > info.Elements() {
		return fmt.Errorf("%s: %s has %d values of %s: want %d of F32 from value %d",
			f.path, name, info.Elements(), info.DType, len(dst), lo)
	}
	return DecodeFloat32(dst, f.path, info, b[4*lo:4*(lo+len(dst))])
}

// DecodeFloat32 converts the bytes of F64, F32, F16 or BF16 values to float32.
func DecodeFloat32(dst []float32, file string, info TensorInfo, b []byte) error {
	if len(b) != len(dst)*dtypeBits[info.DType]/8 {
		return &FormatError{file, info.Name, fmt.Sprintf("%d bytes for %d values of %s", len(b), len(dst), info.DType)}
	}
	le := binary.LittleEndian
	switch info.DType {
	case "F32":
		for i := range dst {
			dst[i] = math.Float32frombits(le.Uint32(b[4*i:]))
		}
	case "BF16":
		for i := range dst {
			dst[i] = float16.BFromBits(le.Uint16(b[2*i:]))
		}
	case "F16":
		for i := range dst {
			dst[i] = float16.FromBits(le.Uint16(b[2*i:]))
		}
	case "F64":
		for i := range dst {
			dst[i] = float32(math.Float64frombits(le.Uint64(b[8*i:])))
		}
	default:
		return &UnsupportedError{file, info.Name,
			"dtype " + info.DType + " is not read as numbers: want F64, F32, F16 or BF16"}
	}
	return nil
}

// Int32 copies a tensor of 32-bit integers.
func (f *File) Int32(name string) ([]int32, error) {
	b, err := f.Bytes(name)
	if err != nil {
		return nil, err
	}
	info := f.entries[name].info
	if info.DType != "I32" {
		return nil, &UnsupportedError{f.path, name, "dtype is " + info.DType + ": want I32"}
	}
	out := make([]int32, info.Elements())
	for i := range out {
		out[i] = int32(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return out, nil
}
