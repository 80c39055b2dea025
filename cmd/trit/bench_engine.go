package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"trit/configs"
	"trit/infer"
	"trit/lm"
	"trit/model"
)

// engineBench is how fast a model runs.
type engineBench struct {
	LoadSeconds      float64        `json:"load_seconds"`
	FirstTokenMillis float64        `json:"first_token_ms"` // of the prompt, median
	Prefill          *speed         `json:"prefill"`
	Decode           *speed         `json:"decode"`
	Sessions         int            `json:"sessions"`
	Memory           infer.Memory   `json:"memory"`
	CacheBytes       int            `json:"cache_bytes"` // of all sessions
	LimitBytes       int            `json:"memory_limit_bytes,omitempty"`
	Energy           energyPerToken `json:"energy_per_token"`
	PrefillFraction  float64        `json:"prefill_fraction_of_int8"`
	DecodeFraction   float64        `json:"decode_fraction_of_memory"`
	ternary          int            // weights
}

func benchModel(c *cli.Context, r *benchReport) error {
	start := time.Now()
	m, err := benchedModel(c, r)
	if err != nil {
		return err
	}
	defer m.Close()
	config, sessions := m.Config(), max(1, c.Int("sessions"))
	e := &engineBench{LoadSeconds: time.Since(start).Seconds(), Sessions: sessions, Memory: m.Memory(), ternary: config.TernaryParameters()}
	r.Engine, r.Parameters = e, config.Parameters()
	prompt, generate := max(1, c.Int("prompt")), max(1, c.Int("generate"))
	e.CacheBytes = sessions * (prompt + generate) * e.Memory.CacheBytesPerToken
	if p, ok := profiles[c.String("profile")]; ok {
		e.LimitBytes = p.memory
		if err := checkFits(c, e.need()); err != nil {
			return err
		}
	}
	return e.measure(m, prompt, generate, max(1, c.Int("repeat")))
}

// checkFits refuses what needs more memory than the profile has.
func checkFits(c *cli.Context, need int) error {
	name := c.String("profile")
	if p, ok := profiles[name]; ok && need > p.memory {
		return fmt.Errorf("profile %s: the model needs %.1f GB or more with its cache, the limit is %.1f GB: take a smaller shape, fewer tokens or fewer sessions", name, float64(need)/1e9, float64(p.memory)/1e9)
	}
	return nil
}

// leastMemory is what a shape needs at the least, 1.6 bits a ternary weight and F16 for
// all others: known before a model is made that fits nowhere.
func leastMemory(c *model.Config) int {
	ternary := c.TernaryParameters()
	return ternary/5 + 2*(c.Parameters()-ternary)
}

func (e *engineBench) need() int { return e.Memory.Weights + e.Memory.Head + e.CacheBytes }

// measure times the prompt of one session and the decoding of all.
func (e *engineBench) measure(m *infer.Model, prompt, generate, repeat int) error {
	list := make([]*infer.Session, e.Sessions)
	for i := range list {
		var err error
		if list[i], err = m.NewSession(prompt + generate); err != nil {
			return err
		}
	}
	meter := newEnergyMeter()
	var first, decode []float64
	for range repeat {
		f, d, err := benchOnce(list, m.Config().VocabSize, prompt, generate, meter)
		if err != nil {
			return err
		}
		first, decode = append(first, f), append(decode, d)
	}
	slices.Sort(first)
	e.FirstTokenMillis = 1000 * first[len(first)/2]
	prefill := make([]float64, len(first))
	for i, f := range first {
		prefill[i] = float64(prompt) / f
	}
	e.Prefill, e.Decode = newSpeed(prompt, prefill), newSpeed(generate, decode)
	e.Energy = meter.perToken(m.Config())
	return nil
}

