// Package convert turns models from one form into another: Hugging Face folders of every
// BitNet family, checkpoints of ours and GGUF files, into GGUF files and Hugging Face
// folders; compares them, and shows what is in them.
//
// A Source reads a model weight by weight and row by row; a writer makes the rows of a
// form. Codes and scales of ternary weights are carried over as they are and never pass
// through floating-point weights.
package convert

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"trit/internal/atomicfile"
	"trit/model/ggufmeta"
)

// Options say how to read a model and what to write.
type Options struct {
	Reading
	Type          string // of the projections; "" is what fits the model, see Convert
	EmbeddingType string // of embedding and head; "" is what fits Type
	Pad           bool   // GGUF: fill the feed-forward size up to what Type can hold
	ExactScales   bool   // TQ1_0 and TQ2_0: keep the rest of a scale for every architecture, see ggufmeta.SplitScale
	Force         bool   // replace an existing file or folder
	SkipVerify    bool   // do not read the result again and compare it with the source
	Progress      func(stage string, done, total int64)
}

// Report says what was written.
type Report struct {
	Out          string
	From         string // the form of the source
	Architecture string // GGUF's name, or the class in config.json
	Tensors      int
	Bytes        int64
	Zeros        float64 // share of ternary weights that are 0
	Verified     *Comparison
	Warnings     []string
	total        int64
}

// Lines is the report for people.
func (r *Report) Lines() []string {
	lines := []string{
		"from " + r.From,
		fmt.Sprintf("%s: %s, %d tensors, %.1f MB", r.Out, r.Architecture, r.Tensors, float64(r.Bytes)/1e6),
	}
	if r.Zeros > 0 {
		lines = append(lines, fmt.Sprintf("share of zeros among the ternary weights: %.1f %%", 100*r.Zeros))
	}
	if r.Verified != nil {
		lines = append(lines, "verified: "+r.Verified.Summary())
	}
	for _, w := range r.Warnings {
		lines = append(lines, "warning: "+w)
	}
	return lines
}

// Convert writes a model in another form, weight by weight, and compares the result with
// the source before it takes its name. An out that ends in .gguf becomes a GGUF file, of type
// I2_S, TQ1_0 or TQ2_0 for ternary models (I2_S unless Type says otherwise) and F32, F16, BF16
// or Q8_0 for others. Any other out becomes a Hugging Face folder, of type packed, bf16, f16
// or f32: packed unless the source has latent weights, which are kept in bf16 then. It appears
// whole or not at all.
func Convert(ctx context.Context, in, out string, o Options) (*Report, error) {
	if err := mayWrite(out, o.Force); err != nil {
		return nil, err
	}
	s, err := Open(in, o.Reading)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	atomicfile.RemoveStale(filepath.Clean(out))
	r := &Report{Out: out, From: s.Form, Warnings: s.Notes}
	if strings.HasSuffix(strings.ToLower(out), ".gguf") {
		err = r.toGGUF(ctx, s, o)
	} else {
		err = r.toFolder(ctx, s, o)
	}
	if errors.Is(err, syscall.ENOSPC) {
		err = fmt.Errorf("%w: the result takes %.0f MB; make room or name another place", err, float64(r.total)/1e6)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Path, err)
	}
	return r, nil
}

// mayWrite refuses to replace what a user has, unless asked to.
func mayWrite(out string, force bool) error {
	if err := atomicfile.RecoverDir(out); err != nil {
		return err
	}
	info, err := os.Stat(out)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !force:
		return fmt.Errorf("%s exists: --force replaces it, or name another one", out)
	case info.IsDir() && strings.HasSuffix(strings.ToLower(out), ".gguf"):
		return fmt.Errorf("%s is a folder: a GGUF file is one file", out)
	case !info.IsDir() && !strings.HasSuffix(strings.ToLower(out), ".gguf"):
		return fmt.Errorf("%s is a file: an out that does not end in .gguf becomes a folder", out)
	}
	return nil
}

func (r *Report) toGGUF(ctx context.Context, s *Source, o Options) error {
	g := &ggufWriter{conversion: r.conversion(ctx, s, o), architecture: ggufmeta.Architecture(&s.Config.Config), exactScales: o.ExactScales}
	r.Architecture = g.architecture
	if err := g.chooseTypes(o); err != nil {
		return err
	}
	if o.Pad {
		s = padTo(s, g.weightType.Block())
		g.source, r.Warnings = s, s.Notes
	}
	if err := g.write(r.Out, func(written string) error { return r.verify(ctx, s, written, o) }); err != nil {
		return err
	}
	g.finish()
	info, err := os.Stat(r.Out)
	if err != nil {
		return err
	}
	r.Bytes = info.Size()
	found, err := Inspect(r.Out, InspectOptions{HeadersOnly: true})
	if err != nil {
		return err
	}
	r.Warnings = append(r.Warnings, found.Warnings...)
	return nil
}

func (r *Report) conversion(ctx context.Context, s *Source, o Options) conversion {
	return conversion{ctx: ctx, source: s, report: r, progress: func(done int64) { o.show("writing", done, r.total) }}
}

func (o *Options) show(stage string, done, total int64) {
	if o.Progress != nil {
		o.Progress(stage, done, total)
	}
}

// verify compares what was written with what it was made of.
func (r *Report) verify(ctx context.Context, s *Source, written string, o Options) error {
	if o.SkipVerify {
		return nil
	}
	var how Reading
	if !s.Config.Ternary {
		how.Weights = WeightsFull // which a GGUF file of a BitNet architecture does not say
	}
	w, err := Open(written, how)
	if err != nil {
		return fmt.Errorf("the result cannot be read again: %w", err)
	}
	defer w.Close()
	c, err := Compare(ctx, s, w, func(done, total int64) { o.show("verifying", done, total) })
	if err != nil {
		return err
	}
	if !c.Same {
		return fmt.Errorf("the result is not the model that was read, and was not kept: %s", c.Summary())
	}
	r.Verified = c
	return nil
}
