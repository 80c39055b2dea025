//go:build conformance

package page

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// hostile are answers that try to run something, to load something or to stop the page.
var hostile = map[string]string{
	"scripts": "<script>ran=1</script>\n\n<img src=x onerror=ran=1>\n\n<svg onload=ran=1><script>ran=1</script></svg>\n\n" +
		"<iframe srcdoc='<script>parent.ran=1</script>'></iframe><style>@import 'http://127.0.0.1:9/x.css'</style>" +
		"<form action=http://127.0.0.1:9/><button autofocus onfocus=ran=1></form><meta http-equiv=refresh content='0;url=//127.0.0.1:9'>" +
		"<base href=//127.0.0.1:9><object data=x><embed src=x><link rel=stylesheet href=//127.0.0.1:9/x.css>",
	"links": "[a](javascript:ran=1) [b](JaVaScRiPt:ran=1) [c](java\tscript:ran=1) [d](\x01javascript:ran=1) " +
		"[e](data:text/html,<script>ran=1</script>) [f](vbscript:x) [g](//127.0.0.1:9/x) [h](/v1/models) " +
		"[i](https://bank.example@evil.example/) [j](&#106;avascript:ran=1) [k](blob:https://x/y) [l](file:///etc/passwd) " +
		"<javascript:ran=1> <https://ok.example/\" onclick=\"ran=1> https://ok.example/'onmouseover='ran=1 " +
		"[m](https://ok.example/ \"\" onclick=ran=1) [\" onclick=\"ran=1](https://ok.example/\"onclick=\"ran=1)",
	"images":        "![x](http://127.0.0.1:9/x.png) ![y](javascript:ran=1) ![z](data:image/svg+xml,<svg onload=ran=1>) [![a](http://127.0.0.1:9/y.png)](http://127.0.0.1:9/)",
	"marks in code": "```html\n<script>ran=1</script>\n```\n`<img src=x onerror=ran=1>`\n\n```\"><script>ran=1</script>\nx\n```",
	"tables":        "| <b onclick=ran=1>a</b> | b |\n|--|--|\n| <script>ran=1</script> | [x](javascript:ran=1) |",
	"huge table":    "|" + strings.Repeat("a|", 200) + "\n|" + strings.Repeat("-|", 200) + "\n" + strings.Repeat("|"+strings.Repeat("<b>|", 200)+"\n", 500),
	"one line":      strings.Repeat("<b>word*_`[", 1<<20/11),
	"deep lists":    deep(3000),
	"deep quotes":   strings.Repeat(">", 15000) + " x\n\n" + strings.Repeat("> ", 5000) + "y",
	"deep emphasis": strings.Repeat("*a ", 5000) + strings.Repeat("a* ", 5000) + strings.Repeat("**_", 3000) + strings.Repeat("[", 10000),
	"unclosed":      "text\n\n```js\n<script>ran=1</script>\n<!-- ",
	"comments":      "<!-- <script>ran=1</script> --> <![CDATA[ <script>ran=1</script> ]]> <?php ran ?> &lt;script&gt; &#x3c;script>",
	"bidi":          "\u202etxt.exe\u202c [\u202emoc.elgoog](https://evil.example/) `if (\u2066admin\u2069)` \u200b\u0000\ufeff",
	"many blocks":   strings.Repeat("a\n\n", 60000),
	"spaces":        "# a" + strings.Repeat(" ", 19000) + "#b\n\n-" + strings.Repeat(" ", 19000) + "x\n\n```" + strings.Repeat("a", 19000) + "`\n\na|b\n-" + strings.Repeat(" ", 19000) + "x|",
	"prototypes":    "[x](__proto__) __proto__ constructor **__proto__** ```constructor\n```",
}

func deep(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%*s- x\n", i, "")
	}
	return b.String()
}

// The elements and attributes that the renderer makes; nothing a model writes adds to them.
const foreign = `[...document.querySelectorAll("#messages *")].flatMap((e) => {
	const names = "article div details summary span button svg use p h3 h4 h5 h6 hr blockquote ul ol li pre code table thead tbody tr th td a bdi strong em del".split(" ");
	const attributes = "class aria-label aria-hidden dir title type href target rel hidden tabindex role start".split(" ");
	const out = names.includes(e.localName) ? [] : [e.localName];
	for (const a of e.attributes) if (!attributes.includes(a.name)) out.push(e.localName + " " + a.name);
	if (e.localName === "a" && !(/^https?:$/.test(e.protocol) && e.username === "" && e.rel.includes("noopener"))) out.push(e.href);
	if (e.localName === "use" && !e.getAttribute("href").startsWith("#i-")) out.push("use");
	return out;
})`

