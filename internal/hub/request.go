package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// maxRedirects is the largest number of redirects of a request.
const maxRedirects = 10

// NewTransport makes a transport for a number of connections at the same time. It speaks
// HTTP/1.1, as HTTP/2 would put all requests to a host onto one connection.
func NewTransport(connections int) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	return &http.Transport{
		Protocols: protocols, DialContext: dialer.DialContext, TLSHandshakeTimeout: 10 * time.Second,
		MaxIdleConnsPerHost: connections + 1, IdleConnTimeout: 90 * time.Second,
	}
}

var sharedHTTP = &http.Client{Transport: NewTransport(DefaultConnections)}

// request is a request whose redirects are followed.
type request struct {
	method string
	url    *url.URL
	header map[string]string
	stop   func(*http.Response) bool // reports whether a redirect is the answer; nil: none is
}

// response is an answer whose body fails when no byte comes for too long.
type response struct {
	*http.Response
	ctx    context.Context
	parent context.Context
}

// send sends a request and follows its redirects. The token goes to the endpoint's own
// host and nowhere else.
func (j *job) send(ctx context.Context, q request) (*response, error) {
	watched, cancel := context.WithCancelCause(ctx)
	stall := orDefault(j.Stall, defaultStall)
	timer := time.AfterFunc(stall, func() {
		cancel(fmt.Errorf("nothing came for %v", stall))
	})
	end := func() { timer.Stop(); cancel(nil) }
	resp, err := j.follow(watched, q)
	r := &response{resp, watched, ctx}
	if err != nil {
		defer end()
		return nil, r.failed(q.url, err)
	}
	resp.Body = &watchedBody{resp.Body, timer, stall, end}
	return r, nil
}

func (j *job) follow(ctx context.Context, q request) (*http.Response, error) {
	client := *sharedHTTP
	if j.HTTP != nil {
		client = *j.HTTP
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for u, hops := q.url, 0; ; hops++ {
		r, err := j.prepare(ctx, q, u)
		if err != nil {
			return nil, err
		}
		resp, err := client.Do(r)
		if err != nil {
			return nil, err
		}
		if !isRedirect(resp) || q.stop != nil && q.stop(resp) {
			return resp, nil
		}
		resp.Body.Close()
		if u, err = redirected(u, resp, hops); err != nil {
			return nil, err
		}
	}
}

func (j *job) prepare(ctx context.Context, q request, u *url.URL) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, q.method, u.String(), nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "trit")
	r.Header.Set("Accept-Encoding", "identity") // so sizes, ranges and tags are about the plain file
	for k, v := range q.header {
		r.Header.Set(k, v)
	}
	if j.Token != "" && j.isEndpoint(u) {
		r.Header.Set("Authorization", "Bearer "+j.Token)
	}
	return r, nil
}

// isEndpoint reports whether an address is on the endpoint's own host.
func (j *job) isEndpoint(u *url.URL) bool { return u.Scheme == j.base.Scheme && u.Host == j.base.Host }

func isRedirect(r *http.Response) bool {
	switch r.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// permanentError is a wrong answer: another try would get the same.
type permanentError struct{ error }

func redirected(from *url.URL, r *http.Response, hops int) (*url.URL, error) {
	if hops >= maxRedirects {
		return nil, permanentError{fmt.Errorf("%s was the last of %d redirects", from.Host, hops)}
	}
	to, err := from.Parse(r.Header.Get("Location"))
	if err != nil || r.Header.Get("Location") == "" || to.Host == "" || to.Scheme != "https" && to.Scheme != "http" {
		return nil, permanentError{fmt.Errorf("%s redirects to no address", from.Host)}
	}
	return to, nil
}

// failed is the error of a request without an answer. It names the host alone: the address of
// a file at a CDN is a key to the file.
func (r *response) failed(u *url.URL, err error) error {
	if r.parent.Err() != nil {
		return context.Cause(r.parent)
	}
	var permanent permanentError
	if errors.As(err, &permanent) {
		return permanent.error
	}
	if cause := context.Cause(r.ctx); cause != nil {
		err = cause
	}
	var full *url.Error
	if errors.As(err, &full) {
		err = full.Err
	}
	return &UnreachableError{Host: u.Host, Err: err, broke: r.Response != nil}
}

// broken is the error of a body that ended too early.
func (r *response) broken(err error) error { return r.failed(r.Request.URL, err) }

// watchedBody restarts the timer that ends a request, each time that bytes come.
type watchedBody struct {
	io.ReadCloser
	timer *time.Timer
	stall time.Duration
	end   func()
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.timer.Reset(b.stall)
	}
	return n, err
}

func (b *watchedBody) Close() error {
	err := b.ReadCloser.Close()
	b.end()
	return err
}
