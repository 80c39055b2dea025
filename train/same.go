package train

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"trit/optim"
	"trit/setting"
	"trit/train/checkpoint"
	"trit/train/graph"
)

// checkSame refuses to resume if the model or the options differ from the checkpoint's, except
// for the options that may change. Options that the caller leaves open are taken from the
// checkpoint.
func (s *saving) checkSame(c *checkpoint.Loaded) error {
	if err := sameFields(c.Dir, s.share.params.Config, c.Config.Config); err != nil {
		return err
	}
	before, err := optionsOf(c.Dir, c.State)
	if err != nil {
		return err
	}
	o := s.options
	if o.MaxSteps == 0 || before.MaxSteps == 0 || s.wanted != nil || s.extension != nil {
		o.MaxSteps = before.MaxSteps // an extension changes it later; the time of a run may be over at its end
	}
	if err := o.keepForms(before); err != nil {
		return fmt.Errorf("%s: %w", c.Dir, err)
	}
	return sameFields(c.Dir, o.changeable(before), before)
}

// keepForms replaces auto by the forms of products that the run was begun with, which this machine must have.
func (o *Options) keepForms(before Options) error {
	muon := before.Optimizer == optim.ByMuon && before.MuonPrecision == PrecisionBF16
	switch {
	case (before.Precision == PrecisionBF16 || muon) && !graph.HasBF16():
		return errors.New("the run was begun with precision or muon_precision bf16, for which this machine has no " +
			"instructions: resume it on one that has, or begin another with float32")
	case before.Gradients == GradientsInt8 && !graph.HasInt8Gradients():
		return errors.New("the run was begun with gradients int8, for which this machine has no instructions: resume it on " +
			"one that has, or begin another with float")
	}
	if o.Precision == PrecisionAuto {
		o.Precision = before.Precision
	}
	if o.MuonPrecision == PrecisionAuto {
		o.MuonPrecision = before.MuonPrecision
	}
	if o.Gradients == GradientsAuto {
		o.Gradients = before.Gradients
	}
	return nil
}

// checkData refuses to resume with other data.
func (s *saving) checkData(c *checkpoint.Loaded) error {
	state, err := loaderState(c.Dir, c.State)
	if err == nil && state.Dataset != s.dataset {
		err = setting.Needs("train.Run.DataDir",
			fmt.Sprintf("%s: the run was begun with other data than those in %s", c.Dir, s.dataDir),
			fmt.Sprintf("name its own with {train.Run.DataDir}, or begin another run with the model of this one: "+
				"{train.Run.Init} %s", c.Dir))
	}
	return err
}

// sameFields refuses a configuration that differs from the one of the run in dir. The error
// names the first key that differs.
func sameFields[T any](dir string, now, before T) error {
	if d := differences(now, before); len(d) > 0 {
		return setting.Needs("train.Run.Resume",
			fmt.Sprintf("%s: %s is %v, but the run was begun with %v", dir, d[0].key, d[0].a, d[0].b),
			"resume with the configuration of the run, which {train.Run.Resume} alone takes from it, or name another "+
				"{train.Run.OutDir}")
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
		if d := (difference{a: x.Field(i).Interface(), b: y.Field(i).Interface()}); !reflect.DeepEqual(d.a, d.b) {
			d.key, _, _ = strings.Cut(x.Type().Field(i).Tag.Get("json"), ",")
			list = append(list, d)
		}
	}
	return list
}
