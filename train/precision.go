package train

import (
	"fmt"

	"trit/internal/machine"
	"trit/model"
	"trit/train/graph"
	"trit/train/ranks"
)

// Precision is the type in which operands are multiplied: for gradients, attention, the head,
// and layers that are not ternary. The forward products of ternary layers are always exact
// products of integers.
type Precision string

// Precisions.
const (
	PrecisionAuto    Precision = "auto" // bf16 if it is faster on this machine; a resumed run keeps its precision
	PrecisionFloat32 Precision = "float32"
	// PrecisionBF16 rounds operands to bfloat16; ternary weights and int8 activations are exact
	// in it.
	PrecisionBF16 Precision = "bf16"
)

// Gradients is the form in which the gradients of the outputs of ternary layers are multiplied: by the weights, for the
// gradients of the inputs, and by the inputs, for those of the weights.
type Gradients string

// Forms of gradients.
const (
	// GradientsAuto is int8 where products of a run are of integers and the machine has instructions for them, unless the
	// precision is to be float32; otherwise float. A resumed run keeps its form.
	GradientsAuto  Gradients = "auto"
	GradientsFloat Gradients = "float" // in the precision of the run
	// GradientsInt8 rounds them to int8, stochastically, with a scale a row; the products are of integers and exact.
	GradientsInt8 Gradients = "int8"
)

// checkGradients refuses gradients in int8 where the products of a model are not of integers.
func (o Options) checkGradients(c *model.Config) error {
	if o.Gradients != GradientsInt8 {
		return nil
	}
	for _, no := range []struct {
		is   bool
		what string
	}{
		{!c.Ternary, "ternary is false"},
		{c.FloatActivations, "float_activations is true"},
		{c.WeightScale.Group() != 0, fmt.Sprintf("weight_scale is %s", c.WeightScale)},
		{o.LoRARank > 0, fmt.Sprintf("lora_rank is %d", o.LoRARank)},
		{o.BatchSize*o.SequenceLength > graph.MaxInt8Tokens, fmt.Sprintf("batch_size * sequence_length is %d, more than %d",
			o.BatchSize*o.SequenceLength, graph.MaxInt8Tokens)},
	} {
		if no.is {
			return fmt.Errorf("gradients is %s, which multiplies the integers of BitLinear layers, but %s: set gradients to "+
				"%s, or leave it out", GradientsInt8, no.what, GradientsFloat)
		}
	}
	return nil
}

// OfFloats are the options for a model in full precision, without those that say how and when to round.
func (o Options) OfFloats() Options {
	o.Gradients, o.QuantizeFromStep, o.QuantizeFromShare, o.QuantizeWarmupSteps = GradientsFloat, 0, 0, 0
	o.Int4FromShare = 0
	return o
}

// ResolveGradients replaces auto by the form for a model; has says whether there are instructions for int8. The
// precision must not be resolved yet: a float32 that is chosen for its speed does not speak against int8.
func (o *Options) ResolveGradients(c *model.Config, has bool) {
	if o.Gradients != GradientsAuto {
		return
	}
	o.Gradients = GradientsInt8
	if !has || o.Precision == PrecisionFloat32 || o.checkGradients(c) != nil {
		o.Gradients = GradientsFloat
	}
}

// resolve replaces auto by what is faster for a model on a machine.
func (o *Options) resolve(c *model.Config, m *machine.Machine) {
	o.ResolveGradients(c, graph.HasInt8Gradients())
	o.resolvePrecision(m)
}

// resolvePrecision replaces auto by the precision that is faster on a machine.
func (o *Options) resolvePrecision(m *machine.Machine) {
	o.decidePrecision(prefersBF16(m), graph.HasBF16())
}

// decidePrecision replaces auto by bf16 or by float32; muon is for the products of Muon, which are
// faster in bfloat16 wherever it is, and were published so.
func (o *Options) decidePrecision(bf16, muon bool) {
	decide := func(p *Precision, bf16 bool) {
		if *p != PrecisionAuto {
			return
		}
		if *p = PrecisionFloat32; bf16 {
			*p = PrecisionBF16
		}
	}
	decide(&o.Precision, bf16)
	decide(&o.MuonPrecision, muon)
}

// resolveForAll is resolve for all ranks: bf16 only if it is faster on each, int8 only if each has it.
func (o *Options) resolveForAll(all ranks.Comm, c *model.Config, m *machine.Machine) error {
	if o.Precision != PrecisionAuto && o.MuonPrecision != PrecisionAuto && o.Gradients != GradientsAuto {
		return nil
	}
	slow, noBF16, noInt8 := !prefersBF16(m), !graph.HasBF16(), !graph.HasInt8Gradients()
	if err := ranks.AllReduceAny(all, &slow, &noBF16, &noInt8); err != nil {
		return err
	}
	o.ResolveGradients(c, !noInt8)
	o.decidePrecision(!slow, !noBF16)
	return nil
}
