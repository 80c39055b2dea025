package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trit/cmd/trit/cmdline"
)

// Models that are in the project.
const (
	tinyModel  = "../../testdata/engine/tiny-i2_s.gguf"
	otherModel = "../../testdata/engine/tinyb-i2_s.gguf"
)

// writeFile writes a file of a test and returns its name.
func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestServeTakesAFile gives flags in a file, of which one on the line wins.
func TestServeTakesAFile(t *testing.T) {
	model, _ := smallRun(t, t.TempDir())
	keys := filepath.Join(t.TempDir(), "keys.json")
	mustTrit(t, "serve", "key", "add", "anna", "--keys", keys)
	config := writeFile(t, "serve.json", `{
		"models": ["`+model+`"], "addr": "203.0.113.7:1", "profile": "mobile", "cache-memory": 50, "sessions": 3,
		"keys": "`+keys+`", "access-log": true, "idle": "5m", "alert": ["memory>8GB", "errors>5%"], "context": 100
	}`)
	url := serveModel(t, "--config", config) // which gives --addr
	r, err := http.Get(url + "/v1/models")
	if err != nil || r.StatusCode != http.StatusUnauthorized {
		t.Fatalf("without a key: %v, %v", r, err)
	}
	r.Body.Close()
}

// TestServeRefusesFiles reads files of flags that are wrong.
func TestServeRefusesFiles(t *testing.T) {
	for text, want := range map[string]string{
		`{"contxt": 100}`:            `there is no field "contxt": did you mean "context"?`,
		`{"model": ["m"]}`:           `there is no field "model": did you mean "models"?`,
		`{"config": "x"}`:            `there is no field "config"`,
		`{"help": true}`:             `there is no field "help"`,
		`{"context": "100"}`:         "context: want a whole number, found text",
		`{"context": 1.5}`:           "context: want a whole number, found 1.5",
		`{"context": -1}`:            `--context is "-1": want a whole number of at least 0`,
		`{"open": "yes"}`:            "open: want true or false, found text",
		`{"addr": 8080}`:             "addr: want text in quotes, found a number",
		`{"alert": "memory>8GB"}`:    "alert: want a list [...], found text",
		`{"alert": ["temperature"]}`: "--alert: ",
		`{"models": "m.gguf"}`:       "models: want a list [...], found text",
		`{"profile": "laptop"}`:      `--profile is "laptop": want one of cloud, edge, mobile, server`,
		`{"idle": "soon"}`:           `--idle is "soon": want a time`,
		`{"keys": null}`:             "keys is null: leave it out",
		`{"context": 100,}`:          `"}" stands where a key in double quotes should be`,
		`["m.gguf"]`:                 "want an object {...}, found a list",
		``:                           "this is an empty file",
	} {
		code, _, stderr := trit("serve", "m.gguf", "--addr", "127.0.0.1:0", "--config", writeFile(t, "serve.json", text))
		if code == cmdline.ExitOK || !strings.Contains(stderr, want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: exit code %d, %q, want %q in one line", text, code, stderr, want)
		}
	}
	if code, _, stderr := trit("serve", "--config", "nothing.json"); code == cmdline.ExitOK ||
		!strings.Contains(stderr, "--config: there is no file or folder nothing.json") {
		t.Errorf("a file that is missing: exit code %d, %q", code, stderr)
	}
}

// TestServeProfiles shows that a profile limits the memory of models, unless a flag does.
func TestServeProfiles(t *testing.T) {
	model, _ := smallRun(t, t.TempDir())
	code, _, stderr := trit("serve", model, "--addr", "127.0.0.1:0", "--profile", "mobile", "--cache-memory", "4000")
	if code == cmdline.ExitOK || !strings.Contains(stderr, "all models together may take 3072 MB") {
		t.Errorf("a cache that a mobile has no memory for: exit code %d, %q", code, stderr)
	}
	serveModel(t, model, "--profile", "mobile")
	serveModel(t, model, "--profile", "mobile", "--memory", "5000", "--cache-memory", "4000")
}

