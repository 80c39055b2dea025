// Package infer is the CPU engine: it runs a GGUF model on token ids, with int8
// activations by ternary weights where the weights are ternary.
package infer

import (
	"fmt"

	"trit/bitlinear/kernel/intmul"
	"trit/format/gguf"
	"trit/internal/parallel"
	"trit/model"
	"trit/model/ggufmeta"
	"trit/tokenizer"
)

// Options say how to run a model.
type Options struct {
	Threads int    // 0: one for each processor
	Head    string // HeadExact (or empty), HeadBounded, HeadQ6K, HeadInt8
	Weights string // WeightsAuto (or empty), Weights2Bit, Weights1_6Bit
	Cache   string // CacheF16 (or empty), CacheInt8, CacheF32
}

// How the head, the product that gives the logits, is computed.
const (
	// HeadExact uses the weights as they are in the file.
	HeadExact = "exact"
	// HeadBounded chooses the same tokens as HeadExact while it reads little more than a
	// quarter of the bytes of F16; where logits are asked for, they are exact.
	HeadBounded = "bounded"
	// HeadQ6K rounds weights to 6.6 bits as Q6_K does: two fifths of the bytes of F16, and
	// logits that are off by about two hundredths of their spread.
	HeadQ6K = "q6_k"
	// HeadInt8 rounds weights and activations to int8: half the bytes of F16, and logits
	// that are off by about a hundredth of their spread.
	HeadInt8 = "int8"
)

// How many bits a ternary weight takes in memory.
const (
	WeightsAuto   = "auto" // the faster one of the others for the model and the machine
	Weights2Bit   = "2bit"
	Weights1_6Bit = "1.6bit"
)

// Model is a loaded model. It does not change, so sessions share it.
type Model struct {
	config      model.Config
	file        *gguf.File // nil for a random model
	embedding   *denseMatrix
	head        matrix
	finalNorm   []float32
	layers      []layer
	interleaved bool // rotary pairs are neighbours, as in GGUF files of architecture llama
	rope        *ropeTable
	cache       cacheFormat
	pooling     string // as Pooling tells it
	pool        *parallel.Pool
}

// layer holds the weights of a block; norms that a model does not have are nil.
type layer struct {
	inputNorm, attnSubNorm, postNorm, ffnSubNorm []float32
	qNorm, kNorm                                 []float32 // of each head, before it is turned
	q, k, v, o, gate, up, down                   matrix
	norms                                        projNorms
}

// projNorms are the norms before single projections.
type projNorms struct{ q, k, v, o, gate, up, down []float32 }

// Load maps a GGUF file and prepares its weights.
func Load(path string, o Options) (*Model, error) {
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	m, err := fromFile(f, o)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := m.SetHead(o.Head); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// SetHead chooses how the logits are computed, before the first session. HeadExact leaves
// the head as it is.
func (m *Model) SetHead(head string) error {
	switch head {
	case "", HeadExact:
		return nil
	case HeadInt8, HeadBounded, HeadQ6K:
	default:
		return fmt.Errorf("head is %q: want %s, %s, %s or %s", head, HeadExact, HeadBounded, HeadQ6K, HeadInt8)
	}
	d, ok := m.head.(*denseMatrix)
	if !ok {
		return nil // ternary already
	}
	var err error
	switch head {
	case HeadInt8:
		m.head, err = newInt8(m.pool, d)
	case HeadQ6K:
		m.head, err = newQ6K(m.pool, d)
	default:
		m.head, err = newBounded(m.pool, d)
	}
	return err
}

// cacheBytes is a size of weights that a processor's caches may hold.
const cacheBytes = 32 << 20

// weightFormat decides on the bits of a ternary weight: 2 where all of them may stay in a
// cache, otherwise by measurement.
func weightFormat(pool *parallel.Pool, name string, c *model.Config) (intmul.Format, error) {
	switch name {
	case "", WeightsAuto:
		if c.TernaryParameters()/4 <= cacheBytes {
			return intmul.Bits2, nil
		}
		return intmul.FasterFormat(pool), nil
	case Weights2Bit:
		return intmul.Bits2, nil
	case Weights1_6Bit:
		return intmul.Bits1_6, nil
	}
	return 0, fmt.Errorf("weights are %q: want %s, %s or %s", name, WeightsAuto, Weights2Bit, Weights1_6Bit)
}

// Close gives the file back. Sessions must not be used afterwards.
func (m *Model) Close() error {
	if m.file == nil {
		return nil
	}
	return m.file.Close()
}

// Config is the shape of the model.
func (m *Model) Config() model.Config { return m.config }

// ContextLength is how many tokens the model was made for.
func (m *Model) ContextLength() int { return m.config.MaxPositionEmbeddings }

// Vocab is the tokenizer in the file; without Tokens where it holds none.
func (m *Model) Vocab() tokenizer.Vocab {
	if m.file == nil {
		return ggufmeta.ReadVocab(&gguf.Metadata{})
	}
	return ggufmeta.ReadVocab(&m.file.Metadata)
}

// matrix is a weight [N,K] that multiplies rows of activations.
type matrix interface {
	// mul computes y [m,N] from m rows of in, on the threads of a pool.
	mul(pool *parallel.Pool, y []float32, in *activations, m int)
}

func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
