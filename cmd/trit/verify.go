package main

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/cmd/trit/models"
	"trit/convert"
	"trit/convert/compare"
	"trit/convert/source"
	"trit/infer"
	"trit/internal/report"
	"trit/repro"
	"trit/tokenizer"
)

func verifyCommand() *cli.Command {
	return &cli.Command{
		Name: "verify", ArgsUsage: "A B",
		Usage: "compare two models weight by weight, ternary ones by codes and scales, and by logits",
		Description: cmdline.Examples("trit verify bitnet-2b-folder bitnet-2b.gguf", "trit verify a.gguf b.gguf --logits 64",
			`trit verify a.gguf b.gguf --prompt "Once upon a time"`),
		Flags: append([]cli.Flag{
			&cli.IntFlag{Name: "logits", Usage: "compare the logits of `N` random tokens too"},
			&cli.StringFlag{Name: "prompt", Usage: "compare the logits of a `TEXT` too"},
			&cli.StringSliceFlag{Name: "ids", Usage: "compare the logits of these token `IDS` too, separated by commas"},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "`SEED` of the random tokens"},
			&cli.BoolFlag{Name: "all", Usage: "list weights that are equal too"},
			models.CacheFlag(infer.CacheF16, infer.CacheInt8, infer.CacheF32), models.ActivationsFlag(),
			cmdline.JSONFlag("print one JSON object"), cmdline.ThreadsFlag(),
		}, slices.Concat(models.ReadingFlags(), models.HubFlags())...),
		Action: verifyModels,
	}
}

func verifyModels(c *cli.Context) error {
	paths, err := cmdline.Arguments(c, "A", "B")
	if err != nil {
		return err
	}
	for i, name := range paths {
		if paths[i], err = models.Find(c, name); err != nil {
			return err
		}
	}
	a, err := source.Open(paths[0], models.ReadingOptions(c))
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := source.Open(paths[1], models.ReadingOptions(c))
	if err != nil {
		return err
	}
	defer b.Close()
	con := cmdline.NewConsole(c)
	for _, m := range []*source.Model{a, b} {
		con.Warnings(slices.Concat(m.Notes, m.Warnings), m.Path+": ")
	}
	progress := con.Progress("weights")
	found, err := compare.Models(c.Context, a, b, func(done, total int64) { progress.Show(done, total, "") })
	progress.End()
	if err != nil {
		return err
	}
	if c.Int("logits") > 0 || c.String("prompt") != "" || len(c.StringSlice("ids")) > 0 {
		if found.Logits, err = compareLogits(c, paths); err != nil {
			return err
		}
	}
	return showComparison(c, found)
}

// errDifferent is the outcome that the models differ. It is an error, so that scripts see it in
// the exit code.
type errDifferent struct{ a, b string }

func (e errDifferent) Error() string {
	return fmt.Sprintf("%s and %s are not the same model", e.a, e.b)
}

func showComparison(c *cli.Context, found *compare.Comparison) error {
	con := cmdline.NewConsole(c)
	if c.Bool("json") {
		if err := cmdline.PrintJSON(c.App.Writer, found); err != nil {
			return err
		}
	} else {
		if rows := found.Rows(c.Bool("all")); len(rows) > 0 {
			t := report.Table{Head: compare.Head(), Rows: rows}
			if err := t.WriteText(c.App.Writer); err != nil {
				return err
			}
			con.Printf("\n")
		}
		con.Printf("%s\n", found.Summary())
		if found.Logits != nil {
			con.Printf("%s\n", found.Logits)
		}
	}
	if !found.Same {
		return errDifferent{found.A, found.B}
	}
	return nil
}

// compareLogits runs both models on the engine, over the tokens that the flags ask for.
func compareLogits(c *cli.Context, paths []string) (*compare.LogitsDifference, error) {
	var logits [2][]float32
	var ids []int32
	vocabulary := 0
	for i, path := range paths {
		m, tok, err := openAny(c, path, verifyOptions(c))
		if err != nil {
			return nil, err
		}
		defer m.Close()
		if i == 0 {
			if ids, err = comparedIDs(c, tok, m.Config().VocabSize); err != nil {
				return nil, err
			}
			vocabulary = m.Config().VocabSize
		}
		if logits[i], err = logitsOf(m, ids); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return compare.Logits(logits[0], logits[1], vocabulary)
}

// verifyOptions are those by which logits are computed; --weights says what a file's weights are.
func verifyOptions(c *cli.Context) infer.Options {
	o := models.EngineOptions(c)
	o.Weights = infer.WeightsAuto
	return o
}

func comparedIDs(c *cli.Context, tok *tokenizer.Tokenizer, vocabulary int) ([]int32, error) {
	switch {
	case len(c.StringSlice("ids")) > 0:
		return tokenIDs(cmdline.CommaList(c.StringSlice("ids")))
	case c.String("prompt") != "" && tok == nil:
		return nil, cmdline.Usagef("the first model has no tokenizer: use --ids or --logits instead of --prompt")
	case c.String("prompt") != "":
		return tok.EncodePrompt(c.String("prompt")), nil
	}
	r, ids := rand.New(rand.NewPCG(c.Uint64("seed"), 0)), make([]int32, c.Int("logits"))
	for i := range ids {
		ids[i] = int32(r.IntN(vocabulary))
	}
	return ids, nil
}

// openAny loads a GGUF file, or converts a folder to a temporary one and loads that. The models were
// opened, and warned of, before.
func openAny(c *cli.Context, path string, o infer.Options) (*infer.Model, *tokenizer.Tokenizer, error) {
	how := convert.Options{Options: models.ReadingOptions(c), EmbeddingType: convert.F32, SkipVerify: true, Pad: true}
	file, remove, err := models.GGUF(c, path, how)
	if err != nil {
		return nil, nil, err
	}
	defer remove() // a mapped file lives on without its name
	return repro.LoadGGUF(file, o)
}
