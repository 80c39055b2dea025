package data

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"trit/internal/atomicfile"
)

// checkedName is the file of a data set that says which shards were read whole, and found sound. A run of 100 billion
// tokens would else read 200 GB each time before its first step.
const checkedName = "checked.json"

// checkedFiles are the files of checkedName by their names. While a file is in the state in which it was checked, so
// are its bytes taken to be.
type checkedFiles map[string]fileState

type fileState struct {
	Size int64 `json:"size"`
	Time int64 `json:"time"` // of the last change, in nanoseconds since 1970
}

// readChecked returns what was checked: nothing, if that is not told or cannot be read.
func readChecked(dir string) checkedFiles {
	var files checkedFiles
	raw, err := atomicfile.Read(filepath.Join(dir, checkedName), maxManifestSize)
	if err != nil || json.Unmarshal(raw, &files) != nil || files == nil {
		return checkedFiles{}
	}
	return files
}

// open opens a shard, which is read whole if it was not checked as it is.
func (c checkedFiles) open(path string) (*shard, error) {
	info, err := os.Stat(path) // before it is read: what is changed meanwhile is checked again
	if err != nil {
		return nil, err
	}
	name, now := filepath.Base(path), fileState{info.Size(), info.ModTime().UnixNano()}
	s, err := openShard(path, c[name] == now)
	if err == nil {
		c[name] = now
	}
	return s, err
}

// write keeps what was checked beside before. Where the folder cannot be written, shards are checked each time.
func (c checkedFiles) write(dir string, before checkedFiles) {
	if maps.Equal(c, before) {
		return
	}
	if raw, err := json.Marshal(c); err == nil {
		atomicfile.WriteBytes(filepath.Join(dir, checkedName), append(raw, '\n'))
	}
}

// Check reads all shards of the data set in dir: whether each is what dataset.json states, byte by byte, and sound. The
// function progress gets the bytes that were read and their number, after each shard; it may be nil.
func Check(ctx context.Context, dir string, progress func(done, total int64)) (*Manifest, error) {
	m, err := OpenManifest(dir)
	if err != nil {
		return nil, err
	}
	if err := m.CheckTokenizer(dir); err != nil {
		return nil, err
	}
	var done, total int64
	for _, s := range m.shards() {
		total += s.Size
	}
	for _, s := range m.shards() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := checkSum(filepath.Join(dir, s.File), s.SHA256, ManifestName, shardError); err != nil {
			return nil, err
		}
		if done += s.Size; progress != nil {
			progress(done, total)
		}
	}
	os.Remove(filepath.Join(dir, checkedName)) // all are checked anew; where it stays, their sums are right
	return m, m.openSplits(dir)
}

// CheckTokenizer refuses a tokenizer.json in the folder of the data set that is not the one that made its tokens. A
// tokenizer without such a file has the hash of an empty one.
func (m *Manifest) CheckTokenizer(dir string) error {
	path := filepath.Join(dir, tokenizerName)
	raw, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	sum := hexSHA256(raw)
	if sum == m.TokenizerSHA256 || m.TokenizerSHA256 == "" {
		return nil
	}
	if err != nil {
		return shardError(path, "file", "there is none, and %s states the SHA-256 %.12s", ManifestName, m.TokenizerSHA256)
	}
	return shardError(path, "SHA-256", "%.12s: %s states %.12s", sum, ManifestName, m.TokenizerSHA256)
}

// openSplits opens all splits that are not empty.
func (m *Manifest) openSplits(dir string) error {
	for _, name := range []string{Train, Heldout} {
		if split, _ := m.Split(name); split.Documents == 0 {
			continue
		}
		c, err := openCorpus(dir, m, name)
		if err != nil {
			return err
		}
		if err := c.close(); err != nil {
			return err
		}
	}
	return nil
}

// checkSum compares the SHA-256 of a file with what another file states; wrong makes the error.
func checkSum(path, want, stated string, wrong func(path, field, found string, args ...any) error) error {
	sum, err := atomicfile.SHA256(path)
	if err == nil && sum != want {
		err = wrong(path, "SHA-256", "%.12s: %s states %.12s", sum, stated, want)
	}
	return err
}
