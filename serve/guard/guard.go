package guard

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"trit/serve/answer"
	"trit/serve/wire"
)

// Options say what a guard looks at. Everything is optional.
type Options struct {
	Keys *Keys // nil: everybody may ask, and each address counts as a client
	// Anyone are the limits of clients without a key, if there are no keys.
	Anyone Key
	Filter *Filter
	Audit  *Audit
	// Public reports whether a request needs no key, such as one for a page.
	Public func(*http.Request) bool
	// Admin reports whether a request is one to run the server, for keys that may alone.
	Admin func(*http.Request) bool
	Now   func() time.Time // nil: time.Now
}

// Guard lets requests through, or not.
type Guard struct {
	o Options

	mu      sync.Mutex
	clients map[string]*client // by the name of a key, or by address
	swept   time.Time
}

// New makes a guard.
func New(o Options) *Guard {
	nothing := func(*http.Request) bool { return false }
	if o.Public == nil {
		o.Public = nothing
	}
	if o.Admin == nil {
		o.Admin = nothing
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Guard{o: o, clients: map[string]*client{}}
}

// Wrap puts the guard before a handler. fail answers a request that it does not let through.
func (g *Guard) Wrap(next http.Handler, fail func(http.ResponseWriter, *http.Request, *wire.Error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.o.Public(r) {
			next.ServeHTTP(w, r)
			return
		}
		v := &visit{g: g, r: r, start: g.o.Now(), client: address(r)}
		out := &recorder{ResponseWriter: w}
		defer func() { v.log(out) }()
		key, e := v.identify()
		if e == nil && g.o.Admin(r) && !key.Admin {
			e = wire.Errorf(wire.NotAllowed, "", "only a key that may run the server can do this")
		}
		if e == nil {
			e = v.enter(key)
		}
		if e != nil {
			v.code = e.Code
			if e.Code == wire.InvalidKey {
				w.Header().Set("WWW-Authenticate", v.challenge())
			}
			fail(out, r, e)
			return
		}
		defer v.leave()
		next.ServeHTTP(out, r.WithContext(v.context(key)))
	})
}

// visit is a request on its way through the guard.
type visit struct {
	g      *Guard
	r      *http.Request
	start  time.Time
	client string // name of the key, or the address
	state  *client
	code   wire.Code // of the error, "" for none

	mu      sync.Mutex // guards what follows, which several answers of a request add to
	model   string
	prompt  int // tokens
	answer  int
	finish  answer.Finish
	failure error
}

// address is the address of a client without its port.
func address(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return r.RemoteAddr
}

// identify finds the key of a request.
func (v *visit) identify() (*Key, *wire.Error) {
	if v.g.o.Keys == nil {
		return &v.g.o.Anyone, nil
	}
	text := v.r.Header.Get("X-Api-Key") // of Anthropic's clients
	if bearer, ok := strings.CutPrefix(v.r.Header.Get("Authorization"), "Bearer "); ok {
		text = bearer
	}
	if _, password, ok := v.r.BasicAuth(); ok { // of a browser, which asks for it
		text = password
	}
	if text == "" {
		return nil, wire.Errorf(wire.InvalidKey, "", "a key is missing: send it as Authorization: Bearer KEY")
	}
	key := v.g.o.Keys.find(text, v.start)
	if key == nil {
		return nil, wire.Errorf(wire.InvalidKey, "", "the key is not known")
	}
	v.client = key.Name
	if key.expired(v.start) {
		return nil, wire.Errorf(wire.InvalidKey, "", "the key ended with %s", key.Until)
	}
	return key, nil
}

// challenge says how a key may be sent: a browser that opens a page asks its user for a password.
func (v *visit) challenge() string {
	if strings.Contains(v.r.Header.Get("Accept"), "text/html") {
		return `Basic realm="trit: any name, and the key as the password"`
	}
	return "Bearer"
}

