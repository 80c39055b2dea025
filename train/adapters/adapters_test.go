package adapters

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"testing"

	"trit/format/adapter"
	_ "trit/internal/testutil" // accepts -golden
	"trit/model"
	"trit/train/graph"
)

func shape() model.Config {
	c := model.Config{VocabSize: 16, HiddenSize: 32, IntermediateSize: 64, NumHiddenLayers: 2, NumAttentionHeads: 2,
		SubNorms: true, Ternary: true, TieWordEmbeddings: true}
	c.Resolve()
	return c
}

// A base of codes takes a quarter of a byte a ternary weight, and adapters over it begin with what it
// computes.
func TestRandomBase(t *testing.T) {
	c := shape()
	b, err := Read(Random{}, c, false, 0)
	if err != nil {
		t.Fatal(err)
	}
	norms := 2*(32+32+32+64) + 32
	if want := c.TernaryParameters()/4 + 2*16*32 + 4*norms; b.Bytes() != want {
		t.Errorf("the base takes %d bytes, want %d", b.Bytes(), want)
	}
	again, err := Read(Random{}, c, false, 1)
	if err != nil || again.Fingerprint() != b.Fingerprint() || len(b.Fingerprint()) != 64 {
		t.Errorf("the fingerprint is %s, with one thread %s: %v", b.Fingerprint(), again.Fingerprint(), err)
	}
	p, err := graph.NewAdapters(b, graph.LoRA{Rank: 2, Alpha: 4, Placement: adapter.Beside}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Adapter().Check(&c); err != nil {
		t.Error(err)
	}
	d, err := graph.New(p, graph.Options{Batch: 1, SequenceLength: 8})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	with, err := d.Run()
	if err != nil || math.IsNaN(float64(with)) {
		t.Fatal(with, err)
	}
	d.SetAdapters(false)
	if without, err := d.Run(); err != nil || without != with {
		t.Errorf("the loss is %g with fresh adapters, %g without: %v", with, without, err)
	}
}

// The configuration has PEFT's keys; PEFT knows no type of an adapter inside the quantiser.
func TestConfig(t *testing.T) {
	a := &adapter.Adapter{Alpha: 8, RankStabilized: true, Placement: adapter.Beside, Base: "b", Pairs: map[string]adapter.Pair{
		model.LayerTensor(0, model.VProj): {Rank: 4}, model.LayerTensor(1, model.VProj): {Rank: 4}, model.LayerTensor(0, model.UpProj): {Rank: 4}}}
	for placement, kind := range map[adapter.Placement]string{adapter.Beside: "LORA", adapter.Inside: "TRIT_LORA_INSIDE"} {
		a.Placement = placement
		var got peftConfig
		b, err := Config(a)
		if err == nil {
			err = json.Unmarshal(b, &got)
		}
		if err != nil || got.Type != kind || got.Rank != 4 || got.Alpha != 8 || !got.RSLoRA || got.Base != "b" ||
			!slices.Equal(got.Targets, []string{"up_proj", "v_proj"}) {
			t.Errorf("%v: %s", err, b)
		}
	}
}

func ExampleRead() {
	base, _ := Read(Random{}, shape(), false, 0)
	params, _ := graph.NewAdapters(base, graph.LoRA{Rank: 4, Alpha: 8, Placement: adapter.Beside, Targets: []string{"q_proj"}}, 1)
	for _, spec := range params.Specs() {
		fmt.Println(spec.Name, spec.Shape)
	}
	// Output:
	// base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight [4 32]
	// base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight [32 4]
	// base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight [4 32]
	// base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight [32 4]
}