// TestServeSaysWhatIsWrong begins servers that cannot begin.
func TestServeSaysWhatIsWrong(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	text, dir := writeFile(t, "text.pem", "a text"), t.TempDir()
	for args, want := range map[string]string{
		"":                                                      "MODEL is missing: trit serve MODEL",
		"m --addr " + l.Addr().String():                         "--addr: " + l.Addr().String() + " is in use: end what listens there, or name another port",
		"m --open --addr 203.0.113.7:80":                        "--addr: 203.0.113.7:80 is no address of this machine: want one that is, or 0.0.0.0 for all",
		"m --open --addr 127.0.0.1:99999":                       "--addr: ",
		"m --keys " + dir + "/keys.json":                        "--keys: there is no file or folder " + dir + "/keys.json: trit serve key add NAME --keys FILE makes it",
		"m --tls-cert " + text:                                  "--tls-cert and --tls-key belong together: give both, or none",
		"m --tls-key " + text:                                   "--tls-cert and --tls-key belong together: give both, or none",
		"m --tls-cert nothing.pem --tls-key " + text:            "--tls-cert: there is no file or folder nothing.pem",
		"m --tls-cert " + text + " --tls-key nothing.pem":       "--tls-key: there is no file or folder nothing.pem",
		"m --tls-cert " + text + " --tls-key " + text:           "--tls-cert: " + text + " with --tls-key " + text + ": failed to find any PEM data",
		"m --filter " + dir + "/none":                           "--filter: there is no file or folder " + dir + "/none",
		"nothing.gguf":                                          "nothing.gguf",
		tinyModel + " --prefix-file " + dir + "/no/file":        "--prefix-file: there is no file or folder " + dir + "/no",
		tinyModel + " --prefix-file " + text:                    "--prefix-file: " + text + " holds no prefixes, and would be replaced",
		tinyModel + " " + otherModel + " --prefix-file " + text: "is a file, and there are 2 models: name a folder",
	} {
		line := append([]string{"serve", "--addr", "127.0.0.1:0"}, strings.Fields(args)...)
		if strings.Contains(args, "--addr") {
			line = append([]string{"serve"}, strings.Fields(args)...)
		}
		code, _, stderr := trit(line...)
		if code == cmdline.ExitOK || !strings.Contains(stderr, want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("trit serve %s: exit code %d, %q, want %q in one line", args, code, stderr, want)
		}
	}
}

// TestServeSpeaksTLS asks by https, with the certificate of net/http's tests.
func TestServeSpeaksTLS(t *testing.T) {
	other := httptest.NewTLSServer(nil)
	defer other.Close()
	pair := other.TLS.Certificates[0]
	secret, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	inPEM := func(kind string, b []byte) string {
		return writeFile(t, "file.pem", string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b})))
	}
	url := serveModel(t, tinyModel, "--tls-cert", inPEM("CERTIFICATE", pair.Certificate[0]), "--tls-key", inPEM("PRIVATE KEY", secret))
	r, err := other.Client().Get(url + "/health")
	if err != nil || r.StatusCode != http.StatusOK || !strings.HasPrefix(url, "https://") {
		t.Fatalf("%s: %v, %v", url, r, err)
	}
	r.Body.Close()
	other.Client().CloseIdleConnections()
}

// TestServeWarnsOfPlainText begins a server with keys that others can reach, and ends it.
func TestServeWarnsOfPlainText(t *testing.T) {
	keys := filepath.Join(t.TempDir(), "keys.json")
	mustTrit(t, "serve", "key", "add", "anna", "--keys", keys)
	ctx, stop := context.WithCancel(t.Context())
	var log bytes.Buffer
	out := &watchedOutput{text: "http://", seen: stop}
	line := []string{"trit", "serve", tinyModel, "--addr", "0.0.0.0:0", "--keys", keys}
	if code := run(ctx, line, strings.NewReader(""), out, &log); code != cmdline.ExitOK {
		t.Errorf("exit code %d", code)
	}
	if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "give --tls-cert and --tls-key") {
		t.Errorf("the log is %s", log.String())
	}
}
