package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/cmd/trit/models"
	"trit/convert/inspect"
	"trit/format/packing"
	"trit/internal/atomicfile"
	"trit/model"
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
			cmdline.ForceFlag("FILE"),
			&cli.BoolFlag{Name: "headers-only", Usage: "do not read weights for their shares of zeros and scales"},
		}, slices.Concat(models.ReadingFlags(), models.HubFlags())...),
		Action: func(c *cli.Context) error {
			args, err := cmdline.Arguments(c, "FILE|DIR")
			if err != nil {
				return err
			}
			if err := cmdline.MayWrite(c, c.String("html")); err != nil {
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

// checkPackable refuses a model that cannot be a GGUF file before it is trained, unless the user
// wants it so.
func checkPackable(c *cli.Context, m model.Config) error {
	m.Resolve()
	if err := packing.Check(&m); err != nil && !c.Bool("unpackable") {
		return cmdline.Usagef("%v; --unpackable trains it all the same, for trit eval and Hugging Face folders", err)
	}
	return nil
}

// sayPackable says in a line what a model can become and who runs it.
func sayPackable(con *cmdline.Console, m model.Config) {
	m.Resolve()
	if err := packing.Check(&m); err != nil {
		con.Warnf("no GGUF file can be made of it: %v", err)
		return
	}
	var runs, others []string
	for _, e := range packing.Engines(&m) {
		if len(e.Fits) > 0 {
			runs = append(runs, e.Name)
		} else {
			others = append(others, e.Name)
		}
	}
	line := fmt.Sprintf("packs as %s; runs on %s", packing.TypeNames(packing.Fits(&m)).Text(cmdline.SettingName),
		strings.Join(runs, ", "))
	if len(others) > 0 {
		line += "; --dry-run says why not on " + strings.Join(others, ", ")
	}
	con.Warnf("%s", line)
}

// writePackable writes the types of GGUF that hold a model, and how each engine runs it, in lines of a
// name and a value.
func writePackable(w io.Writer, m model.Config) {
	m.Resolve()
	if err := packing.Check(&m); err != nil {
		fmt.Fprintf(w, "GGUF types       none: %v\n", err)
		return
	}
	fmt.Fprintf(w, "GGUF types       %s\n", packing.TypeNames(packing.Fits(&m)).Text(cmdline.SettingName))
	for _, e := range packing.Engines(&m) {
		fmt.Fprintf(w, "%-16s %s\n", e.Name, e.Text().Text(cmdline.SettingName))
	}
}
