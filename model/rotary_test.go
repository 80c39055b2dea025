package model

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
)

// rotaryShape is a config.json with heads of 64 and 512 positions but for its scaling.
const rotaryShape = `"architectures":["LlamaForCausalLM"],"vocab_size":8,"hidden_size":128,"intermediate_size":8,
"num_hidden_layers":1,"num_attention_heads":2,"rms_norm_eps":1e-5,"max_position_embeddings":512`

const rotaryBase = 10000.0

// plainFrequency is that of pair i of dim values, without scaling.
func plainFrequency(i, dim int) float64 {
	return 1 / math.Pow(rotaryBase, float64(2*i)/float64(dim))
}

// yarnReference is transformers' _compute_yarn_parameters for a pair.
func yarnReference(i, dim int, factor, original, betaFast, betaSlow float64, truncate bool) float64 {
	correction := func(rotations float64) float64 {
		return float64(dim) * math.Log(original/(rotations*2*math.Pi)) / (2 * math.Log(rotaryBase))
	}
	low, high := correction(betaFast), correction(betaSlow)
	if truncate {
		low, high = math.Floor(low), math.Ceil(high)
	}
	low, high = math.Max(low, 0), math.Min(high, float64(dim-1))
	if low == high {
		high += 0.001
	}
	ramp := math.Min(math.Max((float64(i)-low)/(high-low), 0), 1)
	extrapolation := 1 - ramp
	positionFrequency := math.Pow(rotaryBase, float64(2*i)/float64(dim))
	return 1/(factor*positionFrequency)*(1-extrapolation) + 1/positionFrequency*extrapolation
}

// llama3Reference is transformers' _compute_llama3_parameters for a pair.
func llama3Reference(i, dim int, factor, low, high, original float64) float64 {
	f := plainFrequency(i, dim)
	wavelength := 2 * math.Pi / f
	if wavelength > original/low {
		return f / factor
	}
	if wavelength < original/high {
		return f
	}
	smooth := (original/wavelength - low) / (high - low)
	return (1-smooth)*f/factor + smooth*f
}

// numbers are n factors as JSON, from a first one on.
func numbers(first, step float64, n int) string {
	list := make([]float64, n)
	for i := range list {
		list[i] = first + step*float64(i)
	}
	b, _ := json.Marshal(list)
	return string(b)
}

