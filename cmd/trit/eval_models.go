package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/cmd/trit/judging"
	"trit/cmd/trit/models"
	"trit/cmd/trit/texts"
	"trit/convert"
	"trit/convert/source"
	"trit/eval"
	"trit/infer"
	"trit/repro"
	"trit/train"
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
func namedModels(c *cli.Context, con *cmdline.Console) (list []namedModel, done func(), err error) {
	done = func() {}
	if c.Bool("converted") {
		return convertedModels(c, con)
	}
	if c.IsSet("type") || c.IsSet("embedding-type") {
		return nil, done, cmdline.Usagef("--type and --embedding-type say how to convert: they need --converted")
	}
	for _, name := range c.Args().Slice() {
		list = append(list, namedModel{name: name, folder: filepath.Base(name)})
	}
	return list, done, nil
}

func convertedModels(c *cli.Context, con *cmdline.Console) (list []namedModel, done func(), err error) {
	done = func() {}
	name := c.Args().First()
	if c.NArg() > 1 || isServer(name) {
		return nil, done, cmdline.Usagef("--converted takes one checkpoint: trit eval RUN --converted --tasks TASKS")
	}
	path, err := models.Find(c, name)
	if err != nil {
		return nil, done, err
	}
	if !models.IsFolder(path) {
		return nil, done, cmdline.Usagef("--converted: %s is no folder of weights but a file: "+
			"name the checkpoint that it was converted from", path)
	}
	converted := namedModel{name: name + ", converted", folder: "converted"}
	if converted.path, done, err = models.GGUF(c, path, toMeasure(c)); err != nil {
		return nil, done, err
	}
	if t := c.String("type"); t != "" {
		converted.name += " to " + t
	}
	return []namedModel{{name, path, filepath.Base(name)}, converted}, done, nil
}

// toMeasure are the options of the conversion of a folder that is measured, by the flags of
// convertedFlags where a command has them.
func toMeasure(c *cli.Context) convert.Options {
	return convert.Options{
		Options: source.Options{Threads: c.Int("threads")}, Pad: true,
		Type: convert.Type(c.String("type")), EmbeddingType: convert.Type(c.String("embedding-type")),
	}
}

// openNamed opens a model. It sets the options that describe the model in the results, and its
// fingerprint for the cache of requests.
func openNamed(c *cli.Context, m namedModel, o *eval.Options) (*repro.Model, error) {
	o.ModelName = m.name
	if isServer(m.name) {
		if c.IsSet("adapter") {
			return nil, cmdline.Usagef("--adapter is for models on this machine: a server has names for its own")
		}
		o.ModelArgs = fmt.Sprintf("base_url=%s,model=%s,max_length=%d", m.name, c.String("model"), c.Int("max-length"))
		o.Fingerprint = fmt.Sprintf("server %q model %q", m.name, c.String("model"))
		return openServer(c, m.name)
	}
	path, err := m.path, error(nil)
	if path == "" {
		if path, err = models.Find(c, m.name); err != nil {
			return nil, err
		}
	}
	shown := path
	if m.path != "" { // which may be temporary
		shown = m.name
	}
	o.ModelArgs = fmt.Sprintf("path=%s,cache=%s", shown, c.String("cache"))
	adapters := c.StringSlice("adapter")
	if len(adapters) > 0 {
		o.ModelArgs += ",adapter=" + strings.Join(adapters, "+")
	}
	opened, err := openPath(c, path)
	if err == nil && o.Cache+o.Out != "" {
		if o.Fingerprint, err = fingerprint(path, models.EngineOptions(c), adapters); err != nil {
			return nil, errors.Join(err, opened.Close())
		}
	}
	if err == nil {
		cmdline.NewConsole(c).Warnings(opened.Warnings)
	}
	if err == nil && opened.Tokenizer != nil {
		cmdline.NewConsole(c).Warnings(opened.Tokenizer.Notes())
	}
	return opened, err
}

// openPath opens a model: a folder of master weights on its graph, a GGUF file on the engine, and so a
// folder that the graph does not compute, converted, and any model with adapters.
func openPath(c *cli.Context, path string) (*repro.Model, error) {
	o := models.EngineOptions(c)
	if len(c.StringSlice("adapter")) > 0 {
		m, tok, err := models.Load(c, path, o)
		if err != nil {
			return nil, err
		}
		return &repro.Model{Model: m.NewScorer(0), Tokenizer: tok, Name: path, Close: m.Close}, nil
	}
	opened, err := repro.Open(path, o)
	if !train.NeedsEngine(err) {
		return opened, err
	}
	file, remove, err := models.File(c, path)
	if err != nil {
		return nil, err
	}
	defer remove() // a mapped file lives on without its name
	return repro.Open(file, o)
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

// mtBenchCommand is trit eval mt_bench.
func mtBenchCommand() *cli.Command {
	options := func(c *cli.Context) eval.Options {
		return eval.Options{
			DataDir: c.String("data-dir"), AllowPartial: c.Bool("allow-partial"), Limit: c.Float64("limit"),
			Batch: c.Int("batch"), MaxTokens: c.Int("max-gen-toks"), Fetch: texts.Fetcher(c),
		}
	}
	return judging.Command(openDescribed, options, slices.Concat([]cli.Flag{
		&cli.Float64Flag{Name: "limit", Usage: "only the first `N` questions (below 1: that share)"},
		dataDirFlag(), partialFlag(), maxTokensFlag(), batchFlag(),
		models.CacheFlag(infer.CacheF32, infer.CacheF16, infer.CacheInt8),
		models.ActivationsFlag(), cmdline.ThreadsFlag(),
	}, models.HubFlags(), serverFlags())...)
}

// openDescribed opens a model with name, arguments and fingerprint, for results that are kept.
func openDescribed(c *cli.Context, name string) (*repro.Model, error) {
	if err := checkServerFlags(c); err != nil {
		return nil, err
	}
	o := eval.Options{Cache: "needed"} // openNamed makes a fingerprint only for a cache
	m, err := openNamed(c, namedModel{name: name}, &o)
	if err == nil {
		m.Name, m.Args, m.Fingerprint = o.ModelName, o.ModelArgs, o.Fingerprint
	}
	return m, err
}
