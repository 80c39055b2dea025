package comparing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/cmd/trit/models"
	"trit/cmd/trit/texts"
	"trit/convert"
	"trit/data/source"
	"trit/eval"
	"trit/eval/divergence"
	"trit/eval/perplexity"
	"trit/infer"
	"trit/internal/atomicfile"
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
			&cli.StringSliceFlag{Name: "data", Usage: "compare on these `TEXTS`, one behind the other: " + texts.Usage},
			&cli.StringFlag{Name: "out", Usage: "write JSON to `FILE`, as --json prints it"},
			cmdline.ForceFlag("FILE"),
			&cli.IntFlag{Name: "window", Value: 512, Usage: "`N` tokens a window"},
			&cli.IntFlag{Name: "limit", Usage: "only the first `N` windows"},
			models.CacheFlag(infer.CacheF32, infer.CacheF16, infer.CacheInt8),
			cmdline.JSONFlag("print one JSON object, with the means of each window"), cmdline.ThreadsFlag(),
		}, append(models.ReadingFlags(), textFlags()...)...),
		Action: divergenceAction,
	}
}

// textFlags are those of texts, of which a plain one is not divided here.
func textFlags() []cli.Flag {
	flags := texts.Flags()
	for _, f := range flags {
		if s, ok := f.(*cli.StringFlag); ok && s.Name == "documents" {
			s.DefaultText = source.WholeFile
		}
	}
	return flags
}

// measured is what the command says as JSON.
type measured struct {
	Model  string            `json:"model"`
	Base   string            `json:"base"`
	Data   []string          `json:"data"`
	Window int               `json:"window"`
	Made   map[string]string `json:"made"`
	*divergence.Result
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
	if err := cmdline.MayWrite(c, c.String("out")); err != nil {
		return err
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
	return write(c, measured{args[0], args[1], texts.Names(c, "data"), c.Int("window"), Made(), r})
}

// write writes a result to a file and shows it.
func write(c *cli.Context, m measured) error {
	if out := c.String("out"); out != "" {
		b, err := json.MarshalIndent(m, "", "  ")
		if err != nil {
			return err
		}
		if err := atomicfile.WriteBytes(out, append(b, '\n')); err != nil {
			return err
		}
	}
	if c.Bool("json") {
		return cmdline.PrintJSON(c.App.Writer, m)
	}
	return show(c, m.Result)
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

// windowsOf cuts the texts, one behind the other with an empty line between, into windows.
func windowsOf(c *cli.Context, tok *tokenizer.Tokenizer) ([]eval.TokenDocument, error) {
	text, err := textOf(c, tok)
	if err != nil {
		return nil, err
	}
	windows, err := perplexity.Halves(tok, []string{text}, c.Int("window"))
	if n := c.Int("limit"); n > 0 {
		windows = windows[:min(n, len(windows))]
	}
	return windows, err
}

// textOf reads the texts, with --limit no more of them than its windows need.
func textOf(c *cli.Context, tok *tokenizer.Tokenizer) (string, error) {
	documents, err := texts.Documents(c)
	if err != nil {
		return "", err
	}
	paths, err := texts.Paths(c, "data")
	if err != nil {
		return "", err
	}
	t, err := source.Open(source.Options{
		Paths: paths, Column: c.String("column"), Documents: documents, Undivided: true, Stdin: c.App.Reader,
	})
	if err != nil {
		return "", err
	}
	var all strings.Builder
	tokens, enough := 0, c.Int("limit")*c.Int("window")
	for text, err := range t.All(c.Context) {
		if err != nil {
			return "", err
		}
		if all.Len() > 0 {
			all.WriteString("\n\n")
		}
		text = strings.ReplaceAll(text, "\r\n", "\n") // as llama_ppl_wikitext2 reads it
		all.WriteString(text)
		if enough > 0 {
			if tokens += len(tok.EncodeText(text, false)); tokens > enough {
				break
			}
		}
	}
	con := cmdline.NewConsole(c)
	if n := t.Counts().Null; n > 0 {
		con.Warnf("%d rows hold no text (null): they are left out", n)
	}
	texts.Warn(con, t.Counts())
	return all.String(), nil
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