// TestRotaryOfConfigs compares the angles of each type with its formula, written out, in both
// spellings, up to 4 times the original context.
func TestRotaryOfConfigs(t *testing.T) {
	const dim = 64
	short, long := numbers(1, 0.03125, 32), numbers(1.5, 0.25, 32)
	for name, c := range map[string]struct {
		scaling   string // without braces
		length    int
		dim       int
		frequency func(i int) float64
		magnitude float64
	}{
		"default":       {`"rope_type":"default"`, 512, dim, func(i int) float64 { return plainFrequency(i, dim) }, 1},
		"both defaults": {`"type":"default","rope_type":"default"`, 512, dim, func(i int) float64 { return plainFrequency(i, dim) }, 1},
		"linear":        {`"rope_type":"linear","factor":4.0`, 512, dim, func(i int) float64 { return plainFrequency(i, dim) / 4 }, 1},
		"old linear":    {`"type":"linear","factor":2`, 512, dim, func(i int) float64 { return plainFrequency(i, dim) / 2 }, 1},
		"dynamic":       {`"rope_type":"dynamic","factor":4.0`, 512, dim, func(i int) float64 { return plainFrequency(i, dim) }, 1},
		"yarn": {`"rope_type":"yarn","factor":4.0,"original_max_position_embeddings":128`, 512, dim,
			func(i int) float64 { return yarnReference(i, dim, 4, 128, 32, 1, true) }, 0.1*math.Log(4) + 1},
		"yarn of a published model": {`"rope_type":"yarn","factor":40,"original_max_position_embeddings":4096,"beta_fast":32,"beta_slow":1`, 512, dim,
			func(i int) float64 { return yarnReference(i, dim, 40, 4096, 32, 1, true) }, 0.1*math.Log(40) + 1},
		"yarn by the ratio": {`"type":"yarn","original_max_position_embeddings":128`, 512, dim,
			func(i int) float64 { return yarnReference(i, dim, 4, 128, 32, 1, true) }, 0.1*math.Log(4) + 1},
		"yarn without original": {`"rope_type":"yarn","factor":4.0`, 512, dim,
			func(i int) float64 { return yarnReference(i, dim, 4, 512, 32, 1, true) }, 0.1*math.Log(4) + 1},
		"yarn with its blend": {`"rope_type":"yarn","factor":4.0,"original_max_position_embeddings":128,"beta_fast":8,"beta_slow":2,"attention_factor":0.8`, 512, dim,
			func(i int) float64 { return yarnReference(i, dim, 4, 128, 8, 2, true) }, 0.8},
		"yarn not truncated": {`"rope_type":"yarn","factor":4.0,"original_max_position_embeddings":128,"truncate":false`, 512, dim,
			func(i int) float64 { return yarnReference(i, dim, 4, 128, 32, 1, false) }, 0.1*math.Log(4) + 1},
		"yarn with mscale": {`"rope_type":"yarn","factor":4.0,"original_max_position_embeddings":128,"mscale":0.707,"mscale_all_dim":1.0`, 512, dim,
			func(i int) float64 { return yarnReference(i, dim, 4, 128, 32, 1, true) }, (0.0707*math.Log(4) + 1) / (0.1*math.Log(4) + 1)},
		"llama3": {`"rope_type":"llama3","factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":128`, 512, dim,
			func(i int) float64 { return llama3Reference(i, dim, 8, 1, 4, 128) }, 1},
		"longrope, short": {`"rope_type":"longrope","original_max_position_embeddings":128,"short_factor":` + short + `,"long_factor":` + long, 128, dim,
			func(i int) float64 { return plainFrequency(i, dim) / (1 + 0.03125*float64(i)) }, math.Sqrt(1 + math.Log(4)/math.Log(128))},
		"longrope, long": {`"type":"su","original_max_position_embeddings":128,"short_factor":` + short + `,"long_factor":` + long, 129, dim,
			func(i int) float64 { return plainFrequency(i, dim) / (1.5 + 0.25*float64(i)) }, math.Sqrt(1 + math.Log(4)/math.Log(128))},
		"longrope with factors": {`"rope_type":"longrope","factor":32.0,"attention_factor":1.25,"original_max_position_embeddings":128,"short_factor":` + short + `,"long_factor":` + long, 512, dim,
			func(i int) float64 { return plainFrequency(i, dim) / (1.5 + 0.25*float64(i)) }, 1.25},
		"a part": {`"rope_type":"linear","factor":4.0,"partial_rotary_factor":0.5`, 512, 32,
			func(i int) float64 { return plainFrequency(i, 32) / 4 }, 1},
	} {
		theta := fmt.Sprintf(`"rope_theta":%g`, rotaryBase)
		for _, spelling := range []string{
			theta + `,"rope_scaling":{` + c.scaling + `}`,
			`"rope_parameters":{` + theta + `,` + c.scaling + `}`,
			theta + `,"rope_scaling":{` + c.scaling + `},"rope_parameters":{` + theta + `,` + c.scaling + `}`,
		} {
			config, err := ParseHF([]byte("{" + rotaryShape + "," + spelling + "}"))
			if err != nil {
				t.Errorf("%s: %s: %v", name, spelling, err)
				continue
			}
			checkAngles(t, name, config.Rotary(c.length), c.dim, c.frequency, c.magnitude)
			again, err := json.Marshal(ForTraining(config.Config, -1, -1))
			if err != nil {
				t.Fatal(err)
			}
			if back, err := ParseHF(again); err != nil || !back.RopeScaling.Equal(config.RopeScaling) || !SameRotary(&back.Config, &config.Config) {
				t.Errorf("%s: written as %s it is %v, %v", name, again, back, err)
			}
		}
	}
}

