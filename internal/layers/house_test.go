package layers

import (
	"fmt"
	"go/ast"
	"go/doc"
	"go/token"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// Limits of the house.
const (
	maxFiles      = 25  // hand-written files of a package, tests not counted
	maxLineLength = 120 // characters, a tab counts as one; see longLines for what may be longer
)

// withExamples are the public packages that a user would begin with: each has an Example
// with an output, which go test compares.
var withExamples = []string{
	"bitlinear", "bitlinear/quant", "configs", "convert", "data", "data/world", "eval", "format/gguf", "format/safetensors", "infer",
	"lm", "model", "optim", "repro", "serve", "serve/answer", "serve/anthropic", "serve/batch", "serve/grammar", "serve/guard",
	"serve/models", "serve/ollama", "serve/openai", "tokenizer", "train",
}

// Names of the rules.
const (
	manyFilesRule     = "a package has at most 25 hand-written files"
	undocumentedRule  = "every exported identifier has a doc comment"
	internalTypesRule = "no public function returns an internal type"
	noExampleRule     = "a package that a user would begin with has an Example"
	longLinesRule     = "lines have at most 120 characters"
	flagsRule         = "packages name options by their fields, not by flags or commands"
)

// house are the rules for all code. A rule returns what breaks it, each as "file or package:
// what is wrong".
var house = []struct {
	name  string
	check func(p *pkg) []string
}{
	{manyFilesRule, manyFiles}, {undocumentedRule, undocumented}, {internalTypesRule, internalTypes}, {noExampleRule, noExample},
	{longLinesRule, longLines}, {flagsRule, flags},
}

func TestHouseRules(t *testing.T) {
	packages := module(t)
	for _, rule := range house {
		for _, name := range sortedKeys(packages) {
			for _, b := range rule.check(packages[name]) {
				t.Errorf("%s: %s", rule.name, b)
			}
		}
	}
}

// isPublic reports whether programs outside the module can import a package.
func isPublic(p *pkg) bool {
	return !isMain(p) && !strings.HasPrefix(p.name, "internal/") && !strings.Contains(p.name, "/internal/")
}

func isMain(p *pkg) bool { return len(p.files) > 0 && p.files[0].Name.Name == "main" }

// isCommand reports whether a package is a command or a part of one.
func isCommand(p *pkg) bool { return strings.HasPrefix(p.name, "cmd/") }

// code are the files that are no tests.
func (p *pkg) code() (files []*source) {
	for _, f := range p.files {
		if !f.test {
			files = append(files, f)
		}
	}
	return files
}

func manyFiles(p *pkg) []string {
	written := 0
	for _, f := range p.code() {
		if !ast.IsGenerated(f.File) {
			written++
		}
	}
	if written <= maxFiles {
		return nil
	}
	return []string{fmt.Sprintf("%s has %d", p.name, written)}
}

// undocumented lists exported identifiers without a comment. A comment on a group documents
// its constants, variables and types; fields are documented by their struct, and methods count
// if their type is exported.
func undocumented(p *pkg) (broken []string) {
	if isCommand(p) {
		return nil
	}
	for _, f := range p.code() {
		note := func(name *ast.Ident, docs ...*ast.CommentGroup) {
			if !name.IsExported() || slices.ContainsFunc(docs, func(g *ast.CommentGroup) bool { return g.Text() != "" }) {
				return
			}
			broken = append(broken, fmt.Sprintf("%s: %s", f.position(name), name.Name))
		}
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil || ast.IsExported(receiver(d)) {
					note(d.Name, d.Doc)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					noteSpec(spec, d.Doc, note)
				}
			}
		}
	}
	return broken
}

func noteSpec(spec ast.Spec, group *ast.CommentGroup, note func(*ast.Ident, ...*ast.CommentGroup)) {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		note(s.Name, group, s.Doc, s.Comment)
	case *ast.ValueSpec:
		for _, name := range s.Names {
			note(name, group, s.Doc, s.Comment)
		}
	}
}

