package sandbox

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// strict is a sandbox with all limits, of one second. Its folders lie in one of the test,
// which must be empty in the end.
func strict(t *testing.T, o Options) *Sandbox {
	t.Helper()
	needPython(t)
	if _, missing := probe(); len(missing) > 0 {
		t.Skipf("this system lacks limits: %v", missing)
	}
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	if o.Timeout == 0 {
		o.Timeout = time.Second
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v (%v)", left, err)
		}
	})
	return s
}

func needPython(t *testing.T) {
	t.Helper()
	if len(onPath()) == 0 {
		t.Skip("there is no Python here")
	}
}

func mustRun(t *testing.T, s *Sandbox, program string) Result {
	t.Helper()
	r, err := s.Run(t.Context(), program)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// wantPass runs a program whose own assertions are the test.
func wantPass(t *testing.T, s *Sandbox, program string) {
	t.Helper()
	if r := mustRun(t, s, program); !r.OK || r.Reason != Passed {
		t.Errorf("%s: %s", r.Reason, r.Stderr)
	}
}

func TestEndsOfPrograms(t *testing.T) {
	s := strict(t, Options{})
	for name, c := range map[string]struct {
		program string
		want    Reason
		stderr  string // part of it
	}{
		"right":             {"def f(x): return x + 1\ndef check(c): assert c(1) == 2\ncheck(f)", Passed, ""},
		"wrong":             {"def f(x): return None\ndef check(c): assert c(1) == 2, 'no two'\ncheck(f)", Assertion, "no two"},
		"exception":         {"def f(x): return x / 0\nf(1)", Error, "ZeroDivisionError"},
		"syntax":            {"def f(x) return x", Error, "SyntaxError"},
		"zero byte":         {"x = '\x00'", Error, "null bytes"},
		"text":              {"assert 'äß→'.encode() == b'\\xc3\\xa4\\xc3\\x9f\\xe2\\x86\\x92'", Passed, ""},
		"empty":             {"", Passed, ""},
		"leaves early":      {"import sys\nsys.exit(0)\nassert False", Exit, "SystemExit"},
		"leaves at once":    {"import os\nos._exit(0)", Exit, ""},
		"says it passed":    {"import os\nfor fd in range(9):\n  try: os.write(fd, b'passed')\n  except OSError: pass\nos._exit(0)", Exit, ""},
		"recursion":         {"def f(): return f()\nf()", Error, "RecursionError"},
		"crash":             {"import os\nos.abort()", Killed, ""},
		"busy for ever":     {"while True: pass", Timeout, ""},
		"asleep for ever":   {"import time\ntime.sleep(1000)", Timeout, ""},
		"catches all":       {"import signal\nsignal.signal(signal.SIGXCPU, lambda *a: None)\nwhile True:\n  try:\n    while True: pass\n  except BaseException: pass", Timeout, ""},
		"10 GB":             {"x = bytearray(10 * 10**9)", Memory, "MemoryError"},
		"10 GB mapped":      {"import mmap\nmmap.mmap(-1, 10 * 10**9)", Error, "Cannot allocate memory"},
		"reads its input":   {"input()", Error, "EOFError"},
		"threads":           {"import threading\nt = threading.Thread(target=print)\nt.start()\nt.join()", Passed, ""},
		"a pair of sockets": {"import asyncio\nasync def f(): return 7\nassert asyncio.run(f()) == 7", Passed, ""},
		"prints":            {"print('out')\nimport sys\nprint('err', file=sys.stderr)", Passed, "err"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := mustRun(t, s, c.program)
			if r.Reason != c.want || r.OK != (c.want == Passed) || !strings.Contains(r.Stderr, c.stderr) {
				t.Errorf("%+v, want %s with %q", r, c.want, c.stderr)
			}
		})
	}
}

