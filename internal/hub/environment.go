package hub

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"trit/setting"
)

// Environment finds endpoint, cache and token as huggingface_hub does, from the variables of
// the environment in its order. An empty variable counts as none.
type Environment struct {
	Lookup func(name string) (value string, ok bool) // such as os.LookupEnv
	Home   func() (string, error)                    // such as os.UserHomeDir
}

func (e Environment) get(names ...string) string {
	for _, name := range names {
		if v, _ := e.Lookup(name); v != "" {
			return v
		}
	}
	return ""
}

// Endpoint returns the endpoint that the caller chose or, for "", that of the environment;
// "" where neither says one.
func (e Environment) Endpoint(chosen string) string {
	if chosen != "" {
		return chosen
	}
	return e.get("HF_ENDPOINT")
}

// Offline reports whether the environment asks for files of the cache alone.
func (e Environment) Offline() bool {
	v := e.get("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
	return slices.Contains([]string{"1", "ON", "YES", "TRUE"}, strings.ToUpper(v))
}

// Cache returns the folder of the cache: the one that the caller chose or, for "", that of
// the environment, or the one in the user's home.
func (e Environment) Cache(chosen string) (string, error) {
	if chosen != "" {
		return chosen, nil
	}
	if dir := e.get("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"); dir != "" {
		return e.expand(dir)
	}
	return e.under("hub")
}

// under returns the path of a name in the folder of the Hub's tools.
func (e Environment) under(name string) (string, error) {
	dir := e.get("HF_HOME")
	if dir == "" {
		base := e.get("XDG_CACHE_HOME")
		if base == "" {
			base = "~/.cache"
		}
		dir = filepath.Join(base, "huggingface")
	}
	dir, err := e.expand(dir)
	return filepath.Join(dir, name), err
}

// expand puts the user's folder for ~ and the values of variables for $NAME.
func (e Environment) expand(dir string) (string, error) {
	if dir == "~" || strings.HasPrefix(dir, "~/") {
		home, err := e.Home()
		if err != nil {
			return "", &setting.Error{Field: "hub.Client.Cache", Problem: dir, Err: err,
				Remedy: "{hub.Client.Cache} names another folder"}
		}
		dir = home + dir[1:]
	}
	return os.Expand(dir, func(name string) string { return e.get(name) }), nil
}

// Token returns the token in a file or, for "", that of the environment, or the one that the
// user has logged in with; "" where there is none.
func (e Environment) Token(file string) (string, error) {
	if file != "" {
		token, err := ReadToken(file)
		if err == nil && token == "" {
			err = fmt.Errorf("%s holds no token", file)
		}
		return token, err
	}
	if token := CleanToken(e.get("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")); token != "" {
		return token, nil
	}
	name, err := e.under("token")
	if path := e.get("HF_TOKEN_PATH"); path != "" {
		name, err = e.expand(path)
	}
	if err != nil {
		return "", err
	}
	token, err := ReadToken(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return token, err
}

// maxToken is the most bytes of a token file that are read.
const maxToken = 4096

// ReadToken reads a file that holds a token, or a key of another server; "" where it is
// empty.
func ReadToken(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxToken))
	return CleanToken(string(b)), err
}

// CleanToken returns a token without line breaks and without spaces around it.
func CleanToken(s string) string {
	return strings.TrimSpace(strings.NewReplacer("\r", "", "\n", "").Replace(s))
}
