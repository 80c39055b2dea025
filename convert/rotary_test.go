package convert

import (
	"encoding/json"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/convert/source"
	"trit/format/gguf"
	"trit/model"
)

// factorData are the bytes of 32 factors, as many as the golden models turn pairs of a head.
func factorData(of func(i int) float64) []byte {
	var b []byte
	for i := range 32 {
		b = append(b, inF32(of(i))...)
	}
	return b
}

func all(v float64) func(int) float64 { return func(int) float64 { return v } }

// configOf opens a model and returns its configuration.
func configOf(t *testing.T, path string) *model.Config {
	t.Helper()
	m, err := source.Open(path, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	return &m.Config.Config
}

// scaledFolder is the llama golden with keys in its config.json.
func scaledFolder(t *testing.T, keys string) string {
	t.Helper()
	dir := t.TempDir()
	copyChanged(t, dir, llamaGolden, `"rope_theta": 500000.0,`, keys)
	return dir
}

// TestRotaryOfGGUF reads keys and tensors by the rules of llama.cpp.
func TestRotaryOfGGUF(t *testing.T) {
	good := mustConvert(t, llamaGolden, "good.gguf", Options{})
	plain := configOf(t, good).Rotary(1).Frequencies
	const p = "llama.rope."
	short, long := func(i int) float64 { return 1 + float64(i)/32 }, func(i int) float64 { return 1 + float64(i)/4 }
	for name, c := range map[string]struct {
		meta      map[string]any
		tensors   map[string]func(int) float64
		divisor   func(i int) float64 // of the frequencies, for 512 positions
		magnitude float64
	}{
		"linear":                   {map[string]any{p + "scaling.type": "linear", p + "scaling.factor": float32(4)}, nil, all(4), 1},
		"no type":                  {map[string]any{p + "scaling.factor": float32(4)}, nil, all(4), 1},
		"the old name":             {map[string]any{p + "scale_linear": float32(4)}, nil, all(4), 1},
		"both names":               {map[string]any{p + "scaling.factor": float32(4), p + "scale_linear": float32(4)}, nil, all(4), 1},
		"none":                     {map[string]any{p + "scaling.type": "none", p + "scaling.finetuned": true}, nil, all(1), 1},
		"a factor of 0":            {map[string]any{p + "scaling.factor": float32(0)}, nil, all(1), 1},
		"linear with a magnitude":  {map[string]any{p + "scaling.factor": float32(4), p + "scaling.attn_factor": float32(1.5)}, nil, all(4), 1.5},
		"rope_freqs":               {nil, map[string]func(int) float64{"rope_freqs.weight": all(8)}, all(8), 1},
		"rope_freqs and a factor":  {map[string]any{p + "scaling.factor": float32(2)}, map[string]func(int) float64{"rope_freqs.weight": short}, func(i int) float64 { return 2 * short(i) }, 1},
		"longrope beyond":          {map[string]any{p + "scaling.type": "longrope", p + "scaling.original_context_length": uint32(128), p + "scaling.attn_factor": float32(1.25)}, map[string]func(int) float64{"rope_factors_long.weight": long, "rope_factors_short.weight": short}, long, 1.25},
		"longrope in its original": {map[string]any{p + "scaling.type": "longrope"}, map[string]func(int) float64{"rope_factors_long.weight": long, "rope_factors_short.weight": short}, short, 1},
	} {
		path := regguf(t, good, func(f *contents) {
			for key, v := range c.meta {
				f.meta[key] = v
			}
			for tensor, of := range c.tensors {
				f.set(tensor, gguf.F32, factorData(of), 32)
			}
		})
		got := configOf(t, path).Rotary(512)
		if math.Abs(got.Magnitude-c.magnitude) > 1e-7 {
			t.Errorf("%s: magnitude %v, want %v", name, got.Magnitude, c.magnitude)
		}
		for i, f := range got.Frequencies {
			if want := plain[i] / c.divisor(i); math.Abs(f-want) > 1e-12*want {
				t.Fatalf("%s: pair %d has %v, want %v", name, i, f, want)
			}
		}
		if same := compared(t, good, path); same.Same != (c.divisor(31) == 1 && c.magnitude == 1 && c.tensors == nil) {
			t.Errorf("%s: the comparison with the model without it says %s", name, same.Summary())
		}
	}
}

func TestRotaryOfGGUFRefuses(t *testing.T) {
	good := mustConvert(t, llamaGolden, "good.gguf", Options{})
	const p = "llama.rope."
	for _, c := range []struct {
		meta    map[string]any
		tensors map[string]int // factors of 1, by their number
		want    string
	}{
		{map[string]any{p + "scaling.type": "ntk"}, nil, `llama.rope.scaling.type is "ntk"`},
		{map[string]any{p + "scaling.type": uint32(1)}, nil, `llama.rope.scaling.type is "1"`},
		{map[string]any{p + "scaling.type": "none", p + "scaling.factor": float32(4)}, nil, "the factor is 4: they contradict"},
		{map[string]any{p + "scaling.factor": float32(4), p + "scale_linear": float32(2)}, nil, "its old name, is 2: they contradict"},
		{map[string]any{p + "scaling.factor": float32(-4)}, nil, "scaling.factor is -4"},
		{map[string]any{p + "scaling.factor": "4"}, nil, "scaling.factor is 4: want a positive number"},
		{map[string]any{p + "scaling.factor": float32(math.NaN())}, nil, "scaling.factor is NaN"},
		{map[string]any{p + "scaling.type": "yarn", p + "scaling.factor": float32(4), p + "scaling.yarn_ext_factor": float32(0.5)}, nil, "yarn_ext_factor is 0.5"},
		{map[string]any{p + "scaling.type": "yarn", p + "scaling.factor": float32(4), p + "scaling.yarn_attn_factor": float32(0.5)}, nil, "yarn_attn_factor is 0.5"},
		{map[string]any{p + "scaling.type": "yarn", p + "scaling.factor": float32(4), p + "scaling.yarn_log_multiplier": float32(0.1)}, nil, "yarn_log_multiplier is 0.1"},
		{map[string]any{p + "scaling.type": "yarn", p + "scaling.factor": float32(4)}, map[string]int{"rope_freqs.weight": 32}, "a model is scaled in one way"},
		{map[string]any{p + "scaling.type": "longrope"}, nil, "want the tensors rope_factors_short.weight"},
		{nil, map[string]int{"rope_factors_long.weight": 32}, "is not longrope"},
		{nil, map[string]int{"rope_freqs.weight": 31}, "rope_freqs.weight has dims [31]: want [32]"},
		{map[string]any{p + "dimension_sections": []int32{1, 2}}, nil, "dimension_sections is"},
		{map[string]any{p + "dimension_count": uint32(66)}, nil, "dimension_count is 66"},
		{map[string]any{p + "dimension_count": uint32(33)}, nil, "dimension_count is 33"},
		{map[string]any{p + "scaling.factor": float32(4), "trit.rope_scaling": `{"rope_type":"linear","factor":2}`}, nil, "they contradict each other; convert the model again"},
		{map[string]any{"trit.rope_scaling": `{"rope_type":"llama9"}`}, nil, "llama9"},
	} {
		path := regguf(t, good, func(f *contents) {
			for key, v := range c.meta {
				f.meta[key] = v
			}
			for name, n := range c.tensors {
				f.set(name, gguf.F32, factorData(all(1))[:4*n], uint64(n))
			}
		})
		if m, err := source.Open(path, source.Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v %v: got %v, want %q", c.meta, c.tensors, err, c.want)
			if err == nil {
				m.Close()
			}
		}
	}
	bad := regguf(t, good, func(f *contents) { f.set("rope_freqs.weight", gguf.F32, factorData(all(-1)), 32) })
	if _, err := source.Open(bad, source.Options{}); err == nil || !strings.Contains(err.Error(), "rope_freqs.weight has -1 for pair 0") {
		t.Errorf("got %v", err)
	}
}

// TestRotaryRoundTrip goes from config.json to GGUF and back, and again, and says what stands in
// the GGUF file.
func TestRotaryRoundTrip(t *testing.T) {
	list, err := json.Marshal(slices.Repeat([]float64{1.08, 2.5}, 16))
	if err != nil {
		t.Fatal(err)
	}
	factors := string(list)
	long := strings.ReplaceAll(factors, "2.5", "3.75")
	for name, c := range map[string]struct {
		scaling string
		keys    []string // of the GGUF file, behind llama.rope.scaling.
		tensors []string
	}{
		"linear":  {`{"rope_type":"linear","factor":4.0}`, []string{"factor", "type"}, nil},
		"dynamic": {`{"rope_type":"dynamic","factor":2.0}`, nil, nil},
		"yarn":    {`{"type":"yarn","factor":1.1,"original_max_position_embeddings":128}`, []string{"factor", "original_context_length", "type"}, nil},
		"yarn with all": {`{"rope_type":"yarn","factor":4.0,"attention_factor":0.9,"beta_fast":8,"beta_slow":2,"truncate":false,"original_max_position_embeddings":128}`,
			[]string{"attn_factor"}, []string{"rope_freqs.weight"}},
		"llama3":   {`{"rope_type":"llama3","factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":128}`, nil, []string{"rope_freqs.weight"}},
		"longrope": {`{"rope_type":"longrope","original_max_position_embeddings":128,"short_factor":` + factors + `,"long_factor":` + long + `}`, []string{"attn_factor", "original_context_length", "type"}, []string{"rope_factors_long.weight", "rope_factors_short.weight"}},
		"uniform":  {`{"rope_type":"longrope","attention_factor":1.5,"short_factor":` + long + `,"long_factor":` + long + `}`, []string{"attn_factor"}, []string{"rope_freqs.weight"}},
	} {
		for _, part := range []string{"", `"partial_rotary_factor": 0.5,`} {
			scaling := c.scaling
			if part != "" {
				scaling = strings.ReplaceAll(strings.ReplaceAll(scaling, factors, half(factors)), long, half(long))
			}
			dir := scaledFolder(t, `"rope_theta": 500000.0, `+part+`"rope_scaling": `+scaling+`,`)
			file := mustConvert(t, dir, "x.gguf", Options{})
			back := mustConvert(t, file, "back", Options{EmbeddingType: F32})
			again := mustConvert(t, back, "again.gguf", Options{})
			want := configOf(t, dir)
			for _, path := range []string{file, back, again} {
				if got := configOf(t, path); !got.RopeScaling.Equal(want.RopeScaling) || got.PartialRotaryFactor != want.PartialRotaryFactor {
					t.Errorf("%s: %s has %v, want %v", name, filepath.Base(path), got.RopeScaling, want.RopeScaling)
				}
				if same := compared(t, dir, path); !same.Same {
					t.Errorf("%s: %s", name, same.Summary())
				}
			}
			for _, path := range []string{file, again} {
				checkRotaryParts(t, name, path, c.keys, c.tensors)
			}
		}
	}
}

// half is the first half of a list of 32 factors.
func half(list string) string {
	parts := strings.Split(strings.Trim(list, "[]"), ",")
	return "[" + strings.Join(parts[:len(parts)/2], ",") + "]"
}

func checkRotaryParts(t *testing.T, name, path string, keys, tensors []string) {
	t.Helper()
	f, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var gotKeys, gotTensors []string
	for _, key := range f.Metadata.Keys {
		if rest, ok := strings.CutPrefix(key, "llama.rope.scaling."); ok {
			gotKeys = append(gotKeys, rest)
		}
	}
	for _, info := range f.Tensors {
		if strings.HasPrefix(info.Name, "rope_") {
			gotTensors = append(gotTensors, info.Name)
		}
	}
	slices.Sort(gotKeys)
	if !slices.Equal(gotKeys, keys) || !slices.Equal(gotTensors, tensors) {
		t.Errorf("%s: keys %v and tensors %v, want %v and %v", name, gotKeys, gotTensors, keys, tensors)
	}
}
