package ggufmeta

import (
	"math"
	"strings"
	"testing"

	"trit/format/gguf"
	"trit/model"
)

// rotatedKeys are the keys of a small model in a basis of its own.
func rotatedKeys(t *testing.T, c *model.Config) *gguf.Metadata {
	t.Helper()
	var err error
	if c.Basis, err = model.NewBasis(c, 8); err != nil {
		t.Fatal(err)
	}
	var m gguf.Metadata
	writeBasis(&m, c)
	return &m
}

// changedKeys is a copy of metadata with some keys changed; nil takes a key out.
func changedKeys(m *gguf.Metadata, change map[string]any) *gguf.Metadata {
	var out gguf.Metadata
	for _, key := range m.Keys {
		if _, changed := change[strings.TrimPrefix(key, basisPrefix)]; !changed {
			v, _ := m.Get(key)
			out.Set(key, v)
		}
	}
	for key, v := range change {
		if v != nil {
			out.Set(basisPrefix+key, v)
		}
	}
	return &out
}

func TestBasisWrittenAndRead(t *testing.T) {
	for _, tied := range []bool{false, true} {
		c := shape()
		c.TieWordEmbeddings = tied
		m := rotatedKeys(t, c)
		got := shape()
		got.TieWordEmbeddings = tied
		if err := readBasis(m, got); err != nil || !got.Basis.Equal(c.Basis) {
			t.Errorf("tied %v: %v; got %v, want %v", tied, err, got.Basis, c.Basis)
		}
		if notes, err := checkKeys(m, Llama, c); err != nil || len(notes) > 0 {
			t.Errorf("the keys are in the table of others: %v, %v", notes, err)
		}
		identity := changedKeys(m, map[string]any{"sign_mode": "identity", "sign_widths": nil, "sign_values": nil, "gdn_v_grouped": nil})
		if err := readBasis(identity, got); err != nil || got.Basis.Signs != nil {
			t.Errorf("no signs: %v, %v", err, got.Basis.Signs)
		}
	}
	if c := shape(); readBasis(&gguf.Metadata{}, c) != nil || c.Basis != nil {
		t.Error("a file without the keys has a basis")
	}
}

// Types of numbers that other writers take are read.
func TestNumbersOfABasis(t *testing.T) {
	c := shape()
	m := rotatedKeys(t, c)
	v, _ := m.Get(basisPrefix + "sign_values")
	floats, longs := []float32{}, []int64{}
	for _, s := range v.([]int8) {
		floats, longs = append(floats, float32(s)), append(longs, int64(s))
	}
	for _, change := range []map[string]any{
		{"sign_values": floats}, {"sign_values": longs}, {"sign_widths": []int64{8, 64}}, {"version": int32(1), "block_size": uint64(8)},
	} {
		got := shape()
		if err := readBasis(changedKeys(m, change), got); err != nil || !got.Basis.Equal(c.Basis) {
			t.Errorf("%v: %v", change, err)
		}
	}
}

