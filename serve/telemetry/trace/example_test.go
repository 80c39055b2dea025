package trace_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"trit/serve/telemetry/trace"
)

// A collector gets a span for each request.
func Example() {
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		fmt.Println(r.URL.Path, strings.Contains(string(b), "POST /v1/completions"))
	}))
	defer collector.Close()
	traces, err := trace.New(collector.URL, trace.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Now()
	span := traces.Begin(httptest.NewRequest("POST", "/v1/completions", nil), now)
	span.End("POST", "/v1/completions", http.StatusOK, now.Add(time.Second))
	fmt.Println(traces.Close(context.Background()))
	// Output:
	// /v1/traces true
	// <nil>
}
