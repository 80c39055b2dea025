package hub

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"trit/internal/atomicfile"
	"trit/internal/jsonfile"
)

// cacheDir is a repository's part of the cache, in the layout of huggingface_hub: blobs named
// by their hashes, snapshots/COMMIT with links to them, refs/REVISION with the commit of a
// revision, and trees/COMMIT.json with the list of a commit's files. Its locks are in .locks
// beside the repositories.
type cacheDir struct{ repo, locks string }

func (c cacheDir) blob(hash string) string       { return filepath.Join(c.repo, "blobs", hash) }
func (c cacheDir) snapshot(commit string) string { return filepath.Join(c.repo, "snapshots", commit) }
func (c cacheDir) tree(commit string) string {
	return filepath.Join(c.repo, "trees", commit+".json")
}

func (c cacheDir) ref(revision string) string {
	return filepath.Join(c.repo, "refs", filepath.FromSlash(revision))
}

// listing returns the files of a revision that the cache knows: the tree of its commit or, if no
// tool has written a tree, the files of its snapshot.
func (c cacheDir) listing(revision string) (listing, error) {
	commit, err := c.commitOf(revision)
	if err != nil {
		return listing{}, err
	}
	l, err := c.readTree(commit)
	if errors.Is(err, fs.ErrNotExist) {
		return c.walk(commit)
	}
	return l, err
}

func (c cacheDir) commitOf(revision string) (string, error) {
	if commitHex.MatchString(revision) {
		return revision, nil
	}
	f, err := os.Open(c.ref(revision))
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 64))
	if err != nil {
		return "", err
	}
	if commit := string(bytes.TrimSpace(b)); commitHex.MatchString(commit) {
		return commit, nil
	}
	return "", fmt.Errorf("%s holds %q: want a commit", f.Name(), b)
}

// treeVersion is the version of the format of trees.
const treeVersion = 1

// tree is what trees/COMMIT.json holds.
type tree struct {
	Version int                 `json:"format_version"`
	Files   map[string]treeFile `json:"files"`
}

type treeFile struct {
	Size      int64  `json:"size"`
	BlobID    string `json:"blob_id"`
	LFSSHA256 string `json:"lfs_sha256,omitempty"`
	LFSSize   *int64 `json:"lfs_size,omitempty"`
}

func (c cacheDir) readTree(commit string) (listing, error) {
	f, err := os.Open(c.tree(commit))
	if err != nil {
		return listing{}, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxAnswer))
	if err != nil {
		return listing{}, err
	}
	l, err := parseTree(commit, b)
	if err != nil {
		return listing{}, fmt.Errorf("%s %w: remove it", f.Name(), err)
	}
	return l, nil
}

func parseTree(commit string, b []byte) (listing, error) {
	var t tree
	if err := jsonfile.Decode(b, &t); err != nil {
		return listing{}, fmt.Errorf("is no list of files (%v)", err)
	}
	if t.Version != treeVersion {
		return listing{}, fmt.Errorf("has the version %d: want %d", t.Version, treeVersion)
	}
	files := make([]file, 0, len(t.Files))
	for name, f := range t.Files {
		one := file{path: name, size: f.Size, hash: f.BlobID, git: f.BlobID}
		if f.LFSSHA256 != "" {
			one.hash, one.size = f.LFSSHA256, orUnknown(f.LFSSize)
		}
		files = append(files, one)
	}
	return newListing(commit, files)
}

// writeTree writes the tree of a commit, if the Hub's list has all that a tree needs.
func (c cacheDir) writeTree(l listing) error {
	if _, err := c.readTree(l.commit); err == nil || !l.listed {
		return nil
	}
	t := tree{treeVersion, make(map[string]treeFile, len(l.files))}
	for _, f := range l.files {
		if f.git == "" || f.size < 0 {
			return nil
		}
		one := treeFile{Size: f.size, BlobID: f.git}
		if f.hash != f.git {
			one.LFSSHA256, one.LFSSize = f.hash, &f.size
		}
		t.Files[f.path] = one
	}
	b, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return writeFile(c.tree(l.commit), b)
}

