package main

import (
	"bytes"
	"crypto/sha1"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/cmd/trit/models"
)

const hubCommit = "0123456789abcdef0123456789abcdef01234567"

// testHub is a Hub with three small files, and the tokens that it was sent.
func testHub(t *testing.T) (url string, tokens *[]string) {
	t.Helper()
	return testHubOf(t, map[string]string{"config.json": "{}\n", "net.gguf": "GGUF", "data/x.json": "[]"})
}

// testHubOf is a Hub with one model and one data set, both org/net, of the same files.
func testHubOf(t *testing.T, files map[string]string) (url string, tokens *[]string) {
	t.Helper()
	return serveHub(t, map[string]map[string]string{"models/org/net": files, "datasets/org/net": files}, new([]string))
}

// forgetHub clears what a user's variables say of the Hub.
func forgetHub(t *testing.T) {
	t.Helper()
	for _, name := range []string{"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_ENDPOINT", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "XDG_CACHE_HOME"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", t.TempDir())
}

// serveHub is a Hub with these repositories, such as models/org/net, whose files it has at
// any revision; one with a revision, such as models/org/net@v1, at this revision alone. No
// variable of the user's says where anything is. It lists the paths that it was asked for
// and the tokens that it was sent.
func serveHub(t *testing.T, repos map[string]map[string]string, paths *[]string) (url string, tokens *[]string) {
	t.Helper()
	forgetHub(t)
	tokens = new([]string)
	var mu sync.Mutex
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		*tokens = append(*tokens, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		*paths = append(*paths, r.URL.Path)
		for repo, files := range repos {
			if serveRepo(w, r.URL.Path, repo, files) {
				return
			}
		}
		w.Header().Set("X-Error-Code", "RepoNotFound")
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(s.Close)
	return s.URL, tokens
}

// serveRepo answers if the path is of this repository.
func serveRepo(w http.ResponseWriter, path, repo string, files map[string]string) bool {
	repo, revision, _ := strings.Cut(repo, "@")
	commit := gitHash(repo + revision)
	if revision == "" {
		commit = hubCommit
	}
	w.Header().Set("X-Repo-Commit", commit)
	if name, isFile := strings.CutPrefix(path, "/"+strings.TrimPrefix(repo, "models/")+"/resolve/"+commit+"/"); isFile {
		w.Header().Set("ETag", fmt.Sprintf(`"%s"`, gitHash(files[name])))
		w.Header().Set("Content-Length", fmt.Sprint(len(files[name])))
		fmt.Fprint(w, files[name])
		return true
	}
	asked, isList := strings.CutPrefix(path, "/api/"+repo+"/revision/")
	if !isList || revision != "" && asked != revision || revision == "" && strings.HasPrefix(asked, "refs/") {
		return false
	}
	var list []string
	for name, text := range files {
		list = append(list, fmt.Sprintf(`{"rfilename": %q, "size": %d, "blobId": %q}`, name, len(text), gitHash(text)))
	}
	fmt.Fprintf(w, `{"sha": %q, "siblings": [%s]}`, commit, strings.Join(list, ","))
	return true
}

func gitHash(s string) string {
	return fmt.Sprintf("%x", sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(s), s)))
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}

func TestPull(t *testing.T) {
	url, tokens := testHub(t)
	cache, tokenFile := t.TempDir(), filepath.Join(t.TempDir(), "token")
	os.WriteFile(tokenFile, []byte("hf_secret\r\n"), 0o600)
	code, out, stderr := trit("pull", "org/net", "--endpoint", url+"/", "--cache", cache, "--token-file", tokenFile)
	want := filepath.Join(cache, "models--org--net", "snapshots", hubCommit)
	if code != cmdline.ExitOK || lastLine(out) != want {
		t.Fatalf("exit code %d, %q, %s: want %s", code, out, stderr, want)
	}
	if b, err := os.ReadFile(filepath.Join(want, "config.json")); string(b) != "{}\n" {
		t.Errorf("config.json holds %q, %v", b, err)
	}
	if _, err := os.Stat(filepath.Join(want, "net.gguf")); !os.IsNotExist(err) {
		t.Errorf("net.gguf, which convert does not read: %v", err)
	}
	for _, token := range *tokens {
		if token != "hf_secret" {
			t.Errorf("the token is %q", token)
		}
	}
	if strings.Contains(out+stderr, "hf_secret") {
		t.Errorf("the token was printed: %s%s", out, stderr)
	}
	if code, out, stderr := trit("pull", "org/net@"+hubCommit, "--offline", "--cache", cache); code != cmdline.ExitOK || lastLine(out) != want || !strings.Contains(stderr, "from the cache") {
		t.Errorf("offline: exit code %d, %q, %q", code, out, stderr)
	}
}