// Each key that is missing, damaged or contradicts another one is refused by its name.
func TestBasisThatIsRefused(t *testing.T) {
	c := shape()
	m := rotatedKeys(t, c)
	values, _ := m.Get(basisPrefix + "sign_values")
	signs := values.([]int8)
	damaged := append([]int8{}, signs...)
	damaged[9] = 0
	inputs, _ := m.Strings(basisPrefix + "weight_names")
	with := func(name string) []string { return append([]string{name}, inputs...) }
	for _, r := range []struct {
		key  string // that the error names
		set  map[string]any
		want string
	}{
		{"version", map[string]any{"version": uint32(2)}, "is 2: 1 alone"},
		{"version", map[string]any{"version": "1"}, "is 1: 1 alone"},
		{"block_size", map[string]any{"block_size": uint32(12)}, "want a power of two"},
		{"block_size", map[string]any{"block_size": uint32(0)}, "want a power of two"},
		{"block_size", map[string]any{"block_size": uint32(1)}, "want a power of two"},
		{"block_size", map[string]any{"block_size": int32(-8)}, "want a power of two"},
		{"block_size", map[string]any{"block_size": uint64(1 << 40)}, "want a power of two"},
		{"block_size", map[string]any{"block_size": "8"}, "want a power of two"},
		{"block_size", map[string]any{"block_size": uint32(16)}, "does not divide the width of blk.0.ffn_down.weight, 8"},
		{"transform", map[string]any{"transform": "sylvester-walsh-hadamard"}, "want [\"normalized-sylvester-walsh-hadamard\"]"},
		{"transform", map[string]any{"transform": uint32(1)}, "want"},
		{"axis", map[string]any{"axis": "output-first-dimension"}, "want [\"input-last-dimension\"]"},
		{"sign_mode", map[string]any{"sign_mode": "random"}, "want [\"explicit\" \"identity\"]"},
		{"sign_widths", map[string]any{"sign_mode": "identity"}, "contradict"},
		{"sign_values", map[string]any{"sign_mode": "identity", "sign_widths": nil}, "contradict"},
		{"sign_widths", map[string]any{"sign_widths": []uint32{8}, "sign_values": signs[:8]}, "does not have 64, the width of token_embd.weight"},
		{"sign_widths", map[string]any{"sign_widths": []uint32{64, 64}}, "has 64 twice"},
		{"sign_widths", map[string]any{"sign_widths": []int32{8, -64}}, "want widths"},
		{"sign_widths", map[string]any{"sign_widths": []float32{8, float32(math.NaN())}}, "want widths"},
		{"sign_widths", map[string]any{"sign_widths": "8, 64"}, "is no list of numbers"},
		{"sign_values", map[string]any{"sign_values": signs[:len(signs)-1]}, "too few values"},
		{"sign_values", map[string]any{"sign_values": append([]int8{1}, signs...)}, "has 1 values more"},
		{"sign_values", map[string]any{"sign_values": damaged}, "has 0 at place 1 of width 64: want 1 or -1"},
		{"sign_values", map[string]any{"sign_values": make([]string, len(signs))}, "is no list of numbers"},
		{"weight_names", map[string]any{"weight_names": []string{}, "inverse_weight_names": []string{}}, "no weight is in the basis"},
		{"weight_names", map[string]any{"weight_names": "output.weight"}, "want a list of names"},
		{"weight_names", map[string]any{"weight_names": with("blk.9.attn_q.weight")}, "has blk.9.attn_q.weight, which is no weight"},
		{"weight_names", map[string]any{"weight_names": with("blk.0.attn_norm.weight")}, "is no matrix"},
		{"weight_names", map[string]any{"weight_names": with("output.weight")}, "has output.weight twice"},
		{"weight_names", map[string]any{"weight_names": with("token_embd.weight"), "inverse_weight_names": []string{}}, "looked up and not multiplied"},
		{"inverse_weight_names", map[string]any{"inverse_weight_names": []string{"blk.0.attn_q.weight"}}, "multiplied and not looked up"},
		{"inverse_weight_names", map[string]any{"inverse_weight_names": []string{"token_embd"}}, "has token_embd, which is no weight"},
		{"inverse_weight_names", map[string]any{"inverse_weight_names": uint32(1)}, "want a list of names"},
		{"gdn_v_grouped", map[string]any{"gdn_v_grouped": true}, "gated delta-net"},
		{"gdn_v_grouped", map[string]any{"gdn_v_grouped": uint32(0)}, "is 0: want true or false"},
		{"seed", map[string]any{"seed": uint32(3)}, "is not known"},
	} {
		err := readBasis(changedKeys(m, r.set), shape())
		if err == nil || !strings.Contains(err.Error(), "the key "+basisPrefix+r.key+" ") || !strings.Contains(err.Error(), r.want) {
			t.Errorf("%v: got %v, want %s and %q", r.set, err, r.key, r.want)
		}
	}
	for _, key := range basisKeys {
		err := readBasis(changedKeys(m, map[string]any{key: nil}), shape())
		if key == "gdn_v_grouped" { // of models with such layers
			if err != nil {
				t.Error(err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), "the key "+basisPrefix+key+" is missing") {
			t.Errorf("without %s: got %v, want that it is missing", key, err)
		}
	}
}

// The rows of a tied table are turned in both of its uses or in none.
func TestBasisOfATiedHead(t *testing.T) {
	c := shape()
	c.TieWordEmbeddings = true
	m := rotatedKeys(t, c)
	for _, change := range []map[string]any{
		{"inverse_weight_names": []string{}}, {"weight_names": []string{"blk.0.attn_q.weight"}},
	} {
		tied := shape()
		tied.TieWordEmbeddings = true
		if err := readBasis(changedKeys(m, change), tied); err == nil || !strings.Contains(err.Error(), "it is the head too") {
			t.Errorf("%v: got %v, want that they contradict each other", change, err)
		}
	}
}

func TestLostBasis(t *testing.T) {
	for _, c := range []struct {
		architecture string
		typ          gguf.Type
		basis        *model.Basis
		warns        bool
	}{
		{Qwen3, gguf.PQ2_0, nil, true}, {Qwen3, gguf.PTQ1_0, nil, true}, {"qwen35", gguf.PQ2_0, nil, true},
		{Qwen3, gguf.Q2_0, nil, false}, {Llama, gguf.PQ2_0, nil, false}, {Qwen3, gguf.PQ2_0, &model.Basis{}, false},
	} {
		f := &gguf.File{Tensors: []gguf.TensorInfo{{Name: "token_embd.weight", Type: gguf.F16}, {Name: "blk.0.attn_q.weight", Type: c.typ}}}
		notes := lostBasis(f, c.architecture, &model.Config{Basis: c.basis})
		if warns := len(notes) > 0; warns != c.warns || warns && !strings.Contains(notes[0].String(), "blk.0.attn_q.weight is "+c.typ.String()) {
			t.Errorf("%s, %s, a basis: %v: %q, want a warning: %v", c.architecture, c.typ, c.basis != nil, notes, c.warns)
		}
	}
}

// No metadata makes the reader panic, and what it reads has the form of a basis.
func FuzzBasis(f *testing.F) {
	f.Add(uint64(8), "explicit", []byte{8, 64}, []byte{1, 0xff}, "output.weight", true)
	f.Fuzz(func(t *testing.T, block uint64, mode string, widths, values []byte, name string, table bool) {
		var m gguf.Metadata
		ints := func(b []byte) (out []int8) {
			for _, v := range b {
				out = append(out, int8(v))
			}
			return out
		}
		inputs, tables := []string{name}, []string{}
		if table {
			inputs, tables = tables, inputs
		}
		for key, v := range map[string]any{
			"version": uint32(1), "block_size": block, "transform": basisTransform, "axis": basisAxis, "sign_mode": mode,
			"sign_widths": widths, "sign_values": ints(values), "weight_names": inputs, "inverse_weight_names": tables,
		} {
			m.Set(basisPrefix+key, v)
		}
		c := shape()
		if readBasis(&m, c) != nil {
			return
		}
		if b := c.Basis; b.Block < 2 || 64%b.Block != 0 || b.Signs != nil && len(b.Signs[64]) != 64 && len(b.Signs[8]) != 8 {
			t.Errorf("read a basis of blocks of %d with signs %v", b.Block, b.Signs)
		}
	})
}
