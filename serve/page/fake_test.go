//go:build conformance

package page

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// fake is a server whose model writes what the test says.
type fake struct {
	*httptest.Server
	models string // the list, as JSON

	mu      sync.Mutex
	answer  func(w http.ResponseWriter, r *http.Request)
	asked   []map[string]any // bodies of requests for an answer
	headers []http.Header
}

const chatModel = `{"id":"tiny-chat","chat":true}`

func newFake(t *testing.T) *fake {
	f := &fake{models: chatModel}
	mux := http.NewServeMux()
	for pattern, h := range New() {
		mux.Handle(pattern, h)
	}
	mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"object":"list","data":[%s]}`, f.models)
	})
	ask := func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		f.mu.Lock()
		f.asked = append(f.asked, body)
		f.headers = append(f.headers, r.Header)
		answer := f.answer
		f.mu.Unlock()
		answer(w, r)
	}
	mux.HandleFunc("POST /v1/chat/completions", ask)
	mux.HandleFunc("POST /v1/completions", ask)
	f.Server = httptest.NewServer(mux)
	t.Cleanup(f.Close)
	return f
}

// writes lets the model write parts of an answer, as chat completions are streamed.
func (f *fake) writes(parts ...string) {
	f.does(func(w http.ResponseWriter, r *http.Request) { stream(w, parts...) })
}

func (f *fake) does(answer func(w http.ResponseWriter, r *http.Request)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

// last is the last request for an answer.
func (f *fake) last() map[string]any {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked[len(f.asked)-1]
}

// stream sends an answer whole.
func stream(w http.ResponseWriter, parts ...string) {
	begin(w, parts...)
	send(w, map[string]any{"choices": []any{map[string]any{"delta": map[string]any{}, "finish_reason": "stop"}}})
	send(w, map[string]any{"choices": []any{}, "usage": map[string]any{"completion_tokens": 42}})
	fmt.Fprint(w, "data: [DONE]\n\n")
}

// begin sends parts of an answer. One that begins with "thought:" is a thought.
func begin(w http.ResponseWriter, parts ...string) {
	w.Header().Set("Content-Type", "text/event-stream")
	for _, p := range parts {
		delta := map[string]any{"content": p}
		if thought, ok := strings.CutPrefix(p, "thought:"); ok {
			delta = map[string]any{"reasoning_content": thought}
		}
		send(w, map[string]any{"choices": []any{map[string]any{"delta": delta, "text": p, "finish_reason": nil}}})
	}
}

func send(w http.ResponseWriter, event any) {
	b, err := json.Marshal(event)
	if err != nil {
		panic(err)
	}
	fmt.Fprintf(w, "data: %s\n\n", b)
	w.(http.Flusher).Flush()
}

// browser is a tab of a browser that shows the page of a server.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu     sync.Mutex
	asked  []string // addresses that the tab asked for
	events []string // dialogs, errors of scripts and other tabs: what must not be
}

// openPage opens the page of a server in a browser, if there is one.
func openPage(t *testing.T, f *fake, options ...chromedp.ExecAllocatorOption) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		t.Skip("no Chromium on this machine: the page is not tried in a browser")
	}
	options = append(append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.WindowSize(1200, 800)), options...)
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx}
	if err := chromedp.Listen(ctx, b.listen); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.Navigate(f.URL))
	b.await(`document.querySelector("#model")?.disabled === false || document.querySelector("#failure").hidden === false`)
	return b
}

func (b *browser) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.asked = append(b.asked, e.Request.URL)
	case *cdppage.EventJavascriptDialogOpening:
		b.events = append(b.events, "a dialog: "+e.Message)
	case *cdppage.EventWindowOpen:
		b.events = append(b.events, "a window: "+e.URL)
	case *runtime.EventExceptionThrown:
		b.events = append(b.events, "an error: "+e.ExceptionDetails.Text)
	}
}

func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// eval is the value of a JavaScript expression.
func eval[T any](b *browser, expression string) T {
	b.t.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// await waits until an expression is true.
func (b *browser) await(expression string) {
	b.t.Helper()
	if _, err := chromedp.Run(b.ctx, chromedp.Poll[bool](expression)); err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
}

// click clicks the first element of a selector.
func (b *browser) click(selector string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector)))
}

// press presses a key.
func (b *browser) press(key string, options ...chromedp.KeyOption) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(key, options...))
}

// say writes a message and sends it with Enter.
func (b *browser) say(text string) {
	b.t.Helper()
	b.do(chromedp.SendKeys(chromedp.CSS("#text"), text))
	b.enter()
}

// enter presses Enter as a keyboard does: a script that refuses the key gets no character.
func (b *browser) enter() {
	b.t.Helper()
	down := input.DispatchKeyEventParams{
		Type: input.DispatchKeyEventTypeKeyDown, Key: "Enter", Code: "Enter", Text: "\r", WindowsVirtualKeyCode: 13,
	}
	up := down
	up.Type, up.Text = input.DispatchKeyEventTypeKeyUp, ""
	for _, event := range []input.DispatchKeyEventParams{down, up} {
		if _, err := chromedp.Call(b.ctx, input.DispatchKeyEvent, event); err != nil {
			b.t.Fatal(err)
		}
	}
}

// ended waits for the end of the answer.
func (b *browser) ended() {
	b.t.Helper()
	b.await(`document.querySelector("#stop").hidden && document.querySelector(".message.answer, #failure:not([hidden])") !== null`)
}
