package mtbench

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"

	"trit/internal/atomicfile"
	"trit/internal/jsonfile"
)

// saved is a file of lines of JSON, each a result that is not to be made twice. Lines are appended as
// results come; finish leaves those that count, in order.
type saved[T any] struct {
	path  string
	key   func(*T) string
	lines map[string]T // by key
	file  *os.File
	mu    sync.Mutex
}

// openSaved reads or creates a file. It drops a last line that is not whole, as a killed process
// leaves it.
func openSaved[T any](path string, key func(*T) string) (*saved[T], error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	s := &saved[T]{path: path, key: key, lines: map[string]T{}, file: f}
	if err := s.read(); err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

func (s *saved[T]) read() error {
	b, err := io.ReadAll(s.file)
	if err != nil {
		return err
	}
	whole := b[:bytes.LastIndexByte(b, '\n')+1]
	n := 0
	for line := range bytes.Lines(whole) {
		n++
		var v T
		if err := jsonfile.Decode(line, &v); err != nil {
			return fmt.Errorf("%s:%d: %w: the file is damaged, or another one; delete it or name another folder", s.path, n, err)
		}
		s.lines[s.key(&v)] = v
	}
	if err := s.file.Truncate(int64(len(whole))); err != nil {
		return err
	}
	_, err = s.file.Seek(int64(len(whole)), io.SeekStart)
	return err
}

// add appends a result.
func (s *saved[T]) add(v T) error {
	line, err := lineOf(v)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines[s.key(&v)] = v
	_, err = s.file.Write(line)
	return err
}

// finish closes the file and leaves these results in it, in their order, and no others.
func (s *saved[T]) finish(list []T) error {
	var b bytes.Buffer
	for _, v := range list {
		line, err := lineOf(v)
		if err != nil {
			return err
		}
		b.Write(line)
	}
	s.close()
	return atomicfile.WriteBytes(s.path, b.Bytes())
}

func (s *saved[T]) close() { s.file.Close() }

// lineOf is a value as a line of JSON, with <, > and & as they are.
func lineOf(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return b.Bytes(), err
}

// keyOf is a hash of texts.
func keyOf(texts ...string) string {
	h := sha256.New()
	for _, t := range texts {
		fmt.Fprintf(h, "%d:%s", len(t), t)
	}
	return hex.EncodeToString(h.Sum(nil))
}
