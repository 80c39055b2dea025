package sandbox

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// inSandbox lists the processes that are in the folder of a program, also in one that
// is gone.
func inSandbox(t *testing.T) []string {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, link := range links {
		if dir, err := os.Readlink(link); err == nil && strings.HasPrefix(dir, filepath.Join(os.TempDir(), "trit-sandbox-")) {
			found = append(found, link+" -> "+dir)
		}
	}
	return found
}

func TestForkBombs(t *testing.T) {
	s := strict(t, Options{})
	var ends sync.WaitGroup
	for name, program := range map[string]string{
		"fork":    "import os\nwhile True:\n  try: os.fork()\n  except OSError: pass",
		"spawn":   "import os, sys\nwhile True:\n  try: os.posix_spawn('/bin/sleep', ['sleep', '1000'], {})\n  except OSError: pass",
		"command": "import os\nwhile True: os.system('sleep 1000 &')",
		"popen":   "import subprocess\nwhile True:\n  try: subprocess.Popen(['/bin/sleep', '1000'], start_new_session=True)\n  except OSError: pass",
		"threads": "import threading, time\nwhile True:\n  try: threading.Thread(target=time.sleep, args=(1000,)).start()\n  except (RuntimeError, MemoryError): pass",
	} {
		ends.Go(func() {
			if r, err := s.Run(t.Context(), program); err != nil || r.Reason != Timeout {
				t.Errorf("%s: %+v, %v", name, r, err)
			}
		})
	}
	ends.Wait()
	if left := inSandbox(t); len(left) > 0 {
		t.Errorf("still there: %v", left)
	}
	wantPass(t, s, "import os\ntry: os.fork()\nexcept PermissionError: pass\nelse: assert False, 'forked'")
}

// A program that changes itself into another one stays as confined.
func TestExecutedProgramsAreConfined(t *testing.T) {
	s := strict(t, Options{})
	outside := filepath.Join(t.TempDir(), "outside")
	program := fmt.Sprintf("import os\nos.execv('/bin/sh', ['sh', '-c', 'echo x >inside; echo x >%s; sleep 1000 & sleep 1000'])", outside)
	if r := mustRun(t, s, program); r.OK {
		t.Errorf("%+v", r)
	}
	if _, err := os.Stat(outside); !os.IsNotExist(err) {
		t.Errorf("%s was written (%v)", outside, err)
	}
	if left := inSandbox(t); len(left) > 0 {
		t.Errorf("still there: %v", left)
	}
}

func TestNetworkIsOutOfReach(t *testing.T) {
	s := strict(t, Options{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	came := make(chan struct{}, 8)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
			came <- struct{}{}
		}
	}()
	program := fmt.Sprintf("import socket\nsocket.create_connection(('127.0.0.1', %d)).close()", l.Addr().(*net.TCPAddr).Port)
	path, _ := s.Python()
	if out, err := exec.Command(path, "-c", program).CombinedOutput(); err != nil {
		t.Fatalf("the program does not work without a sandbox either: %s", out)
	}
	<-came
	if r := mustRun(t, s, program); r.Reason != Error || !strings.Contains(r.Stderr, "PermissionError") {
		t.Errorf("%+v", r)
	}
	for name, program := range map[string]string{
		"udp":           "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
		"raw":           "import socket\nsocket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
		"unix":          "import socket\nsocket.socket(socket.AF_UNIX)",
		"pair, named":   "import socket\nsocket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(b'x', '/dev/log')",
		"pair, message": "import socket\nsocket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendmsg([b'x'], [], 0, '/dev/log')",
		"pair, bound":   "import socket\nsocket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].bind('name')",
	} {
		if r := mustRun(t, s, program); r.Reason != Error || !strings.Contains(r.Stderr, "PermissionError") {
			t.Errorf("%s: %+v", name, r)
		}
	}
	l.Close()
	if len(came) > 0 {
		t.Error("a connection came from the sandbox")
	}
}

// older calls f for the sandbox of this kernel, and for that of one with the first version
// of Landlock, which leaves more to seccomp.
func older(t *testing.T, f func(t *testing.T, s *Sandbox)) {
	s := strict(t, Options{})
	t.Run("all of Landlock", func(t *testing.T) { f(t, s) })
	first := *s
	first.system.Landlock = 1
	t.Run("first version of Landlock", func(t *testing.T) { f(t, &first) })
}

func TestFilesOutsideStayAsTheyAre(t *testing.T) { older(t, testFilesOutside) }

