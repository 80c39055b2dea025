// Package hub fetches repositories of the Hugging Face Hub into the cache that other
// tools of the Hub share, or into a plain folder. Large files come in parallel ranges
// and go on where they were stopped; every file is checked against its hash.
package hub

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"trit/setting"
)

// Kind is what a repository holds.
type Kind string

// The kinds of repositories that are fetched.
const (
	Model   Kind = "model"
	Dataset Kind = "dataset"
)

// Defaults of Client and Repo.
const (
	DefaultEndpoint    = "https://huggingface.co"
	DefaultRevision    = "main"
	DefaultConnections = 4
	defaultRange       = 8 << 20
	defaultTries       = 6
	defaultStall       = 30 * time.Second
)

// Repo names a state of a repository.
type Repo struct {
	Kind     Kind
	ID       string // OWNER/NAME; some old repositories have no owner
	Revision string // branch, tag or commit; "" is DefaultRevision
}

// Client talks to one Hub. Its zero value, with a Cache, talks to huggingface.co without
// a token. Methods may be called at the same time.
type Client struct {
	Endpoint    string        // "" is DefaultEndpoint
	Token       string        // sent to the endpoint's own host only
	Cache       string        // folder of the shared cache
	HTTP        *http.Client  // nil: NewTransport with a shared pool of connections
	Connections int           // requests for data at the same time; 0 is DefaultConnections
	Range       int64         // bytes that a connection fetches at a time; 0 is 8 MiB
	Tries       int           // number of failures in a row after which a request is given up; 0 is 6
	Stall       time.Duration // time without a byte after which a connection is given up; 0 is 30 s
	Offline     bool          // take files from the cache and send no request

	// Verify hashes the chosen files that are there already, and fetches those again whose hash is
	// not the Hub's, also over files of a plain folder. Without it, a file of the cache counts by
	// its size. Notice is told what was wrong and what could not be checked. Wrong files are an
	// error where nobody can be asked for them. Progress counts the bytes that are hashed.
	Verify bool

	// Sleep waits between tries; nil waits for real.
	Sleep func(ctx context.Context, d time.Duration) error
	// Notice takes a line for the user, such as that the cache is read instead of the Hub;
	// nil: nobody reads it.
	Notice func(line string)
	// Warn takes an error that does not end the call, such as a Hub that cannot be reached while
	// the cache has the files; nil: nobody reads it.
	Warn func(err error)
}

// Progress is called with the number of bytes that have been fetched, and the number that will
// be in total. Neither counts bytes that were there before. The total grows when the Hub names
// the size of a file late.
type Progress func(done, total int64)

// Snapshot puts the files of a repository that match the patterns into the cache, and returns
// the folder of the cache that shows them under their names. If the endpoint cannot be reached
// and the cache has all of these files, it calls Warn and Notice and returns that folder.
// Errors are *StatusError, *UnreachableError, *MismatchError, *ListingError, or of the
// disk; when ctx ends, what has come stays and the next call goes on.
func (c *Client) Snapshot(ctx context.Context, repo Repo, patterns Patterns, progress Progress) (string, error) {
	j, err := c.begin(repo)
	if err != nil {
		return "", err
	}
	l, chosen, err := j.resolve(ctx, patterns)
	if err != nil {
		return "", err
	}
	p := &cacheStore{cacheDir: j.cache, commit: l.commit, symlink: (*os.Root).Symlink}
	if err := j.fetchAll(ctx, p, chosen, progress); err != nil {
		return "", err
	}
	if err := j.cache.writeTree(l); err != nil {
		return "", err
	}
	return j.cache.snapshot(l.commit), j.cache.remember(j.repo.Revision, l.commit)
}

// Folder puts the files of a repository into a plain folder under their names, whole
// and without links. Files that the cache has are copied from there. A file that is
// there with other contents is an error; the other errors are those of Snapshot.
func (c *Client) Folder(ctx context.Context, repo Repo, patterns Patterns, dir string, progress Progress) error {
	j, err := c.begin(repo)
	if err != nil {
		return err
	}
	_, chosen, err := j.resolve(ctx, patterns)
	if err != nil {
		return err
	}
	p := &folderStore{dir: dir, cache: j.cache}
	release, err := j.hold(ctx, p.lockName(), dir)
	if err != nil {
		return err
	}
	err = j.fetchAll(ctx, p, chosen, progress)
	release()
	if err == nil {
		p.clean()
	}
	return err
}

// job is one call for one repository.
type job struct {
	*Client
	repo    Repo
	base    *url.URL
	cache   cacheDir
	offline bool // no request is sent: by Client.Offline, or after the endpoint did not answer
}

func (c *Client) begin(repo Repo) (*job, error) {
	if repo.Revision == "" {
		repo.Revision = DefaultRevision
	}
	if err := repo.validate(); err != nil {
		return nil, err
	}
	base, err := c.endpoint()
	if err != nil {
		return nil, err
	}
	if c.Cache == "" {
		return nil, setting.Needs("hub.Client.Cache", "the cache has no folder", "{hub.Client.Cache} names one")
	}
	if strings.ContainsFunc(c.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, setting.Needs("hub.Client.Token", "the token holds spaces or other characters that no token has",
			"check {hub.Client.Token}")
	}
	folder := string(repo.Kind) + "s--" + strings.ReplaceAll(repo.ID, "/", "--")
	return &job{Client: c, repo: repo, base: base, offline: c.Offline, cache: cacheDir{
		repo:  filepath.Join(c.Cache, folder),
		locks: filepath.Join(c.Cache, ".locks", folder),
	}}, nil
}

func (c *Client) endpoint() (*url.URL, error) {
	text := c.Endpoint
	if text == "" {
		text = DefaultEndpoint
	}
	u, err := url.Parse(strings.TrimRight(text, "/"))
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("the endpoint is %q: want an address such as %s", text, DefaultEndpoint)
	}
	return u, nil
}

func (c *Client) notice(format string, args ...any) {
	if c.Notice != nil {
		c.Notice(fmt.Sprintf(format, args...))
	}
}

func (c *Client) warn(err error) {
	if c.Warn != nil {
		c.Warn(err)
	}
}

// orDefault returns v if it is positive, else the default.
func orDefault[T int | int64 | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}
