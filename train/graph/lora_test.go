package graph

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/format/adapter"
	"trit/format/safetensors"
	"trit/internal/testutil"
	"trit/model"
)

func TestGoldenLoRA(t *testing.T) {
	for _, path := range testutil.TuningGoldens(t, "../../testdata/finetune", "lora") {
		t.Run(filepath.Base(path), func(t *testing.T) { testGoldenLoRA(t, path) })
	}
}

// testGoldenLoRA compares logits, loss and the gradients of the adapters with PyTorch's. The
// gradients are of the mean over the targets.
func testGoldenLoRA(t *testing.T, path string) {
	f := testutil.OpenGolden(t, path)
	defer f.Close()
	p := goldenAdapters(t, f)
	_, batch, length := testutil.GoldenTokens(t, f)
	d, err := New(p, Options{Batch: batch, SequenceLength: length, Backward: true})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	testutil.GoldenTargets(t, f, 0, d.Tokens(), d.Targets())
	loss, err := d.Run()
	if err != nil {
		t.Fatal(err)
	}
	want := testutil.Floats(t, f, "loss")[0]
	t.Logf("loss differs by %.2g", loss-want)
	if math.Abs(float64(loss-want)) > 1e-3 {
		t.Errorf("loss %g, want %g", loss, want)
	}
	logits := make([]float32, batch*length*p.Config.VocabSize)
	for i := range batch * length {
		d.Logits(logits[i*p.Config.VocabSize:], i)
	}
	checkClose(t, "logits", logits, testutil.Floats(t, f, "logits"), 1e-2)
	for weight := range p.Adapter().Pairs {
		for _, matrix := range []string{"A", "B"} {
			g := slices.Clone(d.Grad(p.lora.name(weight, matrix)))
			for i := range g {
				g[i] *= float32(batch*length) / float32(d.Scored())
			}
			name := "grad." + strings.TrimSuffix(weight, "weight") + matrix
			checkClose(t, name, g, testutil.Floats(t, f, name), 2e-2)
		}
	}
}

// goldenAdapters reads base and adapters of a golden.
func goldenAdapters(t *testing.T, f *safetensors.File) *Params {
	t.Helper()
	var o struct {
		R         int
		Alpha     float64
		Mode      adapter.Placement
		Targets   []string
		Dropout   float64
		UseRsLoRA bool `json:"use_rslora"`
	}
	if err := json.Unmarshal([]byte(f.Metadata()["lora"]), &o); err != nil {
		t.Fatal(err)
	}
	b := NewBase(testutil.GoldenModel(t, f), o.Mode == adapter.Inside, 0)
	fillBase(t, b, func(name string) []float32 { return testutil.Floats(t, f, "param."+name) })
	p, err := EmptyAdapters(b, LoRA{Rank: o.R, Alpha: o.Alpha, Placement: o.Mode, Targets: o.Targets, RankStabilized: o.UseRsLoRA})
	if err != nil {
		t.Fatal(err)
	}
	for weight, pair := range p.Adapter().Pairs {
		name := "lora." + strings.TrimSuffix(weight, "weight")
		copy(pair.A, testutil.Floats(t, f, name+"A"))
		copy(pair.B, testutil.Floats(t, f, name+"B"))
	}
	return p
}

func fillBase(t *testing.T, b *Base, values func(name string) []float32) {
	t.Helper()
	for _, spec := range b.Config.Tensors() {
		if err := b.SetValues(spec.Name, "F32", littleEndian(values(spec.Name))); err != nil {
			t.Fatal(err)
		}
	}
}

func littleEndian(v []float32) (b []byte) {
	for _, x := range v {
		bits := math.Float32bits(x)
		b = append(b, byte(bits), byte(bits>>8), byte(bits>>16), byte(bits>>24))
	}
	return b
}

// loraModel makes adapters of a small model, B not zero, and a graph over them with a batch of several
// documents.
func loraModel(t *testing.T, c model.Config, l LoRA, o Options) *Decoder {
	t.Helper()
	c.VocabSize, c.HiddenSize, c.IntermediateSize, c.NumHiddenLayers = 50, 48, 80, 2
	c.NumAttentionHeads, c.NumKeyValueHeads = 4, 2
	c.Resolve()
	whole := NewParams(c, 1)
	b := NewBase(c, l.Placement == adapter.Inside, o.Threads)
	fillBase(t, b, whole.Value)
	p, err := NewAdapters(b, l, 3)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(5, 5))
	a := p.Adapter()
	for _, name := range a.Names() {
		pair := a.Pairs[name]
		for i := range pair.B {
			pair.B[i] = float32(r.NormFloat64()) * 0.05
		}
	}
	o.Batch, o.SequenceLength = 2, 24
	d, err := New(p, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	for i := range d.tokens {
		d.tokens[i], d.targets[i] = int32(r.IntN(50)), int32(r.IntN(50))
		if i%24 >= 15 {
			d.starts[i] = 15
		}
	}
	return d
}

// loraCases are models with adapters of all kinds.
func loraCases() map[string]struct {
	c model.Config
	l LoRA
} {
	bitnet := model.Config{SubNorms: true, Ternary: true, TieWordEmbeddings: true}
	type both = struct {
		c model.Config
		l LoRA
	}
	return map[string]both{
		"beside":  {bitnet, LoRA{Rank: 4, Alpha: 8, Placement: adapter.Beside}},
		"dropout": {bitnet, LoRA{Rank: 4, Alpha: 8, Placement: adapter.Beside, Dropout: 0.2, Targets: []string{"q_proj", "down_proj"}}},
		"inside":  {bitnet, LoRA{Rank: 4, Alpha: 8, Placement: adapter.Inside, Targets: []string{"v_proj", "up_proj"}}},
		"float":   {model.Config{HiddenAct: model.SiLU}, LoRA{Rank: 4, Alpha: 8, Placement: adapter.Beside, Dropout: 0.2, RankStabilized: true}},
	}
}

