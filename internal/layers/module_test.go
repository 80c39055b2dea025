package layers

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// root is the folder of the module.
const root = "../.."

// source is a Go file, whatever it is built for.
type source struct {
	path string // below root
	text string
	test bool
	*ast.File
	set *token.FileSet
}

// pkg is a package as its files say, those of all platforms and build tags.
type pkg struct {
	name                 string // below the module's
	files                []*source
	imports, testImports []string
}

func (p *pkg) add(path string)     { p.imports = append(p.imports, path) }
func (p *pkg) addTest(path string) { p.testImports = append(p.testImports, path) }

// own are the imports of this module, without its name.
func own(imports []string) (names []string) {
	for _, i := range imports {
		if name, ok := strings.CutPrefix(i, "trit/"); ok {
			names = append(names, name)
		}
	}
	return names
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// module reads all packages once.
func module(t *testing.T) map[string]*pkg {
	t.Helper()
	packages, err := read()
	if err != nil {
		t.Fatal(err)
	}
	return packages
}

var read = sync.OnceValues(func() (map[string]*pkg, error) {
	packages := map[string]*pkg{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && file != root && (name == "testdata" || strings.HasPrefix(name, "_") || strings.HasPrefix(name, ".")) {
			return fs.SkipDir // as the go command does
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasPrefix(name, "_") || strings.HasPrefix(name, ".") {
			return nil
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		return addFile(packages, filepath.ToSlash(rel), string(text))
	})
	return packages, err
})

// addFile enters a file of the package that its path says.
func addFile(packages map[string]*pkg, rel, text string) error {
	s := &source{path: rel, text: text, test: strings.HasSuffix(rel, "_test.go"), set: token.NewFileSet()}
	var err error
	if s.File, err = parser.ParseFile(s.set, rel, text, parser.ParseComments|parser.SkipObjectResolution); err != nil {
		return err
	}
	name := path.Dir(rel)
	p := packages[name]
	if p == nil {
		p = &pkg{name: name}
		packages[name] = p
	}
	p.files = append(p.files, s)
	list := &p.imports
	if s.test {
		list = &p.testImports
	}
	for _, i := range s.Imports {
		if name := strings.Trim(i.Path.Value, `"`); !slices.Contains(*list, name) {
			*list = append(*list, name)
		}
	}
	return nil
}
