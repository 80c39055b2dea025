package serving

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/cmd/trit/models"
	"trit/format/gguf"
	"trit/format/ggufmeta"
	"trit/infer"
	"trit/infer/engine"
	"trit/internal/machine"
	"trit/repro"
	"trit/serve/answer"
	"trit/serve/grammar"
)

// modelFiles describes the models of some names: models of any form, and folders with
// several GGUF files. remove removes the temporary files of those that had to be converted.
func modelFiles(c *cli.Context, names ...string) (list []answer.Info, remove func(), err error) {
	var temporary []func()
	remove = func() {
		for _, f := range temporary {
			f()
		}
	}
	for _, name := range names {
		files, err := filepath.Glob(filepath.Join(name, "*.gguf"))
		if err != nil || len(files) < 2 {
			file, done, err := models.File(c, name)
			temporary = append(temporary, done)
			if err != nil {
				return nil, remove, err
			}
			info, err := modelInfo(file)
			if err != nil {
				return nil, remove, err
			}
			info.ID = modelName(name)
			list = append(list, info)
			continue
		}
		for _, file := range files {
			info, err := modelInfo(file)
			if err != nil {
				return nil, remove, err
			}
			list = append(list, info)
		}
	}
	return list, remove, nil
}

// modelName is the name of a model in requests: of a file without .gguf, of a model of the Hub as
// it is.
func modelName(name string) string {
	if _, err := os.Stat(name); err != nil {
		return name
	}
	return strings.TrimSuffix(filepath.Base(name), ".gguf")
}

// modelInfo describes a GGUF file.
func modelInfo(path string) (i answer.Info, err error) {
	stat, err := os.Stat(path)
	if err != nil {
		return i, err
	}
	f, err := gguf.Open(path)
	if err != nil {
		return i, err
	}
	defer f.Close()
	meta, err := ggufmeta.ReadModel(f)
	if err != nil {
		return i, fmt.Errorf("%s: %w", path, err)
	}
	v := ggufmeta.ReadVocab(&f.Metadata)
	projection, _ := f.Tensor(meta.Config.FirstProjection().GGUF)
	return answer.Info{
		ID: modelName(path), Path: path, Bytes: stat.Size(), Modified: stat.ModTime(),
		Architecture: string(meta.Architecture), Parameters: int64(meta.Config.Parameters()),
		Type: projection.Type.String(), Context: meta.Config.MaxPositionEmbeddings, Chat: v.ChatTemplate != "",
	}, nil
}

// loadFunc loads a model; the closer unloads it.
type loadFunc = func(context.Context, answer.Info) (*answer.Model, io.Closer, error)

// loader loads models with the options of the flags.
func loader(c *cli.Context) loadFunc {
	con := cmdline.NewConsole(c)
	return func(_ context.Context, info answer.Info) (*answer.Model, io.Closer, error) {
		m, tok, err := repro.LoadGGUF(info.Path, models.EngineOptions(c))
		if err != nil {
			return nil, nil, err
		}
		if tok == nil {
			return nil, nil, errors.Join(fmt.Errorf("%s holds no tokenizer", info.Path), m.Close())
		}
		machine.BoundGarbage()
		con.Warnings(m.Warnings(), info.ID, ": ")
		con.Warnings(tok.Notes(), info.ID, ": ")
		e := engine.New(m, tok, engine.Options{
			Context: c.Int("context"), Memory: c.Int("cache-memory") << 20,
			Answers: c.Int("sessions"), QueueSize: c.Int("queue"),
		})
		sampling, notes := m.Sampling()
		con.Warnings(notes, info.ID, ": ")
		loaded := &answer.Model{
			Info: info, Tokenizer: tok, Generator: e, Scorer: e, Embedder: e, Grammar: grammar.NewCompiler(tok),
			Context: e.ContextLength(), Sampling: sampling,
		}
		return loaded, closers{e, m}, nil
	}
}

// closers ends an engine and then its model.
type closers struct {
	e *engine.Engine
	m *infer.Model
}

// Close implements io.Closer.
func (c closers) Close() error {
	c.e.Close()
	return c.m.Close()
}
