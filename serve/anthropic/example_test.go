package anthropic_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"trit/serve/answer"
	"trit/serve/anthropic"
)

// nothing is a server's models: none.
type nothing struct{}

func (nothing) List() []answer.Info { return nil }

func (nothing) Open(_ context.Context, id string) (*answer.Model, func(), error) {
	return nil, nil, &answer.UnknownModelError{ID: id, Known: []string{"no others"}}
}

// Errors have the shape that Anthropic's clients know.
func Example() {
	mux := http.NewServeMux()
	for pattern, handler := range anthropic.New(nothing{}, anthropic.Options{}) {
		mux.Handle(pattern, handler)
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("POST", "/v1/messages", strings.NewReader(`{"model": "large"}`)))
	fmt.Println(w.Code, w.Body)
	// Output: 404 {"type":"error","error":{"type":"not_found_error","message":"model: there is no model \"large\": there are no others","details":{"error_code":"model_not_found"}}}
}
