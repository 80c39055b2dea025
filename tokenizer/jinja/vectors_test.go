package jinja

import (
	"encoding/json"
	"os"
	"testing"
	"time"
)

type vector struct {
	Template string
	Context  json.RawMessage
	Output   *string
	Error    *string
}

// vectorTime is the time at which the vectors were made.
func vectorTime() time.Time { return time.Date(2026, 11, 28, 9, 5, 7, 0, time.Local) }

func renderVector(v vector, limits Limits) (string, error) { return renderIn(Dialect{}, v, limits) }

func renderIn(d Dialect, v vector, limits Limits) (string, error) {
	c, err := ParseContext(v.Context)
	if err != nil {
		return "", err
	}
	t, err := d.Parse(v.Template)
	if err != nil {
		return "", err
	}
	r, err := t.Render(c, Options{Now: vectorTime, Limits: limits})
	return r.Text, err
}

func readVectors(t testing.TB, path string) []vector {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(b, &vectors); err != nil {
		t.Fatal(err)
	}
	return vectors
}

// checkVectors renders every vector of a file in a dialect; one with neither output nor error is
// wrong itself.
func checkVectors(t *testing.T, d Dialect, path string) {
	t.Helper()
	vectors := readVectors(t, path)
	good := 0
	for _, v := range vectors {
		got, err := renderIn(d, v, Limits{})
		switch {
		case v.Error == nil && v.Output == nil:
			t.Errorf("vector has neither output nor error: %q", v.Template)
		case v.Error != nil && err == nil:
			t.Errorf("%s\n in %s\n got %q, want the error %s", v.Template, v.Context, got, *v.Error)
		case v.Error == nil && err != nil:
			t.Errorf("%s\n in %s\n got the error %v, want %q", v.Template, v.Context, err, *v.Output)
		case v.Error == nil && got != *v.Output:
			t.Errorf("%s\n in %s\n got %q, want %q", v.Template, v.Context, got, *v.Output)
		default:
			good++
		}
	}
	t.Logf("%d of %d vectors", good, len(vectors))
}

// TestVectors compares with what transformers renders. testdata says how the files were
// made.
func TestVectors(t *testing.T) {
	checkVectors(t, Dialect{}, "testdata/vectors.json")
	checkVectors(t, Dialect{}, "testdata/more.json")
}
