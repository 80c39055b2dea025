package train

import (
	"slices"
	"strings"
	"testing"

	"trit/optim"
	"trit/setting"
)

// Validate names every problem by the key of the configuration, with its choices.
func TestValidateNamesAllProblems(t *testing.T) {
	o := Default()
	if err := o.Validate(); err != nil {
		t.Fatal(err)
	}
	o.Precision, o.OnSpike, o.Moments, o.LRSchedule = "half", "cry", "fp8", "step"
	o.Optimizer, o.QuantizeFromShare = "sgd", 0.5
	o.BatchSize, o.EMADecay, o.AdamBeta1, o.QuantizeFromStep = 0, 1, 1, 5000
	err := o.Validate()
	for _, want := range []string{
		`precision is "half": want auto, float32 or bf16`, `on_spike is "cry": want warn, stop or rollback`,
		`moments is "fp8": want float32 or bf16`, `lr_schedule is "step": want one of two-stage, cosine`,
		`optimizer is "sgd": want adamw or muon`, "quantize_from_share is 0.5 and quantize_from_step is 5000",
		"batch_size is 0: want at least 1", "ema_decay is 1", "adam_beta1 1", "rounding into force by step 5000",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if e := setting.As(err); e == nil || e.Field != "train.Options.Moments" || !slices.Equal(e.Choices, []string{"float32", "bf16"}) {
		t.Errorf("the first error of a setting is %+v", e)
	}
}

// Options that would be passed over are refused, and name the one that they belong to.
func TestValidateRefusesWhatWouldBePassedOver(t *testing.T) {
	for want, change := range map[string]func(*Options){
		"belong to optimizer muon":     func(o *Options) { o.MuonWeightDecay = 0.1 },
		"muon_rate 0":                  func(o *Options) { o.Optimizer, o.MuonRate = optim.ByMuon, 0 },
		"muon_momentum 1":              func(o *Options) { o.Optimizer, o.MuonMomentum = optim.ByMuon, 1 },
		"adapters are moved by adamw":  func(o *Options) { o.Optimizer, o.LoRARank = optim.ByMuon, 8 },
		"which is of lr_schedule wsd":  func(o *Options) { o.LRDecay = optim.SqrtDecay },
		"adapters need a model that":   func(o *Options) { o.LoRARank, o.QuantizeFromShare = 8, 0.1 },
		"rounding into force by step ": func(o *Options) { o.QuantizeFromShare, o.QuantizeWarmupSteps = 0.9, 200 },
	} {
		o := Default()
		change(&o)
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// The first share of the steps is not rounded; then the rounding comes into force bit by bit.
func TestLambda(t *testing.T) {
	o := Default()
	o.MaxSteps, o.QuantizeFromShare, o.QuantizeWarmupSteps = 35, 0.3, 4 // from 10.5 on
	for step, want := range map[int]float64{0: 0, 10: 0, 11: 0, 12: 0.25, 13: 0.5, 15: 1, 34: 1} {
		if got := o.lambda(step); got != want {
			t.Errorf("step %d: %g, want %g", step, got, want)
		}
	}
	if o.MaxSteps = 0; !o.graph(0, 1).Unquantized {
		t.Error("a run whose steps are still to be chosen cannot begin without rounding")
	}
	o.MaxSteps, o.LRSchedule, o.WarmupSteps = 35, optim.Constant, 0
	if got := o.sameRates(nil, 100, 35); got != 12 {
		t.Errorf("a plan of other steps rounds alike for %d steps, want 12", got)
	}
}
