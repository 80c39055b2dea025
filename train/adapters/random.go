package adapters

import (
	"encoding/binary"
	"math"
	"math/rand/v2"

	"trit/bitlinear/kernel/intmul"
	"trit/internal/float16"
	"trit/internal/parallel"
	"trit/model"
)

// Random is a Source of random weights, to measure speed and memory: codes for ternary weights, and
// bfloat16.
type Random struct{}

// Codes are random codes, under a scale that keeps the size of activations.
func (Random) Codes(spec model.TensorSpec, pool *parallel.Pool) (*intmul.Ternary, float32, bool, error) {
	n, k := spec.Shape[0], spec.Shape[1]
	codes := intmul.RandomTernary(pool, intmul.Bits2, n, k, uint64(spec.Layer+1))
	return codes, float32(1 / math.Sqrt(float64(k))), true, nil
}

// Values are 1 for norms, else uniform.
func (Random) Values(spec model.TensorSpec, _ bool) (dtype string, data []byte, err error) {
	r := rand.New(rand.NewPCG(1, uint64(spec.Elements())))
	data = make([]byte, 0, 2*spec.Elements())
	for range spec.Elements() {
		v := float32(1)
		if len(spec.Shape) == 2 {
			v = 0.07 * (r.Float32() - 0.5)
		}
		data = binary.LittleEndian.AppendUint16(data, float16.BBits(v))
	}
	return "BF16", data, nil
}

// Release does nothing.
func (Random) Release([]byte) {}