// receiver is the name of a method's type.
func receiver(d *ast.FuncDecl) string {
	t := d.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

func (s *source) position(n ast.Node) string {
	return fmt.Sprintf("%s:%d", s.path, s.set.Position(n.Pos()).Line)
}

// internalTypes lists the exported functions, methods and aliases of a public package whose
// result is spelled with a type of internal/*.
func internalTypes(p *pkg) (broken []string) {
	if !isPublic(p) {
		return nil
	}
	for _, f := range p.code() {
		internal := f.internalNames()
		note := func(name *ast.Ident, result ast.Node) {
			ast.Inspect(result, func(n ast.Node) bool {
				s, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if x, ok := s.X.(*ast.Ident); ok && slices.Contains(internal, x.Name) {
					broken = append(broken, fmt.Sprintf("%s: %s is or returns %s.%s", f.position(name), name.Name, x.Name, s.Sel.Name))
				}
				return true
			})
		}
		for _, d := range f.Decls {
			noteResults(d, note)
		}
	}
	return broken
}

// noteResults visits what a declaration gives to other packages.
func noteResults(d ast.Decl, note func(*ast.Ident, ast.Node)) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Type.Results != nil && (d.Recv == nil || ast.IsExported(receiver(d))) {
			note(d.Name, d.Type.Results)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			if s, ok := spec.(*ast.TypeSpec); ok && s.Assign.IsValid() && s.Name.IsExported() {
				note(s.Name, s.Type)
			}
		}
	}
}

// internalNames are the names by which a file knows packages of internal/*.
func (s *source) internalNames() (names []string) {
	for _, i := range s.Imports {
		path := strings.Trim(i.Path.Value, `"`)
		if !strings.HasPrefix(path, "trit/internal/") {
			continue
		}
		name := path[strings.LastIndex(path, "/")+1:]
		if i.Name != nil {
			name = i.Name.Name
		}
		names = append(names, name)
	}
	return names
}

// noExample wants one Example at least that go test runs.
func noExample(p *pkg) []string {
	if !slices.Contains(withExamples, p.name) {
		return nil
	}
	for _, f := range p.files {
		if !f.test {
			continue
		}
		for _, e := range doc.Examples(f.File) {
			if e.Output != "" || e.EmptyOutput {
				return nil
			}
		}
	}
	return []string{p.name + " has none with an output"}
}

// longLines lists lines that are too long. Raw strings of several lines, and those of more than
// half a line such as patterns, may be longer. So may tables, the elements of an array, slice or
// map literal, but not functions of several lines among them.
func longLines(p *pkg) (broken []string) {
	for _, f := range p.code() {
		if ast.IsGenerated(f.File) {
			continue
		}
		free := f.tables()
		for i, line := range strings.Split(f.text, "\n") {
			if n := utf8.RuneCountInString(line); n > maxLineLength && !free[i+1] {
				broken = append(broken, fmt.Sprintf("%s:%d has %d", f.path, i+1, n))
			}
		}
	}
	return broken
}

// tables are the lines that may be longer.
func (s *source) tables() map[int]bool {
	free := map[int]bool{}
	set := func(from, to token.Pos, longer bool) {
		for line := s.set.Position(from).Line; line <= s.set.Position(to).Line; line++ {
			free[line] = longer
		}
	}
	severalLines := func(n ast.Node) bool { return s.set.Position(n.Pos()).Line < s.set.Position(n.End()).Line }
	ast.Inspect(s.File, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			if severalLines(n) {
				set(n.Pos(), n.End(), false)
			}
		case *ast.BasicLit:
			if severalLines(n) || n.Value[0] == '`' && len(n.Value) > maxLineLength/2 {
				set(n.Pos(), n.End(), true)
			}
		case *ast.CompositeLit:
			if isTable(n.Type) && len(n.Elts) > 0 {
				set(n.Elts[0].Pos(), n.Elts[len(n.Elts)-1].End(), true)
			}
		}
		return true
	})
	return free
}

