package configs

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"trit/model"
	"trit/optim"
	"trit/train"
)

// The recipe in the log of a run is a configuration file.
func TestARecipeIsAConfiguration(t *testing.T) {
	c, err := Load("trit-3m")
	if err != nil {
		t.Fatal(err)
	}
	c.MaxSteps, c.LRSchedule = 77, "wsd"
	c.Config.Resolve()
	b, err := json.Marshal(train.RecipeConfig{Config: c.Config, Options: c.Options})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "again.json")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := Load(path)
	if got.Description = c.Description; err != nil || !reflect.DeepEqual(got, c) {
		t.Errorf("%+v, %v, want %+v", got, err, c)
	}
}

// A preset without a model is a recipe that is laid over any model.
func TestRecipes(t *testing.T) {
	for _, name := range Names() {
		c, err := Load(name)
		if err != nil || slices.Contains(Models(), name) == c.IsRecipe() {
			t.Errorf("%s: recipe %v, %v; the models are %v", name, c.IsRecipe(), err, Models())
		}
	}
	over, err := Load("trit-1m")
	if err != nil {
		t.Fatal(err)
	}
	over.Options = train.Default()
	c, err := LoadOver(over, "dpo")
	if err != nil || c.Objective != train.DPO || c.DPOBeta != 0.1 || c.HiddenSize != over.HiddenSize || c.Validate() != nil {
		t.Errorf("dpo over trit-1m is %+v: %v, %v", c, err, c.Validate())
	}
}

func TestPresetsAreSound(t *testing.T) {
	// Parameters by hand from the shapes, in millions, to 3 %; the small ones with a vocabulary of 1024.
	for name, millions := range map[string]float64{"trit-1m": 1.20, "trit-3m": 3.41, "trit-1m-adamw": 1.20, "trit-3m-adamw": 3.41, "trit-10m-adamw": 8.1, "trit-10m": 8.1, "llama-1m": 1.44, "llama-3m": 3.41, "llama-10m": 8.13, "llama-125m": 109.6, "qwen3-3m": 3.41, "qwen3-3m-1bit": 3.41, "qwen3-10m": 8.13, "qwen3-125m": 109.6, "125m": 109.6, "350m": 336, "700m": 729, "1.3b": 1281, "2b-4t": 2413, "3b": 3307, "8b": 8030, "70b": 70554} {
		c, err := Load(name)
		if err != nil {
			t.Fatal(err)
		}
		if c.VocabSize == 0 {
			c.VocabSize = 1024
		}
		c.Config.Resolve()
		if err := c.Config.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := c.Options.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if c.HiddenSize%128 != 0 || c.IntermediateSize%128 != 0 {
			t.Errorf("%s: sizes %d and %d do not pack to i2_s", name, c.HiddenSize, c.IntermediateSize)
		}
		if got := float64(c.Parameters()) / 1e6; got < millions*0.97 || got > millions*1.03 {
			t.Errorf("%s: %.1fM parameters, want %.1fM", name, got, millions)
		}
	}
	if c, _ := Load("2b-4t"); c.Parameters() != 0 {
		c.Config.Resolve()
		if c.Parameters() != 2412820480 { // the published model's count
			t.Errorf("2b-4t: %d parameters, want 2412820480", c.Parameters())
		}
	}
}

// A preset that is a recipe alone leaves the model open, and is no shape.
func TestRecipePreset(t *testing.T) {
	c, err := LoadOver(Config{Config: model.Config{HiddenSize: 320}}, "distill-llama")
	if err != nil || c.HiddenSize != 320 || c.DistillAlpha == 0 {
		t.Errorf("%v, %+v", err, c)
	}
	if s := Models(); slices.Contains(s, "distill-llama") || !slices.Contains(s, "trit-3m") {
		t.Errorf("shapes %q", s)
	}
}

func TestStrictness(t *testing.T) {
	c := Default()
	for assignment, want := range map[string]string{
		"hiden_size=3": `did you mean "hidden_size"`, "hidden_size": "key=value", "hidden_size=big": "hidden_size", "ternary=3": "ternary",
	} {
		if err := c.Set(assignment); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", assignment, err, want)
		}
	}
	if err := c.Set("lr_schedule=cosine"); err != nil || c.LRSchedule != "cosine" {
		t.Errorf("lr_schedule: %v, %q", err, c.LRSchedule)
	}
	path := filepath.Join(t.TempDir(), "c.json")
	os.WriteFile(path, []byte(`{"base":"trit-1m","hidden_size":256,"leaning_rate":1}`), 0o644)
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "learning_rate") {
		t.Errorf("an unknown key: %v", err)
	}
	os.WriteFile(path, []byte(`{"base":"trit-1m","hidden_size":256}`), 0o644)
	if c, err := Load(path); err != nil || c.HiddenSize != 256 || c.NumHiddenLayers != 5 {
		t.Errorf("a base: %v, %+v", err, c.Config)
	}
	if _, err := Load("trit-2m"); err == nil || !strings.Contains(err.Error(), "trit-1m") {
		t.Errorf("an unknown preset: %v", err)
	}
}

// A file with the recipe alone leaves the model that it is laid over.
func TestLoadOver(t *testing.T) {
	c := Default()
	c.HiddenSize, c.Ternary = 320, false
	path := filepath.Join(t.TempDir(), "recipe.json")
	os.WriteFile(path, []byte(`{"learning_rate":0.5}`), 0o644)
	if got, err := LoadOver(c, path); err != nil || got.Config != c.Config || got.LearningRate != 0.5 || got.BatchSize != c.BatchSize {
		t.Errorf("%v, %+v", err, got)
	}
}