// Of a repository with a GGUF file and a card the file is taken; several are named.
func TestPullOneFile(t *testing.T) {
	url, _ := serveHub(t, map[string]map[string]string{
		"models/org/one": {"README.md": "", "x.gguf": "GGUF"}, "models/org/two": {"x.gguf": "GGUF", "y.gguf": "GGUF"},
	}, new([]string))
	cache := t.TempDir()
	code, out, stderr := trit("pull", "org/one", "--endpoint", url, "--cache", cache)
	if b, err := os.ReadFile(filepath.Join(lastLine(out), "x.gguf")); code != cmdline.ExitOK || string(b) != "GGUF" {
		t.Errorf("exit code %d, %v, %s", code, err, stderr)
	}
	code, _, stderr = trit("pull", "org/two", "--endpoint", url, "--cache", cache)
	if code == cmdline.ExitOK || !strings.Contains(stderr, "name one of them: ") || !strings.Contains(stderr, "(--include)") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

func TestPullFolderAndPatterns(t *testing.T) {
	url, _ := testHub(t)
	for _, c := range []struct {
		flags, want string
	}{
		{"", "config.json data/x.json"},
		{"--include *.gguf", "net.gguf"},
		{"--include *.gguf --include data/ --exclude net*", "data/x.json"},
		{"--exclude *x*", "config.json"},
		{"--dataset", "config.json data/x.json net.gguf"},
	} {
		dir := filepath.Join(t.TempDir(), "out")
		args := append([]string{"pull", "--endpoint", url, "--out", dir, "--revision", "v1", "org/net"}, strings.Fields(c.flags)...)
		if code, out, stderr := trit(args...); code != cmdline.ExitOK || lastLine(out) != dir {
			t.Fatalf("%v: exit code %d, %q, %s", args, code, out, stderr)
		}
		var got []string
		filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				rel, _ := filepath.Rel(dir, name)
				got = append(got, filepath.ToSlash(rel))
			}
			return err
		})
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", c.flags, got, c.want)
		}
	}
}

func TestPullErrors(t *testing.T) {
	url, _ := testHub(t)
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"pull", cmdline.ExitUsage, "OWNER/NAME is missing"},
		{"pull a/b/c", cmdline.ExitUsage, "OWNER/NAME"},
		{"pull a/b@c --revision d", cmdline.ExitUsage, "leave out --revision"},
		{"pull a/b --connections 100", cmdline.ExitUsage, "1 to 64"},
		{"pull a/b --token-file nowhere", cmdline.ExitFailed, "nowhere"},
		{"pull a/b --endpoint ftp://x", cmdline.ExitFailed, "endpoint"},
		{"pull a/b --endpoint " + url, cmdline.ExitFailed, "no model a/b"},
		{"pull org/net --include *.bin --endpoint " + url, cmdline.ExitFailed, "*.bin"},
		{"pull org/net --offline", cmdline.ExitFailed, "--offline"},
	} {
		code, _, stderr := trit(strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("trit %s: exit code %d and %q, want %d and %q in one line", c.args, code, stderr, c.code, c.want)
		}
	}
}