// enter counts the request, if the limits of its key allow it.
func (v *visit) enter(key *Key) *wire.Error {
	v.state = v.g.clientOf(v.client, v.start)
	c := v.state
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = v.start
	limited := func(wait time.Duration, text string, limit int) *wire.Error {
		e := wire.Errorf(wire.RateLimit, "", text, limit)
		e.RetryAfter = wait
		return e
	}
	if wait := c.requests.wait(v.start, 1, key.RequestsPerMinute); wait > 0 {
		return limited(wait, "the key may send %d requests a minute", key.RequestsPerMinute)
	}
	if wait := c.tokens.wait(v.start, 1, key.TokensPerMinute); wait > 0 {
		return limited(wait, "the key may use %d tokens a minute", key.TokensPerMinute)
	}
	if key.Concurrent > 0 && c.running >= key.Concurrent {
		return limited(time.Second, "the key may have %d requests at a time", key.Concurrent)
	}
	c.requests.add(v.start, 1)
	c.running++
	return nil
}

func (v *visit) leave() {
	v.state.mu.Lock()
	defer v.state.mu.Unlock()
	v.state.running--
}

// clientOf is the state of a client. Those that have asked for nothing for a while are forgotten.
func (g *Guard) clientOf(name string, now time.Time) *client {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now.Sub(g.swept) > minute {
		g.swept = now
		for name, c := range g.clients {
			c.mu.Lock()
			if c.running == 0 && now.Sub(c.last) > 2*minute {
				delete(g.clients, name)
			}
			c.mu.Unlock()
		}
	}
	c := g.clients[name]
	if c == nil {
		c = &client{last: now}
		g.clients[name] = c
	}
	return c
}

type keyKey struct{}

// context is the context of the request: with its key, and with the guard as a watcher.
func (v *visit) context(key *Key) context.Context {
	ctx := context.WithValue(v.r.Context(), keyKey{}, key)
	if v.g.o.Filter != nil {
		ctx = answer.WithFilter(ctx, v.g.o.Filter)
	}
	return answer.WithWatcher(ctx, v)
}

// Began implements answer.Watcher.
func (v *visit) Began(model string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.model = model
}

// FirstToken implements answer.Watcher.
func (v *visit) FirstToken(time.Duration) {}

// Ended implements answer.Watcher.
func (v *visit) Ended(r *answer.Result, err error) {
	v.mu.Lock()
	v.prompt += r.PromptTokens
	v.answer += len(r.Tokens)
	v.finish, v.failure = r.Finish, err
	v.mu.Unlock()
	v.state.mu.Lock()
	defer v.state.mu.Unlock()
	v.state.tokens.add(v.g.o.Now(), r.PromptTokens+len(r.Tokens))
}

// Models are models of which each client gets those that its key allows.
func Models(all answer.Models) answer.Models { return allowed{all} }

type allowed struct{ answer.Models }

// Loaded returns the names of the models that are loaded.
func (a allowed) Loaded() []string { return answer.Loaded(a.Models) }

// ListFor lists the models that the key of a request allows.
func (a allowed) ListFor(ctx context.Context) []answer.Info {
	list := answer.ListFor(ctx, a.Models)
	key, _ := ctx.Value(keyKey{}).(*Key)
	if key == nil || len(key.Models) == 0 {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(i answer.Info) bool { return !slices.Contains(key.Models, i.ID) })
}

// Open implements answer.Models.
func (a allowed) Open(ctx context.Context, id string) (*answer.Model, func(), error) {
	key, _ := ctx.Value(keyKey{}).(*Key)
	if key != nil && len(key.Models) > 0 {
		if id == "" {
			id = key.Models[0]
		}
		if !slices.Contains(key.Models, id) {
			return nil, nil, wire.Errorf(wire.NotAllowed, "model", "the key may use %s, not %s",
				strings.Join(key.Models, ", "), id)
		}
	}
	return a.Models.Open(ctx, id)
}
