package repro

import (
	"slices"
	"time"

	"trit/infer"
	"trit/infer/sampling"
	"trit/internal/machine"
	"trit/lm"
)

// EngineOptions say what MeasureEngine times.
type EngineOptions struct {
	Prompt   int // tokens of the prompt, at least 1
	Tokens   int // number of tokens to generate in each session, at least 1
	Sessions int // number of sessions that generate together; 0 is 1
	Repeat   int // number of repeats of the whole measurement; 0 is 1
}

// EngineSpeed is how fast a model runs on the engine.
type EngineSpeed struct {
	FirstTokenMillis float64        `json:"first_token_ms"` // time to read the prompt, median
	Prefill          Rate           `json:"prefill"`
	Decode           Rate           `json:"decode"` // of all sessions together
	Sessions         int            `json:"sessions"`
	Memory           infer.Memory   `json:"memory"`
	CacheBytes       int            `json:"cache_bytes"` // of all sessions
	Energy           EnergyPerToken `json:"energy_per_token"`
	PrefillFraction  float64        `json:"prefill_fraction_of_int8"`  // 0 before SetLimits
	DecodeFraction   float64        `json:"decode_fraction_of_memory"` // 0 before SetLimits

	integers int // number of weights in integer products
}

// Rate is tokens a second, over some repeats.
type Rate struct {
	Tokens          int     `json:"tokens"`
	TokensPerSecond float64 `json:"tokens_per_second"` // median
	Slowest         float64 `json:"slowest"`
	Fastest         float64 `json:"fastest"`
}

func newRate(tokens int, perSecond []float64) Rate {
	s := slices.Sorted(slices.Values(perSecond))
	return Rate{tokens, s[len(s)/2], s[0], s[len(s)-1]}
}

// EnergyPerToken is the energy to generate a token, and the way it was measured or estimated.
type EnergyPerToken struct {
	Joules float64 `json:"joules"`
	How    string  `json:"how"`
}

// CacheBytes returns the bytes of the KV caches that MeasureEngine fills.
func (o EngineOptions) CacheBytes(m infer.Memory) int {
	return max(o.Sessions, 1) * (o.Prompt + o.Tokens) * m.CacheBytesPerToken
}

// MeasureEngine times the prompt of one session and greedy decoding in all sessions, on made-up
// tokens.
func MeasureEngine(m *infer.Model, o EngineOptions) (*EngineSpeed, error) {
	o.Prompt, o.Tokens = max(o.Prompt, 1), max(o.Tokens, 1)
	o.Sessions, o.Repeat = max(o.Sessions, 1), max(o.Repeat, 1)
	e := &engineTest{o: o, vocab: m.Config().VocabSize, sessions: make([]*infer.Session, o.Sessions)}
	for i := range e.sessions {
		var err error
		if e.sessions[i], err = m.NewSession(o.Prompt + o.Tokens); err != nil {
			return nil, err
		}
	}
	for range o.Repeat {
		if err := e.once(); err != nil {
			return nil, err
		}
	}
	return e.result(m), nil
}

// engineTest is one call of MeasureEngine.
type engineTest struct {
	o        EngineOptions
	vocab    int
	sessions []*infer.Session
	meter    machine.EnergyMeter
	first    []float64 // seconds to the first token, by repeat
	prefill  []float64 // tokens a second
	decode   []float64
}

// once reads the prompt, copies it to all sessions and generates in all together.
func (e *engineTest) once() error {
	if err := e.read(); err != nil {
		return err
	}
	for _, s := range e.sessions[1:] {
		if err := s.CopyPrefix(e.sessions[0], e.o.Prompt); err != nil {
			return err
		}
	}
	return e.generate()
}

func (e *engineTest) read() error {
	ids := make([]int32, e.o.Prompt)
	for i := range ids {
		ids[i] = int32(i * 7 % e.vocab)
	}
	e.sessions[0].Truncate(0)
	start := time.Now()
	if _, err := e.sessions[0].Step(ids, sampling.New(lm.Sampling{})); err != nil {
		return err
	}
	seconds := time.Since(start).Seconds()
	e.first, e.prefill = append(e.first, seconds), append(e.prefill, float64(e.o.Prompt)/seconds)
	return nil
}

func (e *engineTest) generate() error {
	samplers, next := make([]*sampling.Sampler, len(e.sessions)), make([][]int32, len(e.sessions))
	for i := range samplers {
		samplers[i] = sampling.New(lm.Sampling{})
	}
	e.meter.Start()
	start := time.Now()
	for step := range e.o.Tokens {
		for i := range next {
			next[i] = []int32{int32((step*13 + i*101) % e.vocab)}
		}
		if _, err := infer.StepAll(e.sessions, next, samplers); err != nil {
			return err
		}
	}
	tokens := e.o.Tokens * len(e.sessions)
	e.decode = append(e.decode, float64(tokens)/time.Since(start).Seconds())
	e.meter.Stop(tokens)
	return nil
}

func (e *engineTest) result(m *infer.Model) *EngineSpeed {
	config := m.Config()
	slices.Sort(e.first)
	s := &EngineSpeed{
		FirstTokenMillis: 1000 * e.first[len(e.first)/2], Sessions: e.o.Sessions,
		Prefill: newRate(e.o.Prompt, e.prefill), Decode: newRate(e.o.Tokens, e.decode),
		Memory: m.Memory(), CacheBytes: e.o.CacheBytes(m.Memory()),
	}
	if s.Memory.Format != "float" {
		s.integers = config.MatMulWeights() - config.VocabSize*config.HiddenSize
	}
	var measured bool
	if s.Energy.Joules, measured = e.meter.PerUnit(); measured {
		s.Energy.How = "measured by RAPL, the whole processor package"
		return s
	}
	s.Energy = EnergyPerToken{
		machine.EstimateEnergy(s.integers, config.MatMulWeights()-s.integers),
		"ESTIMATE by counts of operations in 7 nm, without memory: this machine shows no RAPL counter",
	}
	return s
}

// SetLimits compares the speed with the limits of the machine. Reading the prompt is compared
// with the operations a second of the int8 product. Decoding is compared with the bytes a second
// of the memory, since each step reads weights, head and cache. Where a repeat was faster than a
// limit, the limit was measured too low, and that repeat is the limit. It returns the limits.
func (s *EngineSpeed) SetLimits(int8OPS, memoryBandwidth float64) (ops, bandwidth float64) {
	token, step := 2*float64(s.integers), float64(s.Memory.Weights+s.Memory.HeadRead+s.CacheBytes)/float64(s.Sessions)
	ops, bandwidth = max(int8OPS, s.Prefill.Fastest*token), max(memoryBandwidth, s.Decode.Fastest*step)
	s.PrefillFraction, s.DecodeFraction = s.Prefill.TokensPerSecond*token/ops, s.Decode.TokensPerSecond*step/bandwidth
	return ops, bandwidth
}
