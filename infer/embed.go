package infer

import (
	"errors"
	"fmt"
	"math"

	"trit/bitlinear/kernel/vector"
	"trit/format/gguf"
)

// PoolingLast is the pooling of an embedding that is the last token's.
const PoolingLast = "last"

// poolings are the values of GGUF's key pooling_type.
var poolings = []string{"none", "mean", "cls", PoolingLast, "rank"}

// readPooling reads how the file says that an embedding is made; "" where it says nothing.
func readPooling(f *gguf.File, arch string) string {
	v, ok := f.Metadata.Uint(arch + ".pooling_type")
	switch {
	case !ok:
		return ""
	case v < uint64(len(poolings)):
		return poolings[v]
	}
	return fmt.Sprintf("unknown (%d)", v)
}

// Pooling is how the file says that the embedding of a text comes from its tokens: none,
// mean, cls, last (PoolingLast), rank, or a number that GGUF has no name for; "" where it
// says nothing.
func (m *Model) Pooling() string { return m.pooling }

// Embed appends the ids of a text and writes its embedding, [hidden size]: the last token's
// hidden state after the final norm, divided by its length. A model whose file asks for
// another pooling is refused.
func (s *Session) Embed(ids []int32, dst []float32) error {
	d := s.m.config.HiddenSize
	switch {
	case s.m.pooling != "" && s.m.pooling != PoolingLast:
		return fmt.Errorf("pooling_type is %s: the engine embeds by the last token alone: where the model was trained for that, convert it again with 1_Pooling/config.json in its folder", s.m.pooling)
	case len(ids) == 0:
		return errors.New("an embedding of no tokens: give at least one")
	case len(dst) != d:
		return fmt.Errorf("an embedding of %d values: the model has %d", len(dst), d)
	}
	if err := s.Forward(ids, nil, 0); err != nil {
		return err
	}
	s.pass.finalNorm([]int{(len(ids) - 1) % maxBatch})
	copy(dst, s.pass.last.x[:d])
	normalize(dst)
	return nil
}

// normalize divides x by its length; zeros stay zeros.
func normalize(x []float32) {
	if square := float64(vector.Dot(x, x)); square > 0 {
		vector.Scale(float32(1/math.Sqrt(square)), x)
	}
}
