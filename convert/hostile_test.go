package convert

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"

	"trit/convert/compare"
	"trit/convert/inspect"
	"trit/convert/source"
	"trit/format/hffolder"
	"trit/model"
)

const (
	packedGolden  = "../testdata/checkpoints/hf-bitnet-packed"
	llamaGolden   = "../testdata/checkpoints/hf-llama-packed"
	mastersGolden = "../testdata/checkpoints/hf-bitnet-bf16"
	embedGolden   = "../testdata/checkpoints/hf-qwen3-embedding"

	firstShard  = "model-00001-of-00002.safetensors"
	secondShard = "model-00002-of-00002.safetensors"
	indexFile   = "model.safetensors.index.json"
	qProj       = "model.layers.0.self_attn.q_proj.weight"
)

// tiny is a model whose files are small: 12 tensors, 45 kB packed.
var tiny = model.Config{VocabSize: 32, HiddenSize: 128, IntermediateSize: 128, NumHiddenLayers: 1, NumAttentionHeads: 2, NumKeyValueHeads: 1, SubNorms: true, TieWordEmbeddings: true, Ternary: true}

// linked is a folder of links to the files of another one, so that a test can replace some.
func linked(t testing.TB, dir string) string {
	t.Helper()
	dir, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	for _, e := range entries {
		if err := os.Symlink(filepath.Join(dir, e.Name()), filepath.Join(out, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// replace writes a file of a linked folder anew.
func replace(t testing.TB, path string, edit func(b []byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	os.Remove(path)
	if err := os.WriteFile(path, edit(b), 0o644); err != nil {
		t.Fatal(err)
	}
}

// swap replaces text that must be there.
func swap(t testing.TB, path, find, by string) {
	t.Helper()
	replace(t, path, func(b []byte) []byte {
		if !bytes.Contains(b, []byte(find)) {
			t.Fatalf("%s holds no %s", path, find)
		}
		return bytes.Replace(b, []byte(find), []byte(by), 1)
	})
}

// entry is a tensor in the header of a safetensors file.
type entry map[string]any

// reheader edits the header of a safetensors file.
func reheader(t testing.TB, path string, edit func(header map[string]entry)) {
	t.Helper()
	replace(t, path, func(b []byte) []byte {
		n := binary.LittleEndian.Uint64(b)
		header := map[string]entry{}
		if err := json.Unmarshal(b[8:8+n], &header); err != nil {
			t.Fatal(err)
		}
		edit(header)
		h, err := json.Marshal(header)
		if err != nil {
			t.Fatal(err)
		}
		return slices.Concat(binary.LittleEndian.AppendUint64(nil, uint64(len(h))), h, b[8+n:])
	})
}

// rewrite edits the bytes of a tensor in a safetensors file.
func rewrite(t testing.TB, path, tensor string, edit func(data []byte)) {
	t.Helper()
	replace(t, path, func(b []byte) []byte {
		n := binary.LittleEndian.Uint64(b)
		var header map[string]struct {
			Offsets [2]int `json:"data_offsets"`
		}
		if err := json.Unmarshal(b[8:8+n], &header); err != nil {
			t.Fatal(err)
		}
		at := header[tensor].Offsets
		if at[1] == 0 {
			t.Fatalf("%s holds no %s", path, tensor)
		}
		edit(b[8+n:][at[0]:at[1]])
		return b
	})
}

// refuses converts and wants an error of these words that names the input, and nothing
// beside the output.
func refuses(t *testing.T, in string, o Options, words ...string) {
	t.Helper()
	for _, out := range []string{"out.gguf", "out"} {
		refusesOne(t, in, out, o, words...)
	}
}

// refusesOne is refuses of one form.
func refusesOne(t *testing.T, in, out string, o Options, words ...string) {
	t.Helper()
	dir := t.TempDir()
	_, err := Convert(context.Background(), in, filepath.Join(dir, out), o)
	if err == nil {
		t.Errorf("to %s: it was accepted, want an error of %q", out, words)
		return
	}
	for _, w := range append(words, in) {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("to %s: got %.400v, want %q in it", out, err, w)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("to %s: %v is left", out, left)
	}
}

func TestDamagedConfig(t *testing.T) {
	big := strings.Repeat(" ", 1<<20)
	for _, c := range []struct{ find, by, want string }{
		{`"num_hidden_layers": 2`, `"num_hidden_layers": 1000000000`, "num_hidden_layers is 1000000000"},
		{`"num_hidden_layers": 2`, `"num_hidden_layers": 4096`, "model.layers.2.input_layernorm.weight is missing"},
		{`"num_hidden_layers": 2`, `"num_hidden_layers": 1`, "model.layers.1.input_layernorm.weight, which the model of config.json has no place for"},
		{`"num_hidden_layers": 2`, `"num_hidden_layers": 2, "num_hidden_layers": 3`, "num_hidden_layers stands twice"},
		{`"vocab_size": 512`, `"vocab_size": 1099511627776`, "vocab_size is 1099511627776"},
		{`"vocab_size": 512`, `"vocab_size": 16777216`, "model.embed_tokens.weight has shape [512 256]: config.json wants [16777216 256]"},
		{`"vocab_size": 512`, `"vocab_size": "512"`, "vocab_size"},
		{`"hidden_size": 256`, `"hidden_size": -256`, "hidden_size is -256"},
		{`"hidden_size": 256`, `"hidden_size": 4194304`, "model.embed_tokens.weight has shape [512 256]: config.json wants [512 4194304]"},
		{`"hidden_size": 256`, `"hidden_size": 16777216, "head_dim": 16777216`, "num_attention_heads 4 times head_dim 16777216"},
		{`"hidden_size": 256`, `"hidden_size": [256]`, "hidden_size"},
		{`"rms_norm_eps": 1e-05`, `"rms_norm_eps": NaN`, "config.json"},
		{`"rms_norm_eps": 1e-05`, `"rms_norm_eps": 1e999`, "rms_norm_eps"},
		{`"rope_theta": 500000.0`, `"rope_theta": -1`, "rope_theta is -1"},
		{`"rope_theta": 500000.0`, `"rope_theta": Infinity`, "config.json"},
		{`"hidden_act": "relu2"`, `"hidden_act": null, "x": ` + strings.Repeat("[", 1<<15), "config.json"},
		{`"linear_class": "autobitlinear"`, `"linear_class": "other"`, "linear_class"},
		{`"vocab_size": 512`, `"vocab_size": 512,` + big, "config.json has more than 1048576 bytes"},
		{`{`, `[`, "config.json"},
	} {
		dir := linked(t, packedGolden)
		swap(t, filepath.Join(dir, "config.json"), c.find, c.by)
		refuses(t, dir, Options{}, c.want)
	}
}

func TestDamagedIndex(t *testing.T) {
	for _, c := range []struct{ find, by, want string }{
		{`"` + firstShard, `"../` + firstShard, "weight_map"},
		{`"` + firstShard, `"/etc/` + firstShard, "weight_map"},
		{`"` + firstShard, `"sub/../` + firstShard, "weight_map"},
		{`"` + firstShard, `"` + indexFile, "weight_map"},
		{`"` + firstShard, `"model-00003-of-00002.safetensors`, "model-00003-of-00002.safetensors"},
		{`"model.embed_tokens.weight": "` + firstShard, `"model.embed_tokens.weight": "` + secondShard, "model.embed_tokens.weight is said to be in " + secondShard},
		{`"weight_map": {`, `"weight_map": null, "x": {`, "weight_map"},
		{`"weight_map"`, `"x": ` + strings.Repeat(`{"a":`, 1<<15), "weight_map"},
	} {
		dir := linked(t, packedGolden)
		swap(t, filepath.Join(dir, indexFile), c.find, c.by)
		refuses(t, dir, Options{}, indexFile, c.want)
		_, err := inspect.Read(dir, inspect.Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("inspect: got %v, want %q", err, c.want)
		}
	}
}

// rename gives a tensor of a shard another name, in the index too.
func rename(t *testing.T, shard, from, to string) {
	t.Helper()
	reheader(t, shard, func(h map[string]entry) { h[to] = h[from]; delete(h, from) })
	swap(t, filepath.Join(filepath.Dir(shard), indexFile), fmt.Sprintf("%q", from), fmt.Sprintf("%q", to))
}

func TestDamagedShards(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(path string)
		want   string
	}{
		"missing":        {func(p string) { os.Remove(p) }, firstShard},
		"empty":          {func(p string) { replace(t, p, func([]byte) []byte { return nil }) }, "an empty file, not a safetensors file"},
		"short":          {func(p string) { replace(t, p, func([]byte) []byte { return make([]byte, 3) }) }, "header length"},
		"a folder":       {func(p string) { os.Remove(p); os.Mkdir(p, 0o755) }, "want a file"},
		"a device":       {func(p string) { os.Remove(p); os.Symlink(os.DevNull, p) }, "want a file"},
		"a link to self": {func(p string) { os.Remove(p); os.Symlink(p, p) }, firstShard},
		"the other one": {func(p string) {
			other, _ := os.ReadFile(filepath.Join(packedGolden, secondShard))
			replace(t, p, func([]byte) []byte { return other })
		}, "is said to be in " + secondShard + ", but it is in " + firstShard},
		"an unknown tensor": {func(p string) {
			rename(t, p, "model.norm.weight", "model.layers.0.self_attn.q_proj.bias")
		}, "q_proj.bias, which the model of config.json has no place for"},
		"transposed": {func(p string) {
			reheader(t, p, func(h map[string]entry) { h[qProj]["shape"] = []int{256, 64} })
		}, qProj + " has shape [256 64]: config.json wants [64 256]"},
		"other shape": {func(p string) {
			reheader(t, p, func(h map[string]entry) { h["model.norm.weight"]["shape"] = []int{1, 256} })
		}, "model.norm.weight has shape [1 256]: config.json wants [256]"},
		"integers": {func(p string) {
			reheader(t, p, func(h map[string]entry) { h["model.norm.weight"]["dtype"] = "I16" })
		}, "dtype I16"},
		"codes as numbers": {func(p string) {
			reheader(t, p, func(h map[string]entry) { h[qProj]["dtype"] = "I8" })
		}, qProj + " is I8"},
		"code 3": {func(p string) { rewrite(t, p, qProj, func(b []byte) { b[100] = 3 }) }, qProj + ": row 0 holds code 3"},
		"no embedding": {func(p string) {
			rename(t, p, "model.embed_tokens.weight", "lm_head.weight")
		}, "model.embed_tokens.weight is missing"},
		"no tensor of the index": {func(p string) {
			reheader(t, p, func(h map[string]entry) { h["x"] = h[qProj]; delete(h, qProj) })
		}, qProj + " is said to be in " + firstShard + ", but it is not there"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := linked(t, packedGolden)
			c.damage(filepath.Join(dir, firstShard))
			refuses(t, dir, Options{}, c.want)
		})
	}
}

// bfloat is a number in bfloat16.
func bfloat(v float64) []byte {
	return binary.LittleEndian.AppendUint16(nil, uint16(math.Float32bits(float32(v))>>16))
}

func TestDamagedScales(t *testing.T) {
	const scale = qProj + hffolder.ScaleSuffix
	for _, golden := range []string{packedGolden, llamaGolden} {
		shard := firstShard
		if golden == llamaGolden {
			shard = "model.safetensors"
		}
		for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1), -1} {
			dir := linked(t, golden)
			rewrite(t, filepath.Join(dir, shard), scale, func(b []byte) { copy(b, bfloat(v)) })
			refuses(t, dir, Options{}, "the scale of "+qProj+" is")
		}
	}
	dir := linked(t, llamaGolden) // whose inverse is infinite
	rewrite(t, filepath.Join(dir, "model.safetensors"), scale, func(b []byte) { b[0], b[1] = 1, 0 })
	refuses(t, dir, Options{}, "the scale of "+qProj+" is +Inf")

	dir = linked(t, packedGolden)
	reheader(t, filepath.Join(dir, firstShard), func(h map[string]entry) { h[scale]["dtype"] = "U8"; h[scale]["shape"] = []int{2} })
	refuses(t, dir, Options{}, scale+" has 2 values")
	dir = linked(t, packedGolden)
	rename(t, filepath.Join(dir, firstShard), scale, "x_scale")
	refuses(t, dir, Options{}, "x_scale")
	dir = linked(t, packedGolden)
	reheader(t, filepath.Join(dir, firstShard), func(h map[string]entry) { h[scale]["dtype"] = "I16" })
	refuses(t, dir, Options{}, scale, "I16")
}

func TestDamagedMasters(t *testing.T) {
	const file, gate, embed = "model.safetensors", "model.layers.1.mlp.gate_proj.weight", "model.embed_tokens.weight"
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		for _, tensor := range []string{gate, embed, "model.norm.weight"} {
			dir := linked(t, mastersGolden)
			rewrite(t, filepath.Join(dir, file), tensor, func(b []byte) { copy(b[len(b)/2:], bfloat(v)) })
			refuses(t, dir, Options{EmbeddingType: F16}, tensor, "not finite")
		}
	}
	dir := linked(t, mastersGolden)
	rewrite(t, filepath.Join(dir, file), embed, func(b []byte) { copy(b[len(b)-2:], bfloat(1e6)) })
	refuses(t, dir, Options{EmbeddingType: F16}, embed, "F16")
	mustConvert(t, dir, "out.gguf", Options{EmbeddingType: BF16})
}

