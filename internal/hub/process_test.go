package hub

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// TestMain makes the test's binary a process of its own that fetches, for the tests that
// kill one or let two meet.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "fetch" {
		c := Client{Endpoint: os.Args[2], Cache: os.Args[3], Range: testRange, Connections: 2}
		if _, err := c.Snapshot(context.Background(), testRepo, Patterns{}, nil); err != nil {
			os.Stderr.WriteString(err.Error())
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// process begins a process that fetches into the client's cache.
func process(t *testing.T, f *fakeHub, c *Client) (*exec.Cmd, *strings.Builder) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd, stderr := exec.Command(self, "fetch", f.hub.URL, c.Cache), &strings.Builder{}
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, stderr
}

// A process that is killed leaves no lock, and ranges that need not come again.
func TestKilledProcess(t *testing.T) {
	f := newFakeHub(t, one())
	reached, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	var served atomic.Int32
	f.breakCDN(func(http.ResponseWriter, *http.Request) bool {
		n := served.Add(1)
		if n == 7 {
			close(reached)
		}
		if n >= 7 {
			<-release
		}
		return n >= 7
	})
	c := f.client()
	cmd, _ := process(t, f, c)
	<-reached
	cmd.Process.Kill()
	cmd.Wait()
	journal, err := os.ReadFile(journalName(f.part(c)))
	if err != nil {
		t.Fatal(err)
	}
	whole := strings.Count(string(journal), "\n") - 1
	if whole < 4 {
		t.Fatalf("the journal names %d ranges, want 4 at least of the 6 that came: %q", whole, journal)
	}
	f.heal()
	c.Notice = func(s string) { t.Errorf("the lock of a dead process is held: %s", s) }
	f.check(must(t, c, Patterns{}), "model.safetensors")
	if want := 10*testRange + 17 - whole*testRange; f.bytes() != want {
		t.Errorf("%d bytes came, want %d", f.bytes(), want)
	}
}

func TestTwoProcesses(t *testing.T) {
	f := newFakeHub(t, everything())
	c := f.client()
	a, aErr := process(t, f, c)
	b, bErr := process(t, f, c)
	if err := a.Wait(); err != nil {
		t.Errorf("%v: %s", err, aErr)
	}
	if err := b.Wait(); err != nil {
		t.Errorf("%v: %s", err, bErr)
	}
	f.check(filepath.Join(c.Cache, "models--org--net", "snapshots", testCommit), names(f.files)...)
	if want := 10*testRange + 17 + 300; f.bytes() != want {
		t.Errorf("%d bytes came, want each once: %d", f.bytes(), want)
	}
	if left := leftovers(c.Cache); left != nil {
		t.Errorf("left behind: %v", left)
	}
}
