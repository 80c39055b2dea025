package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"trit/data"
	"trit/format/safetensors"
	"trit/tokenizer"
	"trit/train/checkpoint"
	"trit/train/graph"
	"trit/train/ranks"
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
func (t *trainer) moments() []safetensors.Source {
	return append(t.gathered(".m", t.moment(0)), t.gathered(".v", t.moment(1))...)
}

// moment is one of the running means, see optim.Param.Moment.
func (t *trainer) moment(which int) quantity {
	var buffer []float32
	return quantity{
		values: func(i int) []float32 {
			p := &t.optimizer.Params[i]
			if p.MBF16 != nil {
				buffer = slices.Grow(buffer[:0], len(p.Value))[:len(p.Value)]
			}
			return p.Moment(which, buffer)
		},
		store: func(i int, values []float32) { t.optimizer.Params[i].SetMoment(which, values) },
	}
}

// restore goes to the newest checkpoint of the run, which rank 0 reads and hands out.
func (t *trainer) restore() (err error) {
	c := &checkpoint.Loaded{}
	if t.leads() {
		if c, err = t.openCheckpoint(); err != nil {
			return err
		}
	}
	defer c.Close()
	position := struct {
		Dir     string
		State   checkpoint.State
		Options Options // as the run began with them
	}{c.Dir, c.State, t.run.Options}
	if err := ranks.Share(t.share, &position); err != nil {
		return err
	}
	c.Dir, c.State, t.run.Options = position.Dir, position.State, position.Options
	if err := t.readTensors(c); err != nil {
		return err
	}
	if err := t.remember(c); err != nil {
		return err
	}
	t.step, t.tokens, t.optimizer.StepCount = c.State.Step, c.State.Tokens, c.State.Step
	state, err := loaderState(c)
	if err != nil {
		return err
	}
	return t.loader.Restore(state)
}

// openCheckpoint opens the newest checkpoint. The configuration must be the one that it
// was made with, save for what only says how long and how often.
func (t *trainer) openCheckpoint() (*checkpoint.Loaded, error) {
	c, err := checkpoint.Load(t.run.OutDir)
	if err != nil {
		return nil, err
	}
	if err = errors.Join(t.checkSame(c), t.checkData(c)); err == nil {
		err = t.setAside(c)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func loaderState(c *checkpoint.Loaded) (s data.State, err error) {
	if err = json.Unmarshal(c.State.Loader, &s); err != nil {
		err = fmt.Errorf("%s: loader: %w", c.Dir, err)
	}
	return s, err
}

// checkData refuses to resume with other data.
func (t *trainer) checkData(c *checkpoint.Loaded) error {
	state, err := loaderState(c)
	if err == nil && state.Dataset != t.loader.State().Dataset {
		err = fmt.Errorf("%s: the run was begun with other data than those in %s: name its own with --data, or begin another run with the model of this one: --init %s", c.Dir, t.run.DataDir, c.Dir)
	}
	return err
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

// readTensors reads weights, moments and running mean, each into its place. Ranks other
// than the first have no files.
func (t *trainer) readTensors(c *checkpoint.Loaded) error {
	for _, s := range t.params.Specs() {
		if !t.leads() {
			break
		}
		if err := c.Weights.ReadFloat32(s.Name, t.params.Value(s.Name)); err != nil {
			return err
		}
	}
	if err := t.scatterWeights(); err != nil {
		return err
	}
	if err := t.scatter(c.Optimizer, ".m", t.moment(0)); err != nil {
		return err
	}
	if err := t.scatter(c.Optimizer, ".v", t.moment(1)); err != nil {
		return err
	}
	if t.average == nil {
		return nil
	}
	return t.readAverage(c)
}

// checkSame refuses to resume with another model or another recipe.
func (t *trainer) checkSame(c *checkpoint.Loaded) error {
	if err := sameFields(c.Dir, t.run.Model, c.Config.Config); err != nil {
		return err
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
	return sameFields(c.Dir, t.run.Options.changeable(before), before)
}

// sameFields refuses a configuration that differs from that of the run in dir, and names
// the first key.
func sameFields[T any](dir string, now, before T) error {
	if d := differences(now, before); len(d) > 0 {
		return fmt.Errorf("%s: %s is %v, but the run was begun with %v: resume with the configuration of the run", dir, d[0].key, d[0].a, d[0].b)
	}
	return nil
}

// difference is a key that has two values.
type difference struct {
	key  string
	a, b any
}

// differences are the keys, in their order, in which two configurations differ.
func differences[T any](a, b T) (list []difference) {
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	for i := range x.NumField() {
		if d := (difference{a: x.Field(i).Interface(), b: y.Field(i).Interface()}); d.a != d.b {
			d.key, _, _ = strings.Cut(x.Type().Field(i).Tag.Get("json"), ",")
			list = append(list, d)
		}
	}
	return list
}

// tokenizerFiles reads the tokenizer that lies with the data.
func tokenizerFiles(dir string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, name := range tokenizer.FileNames() {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			files[name] = b
		} else if !os.IsNotExist(err) {
			return nil, err
		}
	}
	return files, nil
}