// TestHarmless is what must not matter.
func TestHarmless(t *testing.T) {
	want := mustConvert(t, packedGolden, "want.gguf", Options{})
	bomb := "---\na: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += fmt.Sprintf("%c: &%c [%s*%c]\n", c, c, strings.Repeat(fmt.Sprintf("*%c,", c-1), 9), c-1)
	}
	bomb += "tags: *j\n---\n"
	for name, damage := range map[string]func(dir string){
		"links alone": func(string) {},
		"a card of many anchors": func(dir string) {
			replace(t, filepath.Join(dir, "README.md"), func([]byte) []byte { return []byte(bomb) })
		},
		"a card of deep nesting": func(dir string) {
			replace(t, filepath.Join(dir, "README.md"), func([]byte) []byte { return []byte("---\na: " + strings.Repeat("[", 1<<19) + "\n---\n") })
		},
		"a card that is no map": func(dir string) {
			replace(t, filepath.Join(dir, "README.md"), func([]byte) []byte { return []byte("---\n- 1\n---\n") })
		},
		"modules that lead out": func(dir string) {
			replace(t, filepath.Join(dir, "modules.json"), func([]byte) []byte { return []byte(`[{"path":"../../x","type":"a.Pooling"}]`) })
		},
		"modules that are a loop": func(dir string) { os.Symlink("modules.json", filepath.Join(dir, "modules.json")) },
		"metadata of the file": func(dir string) {
			reheader(t, filepath.Join(dir, firstShard), func(h map[string]entry) {
				h["__metadata__"] = entry{"format": "x", "\x1b[2J": strings.Repeat("y", 1<<20)}
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := linked(t, packedGolden)
			damage(dir)
			var got string
			if n := allocated(func() { got = mustConvert(t, dir, "got.gguf", Options{}) }); n > 100<<20 {
				t.Errorf("it took %d MB of memory", n>>20)
			}
			if c := compared(t, want, got); !c.Same {
				t.Error(c.Summary())
			}
		})
	}
}