func TestHostileAnswers(t *testing.T) {
	f := newFake(t)
	b := openPage(t, f)
	for name, text := range hostile {
		t.Run(name, func(t *testing.T) {
			b.t = t
			var parts []string
			for size := len(text)/20 + 1; text != ""; {
				n := min(size, len(text))
				parts, text = append(parts, text[:n]), text[n:]
			}
			f.writes(append([]string{"thought:<script>ran=1</script>"}, parts...)...)
			begin := time.Now()
			b.press("k", chromedp.KeyModifiers(chromedp.ModifierCtrl))
			b.say("<img src=x onerror=ran=1><script>ran=1</script>")
			b.ended()
			if found := eval[[]string](b, foreign); len(found) > 0 {
				t.Errorf("the page holds %.10q", found)
			}
			if eval[bool](b, `"ran" in window`) {
				t.Error("something ran")
			}
			if shown := eval[int](b, `document.querySelector(".answer .markdown").textContent.trim().length`); shown == 0 {
				t.Error("nothing is shown")
			}
			t.Logf("%v", time.Since(begin).Round(time.Millisecond))
		})
	}
	b.t = t
	for _, address := range b.asked {
		if !strings.HasPrefix(address, f.URL+"/") {
			t.Errorf("the page asked for %s", address)
		}
	}
	if len(b.events) > 0 {
		t.Errorf("in the browser: %q", b.events)
	}
}

// TestPolicyHolds tries what a fault of the page could do: the browser must refuse it.
func TestPolicyHolds(t *testing.T) {
	var reached atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached.Add(1)
		w.Header().Set("Access-Control-Allow-Origin", "*")
	}))
	defer other.Close()
	b := openPage(t, newFake(t))
	refused := eval[map[string]bool](b, `(async () => {
		const other = "`+other.URL+`";
		const out = {};
		const attempt = async (name, f) => { try { await f(); out[name] = false; } catch { out[name] = true; } };
		const loads = (tag, props) => new Promise((yes, no) => {
			const e = Object.assign(document.createElement(tag), props);
			e.addEventListener("load", yes);
			e.addEventListener("error", no);
			document.head.append(e);
		});
		await attempt("innerHTML", () => { document.createElement("div").innerHTML = "<b>x</b>"; });
		await attempt("fetch", () => fetch(other));
		await attempt("image", () => loads("img", { src: other }));
		await attempt("style", () => loads("link", { rel: "stylesheet", href: other }));
		const e = document.createElement("div");
		e.setAttribute("style", "color: red");
		out["style attribute"] = e.style.color === "";
		return out;
	})()`)
	for what, yes := range refused {
		if !yes {
			t.Errorf("%s is possible", what)
		}
	}
	if len(refused) != 5 || reached.Load() > 0 {
		t.Errorf("tried %v; %d requests reached another server", refused, reached.Load())
	}
}

