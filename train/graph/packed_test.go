package graph

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"trit/model"
)

// talk is a conversation as a row has it: its tokens, and targets for those that are learned.
type talk struct{ tokens, targets []int32 }

func randomTalk(r *rand.Rand, vocabulary, length int) (t talk) {
	for range length {
		t.tokens = append(t.tokens, r.Int32N(int32(vocabulary)))
	}
	for k := range length {
		t.targets = append(t.targets, -1)
		if k+1 < length && r.IntN(3) > 0 {
			t.targets[k] = t.tokens[k+1]
		}
	}
	return t
}

// lossesOf puts conversations into rows, each row a list of them, and returns the losses of the tokens
// of each conversation. Nothing of starts is set where together is true: they see each other.
func lossesOf(t *testing.T, d *Decoder, length int, rows [][]talk, together bool) (losses [][]float32) {
	t.Helper()
	clear(d.tokens)
	clear(d.starts)
	for i := range d.targets {
		d.targets[i] = -1
	}
	var places [][2]int
	for r, row := range rows {
		at := r * length
		for _, one := range row {
			first := at
			for k := range one.tokens {
				d.tokens[at], d.targets[at] = one.tokens[k], one.targets[k]
				if !together {
					d.starts[at] = int32(first - r*length)
				}
				at++
			}
			places = append(places, [2]int{first, at})
		}
		for padding := at; padding < (r+1)*length && !together; padding++ {
			d.starts[padding] = int32(at - r*length)
		}
	}
	if _, err := d.Evaluate(); err != nil {
		t.Fatal(err)
	}
	for _, p := range places {
		losses = append(losses, slices.Clone(d.TokenLosses()[p[0]:p[1]]))
	}
	return losses
}

// Conversations that are packed into a row have the losses that each has alone, and what one says changes
// nothing in another.
func TestPackedConversationsAreAlone(t *testing.T) {
	const length, vocabulary = 160, 40 // more than two tiles of queries
	for name, c := range map[string]model.Config{
		"ternary": {Ternary: true, SubNorms: true},
		"full":    {HiddenAct: "silu"},
	} {
		c.VocabSize, c.HiddenSize, c.IntermediateSize, c.NumHiddenLayers = vocabulary, 64, 128, 3
		c.NumAttentionHeads, c.NumKeyValueHeads, c.TieWordEmbeddings = 4, 2, true
		c.Resolve()
		p := NewParams(c, 3)
		for _, spec := range p.specs { // as far from 0 as in trained models, so that attention is sharp
			if len(spec.Shape) == 1 {
				continue
			}
			for i := range p.Value(spec.Name) {
				p.Value(spec.Name)[i] *= 6
			}
		}
		d, err := New(p, Options{Batch: 4, SequenceLength: length})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		r := rand.New(rand.NewPCG(1, 2))
		talks := []talk{randomTalk(r, vocabulary, 37), randomTalk(r, vocabulary, 66), randomTalk(r, vocabulary, 5), randomTalk(r, vocabulary, 44)}
		packed := lossesOf(t, d, length, [][]talk{talks}, false)
		alone := lossesOf(t, d, length, [][]talk{{talks[0]}, {talks[1]}, {talks[2]}, {talks[3]}}, false)
		worst := 0.0
		for i := range talks {
			for k, v := range packed[i] {
				worst = max(worst, math.Abs(float64(v-alone[i][k])))
			}
		}
		t.Logf("%s: packed and alone differ by %.2g", name, worst)
		if !(worst <= 1e-5) {
			t.Errorf("%s: the losses of a token differ by %.3g, want at most 1e-5", name, worst)
		}
		planted := slices.Clone(talks)
		planted[1] = randomTalk(r, vocabulary, len(talks[1].tokens))
		other := lossesOf(t, d, length, [][]talk{planted}, false)
		for _, i := range []int{0, 2, 3} {
			if !slices.Equal(other[i], packed[i]) {
				t.Errorf("%s: conversation %d sees what another says", name, i)
			}
		}
		if slices.Equal(lossesOf(t, d, length, [][]talk{talks}, true)[2], lossesOf(t, d, length, [][]talk{planted}, true)[2]) {
			t.Errorf("%s: without borders a conversation sees nothing of another: the test tests nothing", name)
		}
	}
}
