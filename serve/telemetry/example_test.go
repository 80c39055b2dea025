package telemetry_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"trit/serve/telemetry"
)

// What a handler answers is counted for Prometheus.
func Example() {
	t, err := telemetry.New(telemetry.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer t.Close(context.Background())
	ask := httptest.NewRequest("GET", "/", nil)
	t.Wrap(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), ask)

	w := httptest.NewRecorder()
	t.Handlers()["GET /metrics"].ServeHTTP(w, ask)
	fmt.Println(strings.Contains(w.Body.String(), `trit_http_requests_total{code="404",path="other"} 1`))
	// Output: true
}