func TestMarkdown(t *testing.T) {
	b := openPage(t, newFake(t))
	for text, want := range map[string]string{
		"a *b* **c** ***d*** ~~e~~":          "<p>a <em>b</em> <strong>c</strong> <em><strong>d</strong></em> <del>e</del></p>",
		"**bold *both***":                    "<p><strong>bold <em>both</em></strong></p>",
		"2 * 3 * 4, snake_case_name, ~x":     "<p>2 * 3 * 4, snake_case_name, ~x</p>",
		"*open and `*code*` \\*x\\*":         "<p>*open and <code>*code*</code> *x*</p>",
		"``a ` b`` and `open":                "<p><code>a ` b</code> and `open</p>",
		"# One\n## Two ##\n####### x":        "<h3>One</h3><h4>Two</h4><p>####### x</p>",
		"a\nb\n\nc":                          "<p>a\nb</p><p>c</p>",
		"a\n---\n***":                        "<p>a</p><hr><hr>",
		"- a\n- b\n  - c\n\n- d":             "<ul><li>a</li><li>b<ul><li>c</li></ul></li><li>d</li></ul>",
		"3. a\n4. b\n   more":                "<ol start=\"3\"><li>a</li><li>b\nmore</li></ol>",
		"1. a\n   ```go\n   x\n   ```\n2. b": "<ol><li>a<div><div><span>go</span></div><pre><code>x</code></pre></div></li><li>b</li></ol>",
		"It was in\n1999. A year.":           "<p>It was in\n1999. A year.</p>",
		"> a\n> - b\n\nc":                    "<blockquote><p>a</p><ul><li>b</li></ul></blockquote><p>c</p>",
		"```\n<b>\n``\n```\nx":               "<div><div><span>text</span></div><pre><code>&lt;b&gt;\n``</code></pre></div><p>x</p>",
		"~~~py\nopen":                        "<div><div><span>py</span></div><pre><code>open</code></pre></div>",
		"|a|b|\n|:-:|--:|\n|1 \\| 2|`x`|\n|3|\n\nx": "<div><table><thead><tr><th>a</th><th>b</th></tr></thead><tbody>" +
			"<tr><td>1 | 2</td><td><code>x</code></td></tr><tr><td>3</td><td></td></tr></tbody></table></div><p>x</p>",
		"a | b\nc":             "<p>a | b\nc</p>",
		"[t](https://x.org/a)": "<p><bdi><a href=\"https://x.org/a\">t</a><span> (x.org)</span></bdi></p>",
		"see https://x.org/a_(b), <https://y.org>.": "<p>see <bdi><a href=\"https://x.org/a_(b)\">https://x.org/a_(b)</a></bdi>, " +
			"<bdi><a href=\"https://y.org/\">https://y.org</a></bdi>.</p>",
		"![alt](https://x.org/i.png)":   "<p><bdi><a href=\"https://x.org/i.png\">alt</a><span> (x.org)</span></bdi></p>",
		"[t](ftp://x.org) [u](x)":       "<p>[t](ftp://x.org) [u](x)</p>",
		"[**b**](https://x.org/ \"t\")": "<p><bdi><a href=\"https://x.org/\"><strong>b</strong></a><span> (x.org)</span></bdi></p>",
		"a\r\nb":                        "<p>a\nb</p>",
		"`a\u202eb`":                    "<p><code>a<span>U+202E</span>b</code></p>",
		"":                              "",
	} {
		b.t = t
		quoted, _ := json.Marshal(text)
		// Attributes that do not depend on the text, and buttons, are left out.
		got := eval[string](b, `import("/page/render.js").then(({ MarkdownView }) => {
			const view = new MarkdownView();
			view.show(`+string(quoted)+`);
			for (const e of view.element.querySelectorAll("button")) e.remove();
			for (const e of view.element.querySelectorAll("*")) {
				for (const a of ["class", "dir", "title", "target", "rel", "tabindex", "role", "aria-label"]) e.removeAttribute(a);
			}
			return view.element.innerHTML;
		})`)
		if got != want {
			t.Errorf("%q:\n got %s\nwant %s", text, got, want)
		}
	}
}

// TestGrowingText checks that a text that comes piece by piece looks as if it came at once, and
// that what is finished stays.
func TestGrowingText(t *testing.T) {
	b := openPage(t, newFake(t))
	text, _ := json.Marshal("# a\n\n- b\n  - c\n\n```go\nx\n```\n\n|a|b|\n|-|-|\n|1|2|\n\n> q\n\n1. *e*\n2. `f")
	if !eval[bool](b, `import("/page/render.js").then(({ MarkdownView }) => {
		const [text, view, whole] = [`+string(text)+`, new MarkdownView(), new MarkdownView()];
		let first;
		for (let n = 0; n <= text.length; n++) {
			view.show(text.slice(0, n));
			if (n === 5) first = view.element.firstChild;
		}
		whole.show(text);
		return view.element.innerHTML === whole.element.innerHTML && view.element.firstChild === first;
	})`) {
		t.Error("the text grown and the text at once differ")
	}
}

