// Package convert turns models from one form into another: Hugging Face folders of every
// BitNet family, checkpoints of a training run and GGUF files, into GGUF files and Hugging
// Face folders.
//
// A conversion goes through these steps: package source opens the model; a writer plans the
// tensors of the output; a pipeline makes their rows on all threads, and the writer writes them;
// package compare verifies the result against the source; the writer commits it. Codes and
// scales of ternary weights are copied, and never converted to floating-point weights and back.
package convert

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"trit/convert/compare"
	"trit/convert/inspect"
	"trit/convert/source"
	"trit/internal/atomicfile"
	"trit/setting"
)

// Report says what was written.
type Report struct {
	Out          string
	From         string // form of the source, in words
	Path         string // of the source; for a run, of the checkpoint that was read
	Architecture string // GGUF's name, or the class in config.json
	Tensors      int
	Bytes        int64
	Zeros        float64             // share of ternary weights that are 0
	Verified     *compare.Comparison // with the source; nil if Options.SkipVerify is set
	Warnings     []setting.Note      // assumptions, and problems of other engines with the result
}

// Convert writes the model of the file or folder in to out. If out ends in .gguf, the result is a
// GGUF file, of type I2S (the default), TQ1 or TQ2 for ternary models and F32 (the default), F16,
// BF16 or Q8 for others. Otherwise it is a Hugging Face folder, of type Packed, BF16, F16 or F32.
// The default is Packed, or BF16 if the source has master weights or full precision, or F32 for
// master weights of b1. Convert compares the result with the source before it gives it the name
// out, so out is whole or not there.
func Convert(ctx context.Context, in, out string, o Options) (*Report, error) {
	if err := mayWrite(out, o.Overwrite); err != nil {
		return nil, err
	}
	m, err := source.Open(in, o.Options)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	return Write(ctx, m, out, o)
}

// Write is Convert for an open model. It removes what killed conversions to out left.
func Write(ctx context.Context, m *source.Model, out string, o Options) (*Report, error) {
	if err := mayWrite(out, o.Overwrite); err != nil {
		return nil, err
	}
	atomicfile.RemoveStale(filepath.Clean(out))
	w := newWriter(out, o)
	defer w.discard()
	p, err := w.plan(m)
	if err == nil {
		err = write(ctx, w, p, o)
	}
	var same *compare.Comparison
	if err == nil {
		same, err = verify(ctx, p.model, w.name(), o)
	}
	if err == nil {
		err = w.commit()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.Path, p.explain(err))
	}
	return report(out, p, same)
}

// mayWrite returns an error if out exists and may not be replaced.
func mayWrite(out string, overwrite bool) error {
	if err := atomicfile.RecoverDir(out); err != nil {
		return err
	}
	info, err := os.Stat(out)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !overwrite:
		return setting.Needs(overwriteField, out+" exists",
			fmt.Sprintf("{%s} replaces it, or name another one", overwriteField))
	case info.IsDir() && isGGUF(out):
		return fmt.Errorf("%s is a folder: a GGUF file is one file", out)
	case !info.IsDir() && !isGGUF(out):
		return fmt.Errorf("%s is a file: a name that does not end in .gguf is for a folder", out)
	}
	return nil
}

func isGGUF(path string) bool { return strings.HasSuffix(strings.ToLower(path), ".gguf") }

// write makes the tensors of a plan on all threads and writes them in their order.
func write(ctx context.Context, w writer, p *plan, o Options) error {
	if err := w.begin(); err != nil {
		return err
	}
	pipe := startPipeline(ctx, o.Threads, p.tensors)
	defer pipe.stop()
	to := &meter{writer: w, total: p.bytes(), progress: o.Progress}
	for _, t := range p.tensors {
		if err := pipe.write(to); err != nil {
			return t.explain(err)
		}
		if err := w.endTensor(); err != nil {
			return err
		}
	}
	return w.finish()
}

// meter is a writer that reports its progress.
type meter struct {
	writer
	done, total int64
	progress    func(stage string, done, total int64)
}

// Write writes and reports the progress.
func (m *meter) Write(b []byte) (int, error) {
	n, err := m.writer.Write(b)
	if m.done += int64(n); m.progress != nil {
		m.progress("writing", m.done, m.total)
	}
	return n, err
}

// verify compares the output, under its temporary name, with the model that it was made of.
func verify(ctx context.Context, m *source.Model, written string, o Options) (*compare.Comparison, error) {
	if o.SkipVerify {
		return nil, nil
	}
	how := source.Options{Threads: o.Threads}
	if !m.Config.Ternary {
		how.Weights = source.WeightsFull // a GGUF file of a BitNet architecture does not say so
	}
	result, err := source.Open(written, how)
	if err != nil {
		return nil, fmt.Errorf("the result cannot be read again: %w", err)
	}
	defer result.Close()
	var progress func(done, total int64)
	if o.Progress != nil {
		progress = func(done, total int64) { o.Progress("verifying", done, total) }
	}
	c, err := compare.Models(ctx, m, result, progress)
	if err == nil && !c.Same {
		err = fmt.Errorf("the result differs from the model that was read, and was not kept: %s", c.Summary())
	}
	return c, err
}

// explain adds the size of the output to the error of a full disk.
func (p *plan) explain(err error) error {
	if errors.Is(err, syscall.ENOSPC) && p != nil {
		return fmt.Errorf("%w: the result takes %.0f MB; make space or name another disk", err, float64(p.bytes())/1e6)
	}
	return err
}

// report describes what was written.
func report(out string, p *plan, same *compare.Comparison) (*Report, error) {
	r := &Report{
		Out: out, From: p.model.Form, Path: p.model.Path, Architecture: p.architecture, Tensors: len(p.tensors),
		Zeros: p.zeros.share(), Verified: same, Warnings: slices.Concat(p.model.Notes, p.model.Warnings),
	}
	warnings, err := inspect.EngineWarnings(out)
	if err != nil {
		return nil, err
	}
	r.Warnings = append(r.Warnings, warnings...)
	r.Bytes, err = sizeOf(out)
	return r, err
}

// sizeOf is the size of a file, or of the files in a folder.
func sizeOf(path string) (n int64, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	if !info.IsDir() {
		return info.Size(), nil
	}
	entries, err := os.ReadDir(path)
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			n += info.Size()
		}
	}
	return n, err
}
