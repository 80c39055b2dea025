// Package samples writes texts with the weights of a run that is at work, to be read by people. It runs a
// graph of its own over the same weights, once for each token.
package samples

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"trit/tokenizer"
	"trit/train/graph"
)

// Options say what is written.
type Options struct {
	Prompts     []string
	Tokens      int     // of each text, at most
	Temperature float64 // 0: the likeliest token each time
}

// Sample is a text behind a prompt.
type Sample struct{ Prompt, Text string }

// Writer writes texts. It is for one goroutine.
type Writer struct {
	options   Options
	tokenizer *tokenizer.Tokenizer
	prompts   [][]int32
	decoder   *graph.Decoder
	length    int // of a row of the graph
	vocab     int
}

// New makes a writer over weights that a run moves. g are the options of a graph of the run; its batch
// and length are not used.
func New(o Options, t *tokenizer.Tokenizer, p *graph.Params, g graph.Options) (*Writer, error) {
	w := &Writer{options: o, tokenizer: t, vocab: p.Config.VocabSize}
	for _, prompt := range o.Prompts {
		ids := t.EncodePrompt(prompt)
		if len(ids) == 0 {
			return nil, fmt.Errorf("the prompt %q has no token to begin with", prompt)
		}
		w.prompts = append(w.prompts, ids)
		w.length = max(w.length, len(ids)+o.Tokens)
	}
	if most := p.Config.MaxPositionEmbeddings; w.length > most {
		return nil, fmt.Errorf("a prompt and %d tokens make %d, but the model has positions for %d", o.Tokens, w.length, most)
	}
	var err error
	w.decoder, err = graph.New(p, graph.Options{Threads: g.Threads, Batch: len(w.prompts), SequenceLength: w.length,
		Unquantized: g.Unquantized})
	return w, err
}

// Tokens is the number of tokens that the graph computes for all texts.
func (w *Writer) Tokens() int { return w.options.Tokens * len(w.prompts) * w.length }

// Write writes a text behind each prompt, under a rounding. The random
// numbers are the same each time, so texts differ by what the model has learned.
func (w *Writer) Write(r graph.Rounding) ([]Sample, error) {
	w.decoder.SetRounding(r)
	random := rand.New(rand.NewPCG(1, 1))
	rows, logits := make([][]int32, len(w.prompts)), make([]float32, w.vocab)
	for i, ids := range w.prompts {
		rows[i] = slices.Clone(ids)
	}
	ends := w.tokenizer.EOSIDs()
	for range w.options.Tokens {
		if err := w.run(rows); err != nil {
			return nil, err
		}
		for i := range rows {
			last := len(rows[i]) - 1
			if last >= len(w.prompts[i]) && slices.Contains(ends, rows[i][last]) {
				continue
			}
			w.decoder.Logits(logits, i*w.length+last)
			rows[i] = append(rows[i], choose(logits, w.options.Temperature, random))
		}
	}
	var list []Sample
	for i, ids := range rows {
		text := w.tokenizer.Decode(ids[len(w.prompts[i]):])
		list = append(list, Sample{w.options.Prompts[i], text})
	}
	return list, nil
}

// run runs the graph on what is written so far.
func (w *Writer) run(rows [][]int32) error {
	tokens, targets := w.decoder.Tokens(), w.decoder.Targets()
	clear(tokens)
	clear(w.decoder.Starts())
	for i := range targets {
		targets[i] = -1 // the logits alone are asked for
	}
	for i, ids := range rows {
		copy(tokens[i*w.length:], ids)
	}
	_, err := w.decoder.Run()
	return err
}

// choose draws a token from the softmax of the logits over the temperature.
func choose(logits []float32, temperature float64, random *rand.Rand) int32 {
	best, u := 0, random.Float64()
	for i, v := range logits {
		if v > logits[best] {
			best = i
		}
	}
	if temperature == 0 {
		return int32(best)
	}
	sum := 0.0
	weight := func(v float32) float64 { return math.Exp(float64(v-logits[best]) / temperature) }
	for _, v := range logits {
		sum += weight(v)
	}
	for i, v := range logits {
		if u -= weight(v) / sum; u < 0 {
			return int32(i)
		}
	}
	return int32(best)
}

// Close frees the graph.
func (w *Writer) Close() error { return w.decoder.Close() }
