package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"trit/setting"
)

// RemoteFile is a file of a repository that is read in place: each ReadAt is a request for a range, and
// goes on after a connection that breaks. What it reads is that of one commit; it cannot be checked
// against the file's hash. It may be used from several goroutines.
type RemoteFile struct {
	Path   string
	Commit string
	source *source
	size   int64
	ctx    context.Context
}

// Remote returns the files of a repository that match the patterns, to be read until ctx ends. Nothing
// is kept on the disk.
func (c *Client) Remote(ctx context.Context, repo Repo, patterns Patterns) ([]*RemoteFile, error) {
	j, err := c.begin(repo)
	if err != nil {
		return nil, err
	}
	if j.offline {
		return nil, setting.Needs("hub.Client.Offline", fmt.Sprintf("%s is to be read from the Hub", j.repo),
			"leave out {hub.Client.Offline}")
	}
	all, err := j.fetchListing(ctx, orDefault(j.Tries, defaultTries))
	if err != nil {
		return nil, err
	}
	l, chosen, err := j.chosen(all, patterns)
	if err != nil {
		return nil, err
	}
	t := &transfer{job: j}
	var files []*RemoteFile
	for _, f := range chosen.files {
		s := &source{j: j, commit: l.commit, f: f}
		if f.size < 0 {
			if f, err = t.learn(ctx, s); err != nil {
				return nil, err
			}
		}
		files = append(files, &RemoteFile{f.path, l.commit, s, f.size, ctx})
	}
	return files, nil
}

// Size is the length of the file in bytes.
func (f *RemoteFile) Size() int64 { return f.size }

// ReadAt fetches a part of the file.
func (f *RemoteFile) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 || off >= f.size || len(p) == 0 {
		if len(p) == 0 {
			return 0, nil
		}
		return 0, io.EOF
	}
	want := p[:min(int64(len(p)), f.size-off)]
	j := f.source.j
	err = j.retry(f.ctx, orDefault(j.Tries, defaultTries), func() (bool, error) {
		before := n
		got, err := f.try(want[n:], off+int64(n))
		n += got
		return n-before >= min(goodWay, len(want)/2), err
	})
	if err != nil {
		return n, fmt.Errorf("%s of %s: %w", f.Path, j.repo, err)
	}
	if len(want) < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// try asks once for the bytes of p.
func (f *RemoteFile) try(p []byte, off int64) (int, error) {
	j := f.source.j
	known, address, _, err := f.source.located(f.ctx)
	if err != nil {
		return 0, err
	}
	last := off + int64(len(p)) - 1
	r, err := j.send(f.ctx, request{method: http.MethodGet, url: address, header: map[string]string{
		"Range": fmt.Sprintf("bytes=%d-%d", off, last)}})
	if err != nil {
		return 0, err
	}
	defer r.Body.Close()
	want := fmt.Sprintf("bytes %d-%d/%d", off, last, f.size)
	switch got := r.Header.Get("Content-Range"); {
	case r.StatusCode == http.StatusOK && int64(len(p)) == f.size:
	case r.StatusCode == http.StatusOK:
		return 0, permanentError{fmt.Errorf("%s: fetch the file as a whole instead", errWhole)}
	case r.StatusCode != http.StatusPartialContent:
		err := j.statusError(r, f.Path)
		if err.expired {
			f.source.expired(address)
		}
		return 0, err
	case got != want:
		return 0, permanentError{fmt.Errorf("%s sends the range %q: want %q", address.Host, clip(got), want)}
	}
	if err := f.source.confirm(r, known); err != nil {
		return 0, err
	}
	n, err := io.ReadFull(r.Body, p)
	if err != nil && !errors.Is(err, io.EOF) || n < len(p) {
		return n, r.broken(io.ErrUnexpectedEOF)
	}
	return n, nil
}
