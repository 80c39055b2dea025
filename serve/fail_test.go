package serve

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"trit/serve/answer"
)

// noModels are no models.
type noModels struct{ answer.Models }

func (noModels) List() []answer.Info { return nil }

// TestErrorsHaveTheShapeOfTheirAPI asks for addresses that there are not.
func TestErrorsHaveTheShapeOfTheirAPI(t *testing.T) {
	h := New(Options{Models: noModels{}}).Handler()
	for path, want := range map[string]string{
		"/v1/messages":         `{"type":"error","error":{"type":"invalid_request_error","message":"/v1/messages takes POST`,
		"/v1/messages/batches": `{"type":"error","error":{"type":"not_found_error","message":`,
		"/v1/messagesx":        `{"error":{"message":`,
		"/v1/files":            `{"error":{"message":`,
		"/api/me":              `{"error":"there is no GET /api/me here"`,
		"/x":                   `{"error":{"message":`,
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if (w.Code != 404 && w.Code != 405) || !strings.HasPrefix(w.Body.String(), want) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}
