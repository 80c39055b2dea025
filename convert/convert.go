// Package convert turns models from one form into another: Hugging Face folders of every
// BitNet family, checkpoints of a training run and GGUF files, into GGUF files and Hugging
// Face folders.
//
// A conversion goes in a line: package source opens the model, a writer plans the tensors of
// the output, a pipeline makes their rows on all threads and the writer writes them, package
// compare verifies the result against the source, and the writer commits it. Codes and scales
// of ternary weights are carried over as they are and never pass through floating-point
// weights.
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
	From         string // the form of the source
	Architecture string // GGUF's name, or the class in config.json
	Tensors      int
	Bytes        int64
	Zeros        float64             // share of ternary weights that are 0
	Verified     *compare.Comparison // with the source; nil where that was not wanted
	Warnings     []setting.Note      // what was assumed, and what other engines trip over
}

// Convert writes the model of the file or folder in as out, and compares the result with the
// source before it takes its name. An out that ends in .gguf becomes a GGUF file, of type
// I2S, TQ1 or TQ2 for ternary models (I2S unless o.Type says otherwise) and F32, F16, BF16
// or Q8 for others. Any other out becomes a Hugging Face folder, of type Packed, BF16, F16
// or F32: Packed unless the source has master weights, which are kept in BF16 then. It
// appears whole or not at all.
func Convert(ctx context.Context, in, out string, o Options) (*Report, error) {
	m, err := open(in, out, o)
	if err != nil {
		return nil, err
	}
	defer m.Close()
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

// open opens the model, after a look at what is where the output will be.
func open(in, out string, o Options) (*source.Model, error) {
	if err := mayWrite(out, o.Overwrite); err != nil {
		return nil, err
	}
	m, err := source.Open(in, o.Options)
	if err == nil {
		atomicfile.RemoveStale(filepath.Clean(out))
	}
	return m, err
}

// mayWrite refuses to replace what a user has, unless asked to.
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
		return fmt.Errorf("%s is a file: an out that does not end in .gguf becomes a folder", out)
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

// meter counts what is written.
type meter struct {
	writer
	done, total int64
	progress    func(stage string, done, total int64)
}

// Write writes to the writer and tells how much is done.
func (m *meter) Write(b []byte) (int, error) {
	n, err := m.writer.Write(b)
	if m.done += int64(n); m.progress != nil {
		m.progress("writing", m.done, m.total)
	}
	return n, err
}

// verify compares what was written with what it was made of.
func verify(ctx context.Context, m *source.Model, written string, o Options) (*compare.Comparison, error) {
	if o.SkipVerify {
		return nil, nil
	}
	how := source.Options{Threads: o.Threads}
	if !m.Config.Ternary {
		how.Weights = source.WeightsFull // which a GGUF file of a BitNet architecture does not say
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
		err = fmt.Errorf("the result is not the model that was read, and was not kept: %s", c.Summary())
	}
	return c, err
}

// explain names the way out where the disk is full.
func (p *plan) explain(err error) error {
	if errors.Is(err, syscall.ENOSPC) && p != nil {
		return fmt.Errorf("%w: the result takes %.0f MB; make room or name another place", err, float64(p.bytes())/1e6)
	}
	return err
}

// report describes what was written.
func report(out string, p *plan, same *compare.Comparison) (*Report, error) {
	r := &Report{
		Out: out, From: p.model.Form, Architecture: p.architecture, Tensors: len(p.tensors),
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
