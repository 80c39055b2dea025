package model

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

// miniCPM1B has the keys of a published config.json of MiniCPM with longrope.
var miniCPM1B = `{"_name_or_path": "x", "architectures": ["MiniCPMForCausalLM"], "auto_map": {"AutoConfig": "x"}, "bos_token_id": 1, "eos_token_id": 2,
	"hidden_act": "silu", "hidden_size": 1536, "initializer_range": 0.1, "intermediate_size": 3840, "max_position_embeddings": 32768,
	"num_attention_heads": 24, "num_hidden_layers": 52, "num_key_value_heads": 8, "rms_norm_eps": 1e-05, "rope_scaling": {"type": "su",
	"long_factor": ` + numbers(1, 0.5, 32) + `, "short_factor": ` + numbers(1, 0.5, 32) + `, "original_max_position_embeddings": 32768},
	"torch_dtype": "bfloat16", "transformers_version": "4.36.0", "use_cache": true, "vocab_size": 73448, "scale_emb": 12, "dim_model_base": 256,
	"scale_depth": 1.4}`

func TestMiniCPM(t *testing.T) {
	c := parse(t, miniCPM1B)
	if len(c.Warnings()) > 0 || len(c.Notes()) != 2 { // of the class, and of rope_theta
		t.Errorf("warnings %q, notes %q", c.Warnings(), c.Notes())
	}
	if c.EmbeddingScale() != 12 || math.Abs(c.ResidualScale()-1.4/math.Sqrt(52)) > 1e-15 || c.LogitScale() != 6 {
		t.Errorf("scales %v, %v and %v, want 12, 1.4/sqrt(52) and 6", c.EmbeddingScale(), c.ResidualScale(), c.LogitScale())
	}
	if f := FamilyOf(c, func(string) bool { return false }); f != &miniCPM || !c.TieWordEmbeddings {
		t.Errorf("the family is %s, tied: %v", f.Title, c.TieWordEmbeddings)
	}
	if err := c.Observe(func(name string) bool { return name == LMHead }); err != nil || !c.TieWordEmbeddings {
		t.Errorf("a copy of the tied head: tied %v, %v", c.TieWordEmbeddings, err)
	}
}

// What ForTraining writes is read as the same model.
func TestMiniCPMWritten(t *testing.T) {
	c := parse(t, miniCPM1B)
	b, err := json.Marshal(ForTraining(c.Config, 1, 2))
	if err != nil {
		t.Fatal(err)
	}
	if again := parse(t, string(b)); again.ModelType != "minicpm" || again.ScaleEmb != 12 || again.ScaleDepth != 1.4 || again.DimModelBase != 256 {
		t.Errorf("%s is read as %+v", b, again.Config)
	}
}

// The keys come back from the scales in float32, in which GGUF files hold them.
func TestScalesInFloat32(t *testing.T) {
	for layers := 1; layers < 100; layers++ {
		for _, depth := range []float64{1, 1.4, 0.7, 3.25} {
			want := Config{HiddenSize: 2304, NumHiddenLayers: layers, ScaleEmb: 12.1, ScaleDepth: depth, DimModelBase: 250}
			got := Config{HiddenSize: 2304, NumHiddenLayers: layers}
			got.SetScales(float32(want.EmbeddingScale()), float32(want.ResidualScale()), float32(want.LogitScale()))
			if got != want {
				t.Errorf("%d layers: got %v, %v, %v, want %v, %v, %v", layers, got.ScaleEmb, got.ScaleDepth, got.DimModelBase,
					want.ScaleEmb, want.ScaleDepth, want.DimModelBase)
			}
		}
	}
}

func TestScalesThatAreRefused(t *testing.T) {
	for change, want := range map[string]string{
		`"scale_emb": 12>"scale_emb": 0`:                                "scale_emb is 0: want a positive number",
		`"scale_emb": 12>"scale_emb": null`:                             "scale_emb is null: want a positive number",
		`"scale_depth": 1.4>"scale_depth": "1.4"`:                       `scale_depth is "1.4": want a positive number`,
		`"dim_model_base": 256>"dim_model_base": -256`:                  "dim_model_base is -256: want a positive number",
		`"dim_model_base": 256>"dim_model_base": 1e300`:                 "dim_model_base is 1e+300",
		`"scale_emb": 12>"scale_emb": 12, "sub_norms": true`:            "scale_emb is 12 beside norms",
		`"architectures": ["MiniCPMForCausalLM"]>"model_type": "llama"`: "scale_emb is 12, which scales the embedding",
	} {
		before, after, _ := strings.Cut(change, ">")
		_, err := ParseHF([]byte(strings.Replace(miniCPM1B, before, after, 1)))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q in it", after, err, want)
		}
	}
}

// A key that the class has a default for, and that models depend on, is said.
func TestMiniCPMWithoutItsKeys(t *testing.T) {
	c := parse(t, strings.NewReplacer(`"scale_emb": 12, `, "", `"dim_model_base": 256,`, "").Replace(miniCPM1B))
	if n := c.Notes(); len(n) != 2 || !strings.Contains(n[1].String(), "dim_model_base 1, rope_theta 10000, scale_emb 1") {
		t.Errorf("notes %q, want one of both keys", n)
	}
}
