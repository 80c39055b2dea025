// Package guard keeps a server from strangers and from those who ask too much: keys with limits, a
// filter of texts, and a log of who asked for how much.
package guard

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"trit/internal/atomicfile"
)

// Key is a key as the file holds it: its hash, and what its owner may do. A limit of 0 is none.
type Key struct {
	Name              string   `json:"name"`
	Hash              string   `json:"sha256"` // of the key, in hexadecimal digits
	RequestsPerMinute int      `json:"requests_per_minute,omitempty"`
	TokensPerMinute   int      `json:"tokens_per_minute,omitempty"` // of prompts and answers
	Concurrent        int      `json:"concurrent,omitempty"`        // requests at a time
	Models            []string `json:"models,omitempty"`            // empty: all
	Until             string   `json:"until,omitempty"`             // last day, as 2027-01-31; "": for ever
	Admin             bool     `json:"admin,omitempty"`             // reports whether it may run the server
}

// keyFile is the content of a file of keys.
type keyFile struct {
	Keys []Key `json:"keys"`
}

// Limits of a file of keys.
const (
	maxKeys         = 100_000
	maxKeyFileBytes = 64 << 20
	maxKeyName      = 100
)

// keyBegin tells people what a text is that looks like chance.
const keyBegin = "trit-"

// NewKey makes a key of 256 bits of chance, and its hash.
func NewKey() (key, hash string) {
	var b [32]byte
	rand.Read(b[:]) //nolint:errcheck // never fails: it ends the program instead
	key = keyBegin + base64.RawURLEncoding.EncodeToString(b[:])
	return key, hashOf(key)
}

// hashOf is the hash of a key. A key is all chance, so a plain hash tells nothing about it.
func hashOf(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// ReadKeys reads a file of keys. One that does not exist holds none.
func ReadKeys(path string) ([]Key, error) {
	b, err := atomicfile.Read(path, maxKeyFileBytes)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	keys, err := parseKeys(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return keys, nil
}

// parseKeys reads the text of a file of keys.
func parseKeys(b []byte) ([]Key, error) {
	var f keyFile
	dec := json.NewDecoder(strings.NewReader(string(b)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return nil, fmt.Errorf(`is no file of keys, {"keys": [...]}: %s`, strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("has something after its JSON object")
	}
	if len(f.Keys) > maxKeys {
		return nil, fmt.Errorf("holds %d keys: want at most %d", len(f.Keys), maxKeys)
	}
	names, hashes := map[string]bool{}, map[string]bool{}
	for i := range f.Keys {
		k := &f.Keys[i]
		if err := k.check(); err != nil {
			return nil, fmt.Errorf("key %d (%s): %w", i+1, k.Name, err)
		}
		if names[k.Name] || hashes[k.Hash] {
			return nil, fmt.Errorf("key %d (%s): its name or its hash is there twice", i+1, k.Name)
		}
		names[k.Name], hashes[k.Hash] = true, true
	}
	return f.Keys, nil
}

// check returns what is wrong in a key.
func (k *Key) check() error {
	sum, err := hex.DecodeString(k.Hash)
	switch {
	case k.Name == "" || len(k.Name) > maxKeyName || strings.ContainsFunc(k.Name, func(r rune) bool { return r < ' ' }):
		return fmt.Errorf("name: want 1 to %d characters", maxKeyName)
	case err != nil || len(sum) != sha256.Size || k.Hash != strings.ToLower(k.Hash):
		return errors.New("sha256: want 64 lower-case hexadecimal digits")
	case k.RequestsPerMinute < 0 || k.TokensPerMinute < 0 || k.Concurrent < 0:
		return errors.New("a limit is below 0: want 0 for none, or more")
	}
	if k.Until != "" {
		if _, err := time.Parse(time.DateOnly, k.Until); err != nil {
			return fmt.Errorf("until is %q: want a day, such as 2027-01-31", k.Until)
		}
	}
	return nil
}

// Limits says what the owner of a key may do.
func (k *Key) Limits() (list []string) {
	for _, l := range []struct {
		n    int
		text string
	}{
		{k.RequestsPerMinute, "%d requests a minute"}, {k.TokensPerMinute, "%d tokens a minute"},
		{k.Concurrent, "%d requests at a time"},
	} {
		if l.n > 0 {
			list = append(list, fmt.Sprintf(l.text, l.n))
		}
	}
	if len(k.Models) > 0 {
		list = append(list, "models "+strings.Join(k.Models, " "))
	}
	if k.Until != "" {
		list = append(list, "until "+k.Until)
	}
	if k.Admin {
		list = append(list, "may run the server")
	}
	return list
}

// expired reports whether the last day of a key is over, by the server's clock.
func (k *Key) expired(now time.Time) bool {
	last, err := time.ParseInLocation(time.DateOnly, k.Until, now.Location())
	return err == nil && !now.Before(last.AddDate(0, 0, 1))
}

// AddKey adds a key to a file, which only its owner can read, and returns the key itself: the file
// holds its hash alone.
func AddKey(path string, k Key) (key string, err error) {
	keys, err := ReadKeys(path)
	if err != nil {
		return "", err
	}
	if slices.ContainsFunc(keys, func(x Key) bool { return x.Name == k.Name }) {
		return "", fmt.Errorf("%s holds a key %s already: remove it first, or take another name", path, k.Name)
	}
	key, k.Hash = NewKey()
	if err := k.check(); err != nil {
		return "", err
	}
	return key, writeKeys(path, append(keys, k))
}

// RemoveKey removes a key from a file.
func RemoveKey(path, name string) error {
	keys, err := ReadKeys(path)
	if err != nil {
		return err
	}
	rest := slices.DeleteFunc(slices.Clone(keys), func(k Key) bool { return k.Name == name })
	if len(rest) == len(keys) {
		return fmt.Errorf("%s holds no key %s", path, name)
	}
	return writeKeys(path, rest)
}

func writeKeys(path string, keys []Key) error {
	return atomicfile.WritePrivate(path, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(keyFile{keys})
	})
}

// Keys are the keys of a file, which is read again when it changes.
type Keys struct {
	path string
	log  func(error)

	mu      sync.Mutex
	byHash  map[string]*Key
	stat    os.FileInfo
	checked time.Time
}

// checkEvery is how often the file is looked at.
const checkEvery = 2 * time.Second

// OpenKeys reads a file of keys. log gets the error if the file changes and cannot be read: the
// keys of before stay.
func OpenKeys(path string, log func(error)) (*Keys, error) {
	k := &Keys{path: path, log: log}
	stat, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	return k, k.read(stat)
}

// read reads the file.
func (k *Keys) read(stat os.FileInfo) error {
	list, err := ReadKeys(k.path)
	if err != nil {
		return err
	}
	k.byHash, k.stat = map[string]*Key{}, stat
	for i := range list {
		k.byHash[list[i].Hash] = &list[i]
	}
	return nil
}

// find returns the key, nil if there is none.
func (k *Keys) find(key string, now time.Time) *Key {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now.Sub(k.checked) > checkEvery {
		k.checked = now
		stat, err := os.Stat(k.path)
		if err == nil && (stat.ModTime() != k.stat.ModTime() || stat.Size() != k.stat.Size()) {
			err = k.read(stat)
		}
		if err != nil {
			k.log(err)
		}
	}
	return k.byHash[hashOf(key)]
}