// Activation checkpointing and the number of threads change no bit of the gradients of adapters,
// masks of dropout included; a pass with the adapters off in between neither.
func TestSameAdapterGradients(t *testing.T) {
	for name, c := range loraCases() {
		t.Run(name, func(t *testing.T) {
			want := gradients(t, loraModel(t, c.c, c.l, Options{Backward: true, Threads: 1}))
			for _, checkpoint := range []bool{false, true} {
				d := loraModel(t, c.c, c.l, Options{Backward: true, CheckpointActivations: checkpoint, Threads: 2})
				d.SetAdapters(false)
				if _, err := d.Evaluate(); err != nil {
					t.Fatal(err)
				}
				d.SetAdapters(true)
				for name, g := range gradients(t, d) {
					if !slices.Equal(g, want[name]) {
						t.Errorf("checkpointed %v: the gradient of %s is another", checkpoint, name)
					}
				}
			}
		})
	}
}

// With the adapters off, and with fresh ones, a graph computes what the whole model does.
func TestAdaptersOff(t *testing.T) {
	for name, c := range loraCases() {
		d := loraModel(t, c.c, c.l, Options{})
		changed, err := d.Evaluate()
		if err != nil {
			t.Fatal(err)
		}
		d.SetAdapters(false)
		off, err := d.Evaluate()
		if err != nil {
			t.Fatal(err)
		}
		whole, err := New(NewParams(d.cfg, 1), d.options)
		if err != nil {
			t.Fatal(err)
		}
		defer whole.Close()
		copy(whole.tokens, d.tokens)
		copy(whole.targets, d.targets)
		copy(whole.starts, d.starts)
		want, err := whole.Evaluate()
		if err != nil {
			t.Fatal(err)
		}
		if off != want || changed == want {
			t.Errorf("%s: the loss is %g with the adapters off and %g with them, the model's is %g", name, off, changed, want)
		}
	}
}

// The loss of a model whose layers are not rounded has true derivatives: those of its adapters are
// compared with central differences, the mask of dropout held still.
func TestAdapterFiniteDifferences(t *testing.T) {
	c := loraCases()["float"]
	d := loraModel(t, c.c, c.l, Options{Backward: true})
	d.SetKey(7)
	grads := gradients(t, d)
	loss := func() float64 {
		if _, err := d.Run(); err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for _, l := range d.TokenLosses() {
			sum += float64(l)
		}
		return sum / float64(len(d.tokens))
	}
	for _, spec := range d.params.Specs() {
		v, g := d.params.Value(spec.Name), grads[spec.Name]
		top := 0
		for i := range g {
			if math.Abs(float64(g[i])) > math.Abs(float64(g[top])) {
				top = i
			}
		}
		const step = 1.0 / 64
		saved := v[top]
		v[top] = saved + step
		up := loss()
		v[top] = saved - step
		want := (up - loss()) / (2 * step)
		v[top] = saved
		if math.Abs(float64(g[top])-want) > 0.02*math.Abs(want) {
			t.Errorf("%s: the largest gradient is %g, want %g", spec.Name, g[top], want)
		}
	}
}

// The hook names each matrix of the adapters once and nothing else, and the masks follow the key.
func TestAdapterHookAndKey(t *testing.T) {
	c := loraCases()["dropout"]
	d := loraModel(t, c.c, c.l, Options{Backward: true})
	seen := map[string]int{}
	d.OnGradient(func(names ...string) {
		for _, n := range names {
			seen[n]++
		}
	})
	first := gradients(t, d)
	for _, spec := range d.params.Specs() {
		if seen[spec.Name] != 1 {
			t.Errorf("%s was named %d times", spec.Name, seen[spec.Name])
		}
	}
	if len(seen) != 2*2*2 {
		t.Errorf("named are %v", seen)
	}
	d.SetKey(1)
	name := d.params.Specs()[0].Name
	if slices.Equal(gradients(t, d)[name], first[name]) {
		t.Error("another key gives the same gradient")
	}
}

func TestLoRAIsChecked(t *testing.T) {
	ternary, float := model.Config{Ternary: true}, model.Config{}
	for want, c := range map[string]struct {
		c *model.Config
		l LoRA
	}{
		`"qproj"`:      {&ternary, LoRA{Rank: 1, Placement: adapter.Beside, Targets: []string{"qproj"}}},
		`"under"`:      {&ternary, LoRA{Rank: 1, Placement: "under"}},
		"no quantiser": {&float, LoRA{Rank: 1, Placement: adapter.Inside}},
		"lora_dropout": {&ternary, LoRA{Rank: 1, Placement: adapter.Inside, Dropout: 0.1}},
	} {
		if err := c.l.Check(c.c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	b := NewBase(model.Config{VocabSize: 4, HiddenSize: 8, IntermediateSize: 8, NumHiddenLayers: 1, NumAttentionHeads: 1}, false, 0)
	if _, err := NewAdapters(b, LoRA{Rank: 1, Placement: adapter.Beside}, 1); err == nil || !strings.Contains(err.Error(), "the base has no") {
		t.Errorf("an empty base: %v", err)
	}
}
