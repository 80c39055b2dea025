package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
)

const module = "../.."

// sources lists the Go files of the module that are not tests, by their paths in it.
func sources(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(module, func(path string, d fs.DirEntry, err error) error {
		name := d.Name()
		if d.IsDir() && path != module && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata") {
			return filepath.SkipDir
		}
		if err == nil && !d.IsDir() && strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			rel, _ := filepath.Rel(module, path)
			files = append(files, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil || len(files) < 100 {
		t.Fatalf("%v, %d files", err, len(files))
	}
	return files
}

// literals gives the string literals of a file.
func literals(t *testing.T, path string, yield func(line int, text string)) {
	t.Helper()
	set := token.NewFileSet()
	ast.Inspect(parse(t, set, path), func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			text, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Errorf("%s: %v", path, err)
			}
			yield(set.Position(lit.Pos()).Line, text)
		}
		return true
	})
}

func parse(t *testing.T, set *token.FileSet, path string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(set, filepath.Join(module, path), nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// An option in braces, as setting.Error has it, or as a literal of its own. It is a field, or a
// function or method that does what a command does.
var (
	inBraces  = regexp.MustCompile(`\{([a-z0-9]+(?:\.[A-Z]\w*){1,2})\}`)
	wholeName = regexp.MustCompile(`^[a-z0-9]+(?:\.[A-Z]\w*){2}$`)
)

func optionsIn(text string) (options []string) {
	for _, m := range inBraces.FindAllStringSubmatch(text, -1) {
		options = append(options, m[1])
	}
	if wholeName.MatchString(text) {
		options = append(options, text)
	}
	return options
}

// forPrograms are options that no command sets, so that no user meets their errors.
var forPrograms = []string{
	"data.LoaderOptions.Shuffle", "lm.Sampling.PresencePenalty", "lm.Sampling.FrequencyPenalty", "lm.Sampling.LogitBias",
}

// Every option that an error may name is called by a flag or a command.
func TestEverySettingHasAName(t *testing.T) {
	found := 0
	for _, path := range sources(t) {
		if strings.HasPrefix(path, "cmd/") {
			continue
		}
		literals(t, path, func(line int, text string) {
			for _, option := range optionsIn(text) {
				found++
				if _, known := cmdline.FlagOf[option]; !known && !slices.Contains(forPrograms, option) {
					t.Errorf("%s:%d: {%s} has no row in settings.go", path, line, option)
				}
			}
		})
	}
	if found < len(cmdline.FlagOf)/2 {
		t.Errorf("only %d options were found", found)
	}
}

// Every row of the table names a field, a function or a method that there is.
func TestEveryRowIsAnOption(t *testing.T) {
	names := map[string]bool{}
	for _, path := range sources(t) {
		file := parse(t, token.NewFileSet(), path)
		for _, decl := range file.Decls {
			for _, name := range declared(decl) {
				names[file.Name.Name+"."+name] = true
			}
		}
	}
	for _, row := range slices.Concat(forPrograms, slices.Collect(maps.Keys(cmdline.FlagOf))) {
		if !names[row] {
			t.Errorf("%s is no field, function or method", row)
		}
	}
	for name, want := range map[string]bool{"setting.Error.Field": true, "setting.Needs": true, "setting.Error.Unwrap": true, "setting.Error.Nothing": false} {
		if names[name] != want {
			t.Errorf("%s was found: %v, want %v", name, names[name], want)
		}
	}
}

// declared lists the fields of the structs of a declaration, or its function.
func declared(decl ast.Decl) (names []string) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			return []string{d.Name.Name}
		}
		receiver := d.Recv.List[0].Type
		if p, ok := receiver.(*ast.StarExpr); ok {
			receiver = p.X
		}
		if id, ok := receiver.(*ast.Ident); ok {
			return []string{id.Name + "." + d.Name.Name}
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			names = append(names, structFields(spec)...)
		}
	}
	return names
}

// structFields lists the fields of a struct, as Type.Field.
func structFields(spec ast.Spec) (names []string) {
	s, ok := spec.(*ast.TypeSpec)
	if !ok {
		return nil
	}
	body, ok := s.Type.(*ast.StructType)
	if !ok {
		return nil
	}
	for _, f := range body.Fields.List {
		for _, n := range f.Names {
			names = append(names, s.Name.Name+"."+n.Name)
		}
	}
	return names
}

var flagInText = regexp.MustCompile(`(?:^|[^-\w])--?([a-z][a-z0-9-]*)`)

// Every row names a flag of some command, or a command.
func TestEveryRowCanBeTyped(t *testing.T) {
	flags, commands := map[string]bool{}, map[string]bool{}
	var walk func(prefix string, list []*cli.Command)
	walk = func(prefix string, list []*cli.Command) {
		for _, c := range list {
			name := prefix + " " + c.Name
			commands[name] = true
			for _, f := range c.Flags {
				for _, flag := range f.Names() {
					flags[flag] = true
				}
			}
			walk(name, c.Subcommands)
		}
	}
	walk("trit", newApp(nil, nil, nil).Commands)
	for option, text := range cmdline.FlagOf {
		command, _, _ := strings.Cut(text, " -")
		typed := flagInText.FindAllStringSubmatch(text, -1)
		if isCommand := strings.HasPrefix(text, "trit "); isCommand && !commands[command] || !isCommand && len(typed) == 0 {
			t.Errorf("%s: %q names no flag and no command", option, text)
		}
		for _, f := range typed {
			if !flags[f[1]] {
				t.Errorf("%s: no command has a flag %s", option, f[1])
			}
		}
	}
}

// Words of other tools lead to commands and flags that there are, and are none themselves.
func TestWordsOfOtherToolsLeadSomewhere(t *testing.T) {
	commands, flags := map[string]bool{}, map[string]bool{}
	var walk func(list []*cli.Command)
	walk = func(list []*cli.Command) {
		for _, c := range list {
			for _, f := range c.Flags {
				for _, name := range f.Names() {
					flags[name] = true
				}
			}
			walk(c.Subcommands)
		}
	}
	for _, c := range newApp(nil, nil, nil).Commands {
		commands[c.Name] = true
		walk([]*cli.Command{c})
	}
	for word, name := range cmdline.CommandWords {
		if commands[word] || !commands[name] {
			t.Errorf("the command %s leads to %s", word, name)
		}
	}
	for word, name := range cmdline.FlagWords {
		if !flags[name] {
			t.Errorf("the flag %s leads to %s", word, name)
		}
	}
}
