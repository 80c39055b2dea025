package hub

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"time"
)

// Waits between tries.
const (
	firstWait = time.Second
	longWait  = 30 * time.Second // the longest wait of our own
	maxWait   = 5 * time.Minute  // the longest wait that a server may ask for; more is an error at once
)

// retry calls attempt until it succeeds, fails with an error that is not temporary, or fails
// tries times in a row. An attempt that made good progress (forward) begins a new row.
func (c *Client) retry(ctx context.Context, tries int, attempt func() (forward bool, err error)) error {
	for failed := 0; ; {
		forward, err := attempt()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if forward {
			failed = 0
		}
		failed++
		wait, again := temporary(err)
		if !again {
			return err
		}
		if failed >= tries {
			return fmt.Errorf("%w (tried %d times)", err, failed)
		}
		if err := c.sleep(ctx, max(wait, backoff(failed))); err != nil {
			return err
		}
	}
}

// temporary reports whether another try may help, and the time that the server wants us to wait
// before it.
func temporary(err error) (time.Duration, bool) {
	var status *StatusError
	if errors.As(err, &status) {
		again := status.Status == http.StatusRequestTimeout || status.Status == http.StatusTooManyRequests ||
			status.Status >= 500 || status.expired
		return status.Wait, again && status.Wait <= maxWait
	}
	var unreachable *UnreachableError
	var certificate *tls.CertificateVerificationError
	var name *net.DNSError
	lasting := errors.As(err, &certificate) || errors.As(err, &name) && name.IsNotFound
	return 0, errors.As(err, &unreachable) && !lasting
}

// backoff returns the wait after a number of failures. It doubles with each, and varies at
// random by a quarter, so that many clients do not come back at once.
func backoff(failed int) time.Duration {
	d := min(firstWait<<min(failed-1, 10), longWait)
	return time.Duration(float64(d) * (0.75 + 0.5*rand.Float64()))
}

func (c *Client) sleep(ctx context.Context, d time.Duration) error {
	if c.Sleep != nil {
		return c.Sleep(ctx, d)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// resetIn finds the seconds until the limit ends in a header RateLimit: "api";r=0;t=55.
var resetIn = regexp.MustCompile(`r=0\s*;\s*t=(\d{1,9})`)

// askedWait returns the time that the server wants the client to wait, 0 if it does not say.
func askedWait(h http.Header, now time.Time) time.Duration {
	after := h.Get("Retry-After")
	if s, err := strconv.ParseUint(after, 10, 31); err == nil {
		return time.Duration(s) * time.Second
	}
	if t, err := http.ParseTime(after); err == nil {
		return max(t.Sub(now), 0)
	}
	if m := resetIn.FindStringSubmatch(h.Get("RateLimit")); m != nil {
		s, _ := strconv.Atoi(m[1]) // nine digits at most
		return time.Duration(s) * time.Second
	}
	return 0
}
