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

// complete sends a request and returns the choices in the order of the prompts. It sends the
// request again, up to Tries times, while the server defers it or the connection fails.
func (c *Client) complete(ctx context.Context, q *query) ([]choice, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	wait := firstWait
	for try := 1; ; try++ {
		a, err := c.post(ctx, body, q.Echo)
		if err == nil {
			choices, err := a.inOrder(q)
			if err != nil {
				err = fmt.Errorf("%s: %w", c.URL, err)
			}
			return choices, err
		}
		status := new(StatusError)
		refused := errors.As(err, &status)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if refused && !status.temporary() || status.Wait > maxWait {
			return nil, err
		}
		if try == positiveOr(c.Tries, DefaultTries) {
			return nil, fmt.Errorf("%w (%d tries)", err, try)
		}
		if err := c.sleep(ctx, max(wait, status.Wait)); err != nil {
			return nil, err
		}
		wait *= 2
	}
}

func (c *Client) sleep(ctx context.Context, d time.Duration) error {
	if c.Sleep != nil {
		return c.Sleep(ctx, d)
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
func (c *Client) post(ctx context.Context, body []byte, scores bool) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, positiveOr(c.Timeout, DefaultTimeout))
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL+"/completions", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	if c.Key != "" {
		r.Header.Set("Authorization", "Bearer "+c.Key)
	}
	got, err := c.client().Do(r)
	if errors.Is(err, context.DeadlineExceeded) {
		problem := fmt.Sprintf("%s: no answer within %v; {openai.Client.Timeout} allows more",
			c.URL, positiveOr(c.Timeout, DefaultTimeout))
		return nil, setting.Needs("openai.Client.Timeout", problem, "")
	}
	if err != nil {
		return nil, err
	}
	defer got.Body.Close()
	b, err := io.ReadAll(io.LimitReader(got.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("%s: the answer broke off: %w", c.URL, err)
	}
	if got.StatusCode != http.StatusOK {
		return nil, c.refused(got, b, scores)
	}
	a := &answer{}
	if len(b) > maxAnswer {
		return nil, &StatusError{text: fmt.Sprintf("%s: the answer has more than %d MiB", c.URL, maxAnswer>>20)}
	}
	if err := jsonfile.Decode(b, a); err != nil {
		text := fmt.Sprintf("%s: the answer is no completion (%v): %s", c.URL, err, shown(b))
		return nil, &StatusError{text: text}
	}
	return a, nil
}

// client is the HTTP client. It follows no redirects, which would change the request and might
// send the key elsewhere.
func (c *Client) client() *http.Client {
	h := http.Client{}
	if c.HTTP != nil {
		h = *c.HTTP
	}
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &h
}

// refused is the error of an answer whose status is not 200. scores reports whether the request
// asked for scores.
func (c *Client) refused(r *http.Response, body []byte, scores bool) error {
	e := &StatusError{Status: r.StatusCode, Wait: retryAfter(r.Header.Get("Retry-After"), time.Now())}
	e.text = fmt.Sprintf("%s/completions answers %d: %s", c.URL, e.Status, shown(body))
	switch {
	case e.Status >= 300 && e.Status < 400:
		e.text = fmt.Sprintf("%s/completions redirects to %q: name that address instead", c.URL, r.Header.Get("Location"))
	case e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden:
		e.text += "; it wants a key that may use it"
	case e.Status == http.StatusNotFound:
		e.text += fmt.Sprintf("; want an address that ends in /v1, and a model that the server has, not %q", c.Model)
	case e.Wait > maxWait:
		e.text += fmt.Sprintf("; it asks to wait %v", e.Wait.Round(time.Second))
	case !e.temporary() && scores:
		e.text += "; scores need a server that takes token ids as prompts, \"echo\" and \"logprobs\", " +
			"and a context that is long enough"
	case !e.temporary():
		e.text += "; prompts are token ids, and must fit into its context with the answer"
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
