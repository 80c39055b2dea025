package serve_test

import (
	"fmt"
	"net/http/httptest"

	"trit/serve"
	"trit/serve/answer"
)

// listed are models that are only listed.
type listed struct{ answer.Models }

func (listed) List() []answer.Info { return []answer.Info{{ID: "small"}} }

// A server has all APIs at their addresses.
func Example() {
	h := serve.New(serve.Options{Models: listed{}}).Handler()
	for _, path := range []string{"/health", "/v1/models/small", "/api/version", "/v1/messages"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		fmt.Println(path, w.Code)
	}
	// Output:
	// /health 200
	// /v1/models/small 200
	// /api/version 200
	// /v1/messages 405
}