func TestDamagedTokenizer(t *testing.T) {
	for name, c := range map[string]struct {
		find, by, want string
	}{
		"more tokens than rows": {`"added_tokens": [`, `"added_tokens": [{"id":512,"content":"<x>","special":true},`, "vocab_size 512"},
		"an id beyond memory":   {`"added_tokens": [`, `"added_tokens": [{"id":1073741824,"content":"<x>"},`, "1073741824"},
		"not JSON":              {`{`, `{{`, "tokenizer.json"},
		"a huge file":           {`{`, `{` + strings.Repeat(" ", 64<<20), "tokenizer.json has more than 67108864 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := linked(t, packedGolden)
			swap(t, filepath.Join(dir, "tokenizer.json"), c.find, c.by)
			_, err := Convert(context.Background(), dir, filepath.Join(t.TempDir(), "out.gguf"), Options{})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestCardsOtherFilesAreBounded(t *testing.T) {
	dir := linked(t, packedGolden)
	path := filepath.Join(dir, "LICENSE")
	replace(t, path, func([]byte) []byte { return nil })
	if err := os.Truncate(path, 1<<40); err != nil { // with a hole
		t.Skip(err)
	}
	var err error
	if n := allocated(func() {
		_, err = Convert(context.Background(), dir, filepath.Join(t.TempDir(), "out"), Options{})
	}); n > 400<<20 || err == nil || !strings.Contains(err.Error(), "LICENSE has more than") {
		t.Errorf("%d MB, %v", n>>20, err)
	}
}

// allocated is how many bytes are allocated while work runs.
func allocated(work func()) uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	before := s[0].Value.Uint64()
	work()
	metrics.Read(s)
	return s[0].Value.Uint64() - before
}

// compared compares two models that must open.
func compared(t testing.TB, a, b string) *compare.Comparison {
	t.Helper()
	c, err := compareFiles(a, b)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func compareFiles(a, b string) (*compare.Comparison, error) {
	x, err := source.Open(a, source.Options{})
	if err != nil {
		return nil, err
	}
	defer x.Close()
	y, err := source.Open(b, source.Options{})
	if err != nil {
		return nil, err
	}
	defer y.Close()
	return compare.Models(context.Background(), x, y, nil)
}

// mostMemory bounds what a damaged file of the tests may ask for: a configuration of 4096
// layers has a table of their tensors.
const mostMemory = 128 << 20

// survives looks into a damaged model and compares it with the sound one: whatever comes of
// it, it neither panics nor takes much memory.
func survives(t *testing.T, good, bad, damage string) (err error) {
	t.Helper()
	if n := allocated(func() {
		inspect.Read(bad, inspect.Options{})
		_, err = compareFiles(good, bad)
	}); n > mostMemory {
		t.Errorf("%s: %d MB of memory", damage, n>>20)
	}
	return err
}

// tinyFolder is a packed folder or one of masters of the tiny model.
func tinyFolder(t testing.TB, packed bool) string {
	dir := t.TempDir()
	generate(t, dir, tiny, packed)
	return dir
}

// headerBytes is the length of a safetensors header with the number before it.
func headerBytes(t testing.TB, path string) int {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return 8 + int(binary.LittleEndian.Uint64(b))
}

// TestFlippedBits flips bits all over the headers of a folder and of a GGUF file, one at a time.
func TestFlippedBits(t *testing.T) {
	folder := tinyFolder(t, true)
	file := mustConvert(t, folder, "x.gguf", Options{})
	for name, c := range map[string]struct {
		good, bad, file string
		bytes, step     int
	}{
		"weights": {folder, "", "model.safetensors", headerBytes(t, filepath.Join(folder, "model.safetensors")), 13},
		"config":  {folder, "", "config.json", 1 << 20, 5},
		"gguf":    {file, "", "", 2400, 9},
	} {
		t.Run(name, func(t *testing.T) {
			bad := c.file
			if c.file == "" {
				bad = filepath.Join(t.TempDir(), "bad.gguf")
				if err := copyFile(file, bad); err != nil {
					t.Fatal(err)
				}
				flipEach(t, c.good, bad, bad, c.bytes, c.step)
				return
			}
			dir := linked(t, folder)
			path := filepath.Join(dir, bad)
			replace(t, path, func(b []byte) []byte { return b })
			flipEach(t, c.good, dir, path, c.bytes, c.step)
		})
	}
}

// flipEach flips each step-th bit of the first bytes of the file path of the model bad.
func flipEach(t *testing.T, good, bad, path string, bytes, step int) {
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for bit := 0; bit < 8*min(bytes, len(b)); bit += step {
		at := int64(bit / 8)
		f.WriteAt([]byte{b[at] ^ 1<<(bit%8)}, at)
		survives(t, good, bad, fmt.Sprintf("bit %d of byte %d", bit%8, at))
		f.WriteAt(b[at:at+1], at)
	}
	if err := survives(t, good, bad, "nothing"); err != nil {
		t.Fatalf("the file was not restored: %v", err)
	}
}

// TestTruncated cuts files at many places, from their ends on.
func TestTruncated(t *testing.T) {
	folder := tinyFolder(t, true)
	file := filepath.Join(t.TempDir(), "x.gguf")
	if err := copyFile(mustConvert(t, folder, "x.gguf", Options{}), file); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"model.safetensors", "config.json"} {
		dir := linked(t, folder)
		replace(t, filepath.Join(dir, name), func(b []byte) []byte { return b })
		cutEach(t, folder, dir, filepath.Join(dir, name))
	}
	good := mustConvert(t, folder, "good.gguf", Options{})
	cutEach(t, good, file, file)
}

func cutEach(t *testing.T, good, bad, path string) {
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := info.Size() - 1; n >= 0; n -= 1 + n/200 {
		if err := os.Truncate(path, n); err != nil {
			t.Fatal(err)
		}
		err := survives(t, good, bad, fmt.Sprintf("%d bytes of %s", n, filepath.Base(path)))
		if err == nil || !strings.Contains(err.Error(), bad) {
			t.Fatalf("%s of %d bytes: got %v, want an error that names it", path, n, err)
		}
	}
}

var number = regexp.MustCompile(`\d+`)

// TestHugeNumbers replaces each number of a header by huge, negative and broken ones.
func TestHugeNumbers(t *testing.T) {
	folder := tinyFolder(t, true)
	for _, name := range []string{"model.safetensors", "config.json"} {
		dir := linked(t, folder)
		path := filepath.Join(dir, name)
		var whole []byte
		replace(t, path, func(b []byte) []byte { whole = slices.Clone(b); return b })
		start, header := 0, whole
		if name != "config.json" {
			start, header = 8, whole[8:headerBytes(t, path)]
		}
		for _, at := range number.FindAllIndex(header, -1) {
			for _, by := range []string{"0", "4611686018427387904", "18446744073709551615", "1e30", "-1", `"1"`, "null", "[]"} {
				edited := slices.Concat(header[:at[0]], []byte(by), header[at[1]:])
				if start > 0 {
					edited = slices.Concat(binary.LittleEndian.AppendUint64(nil, uint64(len(edited))), edited, whole[start+len(header):])
				}
				if err := os.WriteFile(path, edited, 0o644); err != nil {
					t.Fatal(err)
				}
				survives(t, folder, dir, fmt.Sprintf("%s at byte %d of %s", by, at[0], name))
			}
		}
	}
}
