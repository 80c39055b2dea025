package train

import (
	"trit/internal/machine"
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
	if o.Precision == PrecisionAuto {
		o.decidePrecision(prefersBF16(m))
	}
}

func (o *Options) decidePrecision(bf16 bool) {
	o.Precision = PrecisionFloat32
	if bf16 {
		o.Precision = PrecisionBF16
	}
}

// resolvePrecision replaces auto by the precision for all ranks: bf16 only if it is faster on
// each.
func resolvePrecision(c ranks.Comm, o *Options, m *machine.Machine) error {
	if o.Precision != PrecisionAuto {
		return nil
	}
	unwanted := !prefersBF16(m)
	if err := ranks.AllReduceAny(c, &unwanted); err != nil {
		return err
	}
	o.decidePrecision(!unwanted)
	return nil
}
