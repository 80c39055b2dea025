package repro

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"trit/configs"
	"trit/convert"
	"trit/data"
	"trit/data/world"
	"trit/infer"
	"trit/lm"
	"trit/tokenizer"
	"trit/train"
)

// smallRecipes are two variants of a tiny model with two seeds.
func smallRecipes(t *testing.T, dir string) *RecipeSet {
	t.Helper()
	config, file := filepath.Join(dir, "tiny.json"), filepath.Join(dir, "recipes.json")
	for path, text := range map[string]string{
		config: `{"base": "trit-1m-adamw", "num_hidden_layers": 1, "hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 2,
			"num_key_value_heads": 2}`,
		file: `{"config": "` + config + `", "tokens": 5000, "seeds": [3, 4], "set": ["log_interval=1", "learning_rate=0.01"],
			"variants": [{"name": "adamw", "set": []}, {"name": "muon", "set": ["optimizer=muon"]}]}`,
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, err := LoadRecipes(file)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// An experiment that is stopped in its third run goes on there: no run is trained twice, and the results
// are those of an experiment that was not stopped.
func TestRecipes(t *testing.T) {
	dir := t.TempDir()
	o := RecipesOptions{Set: smallRecipes(t, dir), Data: smallData(t, dir), Out: filepath.Join(dir, "whole")}
	want, err := Recipes(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(want) != 2 || len(want[0].Runs) != 2 || want[0].Runs[0].Loss == want[1].Runs[0].Loss ||
		want[0].Runs[0].Loss == want[0].Runs[1].Loss || want[1].Runs[1].Seconds <= 0 || want[1].Runs[1].BitsPerByte <= 0 {
		t.Errorf("outcomes %+v", want)
	}
	ctx, cancel := context.WithCancel(context.Background())
	steps, runs := map[string]int{}, []string(nil)
	o.Out = filepath.Join(dir, "stopped")
	o.Run = func(dir string) { runs = append(runs, filepath.Base(dir)) }
	o.Event = func(e train.Event) {
		if e.Event == "step" {
			steps[runs[len(runs)-1]]++
		}
		if len(runs) == 3 && e.Step == 2 {
			cancel()
		}
	}
	if _, err := Recipes(ctx, o); err == nil || !strings.Contains(err.Error(), "the same command goes on") {
		t.Fatalf("stopped: %v", err)
	}
	got, err := Recipes(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if s := strings.Join(runs, " "); s != "adamw-seed3 muon-seed3 adamw-seed4 adamw-seed3 muon-seed3 adamw-seed4 muon-seed4" {
		t.Errorf("runs %s", s)
	}
	for name, n := range steps {
		if n != 4 {
			t.Errorf("%s took %d steps, want 4", name, n)
		}
	}
	for _, r := range []RecipeOutcomes{got, want} {
		for i := range r {
			for j := range r[i].Runs {
				r[i].Runs[j].Seconds = 0
			}
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("after a stop %+v, want %+v", got, want)
	}
	for name, text := range map[string]string{"recipes.json": `"loss"`, "recipes.md": "| muon | 2 |", "recipes.svg": ">muon<"} {
		if b, err := os.ReadFile(filepath.Join(o.Out, name)); err != nil || !strings.Contains(string(b), text) {
			t.Errorf("%s: %v, it lacks %s: %s", name, err, text, b)
		}
	}
	var read RecipeOutcomes
	if b, _ := os.ReadFile(filepath.Join(o.Out, "recipes.json")); json.Unmarshal(b, &read) != nil || len(read) != 2 {
		t.Errorf("recipes.json holds %s", b)
	}
}

// A variant whose loss is no number is an outcome: the others are trained behind it, and compared.
func TestRecipesThatDiverge(t *testing.T) {
	dir := t.TempDir()
	o := RecipesOptions{Set: smallRecipes(t, dir), Data: smallData(t, dir), Out: filepath.Join(dir, "out")}
	broken := RecipeVariant{Name: "broken", Set: []string{"learning_rate=1e30", "max_grad_norm=0", "warmup_steps=0"}}
	o.Set.Variants = slices.Insert(o.Set.Variants, 1, broken)
	got, err := Recipes(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if run := got[1].Runs[0]; !strings.Contains(run.Diverged, "NaN") || run.Loss != 0 || len(got[2].Runs) != 2 {
		t.Errorf("outcomes %+v", got)
	}
	text := got.Markdown()
	if !strings.Contains(text, "| broken | 2 | diverged: seed 3, 4 |") || !strings.Contains(text, "| muon | 2 | ") ||
		strings.Contains(text, "NaN") {
		t.Errorf("%s", text)
	}
	got[0], got[1] = got[1], got[0] // nothing is compared with a first variant that diverged
	if text := got.Markdown(); strings.Contains(text, "NaN") || strings.Contains(text, "%  |") {
		t.Errorf("%s", text)
	}
	var picture strings.Builder
	if err := got.WriteSVG(&picture); err != nil || strings.Contains(picture.String(), "NaN") {
		t.Errorf("%v: %s", err, picture.String())
	}
}

// Without held-out documents every loss would be 0.
func TestRecipesNeedHeldOutDocuments(t *testing.T) {
	dir := t.TempDir()
	set, prepared := smallRecipes(t, dir), smallData(t, dir)
	tok, err := tokenizer.Load(prepared)
	if err != nil {
		t.Fatal(err)
	}
	all := filepath.Join(dir, "all")
	if _, err := data.Prepare(t.Context(), data.PrepareOptions{Files: []string{filepath.Join(dir, world.TextFile)}, Column: "text",
		Tokenizer: tok, Out: all}); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	if _, err := Recipes(t.Context(), RecipesOptions{Set: set, Data: all, Out: out}); err == nil ||
		!strings.Contains(err.Error(), "no held-out documents") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a run was begun")
	}
}

// The difference is that of runs with the same seed: 10 % and 20 % less are 15 %, with a standard error of
// 5 % and one degree of freedom, whose quantile is 12.706.
func TestRecipeDifference(t *testing.T) {
	r := RecipeOutcomes{
		{Variant: RecipeVariant{Name: "old"}, Runs: []RecipeRun{{Seed: 1, Loss: 4}, {Seed: 2, Loss: 5}}},
		{Variant: RecipeVariant{Name: "new"}, Runs: []RecipeRun{{Seed: 1, Loss: 3.6}, {Seed: 2, Loss: 4}}},
	}
	mean, around := r[1].difference(&r[0])
	if math.Abs(mean+0.15) > 1e-9 || math.Abs(around.Low-(-0.15-12.706*0.05)) > 1e-4 || math.Abs(around.High-(-0.15+12.706*0.05)) > 1e-4 {
		t.Errorf("%g in %+v", mean, around)
	}
	if text := r.Markdown(); !strings.Contains(text, "| new | 2 | 3.8000 | 0.2000 | 0.0000 | -15.00 % |") {
		t.Errorf("%s", text)
	}
	r[1].Runs = r[1].Runs[:1] // in the middle of the second seed
	if text := r.Markdown(); !strings.Contains(text, "| new | 1 | 3.6000 |  | 0.0000 | -10.00 % |  |") {
		t.Errorf("%s", text)
	}
}

func TestOwnRecipes(t *testing.T) {
	s, err := LoadRecipes("")
	if err != nil || len(s.Seeds) < 3 || len(s.Variants) < 2 {
		t.Errorf("%v: %+v", err, s)
	}
}

func TestRecipesRefuse(t *testing.T) {
	for text, want := range map[string]string{
		`{"config": "trit-1m", "tokens": 5000, "seeds": [1], "variants": []}`:                                                                         "no variants",
		`{"config": "trit-1m", "tokens": 5000, "seeds": [], "variants": [{"name": "a"}]}`:                                                             "no seeds",
		`{"config": "trit-1m", "tokens": 5000, "seeds": [1, 2, 1], "variants": [{"name": "a"}]}`:                                                      "twice",
		`{"config": "trit-1m", "tokens": 5000, "seeds": [1], "variants": [{"name": "../a"}]}`:                                                         "small letters",
		`{"config": "trit-1m", "tokens": 5000, "seeds": [1], "variants": [{"name": "a"}, {"name": "a"}]}`:                                             "each once",
		`{"config": "trit-1m", "tokens": 500, "seeds": [1], "variants": [{"name": "a"}]}`:                                                             "of a step",
		`{"config": "trit-1m", "tokens": 5000, "seeds": [1], "variants": [{"name": "a", "set": ["max_steps=9"]}]}`:                                    "max_steps, which follows",
		`{"config": "trit-1m", "tokens": 5000, "seeds": [1], "variants": [{"name": "a"}, {"name": "b", "set": ["gradients=int8", "ternary=false"]}]}`: "variant b: gradients is int8",
		`{"config": "trit-1m", "tokens": 5000, "seeds": [1], "set": ["seed=9"], "variants": [{"name": "a"}]}`:                                         "seed, which follows",
		`{"config": "trit-1m", "tokens": 5000, "seeds": [1], "set": ["early_stop_patience=1"], "variants": [{"name": "a"}]}`:                          "early_stop_patience",
		`{"config": "trit-1m", "tokens": 5000, "seeds": [1], "variants": [{"name": "a"}, {"name": "b", "set": ["batch_size=3"]}]}`:                    "4992 of the 5000 tokens, and those of a 4096",
		`{"config": "trit-9m", "tokens": 5000, "seeds": [1], "variants": [{"name": "a"}]}`:                                                            "no preset",
		`{"config": "trit-1m", "tokens": 5000, "seeds": [1], "variants": [{"name": "a", "set": ["optimiser=muon"]}]}`:                                 "optimizer",
		`{"config": "trit-1m", "tokens": 5000, "seeds": [1], "variants": [{"name": "a", "set": ["optimizer=sgd"]}]}`:                                  "muon",
		`{"config": "trit-1m", "tokens": 5000, "seed": [1], "variants": [{"name": "a"}]}`:                                                             "seeds",
	} {
		path := filepath.Join(t.TempDir(), "r.json")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadRecipes(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// What a recipe makes of a model is what its packed form computes: the parts that only some recipes
// have go through the file.
func TestRecipesPackAsTheGraph(t *testing.T) {
	dir := t.TempDir()
	prepared := smallData(t, dir)
	for name, set := range map[string][]string{
		"muon":           {"optimizer=muon"},
		"norms of heads": {"qk_norm=true", "sub_norms=false", "hidden_act=silu"},
		"bounded logits": {"final_logit_softcapping=2"},
		"dead zone":      {"deadzone_bias=0.3", "sub_norms=false", "hidden_act=silu"},
	} {
		c, err := configs.Load("trit-1m")
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range append(set, "num_hidden_layers=1", "max_steps=8", "learning_rate=0.02") {
			if err := c.Set(a); err != nil {
				t.Fatal(err)
			}
		}
		run, packed := filepath.Join(dir, name), filepath.Join(dir, name+".gguf")
		if _, err := train.Train(t.Context(), train.Run{Model: c.Config, Options: c.Options, DataDir: prepared, OutDir: run}); err != nil {
			t.Fatal(err)
		}
		if _, err := convert.Convert(t.Context(), run, packed, convert.Options{}); err != nil {
			t.Fatal(err)
		}
		var losses []float64
		for _, path := range []string{run, packed} {
			m, err := Open(path, infer.Options{})
			if err != nil {
				t.Fatal(err)
			}
			tokens := m.Tokenizer.EncodeText("Anna walked to the river, and Tom was there.", true)
			result, err := m.Score(t.Context(), []lm.ScoreRequest{{Input: tokens[:len(tokens)-1], Targets: tokens[3:]}})
			if err != nil {
				t.Fatal(err)
			}
			losses = append(losses, -result[0].LogProb)
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		}
		if math.Abs(losses[1]/losses[0]-1) > 2e-3 {
			t.Errorf("%s: the packed model has a loss of %g, the graph %g", name, losses[1], losses[0])
		}
	}
}
