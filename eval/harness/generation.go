package harness

import (
	"fmt"
	"slices"

	"trit/eval"
)

// maxTokenKeys are the names of the most tokens of an answer; the first that is given counts.
var maxTokenKeys = []string{"max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens"}

func (c *config) setGeneration(key string, v any) error {
	m, ok := v.(*mapping)
	if !ok {
		return wrong(key, v, "a mapping")
	}
	known := append(slices.Clone(maxTokenKeys), "until", "do_sample", "temperature", "num_beams")
	if err := m.only(key, known...); err != nil {
		return err
	}
	c.generation = m
	return nil
}

// answers sets when answers end.
func (c *config) answers(t *eval.Task) error {
	t.Answers.Until = []string{c.delimiters.Fewshot}
	if c.generation == nil {
		return nil
	}
	if err := c.refuseSampling(); err != nil {
		return err
	}
	if v, ok := c.generation.get("until"); ok {
		var err error
		if t.Answers.Until, err = oneOrMore("generation_kwargs.until", v); err != nil {
			return err
		}
	}
	for _, key := range maxTokenKeys {
		v, ok := c.generation.get(key)
		if !ok || v == nil {
			continue
		}
		n, err := count("generation_kwargs."+key, v)
		if err == nil && n == 0 {
			err = fmt.Errorf("generation_kwargs.%s is 0: an answer has at least one token", key)
		}
		t.Answers.MaxTokens = n
		return err
	}
	return nil
}

// refuseSampling refuses what does not make the likeliest token each time.
func (c *config) refuseSampling() error {
	const way = "answers are not sampled here; set do_sample to false"
	temperature := 0.0
	if v, ok := c.generation.get("temperature"); ok {
		var err error
		if temperature, err = number("generation_kwargs.temperature", v); err != nil {
			return err
		}
	}
	v, ok := c.generation.get("do_sample")
	switch {
	case ok && v == any(true):
		return fmt.Errorf("generation_kwargs.do_sample is true: %s", way)
	case ok && v != any(false) && v != nil:
		return wrong("generation_kwargs.do_sample", v, "true or false")
	case v == nil && temperature > 0:
		return fmt.Errorf("generation_kwargs.temperature is %v: %s", temperature, way)
	}
	if beams, ok := c.generation.get("num_beams"); ok && beams != any(int64(1)) {
		return fmt.Errorf("generation_kwargs.num_beams is %s: want 1; there is no beam search here", shown(beams))
	}
	return nil
}