// walk lists the files of a snapshot.
func (c cacheDir) walk(commit string) (listing, error) {
	l, root := listing{commit: commit}, c.snapshot(commit)
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		f := file{path: filepath.ToSlash(rel), size: info.Size()}
		if target, linkErr := os.Readlink(name); linkErr == nil && validHash(filepath.Base(target)) {
			f.hash = filepath.Base(target)
		}
		l.files = append(l.files, f)
		return err
	})
	return l, err
}

// remember writes the commit of a revision to its ref. It must be called after all wanted files
// are in the snapshot, so that a ref never points to fewer files than before.
func (c cacheDir) remember(revision, commit string) error {
	if old, err := c.commitOf(revision); err == nil && old == commit {
		return nil
	}
	return writeFile(c.ref(revision), []byte(commit))
}

func writeFile(name string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	return atomicfile.WriteBytes(name, b)
}

// cacheStore puts files into the cache.
type cacheStore struct {
	cacheDir
	commit  string
	symlink func(root *os.Root, target, name string) error
}

func (p *cacheStore) work(f file) string { return p.blob(f.hash) + ".trit" }
func (p *cacheStore) lock(f file) string { return filepath.Join(p.locks, f.hash+".lock") }

// ready reports whether the file is in the snapshot. If the cache has its blob, ready links it.
func (p *cacheStore) ready(f file) (bool, error) {
	if p.inSnapshot(f) {
		return true, nil
	}
	if !p.has(f) {
		return false, nil
	}
	return true, p.link(f)
}

func (p *cacheStore) show(f file) (bool, error) { return p.ready(f) }

func (p *cacheStore) place(f file) string {
	shown := filepath.Join(p.snapshot(p.commit), filepath.FromSlash(f.path))
	if f.hash == "" || hasSize(shown, -1) {
		return shown
	}
	return p.blob(f.hash)
}

// inSnapshot reports whether the file is in the snapshot.
func (p *cacheStore) inSnapshot(f file) bool {
	return hasSize(filepath.Join(p.snapshot(p.commit), filepath.FromSlash(f.path)), f.size)
}

// has reports whether the cache has the file, in the snapshot or as a blob alone.
func (p *cacheStore) has(f file) bool {
	return p.inSnapshot(f) || f.hash != "" && hasSize(p.blob(f.hash), f.size)
}

// hasSize reports whether name is a regular file of this size; -1 means any size.
func hasSize(name string, size int64) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular() && (size < 0 || info.Size() == size)
}

// seed copies nothing: a file whose blob is there is ready.
func (p *cacheStore) seed(file, string) (bool, error) { return false, nil }

func (p *cacheStore) finish(f file, part string) error {
	if err := os.Rename(part, p.blob(f.hash)); err != nil {
		return err
	}
	if err := atomicfile.SyncDir(filepath.Dir(part)); err != nil {
		return err
	}
	return p.link(f)
}

// link puts a blob into the snapshot: as a relative symbolic link, or if the system has none as
// a hard link, or else as a copy.
func (p *cacheStore) link(f file) error {
	snapshot := p.snapshot(p.commit)
	root, err := openRoot(snapshot, f.path)
	if err != nil {
		return err
	}
	defer root.Close()
	name := filepath.FromSlash(f.path)
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	up := strings.Repeat("../", 2+strings.Count(f.path, "/"))
	if err = p.symlink(root, filepath.FromSlash(up+"blobs/"+f.hash), name); err == nil || errors.Is(err, fs.ErrExist) {
		return nil
	}
	if os.Link(p.blob(f.hash), filepath.Join(snapshot, name)) == nil {
		return nil
	}
	return copyFile(filepath.Join(snapshot, name), p.blob(f.hash))
}

// openRoot makes the folders that a path needs below dir. It follows no link out of dir.
func openRoot(dir, name string) (*os.Root, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	if parent := path.Dir(name); parent != "." {
		if err := root.MkdirAll(filepath.FromSlash(parent), 0o777); err != nil {
			root.Close()
			return nil, fmt.Errorf("%s in %s: %w", name, dir, err)
		}
	}
	return root, nil
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	return atomicfile.Write(to, func(w io.Writer) error {
		_, err := io.Copy(w, in)
		return err
	})
}
