package page

import (
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func Example() {
	mux := http.NewServeMux()
	for pattern, h := range New() {
		mux.Handle(pattern, h)
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	fmt.Println(w.Code, w.Header().Get("Content-Type"))
	// Output: 200 text/html; charset=utf-8
}

func get(t *testing.T, address string, header ...string) *http.Response {
	t.Helper()
	mux := http.NewServeMux()
	for pattern, h := range New() {
		mux.Handle(pattern, h)
	}
	r := httptest.NewRequest("GET", address, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return w.Result()
}

func TestHeaders(t *testing.T) {
	directives := []string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src 'self' data:",
		"base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'",
		"trusted-types 'none'",
	}
	for address, contentType := range map[string]string{
		"/": "text/html; charset=utf-8", "/page/app.js": "text/javascript; charset=utf-8",
		"/page/style.css": "text/css; charset=utf-8", "/page/icon.svg": "image/svg+xml",
	} {
		r := get(t, address)
		if r.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", address, r.StatusCode)
		}
		if got := strings.Split(r.Header.Get("Content-Security-Policy"), "; "); !slices.Equal(got, directives) {
			t.Errorf("%s: policy %q", address, got)
		}
		for name, want := range map[string]string{
			"Content-Type": contentType, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Cache-Control": "no-cache", "Cross-Origin-Opener-Policy": "same-origin",
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", address, name, got, want)
			}
		}
		again := get(t, address, "If-None-Match", r.Header.Get("ETag"))
		if again.StatusCode != http.StatusNotModified {
			t.Errorf("%s: status %d for a file that the browser has", address, again.StatusCode)
		}
		if other := get(t, address, "If-None-Match", `"other"`); other.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d for a file that has changed", address, other.StatusCode)
		}
	}
}

func TestNoOtherFiles(t *testing.T) {
	for _, address := range []string{"/page/index.html", "/page/none.js", "/page/..%2fpage.go", "/page/", "/page"} {
		if r := get(t, address); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d", address, r.StatusCode)
		}
	}
}

// forbidden are ways by which text could become code or something could be loaded from elsewhere.
var forbidden = map[string]*regexp.Regexp{
	"turns text into HTML": regexp.MustCompile(
		`(?i)innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|srcdoc|setHTML`),
	"runs text":                 regexp.MustCompile(`\beval\s*\(|new Function|\bFunction\(|set(Timeout|Interval)\(["'` + "`" + `]|javascript:`),
	"has a handler as property": regexp.MustCompile(`(?i)[\s.]on[a-z]+\s*=`),
	"has styles in line":        regexp.MustCompile(`(?i)<style|\sstyle=`),
}

var (
	urls     = regexp.MustCompile(`https?:(\\?/){2}[^\s"'` + "`" + `)]*`)
	inline   = regexp.MustCompile(`<script(?:>| [^>]*>[^<])`)
	imported = regexp.MustCompile(`(?:from "\./|(?:src|href)="/page/)([^"]+)"`)
)

func TestFilesAreSafe(t *testing.T) {
	entries, err := fs.ReadDir(files, "files")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := files.ReadFile(path.Join("files", e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if contentTypes[path.Ext(e.Name())] == "" {
			t.Errorf("%s has no content type", e.Name())
		}
		for _, fault := range faults(string(b)) {
			t.Errorf("%s %s", e.Name(), fault)
		}
		for _, m := range imported.FindAllSubmatch(b, -1) {
			if _, err := fs.Stat(files, path.Join("files", string(m[1]))); err != nil {
				t.Errorf("%s needs %s: %v", e.Name(), m[1], err)
			}
		}
	}
}

// faults says what a file of the page must not hold.
func faults(text string) (list []string) {
	for what, pattern := range forbidden {
		if m := pattern.FindString(text); m != "" {
			list = append(list, fmt.Sprintf("%s: %q", what, m))
		}
	}
	for _, u := range urls.FindAllString(text, -1) {
		if _, path, _ := strings.Cut(u, "//"); path != "" && !strings.HasPrefix(u, "http://www.w3.org/") {
			list = append(list, "names an address elsewhere: "+u)
		}
	}
	if inline.MatchString(text) {
		list = append(list, "has a script in line")
	}
	return list
}

func TestFaultsAreFound(t *testing.T) {
	for _, text := range []string{
		`e.innerHTML = x`, `eval(x)`, `new Function(x)`, `<a onclick="x">`, `e.onclick = x`, `setTimeout("x")`, `<p style="x">`,
		`import "https://example.org/x.js"`, `<script>x</script>`, `url(http://example.org/x.png)`, `<style>`,
	} {
		if len(faults(text)) == 0 {
			t.Errorf("%s is not found", text)
		}
	}
}
