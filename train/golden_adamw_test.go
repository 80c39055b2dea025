package train

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"trit/format/safetensors"
	"trit/internal/testutil"
	"trit/optim"
)

// adamwTolerance is the relative error that float32 arithmetic in another order makes.
const adamwTolerance = 1e-6

// adamwGolden is the key adamw in the metadata of a golden of the optimiser alone, which has
// no tokens. Its tensors
// are lrs [steps], for each parameter P param.P, m.P and v.P, which are the last moments, and
// for each step S, counted from 0, grad.S.P and after.S.P.
type adamwGolden struct {
	Betas       [2]float64 `json:"betas"`
	Eps         float64    `json:"eps"`
	WeightDecay []float64  `json:"weight_decay"` // of each parameter
}

// AdamW alone, steps of given gradients: weights after each, and the moments.
func TestGoldenAdamW(t *testing.T) {
	for _, path := range testutil.TrainingGoldens(t, "../testdata/training", false) {
		worst, err := compareAdamW(path)
		if err != nil {
			t.Error(err)
		}
		t.Logf("weights and moments differ by at most %.2g", worst)
	}
}

// compareAdamW takes the steps of a golden. The error names the first tensor that differs.
func compareAdamW(path string) (worst float64, err error) {
	f, err := safetensors.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var g adamwGolden
	if err := json.Unmarshal([]byte(f.Metadata()["adamw"]), &g); err != nil {
		return 0, err
	}
	read := func(format string, args ...any) (v []float32) {
		if err == nil {
			v, err = f.Float32(fmt.Sprintf(format, args...))
		}
		return v
	}
	check := func(name string, got []float32) {
		e := testutil.RelativeL2(got, read("%s", name))
		if worst = max(worst, e); err == nil && e > adamwTolerance {
			err = fmt.Errorf("%s differs by %.3g, want at most %g", name, e, adamwTolerance)
		}
	}
	var params []optim.Param
	for i, decay := range g.WeightDecay {
		params = append(params, optim.Param{Name: fmt.Sprint(i), Value: read("param.%d", i), Decay: decay > 0})
	}
	a, failed := optim.NewAdamW(g.Betas[0], g.Betas[1], g.Eps, optim.MomentsFloat32, params)
	if failed != nil {
		return 0, failed
	}
	for step, lr := range read("lrs") {
		a.Begin()
		for i, p := range params {
			grad := read("grad.%d.%d", step, i)
			if err != nil {
				return worst, err
			}
			a.Update(i, 0, len(p.Value), grad, 1, float64(lr), g.WeightDecay[i])
			check(fmt.Sprintf("after.%d.%d", step, i), p.Value)
		}
	}
	for i, p := range params {
		check(fmt.Sprintf("m.%d", i), p.M)
		check(fmt.Sprintf("v.%d", i), p.V)
	}
	return worst, err
}

// A golden of 15 steps of 11 parameters, whose numbers have two digits, is read like one of
// ten: it agrees with AdamW in float64, and an error in its last tensors is found.
func TestGoldenAdamWOfManySteps(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other.safetensors")
	writeAdamWGolden(t, path, 15, 11, nil)
	if worst, err := compareAdamW(path); err != nil {
		t.Errorf("worst %g: %v", worst, err)
	}
	for _, name := range []string{"after.14.10", "after.10.2", "v.10"} {
		writeAdamWGolden(t, path, 15, 11, func(tensors map[string][]float32) { tensors[name][0] += 1 })
		if _, err := compareAdamW(path); err == nil || !strings.HasPrefix(err.Error(), name+" differs") {
			t.Errorf("a wrong %s: got %v", name, err)
		}
	}
}

// writeAdamWGolden makes a golden by AdamW in float64, as Loshchilov and Hutter give it.
func writeAdamWGolden(t *testing.T, path string, steps, params int, change func(map[string][]float32)) {
	t.Helper()
	g := adamwGolden{Betas: [2]float64{0.9, 0.95}, Eps: 1e-8}
	r := rand.New(rand.NewPCG(1, 2))
	tensors := map[string][]float32{"lrs": nil}
	for step := range steps {
		tensors["lrs"] = append(tensors["lrs"], float32(0.01)/float32(step+1))
	}
	for p := range params {
		g.WeightDecay = append(g.WeightDecay, []float64{0.1, 0}[p%2])
		for range 5 + p {
			goldenAdamWElement(tensors, r, g, p)
		}
	}
	if change != nil {
		change(tensors)
	}
	meta, err := json.Marshal(g)
	if err != nil {
		t.Fatal(err)
	}
	var sources []safetensors.Source
	for name, v := range tensors {
		sources = append(sources, safetensors.Float32Source(name, []int{len(v)}, v))
	}
	if err := safetensors.WriteFile(path, map[string]string{"adamw": string(meta)}, sources); err != nil {
		t.Fatal(err)
	}
}

// goldenAdamWElement adds an element of a parameter, with all of its steps.
func goldenAdamWElement(tensors map[string][]float32, r *rand.Rand, g adamwGolden, p int) {
	add := func(name string, v float64) { tensors[name] = append(tensors[name], float32(v)) }
	x, m, v := float64(float32(r.NormFloat64())), 0.0, 0.0
	add(fmt.Sprintf("param.%d", p), x)
	for step, rate := range tensors["lrs"] {
		grad, lr := float64(float32(r.NormFloat64())), float64(rate)
		m = g.Betas[0]*m + (1-g.Betas[0])*grad
		v = g.Betas[1]*v + (1-g.Betas[1])*grad*grad
		correctedM := m / (1 - math.Pow(g.Betas[0], float64(step+1)))
		correctedV := v / (1 - math.Pow(g.Betas[1], float64(step+1)))
		x -= lr * g.WeightDecay[p] * x
		x -= lr * correctedM / (math.Sqrt(correctedV) + g.Eps)
		add(fmt.Sprintf("grad.%d.%d", step, p), grad)
		add(fmt.Sprintf("after.%d.%d", step, p), x)
	}
	add(fmt.Sprintf("m.%d", p), m)
	add(fmt.Sprintf("v.%d", p), v)
}
