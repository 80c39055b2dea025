package guard

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"
)

// Audit writes a line of JSON for each request: who, what, how much, how it ended. It holds no
// text of a request or an answer, and clients under a hash.
type Audit struct {
	mu   sync.Mutex
	w    io.Writer
	salt []byte
	fail func(error)
}

// NewAudit makes a log on w. The salt makes the hashes of clients; with the same salt, a client has
// the same hash after a restart. Without one, it is by chance. fail gets errors of w.
func NewAudit(w io.Writer, salt []byte, fail func(error)) *Audit {
	if len(salt) == 0 {
		salt = make([]byte, sha256.Size)
		rand.Read(salt) //nolint:errcheck // never fails: it ends the program instead
	}
	return &Audit{w: w, salt: salt, fail: fail}
}

// entry is a line of the log.
type entry struct {
	Time         time.Time `json:"time"`
	Client       string    `json:"client"` // hash of the key's name, or of the address
	Method       string    `json:"method"`
	Path         string    `json:"path"`
	Model        string    `json:"model,omitempty"`
	Status       int       `json:"status"`
	Code         string    `json:"code,omitempty"` // of an error
	Finish       string    `json:"finish,omitempty"`
	PromptTokens int       `json:"prompt_tokens,omitempty"`
	AnswerTokens int       `json:"answer_tokens,omitempty"`
	BytesIn      int64     `json:"bytes_in"`
	BytesOut     int64     `json:"bytes_out"`
	Seconds      float64   `json:"seconds"`
}

// hash is the hash of a client.
func (a *Audit) hash(client string) string {
	h := hmac.New(sha256.New, a.salt)
	io.WriteString(h, client) //nolint:errcheck // a hash takes everything
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func (a *Audit) write(e entry) {
	b, err := json.Marshal(e)
	if err == nil {
		a.mu.Lock()
		_, err = a.w.Write(append(b, '\n'))
		a.mu.Unlock()
	}
	if err != nil {
		a.fail(err)
	}
}

// log writes the line of a visit.
func (v *visit) log(out *recorder) {
	a := v.g.o.Audit
	if a == nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	a.write(entry{
		Time: v.start.UTC(), Client: a.hash(v.client), Method: v.r.Method, Path: v.r.URL.Path, Model: v.model,
		Status: out.status(), Code: string(v.code), Finish: string(v.finish), PromptTokens: v.prompt, AnswerTokens: v.answer,
		BytesIn: max(0, v.r.ContentLength), BytesOut: out.bytes, Seconds: v.g.o.Now().Sub(v.start).Seconds(),
	})
}

// recorder notes status and size of an answer.
type recorder struct {
	http.ResponseWriter
	code  int
	bytes int64
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	if r.code == 0 {
		r.code = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(b []byte) (int, error) {
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController find the writer's flushing and deadlines.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) status() int {
	if r.code == 0 {
		return http.StatusOK
	}
	return r.code
}