// flags lists flags and commands of trit in the texts and comments of packages that are no
// commands.
func flags(p *pkg) (broken []string) {
	if isCommand(p) {
		return nil
	}
	for _, f := range p.code() {
		note := func(n ast.Node, text string) {
			if found := flagOrCommand.FindString(text); found != "" {
				broken = append(broken, fmt.Sprintf("%s: %q", f.position(n), found))
			}
		}
		ast.Inspect(f.File, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				note(lit, lit.Value)
			}
			return true
		})
		for _, group := range f.Comments {
			note(group, group.Text())
		}
	}
	return broken
}

var flagOrCommand = regexp.MustCompile(
	`(?:^|[^-\w])--[a-z][a-z-]+|\btrit (?:bench|convert|data|embed|eval|inspect|logits|pull|quickstart|repro|run|scaling|serve|tokenizer|train|verify|watch)\b`)

func isTable(t ast.Expr) bool {
	switch t.(type) {
	case *ast.ArrayType, *ast.MapType:
		return true
	}
	return false
}

// Each rule finds what was planted, and nothing in what is right.
func TestPlantedFaultsAreFound(t *testing.T) {
	long := strings.Repeat("x", maxLineLength)
	for _, c := range []struct{ rule, file, code, says string }{
		{"documented", "eval/a.go", "package eval\n\n// A is.\nfunc A() {}\n\n// T is.\ntype T struct{ F int }\n\n// M is.\nfunc (t *T) M() {}\n\nfunc (u) N() {}\n\ntype u int\n\n// B and C are.\nconst (\n\tB = 1\n\tC = 2\n)\n\nvar D = 1 // is\n", ""},
		{"function", "eval/a.go", "package eval\n\nfunc A() {}\n", "doc comment: eval/a.go:3: A"},
		{"method", "eval/a.go", "package eval\n\n// T is.\ntype T struct{}\n\nfunc (t *T) M() {}\n", "eval/a.go:6: M"},
		{"generic method", "eval/a.go", "package eval\n\n// T is.\ntype T[A any] struct{}\n\nfunc (t *T[A]) M() {}\n", "eval/a.go:6: M"},
		{"type", "eval/a.go", "package eval\n\ntype T int\n", "eval/a.go:3: T"},
		{"constant", "eval/a.go", "package eval\n\nconst (\n\ta = 1\n\tB = 2\n)\n", "eval/a.go:5: B"},
		{"variable", "eval/a.go", "package eval\n\nvar a, B int\n", "eval/a.go:3: B"},
		{"directive is no comment", "eval/a.go", "package eval\n\n//go:noinline\nfunc A() {}\n", "eval/a.go:4: A"},
		{"a command needs none", "cmd/trit/a.go", "package main\n\nfunc A() {}\n", ""},
		{"internal result", "eval/a.go", "package eval\n\nimport \"trit/internal/hub\"\n\n// A is.\nfunc A() ([]*hub.File, error) { return nil, nil }\n", "A is or returns hub.File"},
		{"internal result under another name", "eval/a.go", "package eval\n\nimport h \"trit/internal/hub\"\n\n// A is.\nfunc A() map[string]h.File { return nil }\n", "h.File"},
		{"internal result of a method", "eval/a.go", "package eval\n\nimport \"trit/internal/hub\"\n\n// T is.\ntype T int\n\n// M is.\nfunc (T) M() func() hub.File { return nil }\n", "M is or returns hub.File"},
		{"internal alias", "eval/a.go", "package eval\n\nimport \"trit/internal/hub\"\n\n// A is.\ntype A = hub.File\n", "A is or returns hub.File"},
		{"internal among themselves", "internal/b/a.go", "package b\n\nimport \"trit/internal/hub\"\n\n// A is.\nfunc A() hub.File { return 0 }\n", ""},
		{"internal parameter", "eval/a.go", "package eval\n\nimport \"trit/internal/hub\"\n\n// A takes.\nfunc A(hub.File) {}\n", ""},
		{"long line", "eval/a.go", "package eval\n\n// " + long + "\n", "eval/a.go:3 has 123"},
		{"long code", "eval/a.go", "package eval\n\nvar s = \"" + long + "\"\n", "eval/a.go:3 has"},
		{"long raw string", "eval/a.go", "package eval\n\nvar s = `\n" + long + "x\n`\n", ""},
		{"long pattern", "eval/a.go", "package eval\n\nvar s = `" + long + "`\n", ""},
		{"long tag", "eval/a.go", "package eval\n\n// A is.\ntype A struct {\n\tb int `c:\"d\"` // " + long + "\n}\n", "eval/a.go:5 has"},
		{"long row", "eval/a.go", "package eval\n\nvar s = []struct{ a string }{\n\t{\"" + long + "\"},\n}\n", ""},
		{"long function in a row", "eval/a.go", "package eval\n\nvar s = []func(){\n\tfunc() {\n\t\tprintln(\"" + long + "\")\n\t},\n}\n", "eval/a.go:5 has"},
		{"flag in a text", "eval/a.go", "package eval\n\nvar s = \"set --type\"\n", `eval/a.go:3: " --type"`},
		{"flag in a comment", "eval/a.go", "package eval\n\n// See --type.\nvar s = 1\n", `eval/a.go:3: " --type"`},
		{"command in a text", "eval/a.go", "package eval\n\nvar s = \"use trit run -p\"\n", `"trit run"`},
		{"flag of a command", "cmd/trit/a.go", "package main\n\nvar s = \"set --type\"\n", ""},
		{"no flag", "eval/a.go", "package eval\n\n// a -- b, x--, a trit runs.\nvar s = \"{eval.Options.Type}\"\n", ""},
		{"long test", "eval/a_test.go", "package eval\n\n// " + long + "\n", ""},
		{"long generated line", "eval/a.go", "// Code generated by hand. DO NOT EDIT.\n\npackage eval\n\n// " + long + "\n", ""},
	} {
		packages := map[string]*pkg{}
		if err := addFile(packages, c.file, c.code); err != nil {
			t.Fatal(c.rule, err)
		}
		var got []string
		for _, rule := range house {
			for _, p := range packages {
				for _, b := range rule.check(p) {
					if !strings.Contains(b, "has none with an output") {
						got = append(got, rule.name+": "+b)
					}
				}
			}
		}
		if found := len(got) == 1 && strings.Contains(got[0], c.says); c.says != "" && !found || c.says == "" && len(got) > 0 {
			t.Errorf("%s: got %q, want %q", c.rule, got, c.says)
		}
	}
}

func TestPlantedFilesAndExamples(t *testing.T) {
	packages := map[string]*pkg{}
	add := func(file, code string) {
		if err := addFile(packages, "lm/"+file, code); err != nil {
			t.Fatal(err)
		}
	}
	for i := range maxFiles {
		add(fmt.Sprintf("f%d.go", i), "package lm\n")
	}
	add("made.go", "// Code generated by hand. DO NOT EDIT.\n\npackage lm\n")
	add("a_test.go", "package lm\n\nfunc Example() { println() }\n")
	if got := manyFiles(packages["lm"]); got != nil {
		t.Errorf("%d files: %q", maxFiles, got)
	}
	if got := noExample(packages["lm"]); len(got) != 1 {
		t.Errorf("an example without an output: %q", got)
	}
	add("f.go", "package lm\n")
	add("b_test.go", "package lm\n\nfunc Example() {\n\tprintln()\n\t// Output:\n\t// a\n}\n")
	if got := manyFiles(packages["lm"]); len(got) != 1 || !strings.Contains(got[0], "lm has 26") {
		t.Errorf("%d files: %q", maxFiles+1, got)
	}
	if got := noExample(packages["lm"]); got != nil {
		t.Errorf("an example with an output: %q", got)
	}
}