// Each program changes a file outside in another way. Without a sandbox it works, so
// what fails is not the program.
func testFilesOutside(t *testing.T, s *Sandbox) {
	path, _ := s.Python()
	for _, change := range []string{
		"open('D/new', 'w').write('x')",
		"open('D/old', 'w').write('x')",
		"open('D/old', 'a').write('x')",
		"open('D/old', 'r+').write('x')",
		"import os; os.close(os.open('D/old', os.O_RDONLY | os.O_TRUNC))",
		"import os; os.truncate('D/old', 1)",
		"import os; os.remove('D/old')",
		"import os; os.rename('D/old', 'D/new')",
		"import os; os.rename('D/old', 'here')",
		"open('here', 'w').close(); import os; os.rename('here', 'D/new')",
		"import os; os.link('D/old', 'D/new')",
		"import os; os.symlink('D/old', 'D/new')",
		"import os; os.mkdir('D/new')",
		"import os; os.mkfifo('D/new')",
		"import os; os.chmod('D/old', 0o777)",
		"import os; os.chmod(os.open('D/old', os.O_RDONLY), 0o777)",
		"import os; os.utime('D/old', (1, 1))",
		"import os; os.setxattr('D/old', 'user.trit', b'x')",
		"import shutil; shutil.rmtree('D')",
	} {
		t.Run(change, func(t *testing.T) {
			dir, cwd := filepath.Join(t.TempDir(), "outside"), t.TempDir()
			before := makeFolder(t, dir)
			program := strings.ReplaceAll(change, "D/", dir+"/")
			program = strings.ReplaceAll(program, "'D'", "'"+dir+"'")
			r := mustRun(t, s, program)
			if r.Reason != Error || !strings.Contains(r.Stderr, "Error: [Errno") {
				t.Errorf("%+v", r)
			}
			if after := look(dir); after != before {
				t.Errorf("before %s, after %s", before, after)
			}
			plain := exec.Command(path, "-c", program)
			plain.Dir = cwd
			if out, err := plain.CombinedOutput(); err != nil && !strings.Contains(change, "rename") && !strings.Contains(string(out), "not supported") {
				t.Errorf("the program does not work without a sandbox either: %s", out)
			}
		})
	}
}

// makeFolder makes a folder with one file and tells how it looks.
func makeFolder(t *testing.T, dir string) string {
	t.Helper()
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "old"), []byte("old text"), 0o644); err != nil {
		t.Fatal(err)
	}
	return look(dir)
}

// look tells what a folder holds: names, modes, times, contents and attributes.
func look(dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for _, e := range entries {
		info, err := os.Lstat(filepath.Join(dir, e.Name()))
		if err != nil {
			return err.Error()
		}
		fmt.Fprintf(&b, "%s %v %v", e.Name(), info.Mode(), info.ModTime())
		if info.Mode().IsRegular() {
			text, err := os.ReadFile(filepath.Join(dir, e.Name()))
			fmt.Fprintf(&b, " %q %v; ", text, err)
		}
	}
	return b.String()
}

func TestNoFileInOtherPlaces(t *testing.T) {
	s := strict(t, Options{})
	home, err := os.UserHomeDir()
	if err != nil {
		home = "/"
	}
	name := "trit-sandbox-test-" + filepath.Base(t.TempDir()) + fmt.Sprint(os.Getpid())
	for _, dir := range []string{"/tmp", "/var/tmp", "/dev/shm", "/dev", "/", home, os.TempDir()} {
		path := filepath.Join(dir, name)
		r := mustRun(t, s, fmt.Sprintf("open(%q, 'w').write('x')", path))
		if r.Reason != Error || !strings.Contains(r.Stderr, "Error: [Errno") {
			t.Errorf("%s: %+v", path, r)
		}
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("%s is there (%v)", path, err)
		}
	}
	wantPass(t, s, "import os\nopen(os.devnull, 'w').write('x')")
}

func TestFilesInside(t *testing.T) {
	s := strict(t, Options{FileBytes: 1 << 20, Timeout: 5 * time.Second})
	wantPass(t, s, `import os, tempfile
os.mkdir('a')
open('a/b', 'w').write('text')
os.rename('a/b', 'a/c')
assert open('a/c').read() == 'text'
with tempfile.NamedTemporaryFile() as f: assert f.name.startswith(os.getcwd())
os.remove('a/c')
os.rmdir('a')
assert os.path.expanduser('~') == os.getcwd()`)
	for name, c := range map[string]struct {
		program string
		want    Reason
	}{
		"huge":       {"f = open('a', 'wb')\nwhile True: f.write(bytes(1 << 16))", Error},
		"hole":       {"import os\nos.truncate(os.open('a', os.O_CREAT | os.O_WRONLY), 1 << 40)", Error},
		"many":       {"i = 0\nwhile True:\n  open(str(i), 'w').close()\n  i += 1", Files},
		"much":       {"import time\nfor i in range(9): open(str(i), 'wb').write(bytes(1 << 19))\ntime.sleep(1000)", Files},
		"deep":       {"import os\nwhile True:\n  os.mkdir('a')\n  os.chdir('a')", Files},
		"deep, once": {"import os\nfor i in range(300):\n  os.mkdir('a')\n  os.chdir('a')", Passed},
		"closed":     {"import os\nos.mkdir('a')\nos.umask(0o777)\nos.mkdir('b')\nos.umask(0o477)\nos.mkdir('c')\nopen('c/d', 'w').close()", Passed},
	} {
		t.Run(name, func(t *testing.T) {
			// strict sees that nothing of it stays
			if r := mustRun(t, s, c.program); r.Reason != c.want {
				t.Errorf("%+v, want %s", r, c.want)
			}
		})
	}
}