func TestConversation(t *testing.T) {
	f := newFake(t)
	b := openPage(t, f)
	f.writes("thought:Hm.", "One ", "answer")
	b.say("first")
	b.ended()
	b.await(`document.querySelector(".note").textContent.startsWith("42 tokens")`)
	if got := eval[[]string](b, `[...document.querySelectorAll(".bubble, .markdown, .thought")].map((e) => e.textContent)`); !reflect.DeepEqual(
		got, []string{"first", "Hm.", "One answer"}) {
		t.Errorf("the page shows %q", got)
	}
	if eval[bool](b, `document.querySelector(".thoughts").open`) {
		t.Error("thoughts are unfolded")
	}

	// The next question has what was said, without thoughts, and the settings.
	b.click("#set")
	b.do(chromedp.SendKeys(chromedp.CSS("#system"), "Be brief."), chromedp.SendKeys(chromedp.CSS("#temperature"), "0.5"))
	b.click("#settings button.main")
	b.say("second")
	b.await(`document.querySelectorAll(".answer:not(.writing)").length === 2`)
	want := []any{
		map[string]any{"role": "system", "content": "Be brief."}, map[string]any{"role": "user", "content": "first"},
		map[string]any{"role": "assistant", "content": "One answer"}, map[string]any{"role": "user", "content": "second"},
	}
	if got := f.last(); !reflect.DeepEqual(got["messages"], want) || got["temperature"] != 0.5 || got["model"] != "tiny-chat" {
		t.Errorf("asked %v", got)
	}
	if got := f.last(); got["top_p"] != nil || got["max_tokens"] != nil {
		t.Errorf("asked %v: what is not set must not be sent", got)
	}

	// Again, and edited.
	f.writes("Another")
	b.click(`.message:last-child [aria-label="Write the answer again"]`)
	b.await(`document.querySelector(".message:last-child:not(.writing) .markdown")?.textContent === "Another"`)
	if got := f.last()["messages"].([]any); len(got) != 4 {
		t.Errorf("asked again with %v", got)
	}
	f.writes("Changed")
	eval[bool](b, `document.querySelector('.user [aria-label="Edit the message"]').click() === undefined`)
	b.do(chromedp.SendKeys(chromedp.CSS(".editor textarea"), "!"))
	b.enter()
	b.await(`document.querySelector(".message:last-child:not(.writing) .markdown")?.textContent === "Changed"`)
	if got := f.last()["messages"].([]any); len(got) != 2 || got[1].(map[string]any)["content"] != "first!" {
		t.Errorf("asked %v after an edit", got)
	}

	// The browser keeps it.
	b.do(chromedp.Reload())
	b.await(`document.querySelectorAll("#chats .chat").length === 1`)
	b.click("#chats .chat")
	b.await(`[...document.querySelectorAll(".bubble, .markdown")].map((e) => e.textContent).join() === "first!,Changed"`)
	exported := eval[string](b, `(async () => {
		let blob;
		const create = URL.createObjectURL;
		URL.createObjectURL = (b) => create.call(URL, (blob = b));
		document.querySelector('#chats [aria-label="Export first"]').click();
		return blob.text();
	})()`)
	var chat struct {
		Title, System string
		Messages      []struct{ Role, Content string }
	}
	if err := json.Unmarshal([]byte(exported), &chat); err != nil || chat.Title != "first" || chat.System != "Be brief." ||
		len(chat.Messages) != 2 || chat.Messages[1].Content != "Changed" {
		t.Errorf("exported %s (%v)", exported, err)
	}
	b.click(`#chats [aria-label="Delete first"]`)
	b.click("#question-yes")
	b.await(`document.querySelectorAll("#chats .chat, .message").length === 0 && Object.keys(localStorage).every((k) => !k.includes("chat"))`)
	if len(b.events) > 0 {
		t.Errorf("in the browser: %q", b.events)
	}
}

func TestStop(t *testing.T) {
	f := newFake(t)
	left := make(chan bool)
	f.does(func(w http.ResponseWriter, r *http.Request) {
		begin(w, "Begun")
		<-r.Context().Done()
		left <- true
	})
	b := openPage(t, f)
	b.say("go")
	b.await(`document.querySelector(".writing .markdown")?.textContent === "Begun"`)
	if got := eval[string](b, `document.querySelector("#messages").getAttribute("aria-busy")`); got != "true" {
		t.Errorf("aria-busy is %s while an answer is written", got)
	}
	b.press("\x1b")
	select {
	case <-left:
	case <-time.After(20 * time.Second):
		t.Fatal("the server still writes")
	}
	b.ended()
	b.await(`document.querySelector(".note").textContent.includes("stopped")`)
	if got := eval[string](b, `document.querySelector(".markdown").textContent`); got != "Begun" {
		t.Errorf("kept %q", got)
	}
}

