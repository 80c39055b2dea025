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

// Endpoint returns chosen, or if that is "" the endpoint of the environment, which may be ""
// too.
func (e Environment) Endpoint(chosen string) string {
	if chosen != "" {
		return chosen
	}
	return e.get("HF_ENDPOINT")
}

// Offline reports whether the environment forbids requests to the Hub.
func (e Environment) Offline() bool {
	v := e.get("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
	return slices.Contains([]string{"1", "ON", "YES", "TRUE"}, strings.ToUpper(v))
}

// Cache returns the folder of the cache: chosen, or if that is "" the folder of the environment,
// or else the one in the user's home.
func (e Environment) Cache(chosen string) (string, error) {
	if chosen != "" {
		return chosen, nil
	}
	if dir := e.get("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"); dir != "" {
		return e.expand(dir)
	}
	return e.inToolsFolder("hub")
}

// inToolsFolder returns the path of a name in the folder of the Hub's tools.
func (e Environment) inToolsFolder(name string) (string, error) {
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

// expand replaces ~ by the user's folder, and $NAME by the value of the variable.
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

// Token returns the token in a file. If file is "", it returns the token of the environment, or
// else the one that the user has logged in with, or "" if there is none.
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
	name, err := e.inToolsFolder("token")
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

// maxToken is the largest size of a token file, in bytes.
const maxToken = 4096

// ReadToken reads a file that holds a token, or a key of another server. It returns "" if the
// file is empty.
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
