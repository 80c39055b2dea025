package hub

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
)

// Each second answer breaks off in its middle, and each third address has expired.
func TestRemoteGoesOnAfterDroppedConnections(t *testing.T) {
	f := newFakeHub(t, everything())
	want := f.files["model.safetensors"].data
	var n atomic.Int64
	f.onCDN = func(w http.ResponseWriter, r *http.Request) bool {
		switch n.Add(1) % 3 {
		case 0:
			w.WriteHeader(http.StatusForbidden)
			return true
		case 1:
			var from, to int
			if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &from, &to); err != nil {
				t.Error(err)
			}
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to, len(want)))
			w.Header().Set("Content-Length", fmt.Sprint(to-from+1))
			w.WriteHeader(http.StatusPartialContent)
			w.Write(want[from : from+(to-from+1)/2])
			panic(http.ErrAbortHandler)
		}
		return false
	}
	c := f.client()
	files, err := c.Remote(context.Background(), testRepo, Patterns{Include: []string{"*.safetensors"}})
	if err != nil || len(files) != 1 || files[0].Size() != int64(len(want)) {
		t.Fatalf("%d files: %v", len(files), err)
	}
	got, err := io.ReadAll(io.NewSectionReader(files[0], 0, files[0].Size()))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes are not those of the Hub: %v", len(got), err)
	}
	b := make([]byte, 20)
	if n, err := files[0].ReadAt(b, int64(len(want))-7); n != 7 || err != io.EOF || !bytes.Equal(b[:7], want[len(want)-7:]) {
		t.Errorf("at the end: %d bytes, %v", n, err)
	}
	if entries, _ := os.ReadDir(c.Cache); len(entries) > 0 {
		t.Error("something is kept on the disk")
	}
}

// A Hub whose file becomes another one while it is read is refused, at once.
func TestRemoteRefusesAnotherFile(t *testing.T) {
	f := newFakeHub(t, everything())
	for name, header := range map[string][2]string{
		"hash": {"ETag", `"` + strings.Repeat("f", 40) + `"`}, "commit": {"X-Repo-Commit", strings.Repeat("f", 40)},
	} {
		files, err := f.client().Remote(context.Background(), testRepo, Patterns{Include: []string{"config.json"}})
		if err != nil {
			t.Fatal(err)
		}
		f.onHub = nil
		first := make([]byte, 1)
		if _, err := files[0].ReadAt(first, 0); err != nil {
			t.Fatal(err)
		}
		asked := 0
		f.onHub = func(w http.ResponseWriter, r *http.Request) bool {
			asked++
			w.Header().Set("X-Repo-Commit", testCommit)
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 1-1/%d", files[0].Size()))
			w.Header().Set(header[0], header[1])
			w.WriteHeader(http.StatusPartialContent)
			w.Write([]byte("x"))
			return true
		}
		_, err = files[0].ReadAt(first, 1)
		if err == nil || !strings.Contains(err.Error(), "it has the "+name) || asked != 1 {
			t.Errorf("%s: %v, asked %d times", name, err, asked)
		}
		f.onHub = nil
	}
}

func TestRemoteGivesUp(t *testing.T) {
	f := newFakeHub(t, everything())
	f.onCDN = func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }
	files, err := f.client().Remote(context.Background(), testRepo, Patterns{Include: []string{"*.safetensors"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := files[0].ReadAt(make([]byte, 10), 0); err == nil || f.count("cdn") != defaultTries {
		t.Errorf("%d tries: %v", f.count("cdn"), err)
	}
	c := f.client()
	c.Offline = true
	if _, err := c.Remote(context.Background(), testRepo, Patterns{}); err == nil {
		t.Error("it asks though it is offline")
	}
}
