package hub

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
)

// source knows the address of a file's bytes. An address at a CDN expires after a while; then
// the Hub is asked for another.
type source struct {
	j      *job
	commit string
	mu     sync.Mutex
	f      file
	url    *url.URL
	tag    string // strong entity tag that the address gave, for If-Range
}

// located returns the file with the hash and the size that the Hub says, and its address. It asks
// the Hub unless the address is known. HEAD /ID/resolve/COMMIT/PATH.
func (s *source) located(ctx context.Context) (file, *url.URL, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.url != nil {
		return s.f, s.url, s.tag, nil
	}
	err := s.locate(ctx)
	return s.f, s.url, s.tag, err
}

// tagged keeps the entity tag of an address. A weak tag is ignored: it does not identify
// bytes.
func (s *source) tagged(u *url.URL, tag string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.url == u && strings.HasPrefix(tag, `"`) {
		s.tag = tag
	}
}

// expired forgets an address.
func (s *source) expired(u *url.URL) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.url == u {
		s.url, s.tag = nil, ""
	}
}

func (s *source) address() *url.URL {
	u := s.j.base
	if s.j.repo.Kind == Dataset {
		u = u.JoinPath("datasets")
	}
	// JoinPath would take a path as escaped already.
	parts := strings.Split(s.f.path, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return u.JoinPath(append([]string{s.j.repo.ID, "resolve", s.commit}, parts...)...)
}

// leadsToCDN reports whether an answer redirects to a CDN. Such an answer has the file's hash in a
// header, and the file's bytes are at the address that it names. A redirect within the Hub or to
// another Hub has no hash.
func (s *source) leadsToCDN(r *http.Response) bool {
	to, err := r.Location()
	return err == nil && to.Host != r.Request.URL.Host && r.Header.Get("X-Linked-Etag") != ""
}

func (s *source) locate(ctx context.Context) error {
	r, err := s.j.send(ctx, request{method: http.MethodHead, url: s.address(), stop: s.leadsToCDN})
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK && !isRedirect(r.Response) {
		return s.j.statusError(r, s.f.path)
	}
	at := r.Request.URL
	if isRedirect(r.Response) {
		if at, err = r.Location(); err != nil {
			return err
		}
	}
	if err := s.learn(r); err != nil {
		return &ListingError{s.j.repo.String(), fmt.Sprintf("and %s do not agree on %s: %v", r.Request.URL.Host, s.f.path,
			err)}
	}
	s.url, s.tag = at, ""
	return nil
}

// learn reads commit, hash and size from the headers.
func (s *source) learn(r *response) error {
	h, f := r.Header, s.f
	hash, err := s.statedHash(r)
	if err != nil {
		return err
	}
	size := h.Get("X-Linked-Size")
	if size == "" && !isRedirect(r.Response) {
		size = h.Get("Content-Length")
	}
	if err := f.agree(hash, size); err != nil {
		return err
	}
	s.f = f
	return nil
}

// statedHash is the hash in the headers, "" if there is none, of the right commit. The plain entity tag is a hash only
// in an answer of the Hub itself, which names a commit.
func (s *source) statedHash(r *response) (string, error) {
	h := r.Header
	if c := h.Get("X-Repo-Commit"); c != "" && c != s.commit {
		return "", fmt.Errorf("it has the commit %q, not %s", clip(c), s.commit)
	}
	hash := hashName(h.Get("X-Linked-Etag"))
	if hash == "" && h.Get("X-Repo-Commit") != "" && !isRedirect(r.Response) {
		hash = hashName(h.Get("ETag"))
	}
	return hash, nil
}

// confirm refuses a part of a file that is not of the hash that is known.
func (s *source) confirm(r *response, f file) error {
	hash, err := s.statedHash(r)
	if err == nil {
		err = f.agree(hash, "")
	}
	if err != nil {
		return permanentError{fmt.Errorf("%s sends another file than %s: %w", r.Request.URL.Host, f.path, err)}
	}
	return nil
}

// agree sets hash and size if the list did not say them, and compares them otherwise.
func (f *file) agree(hash, size string) error {
	if f.hash == "" {
		f.hash = hash
	}
	if !validHash(f.hash) || hash != "" && hash != f.hash {
		return fmt.Errorf("it has the hash %q, the list %q", clip(hash), f.hash)
	}
	n, err := strconv.ParseInt(size, 10, 64)
	if err != nil {
		n = -1
	}
	if f.size < 0 {
		f.size = n
	}
	if f.size < 0 || f.size > maxFile || n >= 0 && n != f.size {
		return fmt.Errorf("it has %q bytes, the list %d: at most %d are possible", clip(size), f.size, int64(maxFile))
	}
	return nil
}
