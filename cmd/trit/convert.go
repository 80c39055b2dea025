package main

import (
	"context"
	"encoding/json"

	"github.com/urfave/cli/v2"

	"trit/convert"
)

func convertCommand() *cli.Command {
	return &cli.Command{
		Name: "convert", Usage: "turn a checkpoint or Hugging Face folder into one GGUF file", ArgsUsage: "IN OUT.gguf",
		Description: examples("trit convert run model.gguf", "trit convert bitnet-b1.58-2B-4T-bf16 2b.gguf --embedding-type f16"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "type", Usage: "`TYPE` of the projections: i2_s for ternary models; f32, f16, bf16, q8_0 for others"},
			&cli.StringFlag{Name: "embedding-type", Usage: "`TYPE` of embedding and head: f32, f16, bf16, q8_0, q6_k, q4_0 (default f16 for ternary models)"},
			&cli.BoolFlag{Name: "force", Usage: "replace OUT.gguf where it exists"},
		},
		Action: func(c *cli.Context) error {
			args, err := arguments(c, "IN", "OUT.gguf")
			if err != nil {
				return err
			}
			return convertModel(c.Context, newConsole(c), args[0], args[1],
				convert.Options{Type: c.String("type"), EmbeddingType: c.String("embedding-type"), Force: c.Bool("force")})
		},
	}
}

func convertModel(ctx context.Context, con *console, in, out string, o convert.Options) error {
	progress := con.progress("bytes")
	o.Progress = func(done, total int64) { progress.show(done, total, "") }
	report, err := convert.Convert(ctx, in, out, o)
	progress.end()
	if err != nil {
		return err
	}
	for _, line := range report.Lines() {
		con.printf("%s\n", line)
	}
	return nil
}

func inspectCommand() *cli.Command {
	return &cli.Command{
		Name: "inspect", Usage: "show what is in a GGUF file, a safetensors file or a checkpoint folder", ArgsUsage: "FILE|DIR",
		Description: examples("trit inspect model.gguf", "trit inspect run --json"),
		Flags:       []cli.Flag{jsonFlag("print one JSON object")},
		Action: func(c *cli.Context) error {
			args, err := arguments(c, "FILE|DIR")
			if err != nil {
				return err
			}
			found, err := convert.Inspect(args[0])
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return printJSON(c, found)
			}
			return found.WriteText(c.App.Writer)
		},
	}
}

func printJSON(c *cli.Context, v any) error {
	enc := json.NewEncoder(c.App.Writer)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