// checkAngles wants angles within 1e-6 of a turn up to position 511, and magnitudes, to the
// rounding of float32.
func checkAngles(t *testing.T, name string, r Rotary, dim int, frequency func(i int) float64, magnitude float64) {
	t.Helper()
	if len(r.Frequencies) != dim/2 || math.Abs(r.Magnitude-magnitude) > 1e-12 {
		t.Fatalf("%s: %d frequencies and magnitude %v, want %d and %v", name, len(r.Frequencies), r.Magnitude, dim/2, magnitude)
	}
	cos, sin := make([]float32, dim/2), make([]float32, dim/2)
	for _, position := range []int{0, 1, 127, 128, 300, 511} {
		r.Angles(position, cos, sin)
		for i, f := range r.Frequencies {
			angle := float64(position) * frequency(i)
			if turns := math.Abs(float64(position)*f-angle) / (2 * math.Pi); turns > 1e-6 {
				t.Fatalf("%s: position %d, pair %d is off by %g of a turn", name, position, i, turns)
			}
			c, s := float64(cos[i])-magnitude*math.Cos(angle), float64(sin[i])-magnitude*math.Sin(angle)
			if math.Abs(c) > 2e-7 || math.Abs(s) > 2e-7 {
				t.Fatalf("%s: position %d, pair %d: %v and %v are off by %g and %g", name, position, i, cos[i], sin[i], c, s)
			}
		}
	}
}

