package hub

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The order is that of huggingface_hub's constants and of its get_token.
func TestEnvironment(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"home/.cache/huggingface/token": "from-home\n", "hf/token": "from-hf-home", "path": "from-path", "flag": "from-flag", "xdg/huggingface/token": "from-xdg"} {
		os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755)
		os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)
	}
	for _, c := range []struct {
		set                    string // NAME=VALUE, with @ for the test's folder
		cacheFlag, tokenFlag   string
		cache, token, endpoint string
	}{
		{"", "", "", "@/home/.cache/huggingface/hub", "from-home", ""},
		{"XDG_CACHE_HOME=@/xdg", "", "", "@/xdg/huggingface/hub", "from-xdg", ""},
		{"XDG_CACHE_HOME=@/xdg HF_HOME=@/hf", "", "", "@/hf/hub", "from-hf-home", ""},
		{"HF_HOME=@/hf HUGGINGFACE_HUB_CACHE=@/old", "", "", "@/old", "from-hf-home", ""},
		{"HUGGINGFACE_HUB_CACHE=@/old HF_HUB_CACHE=~/new", "", "", "@/home/new", "from-home", ""},
		{"D=x HF_HUB_CACHE=@/$D/${D}", "", "", "@/x/x", "from-home", ""},
		{"HF_HUB_CACHE=@/new", "mine", "", "mine", "from-home", ""},
		{"HF_HOME=@/hf HF_TOKEN_PATH=@/path", "", "", "@/hf/hub", "from-path", ""},
		{"HF_HOME=@/none", "", "", "@/none/hub", "", ""},
		{"HF_TOKEN_PATH=@/path HUGGING_FACE_HUB_TOKEN=old", "", "", "@/home/.cache/huggingface/hub", "old", ""},
		{"HUGGING_FACE_HUB_TOKEN=old HF_TOKEN=new HF_ENDPOINT=https://mirror", "", "", "@/home/.cache/huggingface/hub", "new", "https://mirror"},
		{"HF_TOKEN=new", "", "@/flag", "@/home/.cache/huggingface/hub", "from-flag", ""},
	} {
		at := func(s string) string { return strings.ReplaceAll(s, "@", dir) }
		vars := map[string]string{}
		for pair := range strings.FieldsSeq(at(c.set)) {
			name, value, _ := strings.Cut(pair, "=")
			vars[name] = value
		}
		e := Environment{
			Lookup: func(name string) (string, bool) { v, ok := vars[name]; return v, ok },
			Home:   func() (string, error) { return filepath.Join(dir, "home"), nil },
		}
		cache, err := e.Cache(c.cacheFlag)
		if err != nil || cache != at(c.cache) {
			t.Errorf("%s: the cache is %s, %v: want %s", c.set, cache, err, at(c.cache))
		}
		if token, err := e.Token(at(c.tokenFlag)); err != nil || token != c.token {
			t.Errorf("%s: the token is %q, %v: want %q", c.set, token, err, c.token)
		}
		if endpoint := e.Endpoint(""); endpoint != c.endpoint {
			t.Errorf("%s: the endpoint is %q, want %q", c.set, endpoint, c.endpoint)
		}
	}
}

func TestEnvironmentOffline(t *testing.T) {
	for set, want := range map[string]bool{"": false, "HF_HUB_OFFLINE=1": true, "HF_HUB_OFFLINE=0": false, "TRANSFORMERS_OFFLINE=yes": true} {
		name, value, _ := strings.Cut(set, "=")
		e := Environment{Lookup: func(n string) (string, bool) {
			if n == name {
				return value, true
			}
			return "", false
		}}
		if e.Offline() != want {
			t.Errorf("%s: offline is %v, want %v", set, e.Offline(), want)
		}
	}
}

func TestEnvironmentWithoutHome(t *testing.T) {
	e := Environment{
		Lookup: func(string) (string, bool) { return "", false },
		Home:   func() (string, error) { return "", errors.New("no home") },
	}
	_, err := e.Cache("")
	wantError(t, err, "~/.cache/huggingface", "no home", "{hub.Client.Cache} names another folder")
}
