package alert

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"
)

// Webhook sends alerts, as JSON by POST, to an address. Its address may hold a secret, so it is in no
// log line.
type Webhook struct {
	o     WebhookOptions
	queue chan Alert
	stop  context.CancelFunc
	done  chan struct{}
}

// WebhookOptions say where alerts are sent. Zero values are defaults.
type WebhookOptions struct {
	URL      string
	Log      *slog.Logger  // nil: slog.Default
	Timeout  time.Duration // of one try; 0: 10 s
	Attempts int           // for one alert; 0: 5
	Pause    time.Duration // before the second try, doubled for each further one; 0: 1 s
}

// waiting is how many alerts may wait to be sent.
const waiting = 64

// NewWebhook begins to send. The caller closes it.
func NewWebhook(o WebhookOptions) (*Webhook, error) {
	if u, err := url.Parse(o.URL); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("the address for alerts is no http:// or https:// address")
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Attempts == 0 {
		o.Attempts = 5
	}
	if o.Pause == 0 {
		o.Pause = time.Second
	}
	ctx, stop := context.WithCancel(context.Background())
	w := &Webhook{o: o, queue: make(chan Alert, waiting), stop: stop, done: make(chan struct{})}
	go w.run(ctx)
	return w, nil
}

// Send sends an alert soon. It does not wait: if too many others do, the alert is only in the log.
func (w *Webhook) Send(a Alert) {
	select {
	case w.queue <- a:
	default:
		w.o.Log.Error("an alert was not sent: too many others wait", "rule", a.Rule)
	}
}

func (w *Webhook) run(ctx context.Context) {
	defer close(w.done)
	for {
		select {
		case a := <-w.queue:
			if err := w.send(ctx, a); err != nil {
				w.o.Log.Error("an alert was not sent", "rule", a.Rule, "error", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// send tries until the other side has taken the alert, or says that it never will.
func (w *Webhook) send(ctx context.Context, a Alert) error {
	body, err := json.Marshal(a)
	if err != nil {
		return err
	}
	pause := w.o.Pause
	for attempt := 1; ; attempt++ {
		again, err := w.post(ctx, body)
		if err == nil || !again || attempt == w.o.Attempts {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
		pause *= 2
	}
}

// post tries once. If it fails, again reports whether another try may succeed.
func (w *Webhook) post(ctx context.Context, body []byte) (again bool, err error) {
	ctx, stop := context.WithTimeout(ctx, w.o.Timeout)
	defer stop()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.o.URL, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	var hidden *url.Error
	if errors.As(err, &hidden) {
		return true, hidden.Err
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, 64<<10) // so that the connection can be used again
	if answer.StatusCode/100 == 2 {
		return false, nil
	}
	again = answer.StatusCode >= 500 || answer.StatusCode == http.StatusTooManyRequests ||
		answer.StatusCode == http.StatusRequestTimeout
	return again, fmt.Errorf("the answer was %s", answer.Status)
}

// Close gives up the alerts that were not sent yet.
func (w *Webhook) Close() {
	w.stop()
	<-w.done
}
