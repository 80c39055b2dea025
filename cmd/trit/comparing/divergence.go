package comparing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/cmd/trit/models"
	"trit/convert"
	"trit/eval"
	"trit/eval/divergence"
	"trit/eval/perplexity"
	"trit/infer"
	"trit/internal/filekind"
	"trit/internal/report"
	"trit/repro"
	"trit/tokenizer"
)

// DivergenceCommand is trit divergence.
func DivergenceCommand() *cli.Command {
	return &cli.Command{
		Name: "divergence", ArgsUsage: "MODEL BASE",
		Usage: "compare what two models predict: KL divergence, same likeliest tokens, perplexities",
		Description: cmdline.Examples("trit divergence packed.gguf run --data wiki.test.raw",
			"trit divergence a.gguf b.gguf --data held-out.txt --window 256 --limit 20 --json", "",
			"Both models read the same windows of the text; of each its second half counts, as in llama-perplexity."),
		Flags: append([]cli.Flag{
			&cli.StringSliceFlag{Name: "data", Usage: "compare on these text `FILES`"},
			&cli.IntFlag{Name: "window", Value: 512, Usage: "`N` tokens a window"},
			&cli.IntFlag{Name: "limit", Usage: "only the first `N` windows"},
			models.CacheFlag(infer.CacheF32, infer.CacheF16, infer.CacheInt8),
			cmdline.JSONFlag("print one JSON object"), cmdline.ThreadsFlag(),
		}, append(models.ReadingFlags(), models.HubFlags()...)...),
		Action: divergenceAction,
	}
}

func divergenceAction(c *cli.Context) error {
	args, err := cmdline.Arguments(c, "MODEL", "BASE")
	if err != nil {
		return err
	}
	if len(c.StringSlice("data")) == 0 {
		return cmdline.Usagef("name a text with --data")
	}
	if c.Int("window") < 4 || c.Int("limit") < 0 {
		return cmdline.Usagef("--window is at least 4, and --limit is not negative")
	}
	var forwards []divergence.Forward
	var tokenizers []*tokenizer.Tokenizer
	var vocabs []int
	for _, name := range args {
		m, tok, err := open(c, name)
		if err != nil {
			return err
		}
		defer m.Close()
		forwards, tokenizers = append(forwards, forward(m)), append(tokenizers, tok)
		vocabs = append(vocabs, m.Config().VocabSize)
	}
	if vocabs[0] != vocabs[1] || !reflect.DeepEqual(tokenizers[0].Vocab(), tokenizers[1].Vocab()) {
		return fmt.Errorf("%s and %s have different vocabularies (%d and %d tokens), or cut texts by other rules: "+
			"what they predict cannot be compared", args[0], args[1], vocabs[0], vocabs[1])
	}
	windows, err := windowsOf(c, tokenizers[1])
	if err != nil {
		return err
	}
	progress := cmdline.NewConsole(c).Progress("tokens")
	r, err := divergence.Measure(c.Context, divergence.Options{
		Model: forwards[0], Base: forwards[1], Vocab: vocabs[0], Windows: windows,
		Progress: func(done, total int64) { progress.Show(done, total, "") },
	})
	progress.End()
	if errors.Is(err, context.Canceled) {
		return errors.New("stopped before all windows were compared: --limit compares fewer")
	}
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return cmdline.PrintJSON(c.App.Writer, r)
	}
	return show(c, r)
}

// open loads a model in any form on the engine.
func open(c *cli.Context, name string) (*infer.Model, *tokenizer.Tokenizer, error) {
	path, err := models.Find(c, name)
	if err != nil {
		return nil, nil, err
	}
	how := convert.Options{Options: models.ReadingOptions(c), EmbeddingType: convert.F32, SkipVerify: true, Pad: true}
	file, remove, err := models.GGUF(c, path, how)
	if err != nil {
		return nil, nil, err
	}
	defer remove() // a mapped file lives on without its name
	cache := infer.Cache(c.String("cache"))
	m, tok, err := repro.LoadGGUF(file, infer.Options{Threads: c.Int("threads"), Cache: cache, Head: infer.HeadExact})
	if err == nil && tok == nil {
		m.Close()
		err = errors.New(name + " has no tokenizer: both models need one, and the same")
	}
	return m, tok, err
}

// forward runs a model over one window after the other.
func forward(m *infer.Model) divergence.Forward {
	return func(ids []int32, logits []float32, from int) error {
		s, err := m.NewSession(len(ids))
		if err != nil {
			return err
		}
		return s.Forward(ids, logits, from)
	}
}

// windowsOf cuts the texts into windows, each text by itself.
func windowsOf(c *cli.Context, tok *tokenizer.Tokenizer) (windows []eval.TokenDocument, err error) {
	for _, file := range c.StringSlice("data") {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if !utf8.Valid(b) || bytes.IndexByte(b, 0) >= 0 {
			return nil, fmt.Errorf("%s: %s", file, filekind.Not(filekind.Of(file), "a text"))
		}
		text := strings.ReplaceAll(string(b), "\r\n", "\n") // as llama_ppl_wikitext2 reads it
		w, err := perplexity.Halves(tok, []string{text}, c.Int("window"))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		windows = append(windows, w...)
	}
	if n := c.Int("limit"); n > 0 {
		windows = windows[:min(n, len(windows))]
	}
	return windows, nil
}

// show prints a result as a table.
func show(c *cli.Context, r *divergence.Result) error {
	row := func(what, format string, v divergence.Value) []string {
		if v.Stderr == nil {
			return []string{what, fmt.Sprintf(format, v.Value), "", ""}
		}
		return []string{what, fmt.Sprintf(format, v.Value), "±", fmt.Sprintf(format, *v.Stderr)}
	}
	percent := func(v divergence.Value) divergence.Value { return v.Times(100) }
	one := func(what, format string, v float64) []string { return []string{what, fmt.Sprintf(format, v), "", ""} }
	t := report.Table{Head: []string{"measure", "value", "", "stderr"}, Rows: [][]string{
		row("KL(base || model), nats a token", "%.6f", r.KL), one("  median", "%.6f", r.Median), one("  90 %", "%.6f", r.P90),
		one("  95 %", "%.6f", r.P95),
		one("  99 %", "%.6f", r.P99), one("  99.9 %", "%.6f", r.P999), one("  maximum", "%.6f", r.Maximum),
		row("same likeliest token, %", "%.3f", percent(r.SameTop)), row("base's likeliest among 5, %", "%.3f", percent(r.InTop5)),
		row("change of the right token's probability, %", "%.4f", percent(r.Change)),
		one("  root mean square", "%.4f", 100*r.ChangeRMS),
		row("perplexity", "%.4f", r.Perplexity), row("perplexity of the base", "%.4f", r.BasePerplexity),
		row("ln of their ratio", "%.6f", r.LogRatio),
	}}
	if err := t.WriteText(c.App.Writer); err != nil {
		return err
	}
	cmdline.NewConsole(c).Printf("%d tokens in %d windows\n", r.Tokens, r.Windows)
	return nil
}
