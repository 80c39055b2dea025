package data

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"trit/data/source"
)

// partialPrefix begins the names of files with the documents of a shard that is not full. Such a file is a list of
// shards in the format of shard.go, each behind its size as uint64.
const partialPrefix = "partial-"

func (w *splitWriter) partialPath() string {
	return filepath.Join(w.dir, fmt.Sprintf("%s%s-%05d", partialPrefix, w.name, len(w.info.Shards)))
}

// save adds the documents that came since the last one to the file of partial shards. It returns the file's size.
func (w *splitWriter) save() (size int64, err error) {
	if w.partial == nil {
		if len(w.shard.bytes) == 0 {
			return 0, nil
		}
		if w.partial, err = openGrowing(w.partialPath(), 0); err != nil {
			return 0, err
		}
	}
	if w.saved == len(w.shard.bytes) {
		return w.partial.size, nil
	}
	raw := w.shard.from(w.saved).encode()
	w.saved = len(w.shard.bytes)
	head := binary.LittleEndian.AppendUint64(nil, uint64(len(raw)))
	err = errors.Join(w.partial.add(head), w.partial.add(raw), w.partial.sync())
	return w.partial.size, err
}

// restore takes up what save wrote.
func (w *splitWriter) restore(size int64) (err error) {
	if size == 0 {
		return nil
	}
	if w.partial, err = openGrowing(w.partialPath(), size); err != nil {
		return err
	}
	in := w.partial.reader()
	for rest := size; rest > 0; {
		var n uint64
		if err := binary.Read(in, binary.LittleEndian, &n); err != nil || n > uint64(rest-8) {
			return journalError(w.partial.path, "size", "a part of %d bytes does not fit", n)
		}
		raw := make([]byte, n)
		if _, err := io.ReadFull(in, raw); err != nil {
			return err
		}
		if err := w.addShard(raw); err != nil {
			return err
		}
		rest -= int64(8 + n)
	}
	w.saved = len(w.shard.bytes)
	return nil
}

// addShard adds the documents of an encoded shard.
func (w *splitWriter) addShard(raw []byte) error {
	s, err := parseShard(w.partial.path, raw)
	var damage *source.FormatError
	if errors.As(err, &damage) {
		return journalError(damage.Path, damage.Field, "%s", damage.Found)
	}
	if s.vocabulary != w.shard.vocabulary || s.marked {
		return journalError(w.partial.path, "vocabulary", "%d: want %d", s.vocabulary, w.shard.vocabulary)
	}
	for i := range s.documents {
		lo, hi, bytes := s.document(i)
		ids := make([]int32, hi-lo)
		for k := range ids {
			ids[k] = s.id(lo + k)
		}
		w.shard.add(ids, nil, bytes)
	}
	return nil
}

// removePartials removes the files of partial shards, all but those to keep.
func removePartials(dir string, keep ...*growing) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path, kept := filepath.Join(dir, e.Name()), false
		for _, g := range keep {
			kept = kept || g != nil && g.path == path
		}
		if strings.HasPrefix(e.Name(), partialPrefix) && !kept {
			err = errors.Join(err, os.Remove(path))
		}
	}
	return err
}
