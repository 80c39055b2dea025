package engine

import (
	"fmt"
	"io"
	"os"

	"trit/infer"
	"trit/internal/atomicfile"
)

// SavePrefixes writes the prefixes that are kept now of the model without adapters to a file, whole or not
// at all. Answers go on meanwhile. model names the model and its weights.
func (e *Engine) SavePrefixes(path, model string) error {
	e.saving.Lock()
	defer e.saving.Unlock()
	atomicfile.RemoveStale(path)
	sessions := e.kept.sessions(e.base.key)
	return atomicfile.WritePrivate(path, func(w io.Writer) error { return e.m.SaveSessions(w, model, sessions) })
}

// LoadPrefixes reads the prefixes that SavePrefixes wrote. It must be called before the first
// request. A file that is not there holds none; one that is damaged, of another model, or larger than
// the memory for caches is an error, and changes nothing.
func (e *Engine) LoadPrefixes(path, model string) error {
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	stat, err := f.Stat()
	if err != nil {
		return err
	}
	if limit := int64(e.o.Memory) + maxBeside; stat.Size() > limit { // all is read before the sum at its end
		return fmt.Errorf("%s has %d MB, more than the %d MB for caches", path, stat.Size()>>20, e.o.Memory>>20)
	}
	sessions, err := e.m.LoadSessions(f, model, e.o.Context)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, s := range sessions {
		e.kept.add(e.base.key, s)
	}
	e.kept.shrink(e.o.Memory)
	return nil
}

// maxBeside is what a file of prefixes may hold beside caches, such as their tokens.
const maxBeside = 16 << 20

// CheckPrefixFile fails if a path holds something that SavePrefixes should not replace: a file that
// holds no prefixes.
func CheckPrefixFile(path string) error {
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if !infer.IsSessions(f) {
		return fmt.Errorf("%s holds no prefixes, and would be replaced: name another file", path)
	}
	return nil
}
