package sandbox

import "strings"

// tail keeps the last max bytes of what is written to it.
type tail struct {
	max  int
	kept []byte
}

// Write never fails.
func (t *tail) Write(b []byte) (int, error) {
	t.kept = append(t.kept, b[max(0, len(b)-t.max):]...)
	t.kept = t.kept[max(0, len(t.kept)-t.max):]
	return len(b), nil
}

// String is the tail as valid UTF-8.
func (t *tail) String() string { return strings.ToValidUTF8(string(t.kept), "\uFFFD") }

// head keeps the first max bytes of what is written to it.
type head struct {
	max  int
	kept []byte
}

// Write never fails.
func (h *head) Write(b []byte) (int, error) {
	h.kept = append(h.kept, b[:min(len(b), h.max-len(h.kept))]...)
	return len(b), nil
}

func (h *head) String() string { return string(h.kept) }
