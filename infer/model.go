// Package infer is the CPU engine: it runs a GGUF model on token ids, with int8
// activations if the weights are ternary.
package infer

import (
	"errors"
	"fmt"
	"slices"

	"trit/bitlinear/kernel/intmul"
	"trit/bitlinear/kernel/vector"
	"trit/format/gguf"
	"trit/format/ggufmeta"
	"trit/internal/parallel"
	"trit/model"
	"trit/setting"
	"trit/tokenizer"
)

// Options say how to run a model.
type Options struct {
	Threads int     // 0: one for each processor
	Head    Head    // empty: HeadExact
	Weights Weights // empty: WeightsAuto
	Cache   Cache   // empty: CacheF16
	// Activations of products with weights that have a scale a group; empty: ActivationsInt8.
	Activations Activations
}

// Activations is how activations go into products with weights of one or two bits that have a scale
// a group. Weights of BitNet models, with one scale, were trained with activations of 8 or 4 bits and always
// have them.
type Activations string

// Kinds of activations.
const (
	// ActivationsInt8 rounds to int8 with a scale for each 128 values.
	ActivationsInt8 Activations = "int8"
	// ActivationsFloat rounds nothing, as such models were trained, and is many times slower.
	ActivationsFloat Activations = "float"
)

// Head is a way to compute the head, the product that gives the logits.
type Head string

// Ways to compute the head.
const (
	// HeadExact uses the weights as they are in the file.
	HeadExact Head = "exact"
	// HeadBounded chooses the same tokens as HeadExact and reads little more than a quarter
	// of the bytes of F16. Logits that a caller asks for are exact.
	HeadBounded Head = "bounded"
	// HeadQ6K rounds weights to 6.6 bits as Q6_K does: two fifths of the bytes of F16, and
	// logits that are off by about two hundredths of their spread.
	HeadQ6K Head = "q6_k"
	// HeadInt8 rounds weights and activations to int8: half the bytes of F16, and logits
	// that are off by about a hundredth of their spread.
	HeadInt8 Head = "int8"
)

// Weights is the number of bits that a ternary weight takes in memory.
type Weights string

// Bits of a ternary weight in memory.
const (
	WeightsAuto   Weights = "auto" // the faster of the two below, for the model and the machine
	Weights2Bit   Weights = "2bit"
	Weights1_6Bit Weights = "1.6bit"
)

// areFloats reports whether nothing is rounded, in a model of this shape.
func (a Activations) areFloats(c *model.Config) (bool, error) {
	switch {
	case a == "" || a == ActivationsInt8:
		return false, nil
	case a == ActivationsFloat && c.Int4Activations:
		return false, setting.Needs("infer.Options.Activations", "the model was trained with activations of 4 bits "+
			"(int4_activations), and always has them", "leave {infer.Options.Activations} out")
	case a == ActivationsFloat:
		return true, nil
	}
	return false, setting.Invalid("infer.Options.Activations", a, ActivationsInt8, ActivationsFloat)
}

// Model is a loaded model. It does not change after Load, so several sessions, each on a
// goroutine of its own, can share it.
type Model struct {
	config       model.Config
	file         *gguf.File // nil for a random model
	embedding    table
	head         matrix
	finalNorm    []float32
	headNorm     []float32 // finalNorm divided by the scale of the logits: what comes before the head
	layers       []layer
	architecture string    // GGUF's name; "" for a random model
	interleaved  bool      // rotary pairs are adjacent, see ggufmeta.Interleaved
	adapters     *adapters // nil without; see Adapted
	bases        bases     // of weights that are in a rotated one
	rope         *ropeTable
	cache        cacheFormat
	pooling      string // what Pooling returns
	pool         *parallel.Pool
	warnings     []setting.Note
}

// layer holds the weights of one decoder block; norms that a model does not have are nil.
type layer struct {
	mixer                           mixer
	inputNorm, postNorm, ffnSubNorm []float32
	gate, up, down                  matrix
	norms                           projNorms
}

// projections are the weights of a layer by their names.
func (l *layer) projections() map[string]matrix {
	all := l.mixer.projections()
	all[model.GateProj], all[model.UpProj], all[model.DownProj] = l.gate, l.up, l.down
	return all
}

// projNorms are the norms before single projections.
type projNorms struct{ q, k, v, o, gate, up, down []float32 }

// Load maps a GGUF file into memory and prepares its weights. The caller closes the model.
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
	if err := m.setHead(o.Head); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// setFinalNorm sets the norm behind the last block. The scale of the logits is in the head's input, where
// MiniCPM has it, so that every head computes with it.
func (m *Model) setFinalNorm(w []float32) {
	m.finalNorm, m.headNorm = w, w
	if scale := m.config.LogitScale(); scale != 1 {
		m.headNorm = slices.Clone(w)
		vector.Scale(float32(1/scale), m.headNorm)
	}
}

