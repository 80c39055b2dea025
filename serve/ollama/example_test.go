package ollama_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"trit/serve/answer"
	"trit/serve/ollama"
)

// files are models that nobody has asked for yet.
type files []answer.Info

func (f files) List() []answer.Info { return f }

func (f files) Open(_ context.Context, id string) (*answer.Model, func(), error) {
	return nil, nil, &answer.UnknownModelError{ID: id}
}

// Loaded returns the names of those that are loaded.
func (files) Loaded() []string { return nil }

// Editors ask what is loaded.
func Example() {
	mux := http.NewServeMux()
	for pattern, handler := range ollama.New(files{{ID: "small"}}, ollama.Options{}) {
		mux.Handle(pattern, handler)
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", "/api/ps", nil))
	fmt.Print(w.Body)
	// Output: {"models":[]}
}
