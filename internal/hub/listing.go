package hub

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"trit/internal/jsonfile"
)

// Limits of the Hub's answers.
const (
	maxAnswer = 32 << 20 // bytes of the list of a repository's files
	maxFiles  = 50_000   // above that the Hub's own list may leave files out
	maxFile   = 1 << 40  // bytes of a file
)

// file is a file of a repository. hash is the name of its blob: the sha256 of an LFS file, the
// git sha1 of any other. hash is "" and size is -1 if the list does not say them.
type file struct {
	path string
	size int64
	hash string
	git  string // the git sha1 of what the repository holds, of an LFS file its pointer
}

// listing is what a repository holds at a commit.
type listing struct {
	commit string
	files  []file
	listed bool // the Hub made the list; false: it was guessed from a folder
}

func (l listing) paths() []string {
	paths := make([]string, len(l.files))
	for i, f := range l.files {
		paths[i] = f.path
	}
	return paths
}

// choose returns the files that the patterns choose.
func (l listing) choose(p Patterns) listing {
	var chosen []file
	takes := p.Match
	if p.Choose != nil {
		picked := p.Choose(l.paths())
		takes = func(path string) bool { return slices.Contains(picked, path) }
	}
	for _, f := range l.files {
		if takes(f.path) {
			chosen = append(chosen, f)
		}
	}
	return listing{l.commit, chosen, l.listed}
}

// ListingError is a list of files that cannot be trusted.
type ListingError struct{ Repo, Problem string }

// Error names the repository and what is wrong with its list.
func (e *ListingError) Error() string {
	return fmt.Sprintf("the list of files of %s %s: nothing was fetched from it", e.Repo, e.Problem)
}

// fetchListing asks the Hub for the listing of the job's revision; the Hub resolves branches and
// tags. Source: GET /api/models/ID/revision/REVISION?blobs=true.
func (j *job) fetchListing(ctx context.Context, tries int) (listing, error) {
	address := j.base.JoinPath("api", string(j.repo.Kind)+"s", j.repo.ID, "revision")
	address, err := url.Parse(address.String() + "/" + url.PathEscape(j.repo.Revision) + "?blobs=true")
	if err != nil {
		return listing{}, err
	}
	var answer []byte
	err = j.retry(ctx, tries, func() (bool, error) {
		var err error
		answer, err = j.read(ctx, address)
		return false, err
	})
	if err != nil {
		return listing{}, err
	}
	l, err := parseListing(answer)
	if err != nil {
		return listing{}, &ListingError{j.repo.String(), err.Error()}
	}
	return l, nil
}

// read reads one answer of the API, of at most maxAnswer bytes.
func (j *job) read(ctx context.Context, address *url.URL) ([]byte, error) {
	r, err := j.send(ctx, request{method: http.MethodGet, url: address})
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		return nil, j.statusError(r, "")
	}
	b, err := io.ReadAll(io.LimitReader(r.Body, maxAnswer+1))
	if err != nil {
		return nil, r.broken(err)
	}
	if len(b) > maxAnswer {
		return nil, &ListingError{j.repo.String(), fmt.Sprintf("has over %d MiB", maxAnswer>>20)}
	}
	return b, nil
}

// apiAnswer is the part of the API's answer that is used.
type apiAnswer struct {
	SHA      string `json:"sha"`
	Siblings []struct {
		Name   string `json:"rfilename"`
		Size   *int64 `json:"size"`
		BlobID string `json:"blobId"`
		LFS    *struct {
			SHA256 string `json:"sha256"`
			Size   *int64 `json:"size"`
		} `json:"lfs"`
	} `json:"siblings"`
}

// parseListing reads the API's answer. Its errors end the sentence "the list of files".
func parseListing(b []byte) (listing, error) {
	var a apiAnswer
	if err := jsonfile.Decode(b, &a); err != nil {
		return listing{}, fmt.Errorf("is not what the Hub's API answers (%v): is the endpoint a Hub?", err)
	}
	if !commitHex.MatchString(a.SHA) {
		return listing{}, fmt.Errorf("names the commit %q: want 40 hexadecimal digits", clip(a.SHA))
	}
	files := make([]file, len(a.Siblings))
	for i, s := range a.Siblings {
		files[i] = file{path: s.Name, size: orUnknown(s.Size), hash: s.BlobID, git: s.BlobID}
		if s.LFS != nil {
			files[i].hash, files[i].size = s.LFS.SHA256, orUnknown(s.LFS.Size)
		}
	}
	return newListing(a.SHA, files)
}

// newListing checks files against the limits.
func newListing(commit string, files []file) (listing, error) {
	if len(files) > maxFiles {
		return listing{}, fmt.Errorf("has %d files: at most %d are possible", len(files), maxFiles)
	}
	seen := make(map[string]bool, len(files))
	for _, f := range files {
		if err := f.validate(); err != nil {
			return listing{}, err
		}
		if seen[f.path] {
			return listing{}, fmt.Errorf("has %q twice", f.path)
		}
		seen[f.path] = true
	}
	return listing{commit, files, true}, nil
}

func (f file) validate() error {
	if err := validPath(f.path); err != nil {
		return fmt.Errorf("has a path that %w", err)
	}
	if f.hash != "" && !validHash(f.hash) {
		return fmt.Errorf("has the hash %q for %q: want 40 or 64 hexadecimal digits", clip(f.hash), f.path)
	}
	if f.size < -1 || f.size > maxFile {
		return fmt.Errorf("says that %q has %d bytes: want 0 to %d", f.path, f.size, int64(maxFile))
	}
	return nil
}

func orUnknown(size *int64) int64 {
	if size == nil {
		return -1
	}
	return *size
}

// clip shortens a text that a server wrote, so that it can be shown.
func clip(s string) string {
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "..."
	}
	return s
}
