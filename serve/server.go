// Package serve is a server of models over HTTP: the APIs and a page to chat, with limits, keys and
// logs around them.
package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/net/netutil"

	"trit/serve/answer"
	"trit/serve/anthropic"
	"trit/serve/ollama"
	"trit/serve/openai"
	"trit/serve/page"
	"trit/serve/wire"
)

// Options say what a server does. The zero value of a limit is its default.
type Options struct {
	Models answer.Models
	Log    *slog.Logger // nil: slog.Default
	// Layers are put around the APIs, the first one outermost: keys, limits, metrics.
	Layers []Layer
	// Handlers are more addresses, by their patterns for http.ServeMux.
	Handlers map[string]http.Handler
	// Hosts are the names by which clients may reach the server; empty: any. A server that only
	// this machine can reach must name its own: the page of a stranger could give itself a name that
	// leads here.
	Hosts []string
	// Origins are web pages, such as https://example.org, whose scripts may use the server; "*"
	// allows all.
	Origins []string
	TLS     *tls.Config

	MaxBody     int64         // bytes of a request's body
	BodyTime    time.Duration // to send a body in
	AnswerTime  time.Duration // to give an answer in
	DrainTime   time.Duration // for the answers that are being written when the server ends
	Connections int           // at a time
}

// Layer puts something around handlers. fail answers with an error in the shape of the API that a
// request is for.
type Layer func(next http.Handler, fail Fail) http.Handler

// Fail answers a request with an error.
type Fail func(http.ResponseWriter, *http.Request, *wire.Error)

// Defaults of Options.
const (
	DefaultMaxBody     = 8 << 20
	DefaultBodyTime    = time.Minute
	DefaultAnswerTime  = 10 * time.Minute
	DefaultDrainTime   = 30 * time.Second
	DefaultConnections = 1024
)

// Server serves models.
type Server struct {
	o       Options
	mux     *http.ServeMux
	handler http.Handler
	ready   atomic.Bool
}

// New makes a server.
func New(o Options) *Server {
	o.setDefaults()
	mux := http.NewServeMux()
	s := &Server{o: o, mux: mux}
	s.ready.Store(true)
	for _, handlers := range []map[string]http.Handler{
		openai.New(o.Models, openai.Options{Log: o.Log}),
		anthropic.New(o.Models, anthropic.Options{Log: o.Log}),
		ollama.New(o.Models, ollama.Options{Log: o.Log}),
		page.New(),
		o.Handlers,
	} {
		for pattern, h := range handlers {
			mux.Handle(pattern, h)
		}
	}
	mux.HandleFunc("GET /health", s.health)
	mux.HandleFunc("GET /health/live", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("GET /health/ready", s.health)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { unknownAddress(mux, w, r) })
	s.handler = s.limits(mux)
	for _, layer := range slices.Backward(o.Layers) {
		s.handler = layer(s.handler, fail)
	}
	s.handler = s.guard(s.crossOrigin(s.handler))
	return s
}

func (o *Options) setDefaults() {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.MaxBody == 0 {
		o.MaxBody = DefaultMaxBody
	}
	for _, t := range []struct{ value, standard *time.Duration }{
		{&o.BodyTime, new(DefaultBodyTime)}, {&o.AnswerTime, new(DefaultAnswerTime)}, {&o.DrainTime, new(DefaultDrainTime)},
	} {
		if *t.value == 0 {
			*t.value = *t.standard
		}
	}
	if o.Connections == 0 {
		o.Connections = DefaultConnections
	}
}

// Pattern is the pattern of http.ServeMux of the address that a request is for; "/" for none.
func (s *Server) Pattern(r *http.Request) string {
	_, pattern := s.mux.Handler(r)
	return pattern
}

// Handler is the whole server as a handler.
func (s *Server) Handler() http.Handler { return s.handler }

// Serve answers requests on a listener until ctx ends. Then it takes no more, lets the answers
// that are being written end for DrainTime, cuts off the rest, and returns nil.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	server := &http.Server{
		Handler: s.handler, ErrorLog: slog.NewLogLogger(s.o.Log.Handler(), slog.LevelDebug), TLSConfig: s.o.TLS,
		ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeaderBytes,
		BaseContext: func(net.Listener) context.Context { return life },
	}
	l = netutil.LimitListener(l, s.o.Connections)
	ended := make(chan error, 1)
	go func() {
		if s.o.TLS != nil {
			ended <- server.ServeTLS(l, "", "")
		} else {
			ended <- server.Serve(l)
		}
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	return s.drain(server, end)
}

const (
	headerTime     = 10 * time.Second
	idleTime       = 2 * time.Minute
	maxHeaderBytes = 64 << 10
)