// By hand: 1e9 weights on 4 ranks at 1 Gbit/s send 6e9 bytes, which takes 48 s. Half of
// it is hidden behind 20 s of a backward pass, which leaves 4 s, and half is not.
func TestExchange(t *testing.T) {
	m := Machines{FLOPs: 1e12, Ranks: 4, Network: 1e9}
	x := m.exchange(1e9, 120, 30)
	if x.Bytes != 6e9 || x.Seconds != 48 || x.Waiting != 28 || x.Efficiency != 120.0/148 || x.Serial != 120.0/168 {
		t.Errorf("%+v", x)
	}
	if x := m.exchange(1e9, 120, 120); x.Waiting != 24 {
		t.Errorf("a long backward pass leaves %g s, want 24", x.Waiting)
	}
	m.Ranks = 1
	if x := m.exchange(1e9, 120, 30); x.Bytes != 0 || x.Efficiency != 1 {
		t.Errorf("alone: %+v", x)
	}
}

func TestEstimate(t *testing.T) {
	c, err := Load("3b")
	if err != nil {
		t.Fatal(err)
	}
	c.MaxSteps, c.EMADecay = 1000, 0
	one, err := c.Estimate(Machines{FLOPs: 1e12, Ranks: 1, Network: 1e10}, Teacher{})
	if err != nil {
		t.Fatal(err)
	}
	two, err := c.Estimate(Machines{FLOPs: 1e12, Ranks: 2, Network: 1e10}, Teacher{})
	if err != nil {
		t.Fatal(err)
	}
	weights := float64(one.Parameters)
	// Half of the moments go, half of a sum of gradients and two buckets come.
	if less := float64(one.MemoryBytes - two.MemoryBytes); math.Abs(less-(8*weights/2-4*weights/2-2*(8<<20))) > 4 {
		t.Errorf("two ranks take %g bytes less each, with %g weights", less, weights)
	}
	if one.ComputeSeconds != 2*two.ComputeSeconds || one.Seconds != 1000*one.ComputeSeconds || two.Seconds <= 1000*two.ComputeSeconds {
		t.Errorf("one %+v, two %+v", one, two)
	}
	if _, err := c.Estimate(Machines{FLOPs: 1e12, Ranks: 3, Network: 1e10}, Teacher{}); err == nil || !strings.Contains(err.Error(), "gradient_accumulation_steps is 512") {
		t.Errorf("three ranks: %v", err)
	}
}

// Muon has half of AdamW's state for the matrices of the layers, room for one matrix a thread, products of its
// own, and of several ranks another AllGather.
func TestEstimateOfMuon(t *testing.T) {
	c, err := Load("350m")
	if err != nil {
		t.Fatal(err)
	}
	one, four := Machines{FLOPs: 1e12, Ranks: 1, Network: 1e10}, Machines{FLOPs: 1e12, Ranks: 4, Network: 1e10}
	var adamw, muon [2]Estimate
	for i, m := range []Machines{one, four} {
		if adamw[i], err = c.Estimate(m, Teacher{}); err != nil {
			t.Fatal(err)
		}
		c.Optimizer = optim.ByMuon
		if muon[i], err = c.Estimate(m, Teacher{}); err != nil {
			t.Fatal(err)
		}
		c.Optimizer = optim.ByAdamW
	}
	// What each thread needs for a matrix: alone, a rank copies none.
	const matrices = 24 * (4*1024*1024 + 3*1024*2816)
	scratch := 4 * int64(runtime.GOMAXPROCS(0)*(1024*2816+5*1024*1024))
	if less := adamw[0].MemoryBytes - muon[0].MemoryBytes; less != 4*matrices-scratch {
		t.Errorf("%d bytes less, want %d", less, 4*matrices-scratch)
	}
	products := 24 * (4*1024*1024*(3+9)*1024 + 3*1024*1024*(3*2816+9*1024))
	if more := muon[0].FLOPsPerToken - adamw[0].FLOPsPerToken; more != int64(products/c.TokensPerStep()) {
		t.Errorf("%d operations a token more, want %d", more, products/c.TokensPerStep())
	}
	a, m := adamw[1].Exchange, muon[1].Exchange
	if m.Bytes != a.Bytes*3/2 || m.Waiting <= a.Waiting || m.Efficiency >= a.Efficiency {
		t.Errorf("the exchange with Muon is %+v, with AdamW %+v", m, a)
	}
}

func TestDuration(t *testing.T) {
	for seconds, want := range map[float64]string{0.25: "250 ms", 59: "59 s", 90: "1.5 minutes", 7200: "2 hours", 86400: "24 hours", 5 * 86400: "5 days", 1e10: "317 years"} {
		if got := Duration(seconds); got != want {
			t.Errorf("%g s: %s, want %s", seconds, got, want)
		}
	}
}

func ExampleLoad() {
	c, _ := Load("trit-1m")
	_ = c.Set("num_hidden_layers=4")
	fmt.Println(c.HiddenSize, c.NumHiddenLayers, c.LRSchedule)
	// Output: 128 4 wsd
}

// The sizes of the models of Bonsai and Bonsai 2, by the counts of Qwen3 and of the text models of Qwen3.5.
func TestShapes(t *testing.T) {
	for name, millions := range map[string]int{"bonsai-1.7b": 1720, "bonsai-4b": 4022, "bonsai-8b": 8190, "bonsai-2-2b": 1881, "bonsai-2-4b": 4205, "bonsai-2-9b": 8953} {
		c, ok := Shape(name)
		if err := c.Validate(); !ok || err != nil || c.Parameters()/1e6 != millions {
			t.Errorf("%s: %d parameters, %v", name, c.Parameters(), err)
		}
	}
	if _, ok := Shape("bonsai"); ok || len(Shapes()) != 6 {
		t.Errorf("shapes are %v", Shapes())
	}
}
