package engine

import (
	"io"
	"os"

	"trit/infer"
	"trit/internal/atomicfile"
)

// SavePrefixes writes the prefixes that are kept of the model without adapters to a file, whole or
// not at all. The engine must be closed. model names the model and its weights.
func (e *Engine) SavePrefixes(path, model string) error {
	var sessions []*infer.Session
	for _, p := range e.kept.list {
		if p.key == e.base.key {
			sessions = append(sessions, p.s)
		}
	}
	return atomicfile.WritePrivate(path, func(w io.Writer) error { return e.m.SaveSessions(w, model, sessions) })
}

// LoadPrefixes reads the prefixes that SavePrefixes wrote, as many as the memory holds. It must be
// called before the first request. A file that is not there holds none; one that is damaged, or of
// another model, is an error, and changes nothing.
func (e *Engine) LoadPrefixes(path, model string) error {
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	sessions, err := e.m.LoadSessions(f, model, e.o.Context)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range sessions {
		e.kept.add(e.base.key, s)
	}
	e.kept.shrink(e.o.Memory)
	return nil
}