func TestFetchModel(t *testing.T) {
	url, _ := testHub(t)
	cache, local := t.TempDir(), t.TempDir()
	fetch := func(name string) (dir string, err error) {
		app := &cli.App{
			Flags: models.HubFlags(), Writer: &bytes.Buffer{}, ErrWriter: &bytes.Buffer{},
			Action: func(c *cli.Context) error { dir, err = models.Find(c, name); return nil },
		}
		if e := app.Run([]string{"trit", "--endpoint", url, "--hub-cache", cache}); e != nil {
			t.Fatal(e)
		}
		return dir, err
	}
	if err := os.Mkdir(filepath.Join(local, "there"), 0o755); err != nil {
		t.Fatal(err)
	}
	if dir, err := fetch(local); dir != local || err != nil {
		t.Errorf("a folder: %s, %v", dir, err)
	}
	want := filepath.Join(cache, "models--org--net", "snapshots", hubCommit, "net.gguf")
	for _, name := range []string{"org/net", "org/net/net.gguf", "org/net@v1", "org/net@" + hubCommit} {
		if dir, err := fetch(name); dir != want || err != nil {
			t.Errorf("%s: %s, %v: want %s", name, dir, err, want)
		}
	}
	for name, words := range map[string][]string{
		"nothing":           {"neither a file or folder", "OWNER/NAME@REVISION"},
		"./org/net":         {"neither a file or folder"},
		"a/deep/folder":     {"neither a file or folder"},
		"org/none":          {"no file or folder org/none", "no model org/none"},
		local + "/none/net": {"neither a file or folder"},
		local + "/tehre":    {"no file or folder " + local + "/tehre", "did you mean", "/there"},
	} {
		_, err := fetch(name)
		for _, w := range words {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %v, want %q", name, err, w)
			}
		}
	}
}

// A packed model in two shards goes from the Hub to a GGUF file that knows where it is from,
// and that is the model of the folder.
func TestConvertFromTheHub(t *testing.T) {
	const folder = "../../testdata/checkpoints/hf-bitnet-packed"
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"README.md": "---\nlicense: mit\nbase_model: org/base\n---\n# net\n"}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(b)
	}
	url, _ := testHubOf(t, files)
	out := filepath.Join(t.TempDir(), "net.gguf")
	if code, _, stderr := trit("convert", "org/net", out, "--endpoint", url, "--hub-cache", t.TempDir()); code != cmdline.ExitOK {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	if code, text, stderr := trit("verify", folder, out, "--logits", "8"); code != cmdline.ExitOK || !strings.Contains(text, "likeliest token equal at 8") {
		t.Errorf("verify: exit code %d, %s%s", code, text, stderr)
	}
	_, text, _ := trit("inspect", out)
	for _, want := range []string{"org/net", "mit", "https://huggingface.co/org/base"} {
		if !strings.Contains(text, want) {
			t.Errorf("inspect does not show %q", want)
		}
	}
}

// Case 23: a wrong blob of the right size.
func TestPullVerify(t *testing.T) {
	url, _ := testHub(t)
	cache := t.TempDir()
	pull := func(flags ...string) (int, string, string) {
		return trit(append([]string{"pull", "org/net", "--endpoint", url, "--cache", cache}, flags...)...)
	}
	_, out, _ := pull()
	config := filepath.Join(lastLine(out), "config.json")
	spoil := func() {
		if err := os.WriteFile(config, []byte("[]\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	spoil()
	if code, _, stderr := pull("--verify", "--offline"); code != cmdline.ExitFailed || !strings.Contains(stderr, "config.json is wrong") ||
		!strings.Contains(stderr, "without --offline") {
		t.Errorf("offline: exit code %d, %s", code, stderr)
	}
	code, again, stderr := pull("--verify")
	if code != cmdline.ExitOK || again != out || !strings.Contains(stderr, "config.json is wrong: expected git sha1") ||
		!strings.Contains(stderr, "checked 2 files, 5 bytes: 1 wrong") {
		t.Errorf("exit code %d, %q, %s", code, again, stderr)
	}
	if b, err := os.ReadFile(config); string(b) != "{}\n" {
		t.Errorf("config.json holds %q, %v", b, err)
	}
	dir := filepath.Join(t.TempDir(), "out")
	pull("--out", dir)
	config = filepath.Join(dir, "config.json")
	spoil()
	if code, _, stderr := pull("--out", dir, "--verify"); code != cmdline.ExitOK || !strings.Contains(stderr, ": 1 wrong") {
		t.Errorf("a folder: exit code %d, %s", code, stderr)
	}
	if b, err := os.ReadFile(config); string(b) != "{}\n" {
		t.Errorf("config.json of the folder holds %q, %v", b, err)
	}
}
