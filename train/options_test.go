package train

import (
	"slices"
	"strings"
	"testing"

	"trit/setting"
)

// Validate names every problem by the key of the configuration, with its choices.
func TestValidateNamesAllProblems(t *testing.T) {
	o := Default()
	if err := o.Validate(); err != nil {
		t.Fatal(err)
	}
	o.Precision, o.OnSpike, o.Moments, o.LRSchedule = "half", "cry", "fp8", "step"
	o.BatchSize, o.EMADecay, o.AdamBeta1, o.QuantizeFromStep = 0, 1, 1, 5000
	err := o.Validate()
	for _, want := range []string{
		`precision is "half": want auto, float32 or bf16`, `on_spike is "cry": want warn, stop or rollback`,
		`moments is "fp8": want float32 or bf16`, `lr_schedule is "step": want one of two-stage, cosine`,
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
