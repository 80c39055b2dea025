package main

import (
	"encoding/json"
	"io"

	"github.com/urfave/cli/v2"

	"trit/convert/inspect"
	"trit/internal/atomicfile"
	"trit/setting"
)

func inspectCommand() *cli.Command {
	return &cli.Command{
		Name: "inspect", Usage: "show what is in a GGUF file, a safetensors file or a model folder", ArgsUsage: "FILE|DIR",
		Description: examples("trit inspect model.gguf", "trit inspect run --json",
			"trit inspect model.gguf --html model.html"),
		Flags: append([]cli.Flag{
			jsonFlag("print one JSON object"),
			&cli.StringFlag{Name: "html", Usage: "write a page to `FILE`"},
			&cli.BoolFlag{Name: "headers-only", Usage: "do not read weights for their shares of zeros and scales"},
		}, readingFlags()...),
		Action: func(c *cli.Context) error {
			args, err := arguments(c, "FILE|DIR")
			if err != nil {
				return err
			}
			found, err := inspect.Read(args[0], inspect.Options{Options: readingOptions(c), HeadersOnly: c.Bool("headers-only")})
			if err != nil {
				return err
			}
			found.Notes, found.Warnings = setting.Texts(found.Notes, settingName), setting.Texts(found.Warnings, settingName)
			if path := c.String("html"); path != "" {
				return atomicfile.Write(path, found.WriteHTML)
			}
			if c.Bool("json") {
				return printJSON(c.App.Writer, found)
			}
			return found.WriteText(c.App.Writer)
		},
	}
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
