package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"

	"trit/data"
	"trit/format/safetensors"
	"trit/train/checkpoint"
	"trit/train/graph"
)

// model is the model as a folder, with these weights.
func (t *trainer) model() checkpoint.Model {
	m := checkpoint.Model{Config: t.hf, Files: t.files}
	for _, s := range t.params.Specs() {
		m.Weights = append(m.Weights, safetensors.Float32Source(s.Name, s.Shape, t.params.Value(s.Name)))
	}
	return m
}

// moments are both running means of the optimiser.
func (t *trainer) moments() (out []safetensors.Source) {
	for i, s := range t.params.Specs() {
		p := &t.optimizer.Params[i]
		out = append(out, safetensors.Float32Source(s.Name+".m", s.Shape, p.M), safetensors.Float32Source(s.Name+".v", s.Shape, p.V))
	}
	return out
}

// restore goes to the newest checkpoint of the run. The configuration must be the one
// that it was made with, save for what only says how long and how often.
func (t *trainer) restore() error {
	c, err := checkpoint.Load(t.run.OutDir)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := t.checkSame(c); err != nil {
		return err
	}
	var state data.State
	if err := json.Unmarshal(c.State.Loader, &state); err != nil {
		return fmt.Errorf("%s: loader: %w", c.Dir, err)
	}
	if state.Dataset != t.loader.State().Dataset {
		return fmt.Errorf("%s: the run was begun with other data than those in %s: name its own with --data, or begin another run with the model of this one: --init %s", c.Dir, t.run.DataDir, c.Dir)
	}
	if err := t.setAside(c); err != nil {
		return err
	}
	if err := t.readTensors(c); err != nil {
		return err
	}
	if err := t.remember(c); err != nil {
		return err
	}
	t.step, t.tokens, t.optimizer.StepCount = c.State.Step, c.State.Tokens, c.State.Step
	return t.loader.Restore(state)
}

// setAside moves newer checkpoints that are damaged out of the way.
func (t *trainer) setAside(c *checkpoint.Loaded) error {
	for _, d := range c.Damaged {
		name, err := d.SetAside()
		if err != nil {
			return err
		}
		t.warn("%v; the run goes on from %s, and the damaged one is %s now", d, filepath.Base(c.Dir), filepath.Base(name))
	}
	return nil
}

// readTensors reads weights, moments and running mean, each into its place.
func (t *trainer) readTensors(c *checkpoint.Loaded) error {
	for i, s := range t.params.Specs() {
		p := &t.optimizer.Params[i]
		err := errors.Join(c.Weights.ReadFloat32(s.Name, p.Value), c.Optimizer.ReadFloat32(s.Name+".m", p.M), c.Optimizer.ReadFloat32(s.Name+".v", p.V))
		if err != nil {
			return err
		}
	}
	if t.average == nil {
		return nil
	}
	return t.readAverage(c)
}

// checkSame refuses to resume with another model or another recipe.
func (t *trainer) checkSame(c *checkpoint.Loaded) error {
	if c.Config.Config != t.run.Model {
		return fmt.Errorf("%s: the model is %+v, but the checkpoint's is %+v: resume with the configuration of the run", c.Dir, t.run.Model, c.Config.Config)
	}
	var before Options
	if err := json.Unmarshal(c.State.Options, &before); err != nil {
		return fmt.Errorf("%s: options: %w", c.Dir, err)
	}
	if t.run.Options.MaxSteps == 0 {
		t.run.Options.MaxSteps = before.MaxSteps // chosen for the time then
	}
	if before.Precision == "" {
		before.Precision = PrecisionFloat32 // of a run from before there was a choice
	}
	if before.Precision == PrecisionBF16 && !graph.HasBF16() {
		return fmt.Errorf("%s: the run was begun with precision bf16, for which this machine has no instructions: resume it on one that has, or begin another with precision float32", c.Dir)
	}
	if t.run.Options.Precision == PrecisionAuto {
		t.run.Options.Precision = before.Precision
	}
	a, b := reflect.ValueOf(t.run.Options.changeable(before)), reflect.ValueOf(before)
	for i := range a.NumField() {
		if a.Field(i).Interface() != b.Field(i).Interface() {
			return fmt.Errorf("%s: %s is %v, but the run was begun with %v: resume with the configuration of the run", c.Dir, a.Type().Field(i).Tag.Get("json"), a.Field(i), b.Field(i))
		}
	}
	return nil
}

// tokenizerFiles reads the tokenizer that lies with the data.
func tokenizerFiles(dir string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, name := range []string{"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			files[name] = b
		} else if !os.IsNotExist(err) {
			return nil, err
		}
	}
	return files, nil
}
