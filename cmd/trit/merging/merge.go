// Package merging is the command trit merge.
package merging

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/cmd/trit/models"
	"trit/convert"
	"trit/convert/merge"
	"trit/infer"
	"trit/internal/report"
	"trit/lm"
	"trit/repro"
)

// Command is trit merge.
func Command() *cli.Command {
	return &cli.Command{
		Name: "merge", ArgsUsage: "MODEL ADAPTER[=SCALE] OUT.gguf|OUT_DIR",
		Usage: "write a model with an adapter in its weights",
		Description: cmdline.Examples("trit merge base adapter merged.gguf", "trit merge base adapter merged",
			"trit merge base.gguf adapter.gguf merged.gguf --lossy --data held-out.txt", "",
			"An adapter inside the quantiser, and any of a model in full precision, is merged exactly. One beside ternary",
			"layers is not: the sum is rounded to ternary weights again, which needs --lossy and is reported."),
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "lossy", Usage: "round ternary weights again with an adapter that stood beside them"},
			&cli.StringSliceFlag{Name: "data", Usage: "compare the loss of MODEL, with the adapter and merged, on these text `FILES`"},
			&cli.StringFlag{Name: "type", Usage: "`TYPE` of the projections, as in trit convert (default of a folder with master weights: f32)"},
			&cli.StringFlag{Name: "embedding-type", Usage: "`TYPE` of embedding and head, as in trit convert"},
			cmdline.ForceFlag("OUT"),
			cmdline.JSONFlag("print one JSON object"), cmdline.ThreadsFlag(),
		}, append(models.ReadingFlags(), models.HubFlags()...)...),
		Action: mergeAction,
	}
}

func mergeAction(c *cli.Context) error {
	args, err := cmdline.Arguments(c, "MODEL", "ADAPTER", "OUT")
	if err != nil {
		return err
	}
	in, err := models.Find(c, args[0])
	if err != nil {
		return err
	}
	con := cmdline.NewConsole(c)
	progress := con.Progress("")
	path, scale := models.SplitScale(args[1])
	r, err := merge.Merge(c.Context, in, path, args[2], merge.Options{
		Options: convert.Options{
			Options: models.ReadingOptions(c), Type: convert.Type(c.String("type")),
			EmbeddingType: convert.Type(c.String("embedding-type")), Overwrite: c.Bool("force"),
			Progress: func(stage string, done, total int64) { progress.Show(done, total, stage) },
		},
		Scale: scale, Lossy: c.Bool("lossy"),
	})
	progress.End()
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("stopped: %s was not written", args[2])
	}
	if err != nil {
		return cmdline.UsageIf(cmdline.UsageIf(err, "convert.Options.Type"), "merge.Options.Lossy")
	}
	losses, err := mergeLosses(c, in, args[1], args[2])
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return cmdline.PrintJSON(c.App.Writer, struct {
			*merge.Report
			Losses []textLoss `json:",omitempty"`
		}{r, losses})
	}
	return showMerge(con, c, r, losses)
}

func showMerge(con *cmdline.Console, c *cli.Context, r *merge.Report, losses []textLoss) error {
	con.Warnings(r.Notes)
	models.ShowReport(con, r.Report)
	if r.Exact {
		con.Printf("the merge is exact\n")
	} else {
		con.Printf("the merge is not exact: ternary weights were rounded again\n")
		t := report.Table{Head: []string{"weights", "codes changed", "of the change kept", "relative error"}}
		for _, k := range r.Kinds {
			t.Rows = append(t.Rows, []string{k.Name, fmt.Sprintf("%.3f %%", 100*float64(k.Changed)/float64(k.Weights)),
				fmt.Sprintf("%.1f %%", 100*k.Kept), fmt.Sprintf("%.2f", k.Error)})
		}
		if err := t.WriteText(c.App.Writer); err != nil {
			return err
		}
	}
	for _, l := range losses {
		con.Printf("loss on %d tokens, %s: %.4f\n", l.Tokens, l.Of, l.Loss)
	}
	return nil
}

// textLoss is the mean loss of a model on a text.
type textLoss struct {
	Of     string
	Tokens int
	Loss   float64
}

// mergeLosses compares the model, the model with its adapter where that can stand beside the layers,
// and the result, on the texts of --data.
func mergeLosses(c *cli.Context, in, adapterPath, out string) ([]textLoss, error) {
	files := c.StringSlice("data")
	if len(files) == 0 {
		return nil, nil
	}
	var list []textLoss
	for _, m := range []struct{ of, path, adapter string }{
		{"the model", in, ""}, {"with the adapter", in, adapterPath}, {"merged", out, ""},
	} {
		l, err := lossOf(c, m.path, m.adapter, files)
		if errors.Is(err, infer.ErrInside) {
			continue // only the merged model computes it
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", cmp.Or(m.adapter, m.path), err)
		}
		l.Of = m.of
		list = append(list, l)
	}
	return list, nil
}

// lossOf is the mean loss of a model on texts, in pieces of at most pieceTokens tokens.
func lossOf(c *cli.Context, path, adapterPath string, files []string) (l textLoss, err error) {
	file, remove, err := models.GGUF(c, path, convert.Options{
		Options: models.ReadingOptions(c), EmbeddingType: convert.F32, SkipVerify: true, Pad: true,
	})
	if err != nil {
		return l, err
	}
	defer remove() // a mapped file lives on without its name
	m, tok, err := repro.LoadGGUF(file, infer.Options{Threads: c.Int("threads"), Cache: infer.CacheF32})
	if err != nil {
		return l, err
	}
	defer m.Close()
	if tok == nil {
		return l, errors.New("--data: the model has no tokenizer to read texts with")
	}
	if adapterPath != "" {
		if m, _, err = models.WithAdapters(c, m, nil, adapterPath); err != nil {
			return l, err
		}
	}
	var requests []lm.ScoreRequest
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			return l, fmt.Errorf("--data: %w", err)
		}
		for ids := tok.EncodePrompt(string(b)); len(ids) > 1; {
			n := min(len(ids), pieceTokens+1, m.ContextLength()+1)
			requests = append(requests, lm.ScoreRequest{Input: ids[:n-1], Targets: ids[1:n]})
			l.Tokens += n - 1
			ids = ids[n-1:]
		}
	}
	scores, err := m.NewScorer(0).Score(c.Context, requests)
	for _, s := range scores {
		l.Loss -= s.LogProb / float64(max(1, l.Tokens))
	}
	return l, err
}

// pieceTokens is the length of the pieces in which a text is scored.
const pieceTokens = 1024