// drain ends the server.
func (s *Server) drain(server *http.Server, end func()) error {
	s.ready.Store(false)
	limit, stop := context.WithTimeout(context.Background(), s.o.DrainTime)
	defer stop()
	err := server.Shutdown(limit)
	if errors.Is(err, context.DeadlineExceeded) {
		end() // ends all answers
		s.o.Log.Warn("answers were cut off", "after", s.o.DrainTime)
		return server.Close()
	}
	return err
}

// health says whether the server takes requests.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	if !s.ready.Load() {
		wire.WriteJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "ending"})
		return
	}
	wire.WriteJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// unknownAddress answers where there is no handler, at least not of the request's method.
func unknownAddress(mux *http.ServeMux, w http.ResponseWriter, r *http.Request) {
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); pattern != "/" && method != r.Method {
			w.Header().Set("Allow", method)
			fail(w, r, wire.Errorf(wire.WrongMethod, "", "%s takes %s, not %s", r.URL.Path, method, r.Method))
			return
		}
	}
	fail(w, r, wire.Errorf(wire.NotFound, "", "there is no %s %s here", r.Method, r.URL.Path))
}

// fail answers in the shape of the API of an address.
func fail(w http.ResponseWriter, r *http.Request, e *wire.Error) {
	switch path := r.URL.Path; {
	case path == "/v1/messages", strings.HasPrefix(path, "/v1/messages/"):
		anthropic.WriteError(w, e)
	case strings.HasPrefix(path, "/api/"):
		ollama.WriteError(w, e)
	default:
		openai.WriteError(w, e)
	}
}

// limits bounds the body and the time of a request. A body that says that it is too large is refused
// before a client that asks first (Expect: 100-continue) sends it.
func (s *Server) limits(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		// Writers of tests have no deadlines; those of the server do.
		_ = c.SetReadDeadline(time.Now().Add(s.o.BodyTime))
		if r.ContentLength > s.o.MaxBody {
			w.Header().Set("Connection", "close")
			fail(w, r, wire.Errorf(wire.TooLarge, "", "the body has more than %d bytes", s.o.MaxBody))
			return
		}
		r.Body = &timedBody{http.MaxBytesReader(w, r.Body, s.o.MaxBody), c}
		ctx, stop := context.WithTimeout(r.Context(), s.o.AnswerTime)
		defer stop()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// timedBody takes the deadline away when the body is read: it is for the body alone.
type timedBody struct {
	body interface {
		Read([]byte) (int, error)
		Close() error
	}
	c *http.ResponseController
}

// Read implements io.Reader.
func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	if err == io.EOF {
		_ = b.c.SetReadDeadline(time.Time{})
	}
	return n, err
}

// Close implements io.Closer.
func (b *timedBody) Close() error { return b.body.Close() }

// guard keeps a fault in one request from ending the server, and sets headers that every answer
// has. A connection ends with a request in chunks: one that had a length beside them, which a proxy
// may have gone by, could be followed by bytes that only one of both takes for a request (RFC 9112,
// section 6.3).
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if len(r.TransferEncoding) > 0 {
			w.Header().Set("Connection", "close")
		}
		if len(s.o.Hosts) > 0 && !slices.Contains(s.o.Hosts, hostOf(r)) {
			fail(w, r, wire.Errorf(wire.NotAllowed, "", "this server is not %q", r.Host))
			return
		}
		defer func() {
			if x := recover(); x != nil && x != http.ErrAbortHandler {
				s.o.Log.Error("a request failed", "path", r.URL.Path, "panic", fmt.Sprint(x))
				fail(w, r, wire.Errorf(wire.Internal, "", "the server failed: its log says why"))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// hostOf is the name by which a client reaches the server, without a port.
func hostOf(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.Host); err == nil {
		return host
	}
	return r.Host
}

// crossOrigin lets the scripts of some web pages use the server. Those of others cannot: a browser
// sends Origin with what a script asks for, and such a request is refused.
func (s *Server) crossOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		if origin == "" || sameOrigin(origin, r) {
			next.ServeHTTP(w, r)
			return
		}
		if !slices.Contains(s.o.Origins, origin) && !slices.Contains(s.o.Origins, "*") {
			fail(w, r, wire.Errorf(wire.NotAllowed, "", "scripts of %s may not use this server", origin))
			return
		}
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", origin)
		h.Add("Vary", "Origin")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", "GET, POST, DELETE")
			h.Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
			h.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// sameOrigin reports whether a page of this server itself sends the request.
func sameOrigin(origin string, r *http.Request) bool {
	_, host, ok := strings.Cut(origin, "://")
	return ok && host == r.Host
}
