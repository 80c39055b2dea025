//go:build conformance

package merge_test

import (
	"encoding/json"
	"strings"
	"testing"

	"trit/format/adapter"
	"trit/format/safetensors"
	"trit/internal/testutil"
)

// goldenAdapter reads the adapter of a golden of fine-tuning.
func goldenAdapter(t *testing.T, f *safetensors.File) *adapter.Adapter {
	t.Helper()
	var how struct {
		R     int
		Alpha float64
		Mode  adapter.Placement
	}
	if err := json.Unmarshal([]byte(f.Metadata()["lora"]), &how); err != nil {
		t.Fatal(err)
	}
	a := &adapter.Adapter{Alpha: how.Alpha, Placement: how.Mode, Pairs: map[string]adapter.Pair{}}
	for _, info := range f.Tensors() {
		name, ok := strings.CutPrefix(info.Name, "lora.")
		module, isA := strings.CutSuffix(name, ".A")
		if !ok || !isA {
			continue
		}
		b, _ := f.Tensor("lora." + module + ".B")
		a.Pairs[module+".weight"] = adapter.Pair{
			Rank: how.R, In: info.Shape[1], Out: b.Shape[0],
			A: testutil.Floats(t, f, info.Name), B: testutil.Floats(t, f, b.Name),
		}
	}
	return a
}
