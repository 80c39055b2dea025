package configs

import (
	"math"
	"strings"
	"testing"

	"trit/train"
)

func TestParseMachine(t *testing.T) {
	m, err := ParseMachine("cores=64, int8=340,bf16=170,memory=512,nodes=8,network=25,price=3,latency=20,share=0.2")
	want := Machines{Ranks: 8, Threads: 64, Network: 25e9, Latency: 20e-6, Int8: 340e12, BF16: 170e12, Share: 0.2,
		Memory: 512e9, Price: 3}
	if math.Abs(m.Latency-want.Latency) < 1e-12 {
		m.Latency = want.Latency
	}
	if err != nil || m != want {
		t.Errorf("%+v, %v, want %+v", m, err, want)
	}
	for text, want := range map[string]string{
		"":                                "no key",
		"cores=64,int8=3":                 "want cores, int8, and bf16 or float32",
		"cores=64,int8=3,bf16s=3":         `did you mean "bf16"`,
		"cores=64,int8=3,bf16=3,bf16=4":   "bf16 is named twice",
		"cores=6.5,int8=3,bf16=3":         `cores is "6.5": want a positive number, a whole one`,
		"cores=64,int8=3,bf16=-1":         "want a positive number, TFLOP/s",
		"cores=64,int8=3,bf16=NaN":        "want a positive number",
		"cores=64,int8=3,bf16=3,share=2":  "share is",
		"cores=64,int8=3,bf16=3,memory":   `memory is ""`,
		"cores=64,int8=3,bf16=3,nodes=0":  "nodes is",
		"cores=1e300,int8=3,bf16=3":       "cores is",
		"cores=64,int8=3,bf16=3,price=$3": "price is",
	} {
		if _, err := ParseMachine(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}

func FuzzParseMachine(f *testing.F) {
	f.Add("cores=64,int8=340,bf16=170,memory=512")
	f.Fuzz(func(t *testing.T, text string) {
		if m, err := ParseMachine(text); err == nil && !(m.Int8 > 0 && m.BF16+m.Float32 > 0 && m.Threads > 0 && m.Share <= 1) {
			t.Errorf("%q: %+v", text, m)
		}
	})
}

// By hand: of the operations for a token, 2 for each ternary weight are of int8, and 6 with gradients in int8.
func TestDescribedMachine(t *testing.T) {
	c, err := Load("125m")
	if err != nil {
		t.Fatal(err)
	}
	c.Config.Resolve()
	m, err := ParseMachine("cores=4,int8=40,bf16=20,share=0.5,memory=2,price=2")
	if err != nil {
		t.Fatal(err)
	}
	e, err := c.Estimate(m, Teacher{})
	if err != nil {
		t.Fatal(err)
	}
	ofInt8 := func(perWeight float64) float64 {
		whole := perWeight * float64(c.TernaryParameters())
		return (whole/40e12 + (float64(e.FLOPsPerToken)-whole)/20e12) / 0.5 * float64(c.TokensPerStep())
	}
	seconds := ofInt8(2)
	if math.Abs(e.ComputeSeconds/seconds-1) > 1e-9 {
		t.Errorf("a step takes %g s, want %g", e.ComputeSeconds, seconds)
	}
	if want := e.Seconds / 3600 * 2; math.Abs(e.Cost-want) > 1e-9*want || e.Lacking != e.MemoryBytes-2e9 || e.Lacking <= 0 {
		t.Errorf("cost %g, want %g; lacking %d of %d", e.Cost, want, e.Lacking, e.MemoryBytes)
	}
	c.Gradients = train.GradientsAuto
	if auto, err := c.Estimate(m, Teacher{}); err != nil || math.Abs(auto.ComputeSeconds/ofInt8(6)-1) > 1e-9 {
		t.Errorf("gradients by auto: %g s, %v, want %g", auto.ComputeSeconds, err, ofInt8(6))
	}
	c.Gradients, c.CheckpointActivations = train.GradientsFloat, true
	if again, err := c.Estimate(m, Teacher{}); err != nil || math.Abs(again.ComputeSeconds/seconds-1.2) > 1e-9 {
		t.Errorf("blocks computed again: %g s, %v", again.ComputeSeconds, err)
	}
	c.Precision = train.PrecisionFloat32
	if _, err := c.Estimate(m, Teacher{}); err == nil || !strings.Contains(err.Error(), "no rate float32") {
		t.Errorf("got %v", err)
	}
}

// By hand: 2^21 weights are one bucket, so on 4 ranks 3 messages of gradients and 3 of weights.
func TestLatency(t *testing.T) {
	m := Machines{FLOPs: 1e12, Ranks: 4, Network: 1e18, Latency: 1e-3}
	if x := m.exchange(1<<21, 1, 1e-9); math.Abs(x.Seconds-6e-3) > 1e-6 {
		t.Errorf("%g s", x.Seconds)
	}
}
