package convert

import (
	"math"
	"path/filepath"
	"testing"

	"trit/convert/source"
	"trit/format/gguf"
	"trit/model"
)

// The biases of the dead zone become tensors where there is a place for them: those of rows of query and key
// in the order of the rows, and those of padded units 0.
func TestDeadzoneIsFolded(t *testing.T) {
	dir := t.TempDir()
	c := shapes["tiny"]
	c.SubNorms, c.HiddenAct, c.DeadzoneBias, c.IntermediateSize = false, model.SiLU, 0.1, 200
	generate(t, dir, c, false)
	file := mustConvert(t, dir, "x.gguf", Options{Pad: true})
	folder := mustConvert(t, dir, "x", Options{Type: Packed})
	from, err := source.Open(dir, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	for path, tolerance := range map[string]float64{file: 1e-6, folder: 1. / 128} { // a folder holds them in bfloat16
		m, err := source.Open(path, source.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if !m.Config.ProjBias || m.Config.DeadzoneBias != 0 {
			t.Errorf("%s: the configuration is %+v", path, m.Config.Config)
		}
		for _, spec := range from.Config.Tensors() {
			if spec.Ternary {
				checkBias(t, m, from, spec, tolerance)
			}
		}
		m.Close()
	}
	if _, err := Convert(t.Context(), dir, filepath.Join(dir, "y.gguf"), Options{Options: source.Options{Weights: source.WeightsTernary}}); err == nil {
		t.Error("a bias was made of weights that are no masters")
	}
}

// checkBias compares the bias of a projection with the sums of its master weights, in float64.
func checkBias(t *testing.T, m, from *source.Model, spec model.TensorSpec, tolerance float64) {
	t.Helper()
	weight, err := from.Tensor(spec)
	if err != nil {
		t.Fatal(err)
	}
	masters, err := weight.Masters(gguf.F32)
	if err != nil {
		t.Fatal(err)
	}
	bias, err := m.Tensor(model.TensorSpec{Name: model.ProjBias(spec.Name), GGUF: model.ProjBias(spec.GGUF), Shape: biasShape(m, spec),
		Layer: spec.Layer})
	if err != nil {
		t.Fatal(err)
	}
	got, row := make([]float32, bias.Columns), make([]float32, weight.Columns)
	if err := bias.Floats(got, 0); err != nil {
		t.Fatal(err)
	}
	for i, v := range got {
		want, size := 0.0, 0.01
		if i < weight.Rows {
			if err := masters.Floats(row, i); err != nil {
				t.Fatal(err)
			}
			for _, w := range row {
				if math.Abs(float64(w*(1/weight.Scale))) <= 0.5 {
					want += 0.1 * float64(w)
					size += 0.1 * math.Abs(float64(w))
				}
			}
		}
		if math.Abs(float64(v)-want) > tolerance*size {
			t.Fatalf("%s: bias %d is %g, want %g", spec.Name, i, v, want)
		}
	}
}

// biasShape is the shape of the bias of a projection in a model that may be padded.
func biasShape(m *source.Model, weight model.TensorSpec) []int {
	for _, spec := range m.Config.Tensors() {
		if spec.Name == weight.Name {
			return spec.Shape[:1]
		}
	}
	return nil
}
