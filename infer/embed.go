package infer

import (
	"context"
	"errors"
	"fmt"
	"math"

	"trit/bitlinear/kernel/vector"
	"trit/format/gguf"
	"trit/lm"
)

// PoolingLast is the pooling that takes the vector of the last token as the vector of the text.
const PoolingLast = "last"

// poolings are the values of GGUF's key pooling_type.
var poolings = []string{"none", "mean", "cls", PoolingLast, "rank"}

// readPooling returns the pooling that the file names, "" if it names none.
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

// Pooling says how the file makes the embedding of a text of the vectors of its tokens: none,
// mean, cls, last (PoolingLast), rank, or "unknown (N)" for a number that GGUF has no name for.
// It is "" if the file does not say.
func (m *Model) Pooling() string { return m.pooling }

// Embedder embeds sequences by their last token. It is for one goroutine.
type Embedder struct {
	session *Session
	turn    func() (limit int, done func()) // see TakeTurns
}

var _ lm.Embedder = (*Embedder)(nil)

// NewEmbedder makes an embedder of sequences of up to capacity tokens. It returns an error if
// the model's file names another pooling than PoolingLast; a file that names none is accepted.
func (m *Model) NewEmbedder(capacity int) (*Embedder, error) {
	if m.pooling != "" && m.pooling != PoolingLast {
		return nil, fmt.Errorf("pooling_type is %s: the engine embeds by the last token alone: "+
			"if the model was trained for that, convert it again with 1_Pooling/config.json in its folder", m.pooling)
	}
	s, err := m.NewSession(capacity)
	if err != nil {
		return nil, err
	}
	return &Embedder{s, alone}, nil
}

// TakeTurns makes the embedder wait for a turn before each pass over the weights; see
// Scorer.TakeTurns.
func (e *Embedder) TakeTurns(turn func() (limit int, done func())) { e.turn = turn }

// Embed implements lm.Embedder; see EmbedSequence.
func (e *Embedder) Embed(ctx context.Context, sequences [][]int32) ([][]float32, error) {
	vectors := make([][]float32, len(sequences))
	for i, ids := range sequences {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var err error
		if vectors[i], err = e.EmbedSequence(ids); err != nil {
			return nil, fmt.Errorf("sequence %d: %w", i, err)
		}
	}
	return vectors, nil
}

// EmbedSequence returns the embedding of one sequence, [hidden size]: the last token's
// hidden state after the final norm, divided by its length. It is computed with the factors of
// longrope that its own length asks for, whatever the embedder's capacity.
func (e *Embedder) EmbedSequence(ids []int32) ([]float32, error) {
	e.session.Truncate(0)
	e.session.turnFor(len(ids))
	return e.session.embed(ids, e.turn)
}

// embed appends ids to the session, a piece in each turn, and returns the embedding of the whole
// sequence.
func (s *Session) embed(ids []int32, turn func() (limit int, done func())) ([]float32, error) {
	if len(ids) == 0 {
		return nil, errors.New("an embedding of no tokens: give at least one")
	}
	if err := s.check(ids); err != nil { // all of them, before any is read
		return nil, err
	}
	n := 0 // tokens of the last pass
	for ; len(ids) > 0; ids = ids[n:] {
		limit, done := turn()
		n = min(limit, len(ids))
		err := s.Forward(ids[:n], nil, 0)
		done()
		if err != nil {
			return nil, err
		}
	}
	v := make([]float32, s.m.config.HiddenSize)
	s.pass.norm(v, s.pass.x[(n-1)*len(v):][:len(v)], s.m.finalNorm)
	if err := checkFinite(v); err != nil {
		return nil, err
	}
	normalize(v)
	return v, nil
}

// normalize divides x by its length; zeros stay zeros.
func normalize(x []float32) {
	if square := float64(vector.Dot(x, x)); square > 0 {
		vector.Scale(float32(1/math.Sqrt(square)), x)
	}
}
