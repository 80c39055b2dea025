package openai

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"trit/internal/jsonfile"
	"trit/setting"
)

const (
	maxAnswer = 64 << 20 // bytes
	maxShown  = 300      // bytes of a server's text that errors show
	firstWait = time.Second
	maxWait   = 10 * time.Minute // that a server may ask for
)

// StatusError is the error of a request that the server refused, or answered with something that
// is no completion (Status 0).
type StatusError struct {
	Status int           // of HTTP
	Wait   time.Duration // time that the server asks to wait; 0: none
	text   string
}

// Error explains the refusal.
func (e *StatusError) Error() string { return e.text }

// temporary reports whether the same request may succeed later.
func (e *StatusError) temporary() bool {
	return e.Status == http.StatusTooManyRequests || e.Status == http.StatusRequestTimeout ||
		e.Status >= 500 && e.Status != http.StatusNotImplemented
}

// call is one request: where it goes, what it sends, and what a server that refuses it may lack.
type call struct {
	path   string // below Server.URL
	body   []byte
	answer any    // what the answer is decoded into
	wanted string // what the answer should be, such as "completion"
	needs  string // what the request needs of the server
}

// complete sends a request and returns the choices in the order of the prompts.
func (c *Client) complete(ctx context.Context, q *query) ([]choice, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	needs := "prompts are token ids, and must fit into its context with the answer"
	if q.Echo {
		needs = "scores need a server that takes token ids as prompts, \"echo\" and \"logprobs\", " +
			"and a context that is long enough"
	}
	a := &answer{}
	r := call{"/completions", body, a, "completion", needs}
	if err := c.send(ctx, &r); err != nil {
		return nil, err
	}
	choices, err := a.inOrder(q)
	if err != nil {
		err = fmt.Errorf("%s: %w", c.URL, err)
	}
	return choices, err
}

// send sends a request and decodes the answer. It sends the request again, up to Tries times, while
// the server defers it or the connection fails.
func (s *Server) send(ctx context.Context, r *call) error {
	wait := firstWait
	for try := 1; ; try++ {
		err := s.post(ctx, r)
		if err == nil {
			return nil
		}
		status := new(StatusError)
		refused := errors.As(err, &status)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if refused && !status.temporary() || status.Wait > maxWait {
			return err
		}
		if try == positiveOr(s.Tries, DefaultTries) {
			return fmt.Errorf("%w (%d tries)", err, try)
		}
		if err := s.sleep(ctx, max(wait, status.Wait)); err != nil {
			return err
		}
		wait *= 2
	}
}

func (s *Server) sleep(ctx context.Context, d time.Duration) error {
	if s.Sleep != nil {
		return s.Sleep(ctx, d)
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// post sends a request once. An error that is no *StatusError means that the connection failed
// or the answer was cut short.
func (s *Server) post(ctx context.Context, r *call) error {
	ctx, cancel := context.WithTimeout(ctx, positiveOr(s.Timeout, DefaultTimeout))
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+r.path, bytes.NewReader(r.body))
	if err != nil {
		return err
	}
	q.Header.Set("Content-Type", "application/json")
	if s.Key != "" {
		q.Header.Set("Authorization", "Bearer "+s.Key)
	}
	got, err := s.client().Do(q)
	if errors.Is(err, context.DeadlineExceeded) {
		problem := fmt.Sprintf("%s: no answer within %v; {openai.Server.Timeout} allows more",
			s.URL, positiveOr(s.Timeout, DefaultTimeout))
		return setting.Needs("openai.Server.Timeout", problem, "")
	}
	if err != nil {
		return err
	}
	defer got.Body.Close()
	b, err := io.ReadAll(io.LimitReader(got.Body, maxAnswer+1))
	if err != nil {
		return fmt.Errorf("%s: the answer broke off: %w", s.URL, err)
	}
	if got.StatusCode != http.StatusOK {
		return s.refused(got, b, r)
	}
	if len(b) > maxAnswer {
		return &StatusError{text: fmt.Sprintf("%s: the answer has more than %d MiB", s.URL, maxAnswer>>20)}
	}
	if err := jsonfile.Decode(b, r.answer); err != nil {
		text := fmt.Sprintf("%s: the answer is no %s (%v): %s", s.URL, r.wanted, err, shown(b))
		return &StatusError{text: text}
	}
	return nil
}

// client is the HTTP client. It follows no redirects, which would change the request and might
// send the key elsewhere.
func (s *Server) client() *http.Client {
	h := http.Client{}
	if s.HTTP != nil {
		h = *s.HTTP
	}
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &h
}

// refused is the error of an answer whose status is not 200.
func (s *Server) refused(got *http.Response, body []byte, r *call) error {
	e := &StatusError{Status: got.StatusCode, Wait: retryAfter(got.Header.Get("Retry-After"), time.Now())}
	e.text = fmt.Sprintf("%s%s answers %d: %s", s.URL, r.path, e.Status, shown(body))
	switch {
	case e.Status >= 300 && e.Status < 400:
		e.text = fmt.Sprintf("%s%s redirects to %q: name that address instead", s.URL, r.path, got.Header.Get("Location"))
	case e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden:
		e.text += "; it wants a key that may use it"
	case e.Status == http.StatusNotFound:
		e.text += fmt.Sprintf("; want an address that ends in /v1, and a model that the server has, not %q", s.Model)
	case e.Wait > maxWait:
		e.text += fmt.Sprintf("; it asks to wait %v", e.Wait.Round(time.Second))
	case !e.temporary():
		e.text += "; " + r.needs
	}
	return e
}

// retryAfter is the time to wait by a Retry-After header, which holds seconds or a date.
func retryAfter(s string, now time.Time) time.Duration {
	if n, err := strconv.ParseFloat(s, 64); err == nil && n >= 0 && n < 1e9 {
		return time.Duration(n * float64(time.Second))
	}
	if at, err := http.ParseTime(s); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// shown is the text of a server for an error: quoted, in one line and shortened. If the server
// sent an error in OpenAI's form, it is the message alone.
func shown(b []byte) string {
	var e struct {
		Error   struct{ Message string }
		Message string
	}
	text := string(b)
	if json.Unmarshal(b, &e) == nil && e.Error.Message+e.Message != "" {
		text = e.Error.Message + e.Message
	}
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " ")
	if len(text) > maxShown {
		text = strings.ToValidUTF8(text[:maxShown], "") + "..."
	}
	return strconv.Quote(text)
}
