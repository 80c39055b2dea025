package train

import (
	"trit/internal/machine"
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

// resolvePrecision replaces auto by the precision for all ranks: bf16 only if it is faster on
// each.
func resolvePrecision(c ranks.Comm, o *Options, m *machine.Machine) error {
	if o.Precision != PrecisionAuto && o.MuonPrecision != PrecisionAuto {
		return nil
	}
	unwanted, none := !prefersBF16(m), !graph.HasBF16()
	if err := ranks.AllReduceAny(c, &unwanted, &none); err != nil {
		return err
	}
	o.decidePrecision(!unwanted, !none)
	return nil
}