func TestRotaryRefuses(t *testing.T) {
	factors := numbers(1, 0, 32)
	for _, c := range []struct{ keys, want string }{
		{`"rope_scaling":{"factor":4}`, `rope_scaling is {"factor":4}, with factor but without a rope_type`},
		{`"rope_parameters":{"rope_theta":1e4,"factor":4}`, "with factor but without a rope_type"},
		{`"rope_theta":10000,"rope_parameters":{"rope_theta":500000,"rope_type":"default"}`,
			"rope_theta is 10000, but rope_parameters.rope_theta is 500000: take the wrong one out"},
		{`"rope_scaling":{"type":"linear","rope_type":"yarn","factor":4}`, `type is "linear" and rope_type is "yarn"`},
		{`"rope_scaling":{"type":"linear","factor":4},"rope_parameters":{"rope_type":"linear","factor":2}`, "but rope_parameters is"},
		{`"rope_scaling":{"type":"linear","factor":4},"rope_parameters":{"rope_type":"default"}`, "but rope_parameters is none"},
		{`"rope_scaling":{"rope_type":"default","factor":4}`, `factor is 4, which rope_type "default" is not computed with`},
		{`"rope_scaling":{"rope_type":"ntk","factor":4}`, `rope_type is "ntk": want`},
		{`"rope_scaling":{"rope_type":"mrope","mrope_section":[1]}`, `rope_type is "mrope"`},
		{`"rope_scaling":{"rope_type":"linear","factor":4,"mrope_section":[16,24,24]}`, "mrope_section is [16,24,24]"},
		{`"rope_scaling":{"rope_type":"linear"}`, "there is no factor"},
		{`"rope_scaling":{"rope_type":"linear","factor":0}`, "factor is 0"},
		{`"rope_scaling":{"rope_type":"linear","factor":-4}`, "factor is -4"},
		{`"rope_scaling":{"rope_type":"linear","factor":"4"}`, `"factor":"4"`},
		{`"rope_scaling":"linear"`, `rope_scaling is "linear": want an object`},
		{`"rope_scaling":{"rope_type":"linear","factor":4,"beta_fast":32}`, "beta_fast is 32"},
		{`"rope_scaling":{"rope_type":"yarn"}`, "there is no factor"},
		{`"rope_scaling":{"rope_type":"yarn","factor":4,"beta_fast":1,"beta_slow":2}`, "beta_fast 1 and beta_slow 2"},
		{`"rope_scaling":{"rope_type":"yarn","factor":4,"attention_factor":0}`, "attention_factor is 0"},
		{`"rope_scaling":{"rope_type":"yarn","factor":4,"original_max_position_embeddings":0}`, "original_max_position_embeddings is 0"},
		{`"original_max_position_embeddings":64,"rope_scaling":{"rope_type":"yarn","factor":4,"original_max_position_embeddings":128}`, "original_max_position_embeddings is 64"},
		{`"rope_scaling":{"rope_type":"dynamic","factor":4,"original_max_position_embeddings":128}`, "dynamic"},
		{`"rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":1,"high_freq_factor":4}`, "there is no original_max_position_embeddings"},
		{`"rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":4,"high_freq_factor":4,"original_max_position_embeddings":128}`, "high_freq_factor is 4"},
		{`"rope_scaling":{"rope_type":"longrope","long_factor":` + factors + `}`, "there is no short_factor"},
		{`"rope_scaling":{"rope_type":"longrope","short_factor":[1],"long_factor":` + factors + `}`, "short_factor has 1 numbers: want 32"},
		{`"rope_scaling":{"rope_type":"longrope","short_factor":` + numbers(0, 1, 32) + `,"long_factor":` + factors + `}`, "short_factor has 0 for pair 0"},
		{`"rope_scaling":{"rope_type":"longrope","factor":2,"original_max_position_embeddings":128,"short_factor":` + factors + `,"long_factor":` + factors + `}`, "add attention_factor"},
		{`"rope_parameters":{"full_attention":{"rope_type":"default"}}`, "full_attention"},
		{`"partial_rotary_factor":0`, "partial_rotary_factor is 0"},
		{`"partial_rotary_factor":1.5`, "partial_rotary_factor is 1.5"},
		{`"partial_rotary_factor":0.52`, "which turns 33 of the 64"},
		{`"partial_rotary_factor":0.5,"rope_parameters":{"partial_rotary_factor":0.25}`, "but rope_parameters.partial_rotary_factor is 0.25"},
	} {
		_, err := ParseHF([]byte("{" + rotaryShape + "," + c.keys + "}"))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "config.json: ") {
			t.Errorf("%s: got %v, want %q", c.keys, err, c.want)
		}
	}
}

func TestRotaryIsHarmless(t *testing.T) {
	for _, keys := range []string{
		`"rope_scaling":null`, `"rope_scaling":{}`, `"rope_scaling":{"type":"default","rope_type":"default"}`, `"rope_scaling":{"factor":null}`,
		`"rope_parameters":{"rope_theta":10000.0}`, `"rope_theta":10000,"rope_parameters":{"rope_theta":1e4,"rope_type":"default"}`,
		`"partial_rotary_factor":1.0`, `"original_max_position_embeddings":128`,
	} {
		c, err := ParseHF([]byte("{" + rotaryShape + "," + keys + "}"))
		if err != nil || c.RopeScaling != nil || c.RotaryDim() != 64 || c.RopeTheta != 10000 {
			t.Errorf("%s: %+v, %v", keys, c, err)
		}
	}
}

// TestDynamicIsComputedWithinTheContext: no rule says how longer sequences are meant.
func TestDynamicIsComputedWithinTheContext(t *testing.T) {
	c, err := ParseHF([]byte("{" + rotaryShape + `,"rope_scaling":{"rope_type":"dynamic","factor":4}}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.CheckRotaryLength(512); err != nil {
		t.Error(err)
	}
	if err := c.CheckRotaryLength(513); err == nil || !strings.Contains(err.Error(), "at most max_position_embeddings 512") {
		t.Errorf("got %v", err)
	}
}