func TestNothingOfOursIsSeen(t *testing.T) {
	t.Setenv("TRIT_SANDBOX_SECRET", "a secret")
	s := strict(t, Options{})
	wantPass(t, s, `import os
assert "a secret" not in "".join(os.environ.values()), "in the environment"
assert set(os.environ) <= {"HOME", "TMPDIR", "TEMP", "TMP", "LANG", "PYTHONUTF8", "PYTHONHASHSEED",
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LC_CTYPE"}, list(os.environ)
for path in "environ", "mem", "maps", "fd/0":
    try: open(f"/proc/{os.getppid()}/{path}", "rb").read(1)
    except PermissionError: pass
    else: assert False, path
status = dict(line.split(":\t") for line in open("/proc/self/status").read().splitlines() if ":\t" in line)
assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0, status
assert status["NoNewPrivs"] == "1", status
for fd in range(3, 64):
    try: name = os.readlink(f"/proc/self/fd/{fd}")
    except OSError: continue
    assert name == "/dev/null" or name.startswith("pipe:"), name`)
}

func TestOtherProcessesAreOutOfReach(t *testing.T) { older(t, testOtherProcesses) }

func testOtherProcesses(t *testing.T, s *Sandbox) {
	wantPass(t, s, `import ctypes, os, resource, signal
parent = os.getppid()
for attempt in (
    lambda: os.kill(parent, 0), lambda: os.kill(-1, 0), lambda: os.kill(0, signal.SIGCONT),
    lambda: os.killpg(os.getpgid(parent), 0),
    lambda: resource.prlimit(parent, resource.RLIMIT_CORE, (0, 0)),
    lambda: os.setpriority(os.PRIO_PROCESS, parent, 19), lambda: os.sched_setaffinity(parent, {0}),
    lambda: os.setsid(), lambda: resource.setrlimit(resource.RLIMIT_AS, (-1, -1)),
    lambda: resource.setrlimit(resource.RLIMIT_CPU, (-1, -1)),
):
    try: attempt()
    except (PermissionError, ValueError): pass
    else: assert False, attempt.__code__.co_firstlineno
os.kill(os.getpid(), 0)
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(1, 0, 0, 0, 0) == -1, "it outlives its parent"
assert libc.ptrace(16, parent, 0, 0) == -1, "ptrace"
assert libc.shmget(0, 4096, 0o1600) == -1, "shared memory"
assert libc.unshare(0x10000000) == -1, "a name space of its own"`)
}

// TestHelper is no test: TestDeathOfTheParent runs it in a process of its own.
func TestHelper(t *testing.T) {
	if os.Getenv("TRIT_SANDBOX_HELPER") == "" {
		t.Skip("it runs within another test")
	}
	s, err := New(Options{Timeout: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = s.Run(context.Background(), "import time\ntime.sleep(1000)")
}

func TestDeathOfTheParent(t *testing.T) {
	needPython(t)
	if _, missing := probe(); len(missing) > 0 {
		t.Skipf("this system lacks limits: %v", missing)
	}
	t.Setenv("TMPDIR", t.TempDir())
	helper := exec.Command("/proc/self/exe", "-test.run=^TestHelper$")
	helper.Env = append(os.Environ(), "TRIT_SANDBOX_HELPER=1")
	if err := helper.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "a program runs", func() bool { return len(inSandbox(t)) > 0 })
	if err := helper.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = helper.Wait()
	until(t, "no program runs", func() bool { return len(inSandbox(t)) == 0 })
}

// until waits for what must become true.
func until(t *testing.T, what string, true func() bool) {
	t.Helper()
	for range 3000 {
		if true() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("it never came that %s", what)
}

// Limits that the kernel lacks are named, and are missing indeed: the checks of the
// other tests notice it.
func TestWeakSystems(t *testing.T) {
	s := strict(t, Options{})
	s.system = system{}
	outside := filepath.Join(t.TempDir(), "outside")
	wantPass(t, s, fmt.Sprintf("import os, socket\nopen(%q, 'w').close()\nsocket.socket().close()\nif os.fork(): os.wait()\nelse: os._exit(0)", outside))
	if _, err := os.Stat(outside); err != nil {
		t.Error(err)
	}
	if r := mustRun(t, s, "import os\nos.fork()\nwhile True: pass"); r.Reason != Timeout {
		t.Errorf("%+v", r)
	}
}
