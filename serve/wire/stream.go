package wire

import (
	"bytes"
	"encoding/json"
	"net/http"
	"time"
)

// Stream sends an answer piece by piece: server-sent events, or lines of JSON. A client that
// takes no data within the time limit is cut off.
type Stream struct {
	w     http.ResponseWriter
	out   *http.ResponseController
	limit time.Duration
	lines bool
	err   error
}

// writeLimit is how long a client may take nothing.
const writeLimit = 30 * time.Second

// NewEvents begins a stream of server-sent events.
func NewEvents(w http.ResponseWriter) *Stream { return newStream(w, "text/event-stream", false) }

// NewLines begins a stream of JSON objects, one a line.
func NewLines(w http.ResponseWriter) *Stream { return newStream(w, "application/x-ndjson", true) }

func newStream(w http.ResponseWriter, contentType string, lines bool) *Stream {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // proxies pass on each event at once
	w.WriteHeader(http.StatusOK)
	return &Stream{w: w, out: http.NewResponseController(w), limit: writeLimit, lines: lines}
}

// Send sends a value as JSON. An event has a name if name is not "".
func (s *Stream) Send(name string, v any) error {
	var b bytes.Buffer
	if name != "" {
		b.WriteString("event: " + name + "\n")
	}
	if !s.lines {
		b.WriteString("data: ")
	}
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	if !s.lines {
		b.WriteByte('\n')
	}
	return s.write(b.Bytes())
}

// Text sends an event that is no JSON, such as [DONE].
func (s *Stream) Text(data string) error { return s.write([]byte("data: " + data + "\n\n")) }

func (s *Stream) write(b []byte) error {
	if s.err != nil {
		return s.err
	}
	// Not every writer has deadlines, as in tests: then the server's own limit holds.
	_ = s.out.SetWriteDeadline(time.Now().Add(s.limit))
	_, err := s.w.Write(b)
	if err == nil {
		err = s.out.Flush()
	}
	if err != nil {
		s.err = Errorf(ClientLeft, "", "the client does not take the answer: %v", err)
	}
	return s.err
}

// Err is the first error of sending: the client has left or is too slow.
func (s *Stream) Err() error { return s.err }
