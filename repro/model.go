package repro

import (
	"context"
	"errors"
	"fmt"
	"os"

	"trit/eval"
	"trit/eval/mtbench"
	"trit/format/hffolder"
	"trit/infer"
	"trit/lm"
	"trit/setting"
	"trit/tokenizer"
	"trit/train"
)

// Model is a model that can be measured, with the texts that describe it in results.
type Model struct {
	lm.Model
	Tokenizer *tokenizer.Tokenizer // nil if the model has none

	Name        string // name of the model in results
	Args        string // arguments that it was opened with, for results
	Fingerprint string // hash of weights and options, for a cache of requests; "" without a cache

	// NewGenerator makes a generator, which draws tokens too; nil: the model only takes the likeliest.
	NewGenerator func() (lm.Generator, error)

	Warnings []setting.Note // what looks wrong in its files, and what was assumed

	Close func() error
}

// Open opens a GGUF file on the engine, or the best model of a run (see hffolder.Choose) on its
// graph. A graph uses only Threads of the options.
func Open(path string, o infer.Options) (*Model, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return openGraph(path, o.Threads)
	}
	m, tok, err := LoadGGUF(path, o)
	if err != nil {
		return nil, err
	}
	generator := func() (lm.Generator, error) { return m.NewGenerator(tok, m.ContextLength()) }
	return &Model{
		Model: m.NewScorer(0), Tokenizer: tok, Name: path, NewGenerator: generator, Warnings: m.Warnings(), Close: m.Close,
	}, nil
}

func openGraph(dir string, threads int) (*Model, error) {
	chosen, err := hffolder.Choose(dir)
	if err != nil {
		return nil, err
	}
	s, err := train.LoadScorer(chosen.Dir, threads)
	if err != nil {
		return nil, err
	}
	tok, err := tokenizer.Load(s.Dir)
	if err != nil {
		s.Close()
		return nil, err
	}
	return &Model{Model: s, Tokenizer: tok, Name: dir, Warnings: s.Warnings, Close: s.Close}, nil
}

// LoadGGUF loads a model and its tokenizer, which is nil if the file holds none.
func LoadGGUF(path string, o infer.Options) (*infer.Model, *tokenizer.Tokenizer, error) {
	m, err := infer.Load(path, o)
	if err != nil {
		return nil, nil, err
	}
	tok, err := m.Tokenizer()
	if err != nil && !errors.Is(err, infer.ErrNoTokenizer) {
		m.Close()
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, tok, nil
}

// evaluate measures the model. It sets the options that depend on the model.
func (m *Model) evaluate(ctx context.Context, o eval.Options) (*eval.Report, error) {
	o.Tokenizer = m.Tokenizer
	o.ModelName, o.ModelArgs, o.Fingerprint = m.Name, m.Args, m.Fingerprint
	return eval.Run(ctx, m.Model, o)
}

// MTBench measures the model with mt_bench. It sets the options that depend on the model.
func (m *Model) MTBench(ctx context.Context, o eval.Options, j mtbench.Judging) (*mtbench.Report, error) {
	o.Tokenizer = m.Tokenizer
	o.ModelName, o.ModelArgs, o.Fingerprint = m.Name, m.Args, m.Fingerprint
	if j.Draw && m.NewGenerator != nil {
		var err error
		if j.Generator, err = m.NewGenerator(); err != nil {
			return nil, err
		}
	}
	return mtbench.Run(ctx, m.Model, o, j)
}