// benchOnce reads a prompt, copies it to all sessions and generates in all together. It
// returns the seconds to the first token and the tokens a second of all sessions.
func benchOnce(list []*infer.Session, vocab, prompt, generate int, meter *energyMeter) (first, decode float64, err error) {
	ids, samplers, next := make([]int32, prompt), make([]*infer.Sampler, len(list)), make([][]int32, len(list))
	for i := range ids {
		ids[i] = int32(i * 7 % vocab)
	}
	list[0].Truncate(0)
	start := time.Now()
	if _, err := list[0].Step(ids, infer.NewSampler(lm.Sampling{})); err != nil {
		return 0, 0, err
	}
	first = time.Since(start).Seconds()
	for i, s := range list {
		samplers[i] = infer.NewSampler(lm.Sampling{})
		if i > 0 {
			if err := s.CopyPrefix(list[0], prompt); err != nil {
				return 0, 0, err
			}
		}
	}
	meter.start()
	start = time.Now()
	for step := range generate {
		for i := range next {
			next[i] = []int32{int32((step*13 + i*101) % vocab)}
		}
		if _, err := infer.StepAll(list, next, samplers); err != nil {
			return 0, 0, err
		}
	}
	tokens := generate * len(list)
	decode = float64(tokens) / time.Since(start).Seconds()
	meter.stop(tokens)
	return first, decode, nil
}

// compare sets the fractions of the machine's limits: of the int8 product for a prompt,
// and of the memory bandwidth for decoding, where each step reads weights, head and cache.
func (e *engineBench) compare(l limits) {
	e.PrefillFraction = e.Prefill.TokensPerSecond * 2 * float64(e.ternary) / (l.Int8GOPPerS * 1e9)
	steps := e.Decode.TokensPerSecond / float64(e.Sessions)
	e.DecodeFraction = steps * float64(e.Memory.Weights+e.Memory.HeadRead+e.CacheBytes) / (l.MemoryGBPerS * 1e9)
}

func (e *engineBench) lines() [][3]string {
	rate := func(s *speed) string { return fmt.Sprintf("%.1f tokens/s", s.TokensPerSecond) }
	list := [][3]string{
		{"prefill", rate(e.Prefill), fmt.Sprintf("%d tokens, %.1f to %.1f; %.0f %% of the int8 product", e.Prefill.Tokens, e.Prefill.Slowest, e.Prefill.Fastest, 100*e.PrefillFraction)},
		{"decode", rate(e.Decode), fmt.Sprintf("%d tokens in %d sessions, %.1f to %.1f; %.0f %% of the memory bandwidth", e.Decode.Tokens, e.Sessions, e.Decode.Slowest, e.Decode.Fastest, 100*e.DecodeFraction)},
		{"first token", fmt.Sprintf("%.0f ms", e.FirstTokenMillis), ""},
		{"load", fmt.Sprintf("%.2f s", e.LoadSeconds), ""},
		{"weights", fmt.Sprintf("%.0f MB", float64(e.Memory.Weights)/1e6), fmt.Sprintf("%s; head and embedding %.0f MB, cache %.0f MB", e.Memory.Format, float64(e.Memory.Head)/1e6, float64(e.CacheBytes)/1e6)},
		{"energy", fmt.Sprintf("%.3g J/token", e.Energy.Joules), e.Energy.How},
	}
	if e.LimitBytes > 0 {
		list = append(list, [3]string{"fits", fmt.Sprintf("%.1f GB", float64(e.need())/1e9), fmt.Sprintf("of %.1f GB", float64(e.LimitBytes)/1e9)})
	}
	return list
}

func benchedModel(c *cli.Context, r *benchReport) (*infer.Model, error) {
	if c.NArg() == 1 {
		r.Model = c.Args().First()
		return infer.Load(r.Model, engineOptions(c))
	}
	name := c.String("shape")
	if name == "2b4t" {
		name = "2b-4t"
	}
	if !slices.Contains(configs.Names(), name) {
		return nil, usagef("there is no shape %q: want one of %v", name, configs.Names())
	}
	config, err := configs.Load(name)
	if err != nil {
		return nil, err
	}
	if config.VocabSize == 0 {
		config.VocabSize = 4096
	}
	config.Config.Resolve()
	if err := checkFits(c, leastMemory(&config.Config)); err != nil {
		return nil, err
	}
	r.Model = name + ", random weights"
	return infer.Random(config.Config, 1, engineOptions(c))
}
