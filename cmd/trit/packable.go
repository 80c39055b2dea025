package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/format/packing"
	"trit/model"
)

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
