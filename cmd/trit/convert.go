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
	"trit/cmd/trit/models"
	"trit/convert"
	"trit/convert/source"
	"trit/format/adapter"
	"trit/setting"
	"trit/train"
)

func convertCommand() *cli.Command {
	return &cli.Command{
		Name:      "convert",
		Usage:     "turn a checkpoint, a Hugging Face folder or a GGUF file into a GGUF file or a Hugging Face folder",
		ArgsUsage: "IN|OWNER/NAME OUT.gguf|OUT_DIR",
		Description: cmdline.Examples("trit convert run model.gguf",
			"trit convert microsoft/bitnet-b1.58-2B-4T bitnet-2b.gguf",
			"trit convert 1bitllm-large large.gguf --type tq2_0", "trit convert run folder --type packed",
			"trit convert model.gguf folder --type bf16",
			"trit convert adapter adapter.gguf --base model.gguf    (an adapter, for llama.cpp)"),
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "type", Usage: "`TYPE` of the projections. GGUF: i2_s (the default), tq1_0, tq2_0; of full-precision models f32, f16, bf16, q8_0. Folder: packed, or master weights in bf16, f16, f32"},
			&cli.StringFlag{Name: "embedding-type", Usage: "`TYPE` of embedding and head. GGUF: f32, f16 (the default of ternary models), bf16, q8_0, q6_k, q4_0. Folder: bf16, f16, f32"},
			&cli.BoolFlag{Name: "pad", Usage: "fill the feed-forward size up to a multiple that TYPE can hold, with units whose weights are 0"},
			&cli.BoolFlag{Name: "exact-scales", Usage: "tq1_0, tq2_0: keep the whole scale for every architecture, not for bitnet alone; older engines refuse such files"},
			&cli.IntFlag{Name: "rotate", Usage: "put all matrices in a rotated basis of blocks of `N` values, a power of two, as PrismML's GGUF files have it (prism.hadamard); of models in full precision"},
			&cli.BoolFlag{Name: "unrotate", Usage: "turn weights in a rotated basis back"},
			&cli.BoolFlag{Name: "no-verify", Usage: "do not read the result again and compare it with IN"},
			cmdline.ForceFlag("OUT"),
			&cli.StringFlag{Name: "base", Usage: "IN is an adapter of `MODEL`: a run, a folder of PEFT or a GGUF file; OUT becomes a GGUF file by its name, else a folder"},
			cmdline.ThreadsFlag(),
		}, slices.Concat(models.ReadingFlags(), models.HubFlags())...),
		Action: func(c *cli.Context) error {
			args, err := cmdline.Arguments(c, "IN", "OUT")
			if err != nil {
				return err
			}
			if c.IsSet("base") {
				return convertAdapter(c, args[0], args[1])
			}
			in, err := models.Find(c, args[0])
			if err != nil {
				return err
			}
			return convertModel(c.Context, cmdline.NewConsole(c), in, args[1], convert.Options{
				Options: models.ReadingOptions(c),
				Type:    convert.Type(c.String("type")), EmbeddingType: convert.Type(c.String("embedding-type")),
				Pad: c.Bool("pad"), ExactScales: c.Bool("exact-scales"), Rotate: c.Int("rotate"), Unrotate: c.Bool("unrotate"),
				Overwrite: c.Bool("force"), SkipVerify: c.Bool("no-verify"),
			})
		},
	}
}

// convertAdapter writes an adapter in another form.
func convertAdapter(c *cli.Context, in, out string) error {
	if err := cmdline.MayWrite(c, out); err != nil {
		return err
	}
	base, err := models.Find(c, c.String("base"))
	if err != nil {
		return err
	}
	m, err := source.Open(base, models.ReadingOptions(c))
	if err != nil {
		return err
	}
	defer m.Close()
	a, err := models.ReadAdapter(c, in, m.Target())
	if err != nil {
		return err
	}
	if strings.HasSuffix(strings.ToLower(out), ".gguf") {
		err = adapter.WriteGGUF(out, a, m.Target())
	} else {
		err = adapter.WriteFolder(out, a)
	}
	if err == nil {
		cmdline.NewConsole(c).Printf("%s: an adapter of %d weights\n", out, len(a.Pairs))
	}
	return err
}

func convertModel(ctx context.Context, con *cmdline.Console, in, out string, o convert.Options) error {
	progress := con.Progress("")
	o.Announce = func(n setting.Note) { con.Warnf("%s", n.Text(cmdline.SettingName)) }
	o.Progress = func(stage string, done, total int64) { progress.Show(done, total, stage) }
	report, err := convert.Convert(ctx, in, out, o)
	progress.End()
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("stopped: %s was not written", out)
	}
	if err != nil {
		return cmdline.UsageIf(cmdline.UsageIf(err, "convert.Options.Type"), "convert.Options.EmbeddingType")
	}
	showReport(con, report)
	return nil
}

func showReport(con *cmdline.Console, r *convert.Report) {
	con.Printf("from %s\n", r.From)
	showOrigin(con, r.Path)
	models.ShowReport(con, r)
}

// showOrigin prints which state of a run a folder is, nothing for another model.
func showOrigin(con *cmdline.Console, dir string) {
	o, ok, err := train.OriginOf(dir)
	switch {
	case err != nil:
		con.Printf("warning: which step of its run this is cannot be read: %s\n", cmdline.OneLine(err))
	case ok:
		con.Printf("%s: %s\n", dir, o)
	}
	if ok && (o.Last || o.IsBest) && !o.Over {
		con.Printf("warning: the run has not come to its end: trit train --resume --out %s goes on\n", filepath.Dir(dir))
	}
}
