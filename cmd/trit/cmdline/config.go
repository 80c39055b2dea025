package cmdline

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/urfave/cli/v2"

	"trit/internal/atomicfile"
	"trit/internal/jsonfile"
	"trit/internal/nearest"
)

// maxConfigBytes limits a file of flags.
const maxConfigBytes = 1 << 20

// Config takes what the line does not say from a file, the value of the flag name: an object of JSON with
// flags by their names, without dashes. Its field arguments is a list of positional arguments. It returns
// those of the line, or of the file if the line has none.
func Config(c *cli.Context, name, arguments string) ([]string, error) {
	path := c.String(name)
	if path == "" {
		return c.Args().Slice(), nil
	}
	fail := func(err error) ([]string, error) { return nil, Usagef("%s: %s: %s", dashes(name), path, OneLine(err)) }
	b, err := atomicfile.Read(path, maxConfigBytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dashes(name), err)
	}
	fields := map[string]json.RawMessage{}
	if err := jsonfile.Decode(b, &fields); err != nil {
		return fail(err)
	}
	var listed []string
	if raw, ok := fields[arguments]; ok {
		if listed, err = texts(arguments, raw); err != nil {
			return fail(err)
		}
		delete(fields, arguments)
	}
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		if err := setFromFile(c, field, fields[field], name, arguments); err != nil {
			return fail(err)
		}
	}
	if c.Args().Present() {
		listed = c.Args().Slice()
	}
	return listed, nil
}

// setFromFile sets the flag of a field, unless the line does. not is the flag that names the file.
func setFromFile(c *cli.Context, field string, raw json.RawMessage, not, arguments string) error {
	known := []string{arguments}
	for _, f := range c.Command.Flags {
		if name := f.Names()[0]; name != not && name != cli.HelpFlag.Names()[0] {
			known = append(known, name)
		}
	}
	if !slices.Contains(known, field) {
		return fmt.Errorf("there is no field %q%s", field, nearest.OneOf(field, known, nil))
	}
	l := line{flags: c.Command.Flags}
	f := l.find(field)
	values, err := fileValues(f, field, raw)
	if err != nil || c.IsSet(field) {
		return err
	}
	for _, v := range values {
		if err := checkValue(f, v); err != nil {
			return err
		}
		if err := c.Set(field, v); err != nil {
			return err
		}
	}
	return nil
}

// fileValues are the values of a flag as the line would have them.
func fileValues(f cli.Flag, field string, raw json.RawMessage) ([]string, error) {
	switch f.(type) {
	case *cli.StringSliceFlag:
		return texts(field, raw)
	case *cli.BoolFlag:
		return value[bool](field, raw)
	case *cli.IntFlag:
		return value[int](field, raw)
	}
	return value[string](field, raw)
}

// value reads one value.
func value[T any](field string, raw json.RawMessage) ([]string, error) {
	var v *T
	if err := jsonfile.Decode(raw, &v); err != nil {
		return nil, fmt.Errorf("%s: %w", field, err)
	}
	if v == nil {
		return nil, fmt.Errorf("%s is null: leave it out", field)
	}
	return []string{fmt.Sprint(*v)}, nil
}

// texts reads a list.
func texts(field string, raw json.RawMessage) (list []string, err error) {
	if err := jsonfile.Decode(raw, &list); err != nil {
		return nil, fmt.Errorf("%s: %w", field, err)
	}
	if list == nil {
		return nil, errors.New(field + " is null: leave it out")
	}
	return list, nil
}
