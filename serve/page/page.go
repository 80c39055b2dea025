// Package page is the web page of the server: a chat in the browser, made of the files in this
// package alone. It asks the server's own API of OpenAI and nothing else. A content policy keeps
// the browser from running or loading anything that is not one of these files, whatever a model
// writes.
package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"fmt"
	"net/http"
	"path"
	"time"
)

//go:embed files
var files embed.FS

// index is the file at the address /.
const index = "index.html"

// policy is the Content-Security-Policy. With trusted types, a script that tries to turn text into
// HTML fails, should one of the page's own ever do so.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
	".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
}

// file is a file of the page.
type file struct {
	name, contentType, tag string
	body                   []byte
}

// New makes the handlers of the page, by their patterns for http.ServeMux: the page itself at /,
// its parts under /page/.
func New() map[string]http.Handler {
	parts := map[string]*file{}
	entries, err := files.ReadDir("files")
	if err != nil {
		panic(err) // the files are in the program
	}
	for _, e := range entries {
		parts[e.Name()] = open(e.Name())
	}
	return map[string]http.Handler{
		"GET /{$}": parts[index],
		"GET /page/{file}": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if f, ok := parts[r.PathValue("file")]; ok && f.name != index {
				f.ServeHTTP(w, r)
				return
			}
			http.NotFound(w, r)
		}),
	}
}

func open(name string) *file {
	body, err := files.ReadFile(path.Join("files", name))
	if err != nil {
		panic(err) // the files are in the program
	}
	sum := sha256.Sum256(body)
	return &file{name: name, contentType: contentTypes[path.Ext(name)], tag: fmt.Sprintf(`"%x"`, sum[:12]), body: body}
}

// ServeHTTP implements http.Handler. Browsers keep the file and ask whether it is still the same.
func (f *file) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", f.tag)
	http.ServeContent(w, r, f.name, time.Time{}, bytes.NewReader(f.body))
}