// TestInterruptions does other things while an answer is written.
func TestInterruptions(t *testing.T) {
	f := newFake(t)
	endless := func(w http.ResponseWriter, r *http.Request) {
		begin(w, "Half")
		<-r.Context().Done()
	}
	half := `document.querySelector(".writing .markdown")?.textContent === "Half"`
	shown := `[...document.querySelectorAll(".bubble, .markdown")].map((e) => e.textContent).join()`
	b := openPage(t, f)
	f.does(endless)
	b.say("one")
	b.await(half)

	// Another message is put in the place of the first: what was being written goes.
	f.writes("Whole")
	eval[bool](b, `document.querySelector('.user [aria-label="Edit the message"]').click() === undefined`)
	b.do(chromedp.SendKeys(chromedp.CSS(".editor textarea"), "!"))
	b.enter()
	b.await(shown + ` === "one!,Whole"`)
	b.ended()
	if got := eval[int](b, `JSON.parse(Object.entries(localStorage).find(([k]) => k.startsWith("trit.chat."))[1]).messages.length`); got != 2 {
		t.Errorf("%d messages are kept, want 2", got)
	}

	// Another conversation is opened: what there is stays.
	f.does(endless)
	b.say("two")
	b.await(half)
	b.press("k", chromedp.KeyModifiers(chromedp.ModifierCtrl))
	b.await(`!document.querySelector("#send").hidden && document.querySelectorAll(".message").length === 0`)
	b.click("#chats .chat")
	b.await(shown + ` === "one!,Whole,two,Half"`)

	// The conversation is deleted: it does not come back.
	b.say("three")
	b.await(half)
	b.click(`#chats [aria-label="Delete one"]`)
	b.click("#question-yes")
	b.await(`!document.querySelector("#send").hidden`)
	f.writes("Other")
	b.say("four")
	b.await(shown + ` === "four,Other"`)
	if got := eval[[]string](b, `[...document.querySelectorAll("#chats .chat")].map((e) => e.textContent)`); !reflect.DeepEqual(got, []string{"four"}) {
		t.Errorf("the list holds %q", got)
	}

	// An answer without a token.
	f.writes()
	b.say("five")
	b.await(`document.querySelector("#failure").textContent.includes("The answer is empty")`)
	if len(b.events) > 0 {
		t.Errorf("in the browser: %q", b.events)
	}
}

func TestBaseModel(t *testing.T) {
	f := newFake(t)
	f.models = `{"id":"tales","chat":false}`
	f.writes(" a time")
	b := openPage(t, f)
	b.say("Once upon")
	b.ended()
	f.writes(".")
	b.say("Then")
	b.await(`document.querySelectorAll(".answer:not(.writing)").length === 2`)
	if got := f.last(); got["prompt"] != "Once upon a time\nThen" || got["max_tokens"] != 256.0 || got["messages"] != nil {
		t.Errorf("asked %v", got)
	}
}

func TestErrors(t *testing.T) {
	f := newFake(t)
	b := openPage(t, f)
	refuse := func(status int, message string, header ...string) {
		f.does(func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"error":{"message":%q}}`, message)
		})
	}
	refuse(http.StatusTooManyRequests, "the queue is full", "Retry-After", "2")
	b.say("hi")
	b.await(`document.querySelector("#failure").textContent.includes("The queue is full.Try again in")`)
	f.writes("Hello")
	b.await(`document.querySelector("#failure button")?.disabled === false`)
	b.click("#failure button")
	b.await(`document.querySelector(".answer:not(.writing) .markdown")?.textContent === "Hello"`)

	refuse(http.StatusUnauthorized, "a key is missing")
	b.say("more")
	b.await(`document.querySelector("#failure").textContent.includes("A key is missing.")`)
	f.writes("Welcome")
	b.click("#failure button")
	b.do(chromedp.SendKeys(chromedp.CSS("#question-input"), "sk-1"))
	b.enter()
	b.await(`document.querySelector(".message:last-child:not(.writing) .markdown")?.textContent === "Welcome"`)
	if got := f.headers[len(f.headers)-1].Get("Authorization"); got != "Bearer sk-1" {
		t.Errorf("the key is %q", got)
	}
	if eval[bool](b, `JSON.stringify({...localStorage}).includes("sk-1")`) {
		t.Error("the key is kept for longer than the tab")
	}

	f.does(func(w http.ResponseWriter, _ *http.Request) { begin(w, "Half") })
	b.say("break")
	b.await(`document.querySelector("#failure").textContent.includes("The connection ended before the answer did.")`)
	b.await(`document.querySelector(".message:last-child .note").textContent.includes("broke off")`)
	f.Close()
	b.press("k", chromedp.KeyModifiers(chromedp.ModifierCtrl))
	b.say("anybody?")
	b.await(`document.querySelector("#failure").textContent.includes("cannot be reached")`)
}
