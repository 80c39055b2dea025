package sandbox

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed prelude.py
var prelude string

// python is an interpreter.
type python struct {
	path, version string   // path is the program itself, not a script that starts it
	modules       []string // folders in which it looks for modules
}

// args are the arguments of the interpreter, without its name. memory is the limit of the
// address space in bytes, 0 for none. A process starts sooner without the module site (-S), so
// the folders of modules are arguments. The seed of hashes comes from the environment, so -E
// (and -I, which implies it) must not be there.
func (p *python) args(memory uint64) []string {
	return append([]string{"-s", "-S", "-B", "-c", prelude, strconv.FormatUint(memory, 10)}, p.modules...)
}

// environment is the environment of a program. With the fixed seed of hashes, the order of sets,
// and so the end of a program, is the same in every run.
func environment(dir string) []string {
	return []string{
		"HOME=" + dir, "TMPDIR=" + dir, "TEMP=" + dir, "TMP=" + dir,
		"LANG=C.UTF-8", "PYTHONUTF8=1", "PYTHONHASHSEED=0",
		"OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1", "MKL_NUM_THREADS=1",
	}
}

// find returns the first interpreter that runs under the limits and has the modules.
func (s *Sandbox) find(o *Options) (python, error) {
	names := []string{o.Python}
	if o.Python == "" {
		names = onPath()
	}
	var why []error
	var seen []string
	for _, name := range names {
		p, err := describe(name)
		if err == nil && slices.Contains(seen, p.path) {
			continue
		}
		seen = append(seen, p.path)
		if err == nil {
			err = s.check(p, o.Modules)
		}
		if err == nil {
			return p, nil
		}
		why = append(why, fmt.Errorf("%s: %w", name, err))
	}
	if len(why) == 0 {
		return python{}, errors.New("sandbox: there is no python3 on PATH, " +
			"which runs the programs: install Python 3.8 or newer")
	}
	return python{}, fmt.Errorf("sandbox: no Python can be used:\n%w", errors.Join(why...))
}

// onPath lists the interpreters of PATH in its order.
func onPath() []string {
	var found []string
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		for _, name := range []string{"python3", "python"} {
			if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
				found = append(found, path)
			}
		}
	}
	return found
}

const describeSelf = `import sys
print(sys.version_info >= (3, 8), "%d.%d" % sys.version_info[:2], sys.executable, *filter(None, sys.path), sep="\n")`

// describe asks an interpreter for its version and folders. It runs without limits, since it is
// the user's own program.
func describe(name string) (python, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, "-E", "-B", "-c", describeSelf).Output()
	if err != nil {
		return python{}, err
	}
	lines := strings.FieldsFunc(string(out), func(r rune) bool { return r == '\n' || r == '\r' })
	if len(lines) < 4 {
		return python{}, fmt.Errorf("asked for its version and folders, it says %q: want a Python 3", out)
	}
	if lines[0] != "True" {
		return python{}, fmt.Errorf("Python %s: want 3.8 or newer", lines[1])
	}
	return python{lines[2], lines[1], lines[3:]}, nil
}

// check runs a program that imports the modules, under all limits.
func (s *Sandbox) check(p python, modules []string) error {
	var program strings.Builder
	for _, m := range modules {
		fmt.Fprintf(&program, "import %s\n", m)
	}
	r, err := s.run(context.Background(), p, program.String())
	if err != nil {
		return err
	}
	if !r.OK {
		return fmt.Errorf("importing %q under the limits ends with %q: %s", modules, r.Reason, lastLine(r.Stderr))
	}
	return nil
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}