// An interpreter that does not come to the program is no end of the program.
func TestNoStartIsAnError(t *testing.T) {
	s := strict(t, Options{})
	s.python.path = "/bin/false"
	if r, err := s.Run(t.Context(), ""); err == nil || r.Reason != "" || !strings.Contains(err.Error(), "/bin/false did not come to the program") {
		t.Errorf("%+v, %v", r, err)
	}
	s.python.path = "/nowhere"
	if r, err := s.Run(t.Context(), ""); err == nil || r.Reason != "" || !strings.Contains(err.Error(), "/nowhere: no such file") {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestMemoryBitByBit(t *testing.T) {
	s := strict(t, Options{MemoryBytes: 256 << 20, Timeout: 10 * time.Second})
	for _, program := range []string{
		"x = []\nwhile True: x.append(bytearray(10**6))",
		"x = []\nwhile True: x.append(x[:])\nx.append(0)",
		"x = 'a'\nwhile True: x += x",
	} {
		if r := mustRun(t, s, program); r.Reason != Memory {
			t.Errorf("%s: %+v", program, r)
		}
	}
}

func TestOutputIsBounded(t *testing.T) {
	s := strict(t, Options{})
	r := mustRun(t, s, "import sys\nfor i in range(20000):\n  print('x' * 1000)\n  print('y' * 1000, file=sys.stderr)\nprint('the end', file=sys.stderr)")
	if !r.OK || len(r.Stderr) > stderrBytes || !strings.HasSuffix(r.Stderr, "the end\n") {
		t.Errorf("%s with %d bytes", r.Reason, len(r.Stderr))
	}
	if r := mustRun(t, s, "import os\nwhile True:\n  for fd in range(9):\n    try: os.write(fd, b'z' * 65536)\n    except OSError: pass"); r.Reason != Timeout {
		t.Errorf("a flood: %s", r.Reason)
	}
}

func TestEndOfContextEndsTheProgram(t *testing.T) {
	s := strict(t, Options{Timeout: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		for ctx.Err() == nil {
			if m, _ := filepath.Glob(filepath.Join(os.TempDir(), "trit-sandbox-*", "started")); len(m) > 0 {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	r, err := s.Run(ctx, "open('started', 'w').close()\nimport time\ntime.sleep(1000)")
	if !errors.Is(err, context.Canceled) || r.OK {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestManyAtOnce(t *testing.T) {
	s := strict(t, Options{})
	type end struct {
		r   Result
		err error
	}
	ends := make(chan end)
	for i := range 8 {
		go func() {
			r, err := s.Run(t.Context(), []string{"import os\nassert os.listdir() == []\nopen('a', 'w').close()", "assert False"}[i%2])
			ends <- end{r, err}
		}()
	}
	passed := 0
	for range 8 {
		e := <-ends
		if e.err != nil || e.r.Reason != Passed && e.r.Reason != Assertion {
			t.Errorf("%+v, %v", e.r, e.err)
		}
		if e.r.OK {
			passed++
		}
	}
	if passed != 4 {
		t.Errorf("%d passed, want 4", passed)
	}
}

func TestNewSaysWhatIsMissing(t *testing.T) {
	for name, c := range map[string]struct {
		path string
		o    Options
		want string
	}{
		"no Python":        {t.TempDir(), Options{AllowWeak: true}, "no python3 on PATH"},
		"no such Python":   {"", Options{AllowWeak: true, Python: "/nowhere/python3"}, "/nowhere/python3"},
		"negative timeout": {"", Options{AllowWeak: true, Timeout: -1}, "negative"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.path != "" {
				t.Setenv("PATH", c.path)
			}
			if _, err := New(c.o); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestNewWantsTheModules(t *testing.T) {
	needPython(t)
	_, err := New(Options{AllowWeak: true, Modules: []string{"math", "no_such_module_of_trit"}})
	if err == nil || !strings.Contains(err.Error(), "No module named 'no_such_module_of_trit'") {
		t.Error(err)
	}
	s, err := New(Options{AllowWeak: true, Modules: []string{"math"}})
	if err != nil {
		t.Fatal(err)
	}
	if path, version := s.Python(); !filepath.IsAbs(path) || !strings.HasPrefix(version, "3.") {
		t.Errorf("%s, version %s", path, version)
	}
}

// What stands on PATH may be a script, as pyenv has it, or be no Python at all.
func TestPythonBehindAScript(t *testing.T) {
	needPython(t)
	if runtime.GOOS == "windows" {
		t.Skip("scripts are others on Windows")
	}
	real, _ := exec.LookPath(onPath()[0])
	first, second := t.TempDir(), t.TempDir()
	for path, script := range map[string]string{
		filepath.Join(first, "python3"):  "#!/bin/sh\necho 2\n",
		filepath.Join(second, "python3"): "#!/bin/sh\n" + real + ` "$@"` + "\n",
	} {
		if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	path := os.Getenv("PATH")
	t.Setenv("PATH", strings.Join([]string{first, second, path}, string(filepath.ListSeparator)))
	s, err := New(Options{AllowWeak: true})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := s.Python(); filepath.Dir(got) == second {
		t.Errorf("the script %s is taken for the interpreter", got)
	}
	wantPass(t, s, "assert 1 + 1 == 2")
}

func TestHeadAndTail(t *testing.T) {
	for _, c := range []struct{ writes, head, tail string }{
		{"", "", ""}, {"ab", "ab", "ab"}, {"abcdef", "abcd", "cdef"}, {"abc,de", "abcd", "bcde"}, {"a,bcdefgh,i", "abcd", "fghi"},
	} {
		first, last := &head{max: 4}, &tail{max: 4}
		for w := range strings.SplitSeq(c.writes, ",") {
			for _, b := range []io.Writer{first, last} {
				if n, err := b.Write([]byte(w)); n != len(w) || err != nil {
					t.Errorf("wrote %d, %v", n, err)
				}
			}
		}
		if first.String() != c.head || last.String() != c.tail {
			t.Errorf("%q: kept %q and %q, want %q and %q", c.writes, first, last, c.head, c.tail)
		}
	}
}