// setHead sets how the logits are computed. It must be called before the first session is made.
// HeadExact leaves the head as it is.
func (m *Model) setHead(head Head) error {
	switch head {
	case "", HeadExact:
		return nil
	case HeadInt8, HeadBounded, HeadQ6K:
	default:
		return setting.Invalid("infer.Options.Head", head, HeadExact, HeadBounded, HeadQ6K, HeadInt8)
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

// cacheBytes is the size of weights that the caches of most processors hold.
const cacheBytes = 32 << 20

// weightFormat is the layout of ternary weights. WeightsAuto means 2 bits if all weights fit
// into a cache, and otherwise the layout that a measurement finds faster.
func weightFormat(pool *parallel.Pool, w Weights, c *model.Config) (intmul.Format, error) {
	switch w {
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
	return 0, setting.Invalid("infer.Options.Weights", w, WeightsAuto, Weights2Bit, Weights1_6Bit)
}

// Close unmaps the file. Sessions of the model, with or without adapters, must not be used afterwards.
func (m *Model) Close() error {
	if m.file == nil {
		return nil
	}
	return m.file.Close()
}

// Config is the shape of the model.
func (m *Model) Config() model.Config { return m.config }

// Warnings name keys of the file that are not known, and projections that are all zero or
// repeat others.
func (m *Model) Warnings() []setting.Note { return m.warnings }

// ContextLength is the most tokens that a sequence of the model may have.
func (m *Model) ContextLength() int { return m.config.MaxPositionEmbeddings }

// ErrNoTokenizer is the error of Model.Tokenizer for a model without one.
var ErrNoTokenizer = errors.New("the model holds no tokenizer")

// Tokenizer makes the tokenizer that the file holds. The error is ErrNoTokenizer if it holds
// none; a random model has none.
func (m *Model) Tokenizer() (*tokenizer.Tokenizer, error) {
	if m.file == nil {
		return nil, ErrNoTokenizer
	}
	v := ggufmeta.ReadVocab(&m.file.Metadata)
	if len(v.Tokens) == 0 {
		return nil, ErrNoTokenizer
	}
	return tokenizer.FromVocab(v)
}

// table is a weight whose rows are looked up.
type table interface {
	row(dst []float32, i int) // writes row i to dst, [K]
}

// matrix is a weight [N,K].
type matrix interface {
	// mul computes y [m,N], the product of m rows of in with the weight, on the threads of a
	// pool.
	mul(pool *parallel.Pool, y []float32, in *activations, m int)
}

// grow returns a slice of n values: in the memory of s if it is large enough, else in new
// memory, with some to spare for a slightly larger n. The values are not cleared.
func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}

// Memory is the memory of a model, in bytes.
type Memory struct {
	Format             string `json:"format"`                // layout of ternary weights; "float" if there are none
	Weights            int    `json:"weights"`               // projections of all layers
	Head               int    `json:"head"`                  // head and embedding
	HeadRead           int    `json:"head_read"`             // read for the logits of one token
	CacheBytesPerToken int    `json:"cache_bytes_per_token"` // KV cache of all layers
	StateBytes         int    `json:"state_bytes,omitempty"` // most that a session's recurrent layers take
}

// sized is a weight that reports its size in bytes.
type sized interface{ bytesInMemory() int }

func (t *ternaryMatrix) bytesInMemory() int { return t.w.Bytes() }
func (t *int8Matrix) bytesInMemory() int    { return t.w.Bytes() }
func (g *groupedMatrix) bytesInMemory() int { return g.w.Bytes() }
func (d *denseMatrix) bytesInMemory() int   { return len(d.data) }
func (b *biasedMatrix) bytesInMemory() int  { return b.matrix.(sized).bytesInMemory() + 4*len(b.bias) }

// bytesInMemory is the size of the 4-bit copy, which is read for every token. The exact weights
// do not count.
func (h *boundedHead) bytesInMemory() int { return h.coarse.Bytes() + 4*h.n }

// Memory is the memory of the model, without sessions.
func (m *Model) Memory() Memory {
	u := Memory{
		Format: "float", Head: m.embedding.(sized).bytesInMemory(),
		CacheBytesPerToken: m.cache.bytesPerToken(&m.config) * m.attentionLayers(),
		StateBytes:         m.stateBytes(m.ContextLength()),
	}
	for i := range m.layers {
		l := &m.layers[i]
		for _, w := range l.projections() {
			u.Weights += w.(sized).bytesInMemory()
		}
		switch w := l.down.(type) {
		case *ternaryMatrix:
			u.Format = w.w.Format().String()
		case *groupedMatrix:
			u.Format = "groups"
		}
	}
	u.HeadRead = m.head.(sized).bytesInMemory()
	switch h := m.head.(type) {
	case *boundedHead:
		u.Head += u.HeadRead
		if table(h.denseMatrix) != m.embedding {
			u.Head += len(h.data)
		}
	default:
		if any(h) != any(m.embedding) {
			u.Head += u.HeadRead
		}
	}
	return u
}
