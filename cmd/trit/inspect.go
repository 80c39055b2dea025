package main

import (
	"slices"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/cmd/trit/models"
	"trit/convert/inspect"
	"trit/internal/atomicfile"
	"trit/setting"
)

func inspectCommand() *cli.Command {
	return &cli.Command{
		Name: "inspect", ArgsUsage: "FILE|DIR|OWNER/NAME",
		Usage: "show what is in a GGUF file, a safetensors file or a model folder",
		Description: cmdline.Examples("trit inspect model.gguf", "trit inspect run --json",
			"trit inspect model.gguf --html model.html"),
		Flags: append([]cli.Flag{
			cmdline.JSONFlag("print one JSON object"),
			&cli.StringFlag{Name: "html", Usage: "write a page to `FILE`"},
			&cli.BoolFlag{Name: "headers-only", Usage: "do not read weights for their shares of zeros and scales"},
		}, slices.Concat(models.ReadingFlags(), models.HubFlags())...),
		Action: func(c *cli.Context) error {
			args, err := cmdline.Arguments(c, "FILE|DIR")
			if err != nil {
				return err
			}
			path, err := models.Find(c, args[0])
			if err != nil {
				return err
			}
			found, err := inspect.Read(path, inspect.Options{
				Options: models.ReadingOptions(c), HeadersOnly: c.Bool("headers-only"),
			})
			if err != nil {
				return err
			}
			found.Notes = setting.Texts(found.Notes, cmdline.SettingName)
			found.Warnings = setting.Texts(found.Warnings, cmdline.SettingName)
			if path := c.String("html"); path != "" {
				return atomicfile.Write(path, found.WriteHTML)
			}
			if c.Bool("json") {
				return cmdline.PrintJSON(c.App.Writer, found)
			}
			return found.WriteText(c.App.Writer)
		},
	}
}
