package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/convert"
	"trit/convert/source"
	"trit/eval"
	"trit/repro"
)

// namedModel is a model to measure: a server, a file, a folder, or one of the Hub.
type namedModel struct {
	name   string // for the results
	path   string // its file or folder; "" until the name is resolved
	folder string // name of its folder of results, if several models are measured
}

func convertedFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "converted",
			Usage: "score the checkpoint MODEL on its graph and, converted to GGUF, on the engine, " +
				"and show their differences"},
		&cli.StringFlag{Name: "type", Usage: "with --converted: `TYPE` of the projections, as in trit convert"},
		&cli.StringFlag{Name: "embedding-type", Usage: "with --converted: `TYPE` of embedding and head"},
	}
}

// namedModels returns the models of the command line, or with --converted a checkpoint and the
// model that it converts to. done removes temporary files.
func namedModels(c *cli.Context, con *cmdline.Console) (models []namedModel, done func(), err error) {
	done = func() {}
	if c.Bool("converted") {
		return convertedModels(c, con)
	}
	if c.IsSet("type") || c.IsSet("embedding-type") {
		return nil, done, cmdline.Usagef("--type and --embedding-type say how to convert: they need --converted")
	}
	for _, name := range c.Args().Slice() {
		models = append(models, namedModel{name: name, folder: filepath.Base(name)})
	}
	return models, done, nil
}

func convertedModels(c *cli.Context, con *cmdline.Console) (models []namedModel, done func(), err error) {
	done = func() {}
	name := c.Args().First()
	if c.NArg() > 1 || isServer(name) {
		return nil, done, cmdline.Usagef("--converted takes one checkpoint: trit eval RUN --converted --tasks TASKS")
	}
	path, err := fetchAnyModel(c, name)
	if err != nil {
		return nil, done, err
	}
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return nil, done, cmdline.Usagef("--converted: %s is no folder of weights but a file: "+
			"name the checkpoint that it was converted from", path)
	}
	converted := namedModel{name: name + ", converted", folder: "converted"}
	if converted.path, done, err = convertForNow(c, con, path); err != nil {
		return nil, done, err
	}
	if t := c.String("type"); t != "" {
		converted.name += " to " + t
	}
	return []namedModel{{name, path, filepath.Base(name)}, converted}, done, nil
}

// convertForNow converts a folder to a temporary GGUF file, which done removes.
func convertForNow(c *cli.Context, con *cmdline.Console, folder string) (path string, done func(), err error) {
	dir, err := os.MkdirTemp("", "trit-eval-")
	if err != nil {
		return "", func() {}, err
	}
	done = func() { os.RemoveAll(dir) }
	path = filepath.Join(dir, "model.gguf")
	progress := con.Progress("")
	_, err = convert.Convert(c.Context, folder, path, convert.Options{
		Options: source.Options{Threads: c.Int("threads")}, Pad: true,
		Type: convert.Type(c.String("type")), EmbeddingType: convert.Type(c.String("embedding-type")),
		Progress: func(stage string, done, total int64) { progress.Show(done, total, stage) },
	})
	progress.End()
	if err != nil {
		done()
		return "", func() {}, fmt.Errorf("converting %s: %w", folder, err)
	}
	return path, done, nil
}

// openNamed opens a model. It sets the options that describe the model in the results, and its
// fingerprint for the cache of requests.
func openNamed(c *cli.Context, m namedModel, o *eval.Options) (*repro.Model, error) {
	o.ModelName = m.name
	if isServer(m.name) {
		o.ModelArgs = fmt.Sprintf("base_url=%s,model=%s,max_length=%d", m.name, c.String("model"), c.Int("max-length"))
		o.Fingerprint = fmt.Sprintf("server %q model %q", m.name, c.String("model"))
		return openServer(c, m.name)
	}
	path, err := m.path, error(nil)
	if path == "" {
		if path, err = fetchAnyModel(c, m.name); err != nil {
			return nil, err
		}
	}
	o.ModelArgs = fmt.Sprintf("path=%s,cache=%s", path, c.String("cache"))
	if o.Cache != "" {
		if o.Fingerprint, err = fingerprint(path, c.String("cache")); err != nil {
			return nil, err
		}
	}
	opened, err := repro.Open(path, engineOptions(c))
	if err == nil {
		cmdline.NewConsole(c).Warnings(opened.Warnings)
	}
	if err == nil && opened.Tokenizer != nil {
		cmdline.NewConsole(c).Warnings(opened.Tokenizer.Notes())
	}
	return opened, err
}

// evaluate measures a model and shows the progress of each task.
func evaluate(ctx context.Context, m *repro.Model, con *cmdline.Console, o eval.Options) (*eval.Report, error) {
	var shown *cmdline.Progress
	task := ""
	o.Tokenizer = m.Tokenizer
	o.Progress = func(p eval.Progress) {
		if p.Task != task {
			shown, task = con.Progress("tokens"), p.Task
		}
		shown.Show(p.Tokens, p.Whole, progressNote(p))
	}
	report, err := eval.Run(ctx, m.Model, o)
	if shown != nil {
		shown.End()
	}
	return report, err
}

// progressNote gives the number of requests that are done, and of tokens that were computed in a
// second. Tokens of shared prefixes are computed once.
func progressNote(p eval.Progress) string {
	note := fmt.Sprintf("%s, %d of %d requests", p.Task, p.Done, p.Total)
	if p.Computed > 0 {
		note += fmt.Sprintf(", %.0f tokens/s computed", float64(p.Computed)/max(p.Seconds, 1e-9))
	}
	return "(" + note + ")"
}
