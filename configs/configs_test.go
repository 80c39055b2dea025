package configs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPresetsAreSound(t *testing.T) {
	// Parameters by hand from the shapes, in millions, to 3 %; the small ones with a vocabulary of 1024.
	for name, millions := range map[string]float64{"trit-1m": 1.20, "trit-10m": 8.1, "125m": 109.6, "350m": 336, "700m": 729, "1.3b": 1281, "2b-4t": 2413, "3b": 3307, "8b": 8030, "70b": 70554} {
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

func ExampleLoad() {
	c, _ := Load("trit-1m")
	_ = c.Set("num_hidden_layers=4")
	fmt.Println(c.HiddenSize, c.NumHiddenLayers, c.LRSchedule)
	// Output: 128 4 two-stage
}
