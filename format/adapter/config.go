package adapter

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// peftConfig is the keys of adapter_config.json that are computed with, and on writing all that
// PEFT's readers ask for.
type peftConfig struct {
	Type          string             `json:"peft_type"`
	Task          string             `json:"task_type"`
	Version       string             `json:"peft_version"`
	Base          string             `json:"base_model_name_or_path"`
	InferenceMode bool               `json:"inference_mode"`
	Rank          int                `json:"r"`
	Alpha         *float64           `json:"lora_alpha"`
	RSLoRA        bool               `json:"use_rslora"`
	Dropout       float64            `json:"lora_dropout"`
	Targets       modules            `json:"target_modules"`
	Excluded      modules            `json:"exclude_modules"`
	Ranks         map[string]int     `json:"rank_pattern"`
	Alphas        map[string]float64 `json:"alpha_pattern"`
	Layers        *layerList         `json:"layers_to_transform"`
	Bias          string             `json:"bias"`
	FanInFanOut   bool               `json:"fan_in_fan_out"`
	DoRA          bool               `json:"use_dora"`
	Saved         []string           `json:"modules_to_save"`
	Init          any                `json:"init_lora_weights"`
}

// configOf describes an adapter.
func configOf(a *Adapter) (*peftConfig, error) {
	if len(a.Pairs) == 0 {
		return nil, fmt.Errorf("an adapter without matrices cannot be written")
	}
	c := &peftConfig{
		Type: typeLoRA, Task: "CAUSAL_LM", Version: peftVersionWritten, Base: a.Base, InferenceMode: true, Alpha: &a.Alpha,
		RSLoRA: a.RankStabilized, Dropout: a.Dropout, Ranks: map[string]int{},
		Alphas: map[string]float64{}, Bias: "none", Init: true,
	}
	if a.Placement == Inside {
		c.Type = typeInside
	}
	kinds := map[string]bool{}
	for _, name := range a.Names() {
		p, module := a.Pairs[name], strings.TrimSuffix(name, weightSuffix)
		if c.Rank == 0 {
			c.Rank = p.Rank
		}
		if p.Rank != c.Rank {
			c.Ranks[module] = p.Rank
		}
		kinds[module[strings.LastIndexByte(module, '.')+1:]] = true
	}
	c.Targets.names = slices.Sorted(maps.Keys(kinds))
	return c, nil
}

// placement is where the matrices stand.
func (c *peftConfig) placement() Placement {
	if c.Type == typeInside {
		return Inside
	}
	return Beside
}

// check tests the values of keys that are computed with.
func (c *peftConfig) check() error {
	switch {
	case c.Type != typeLoRA && c.Type != typeInside:
		return fmt.Errorf("peft_type is %q: want %s, the only kind of adapter that is supported, "+
			"or %s, one inside the quantiser", c.Type, typeLoRA, typeInside)
	case c.Rank < 1 || c.Rank > maxRank:
		return fmt.Errorf("r is %d: want 1 to %d", c.Rank, maxRank)
	case c.Alpha == nil:
		return fmt.Errorf("lora_alpha is missing")
	case math.Abs(*c.Alpha) > math.MaxFloat32:
		return fmt.Errorf("lora_alpha is %g: want a number that float32 can hold", *c.Alpha)
	case !(c.Dropout >= 0 && c.Dropout < 1):
		return fmt.Errorf("lora_dropout is %g: want 0 or more, and less than 1", c.Dropout)
	}
	return nil
}

// checkTargets refuses matrices that PEFT would leave out of its computation, because the
// configuration does not choose their modules, and ranks other than those that it says.
func (c *peftConfig) checkTargets(a *Adapter) error {
	for _, name := range a.Names() {
		module := strings.TrimSuffix(name, weightSuffix)
		targeted, err := c.Targets.match("target_modules", module)
		excluded, errExcluded := c.Excluded.match("exclude_modules", module)
		rank, errRank := byPattern(c.Ranks, module, c.Rank, "rank_pattern")
		for _, err := range []error{err, errExcluded, errRank} {
			if err != nil {
				return err
			}
		}
		if !targeted || excluded || !c.Layers.has(module) {
			return &FormatError{"tensor " + name, "target_modules, exclude_modules and layers_to_transform do not choose it, " +
				"so PEFT would leave it out: correct " + ConfigFile}
		}
		if rank != a.Pairs[name].Rank {
			return &FormatError{"tensor " + name, fmt.Sprintf("its matrices have rank %d, and r and rank_pattern say %d",
				a.Pairs[name].Rank, rank)}
		}
	}
	return nil
}

// applyAlphas multiplies the matrices whose alpha is another one by the quotient.
func (c *peftConfig) applyAlphas(a *Adapter) error {
	for _, name := range a.Names() {
		alpha, err := byPattern(c.Alphas, strings.TrimSuffix(name, weightSuffix), a.Alpha, "alpha_pattern")
		if err != nil {
			return err
		}
		if alpha == a.Alpha {
			continue
		}
		if a.Alpha == 0 {
			return fmt.Errorf("lora_alpha is 0, and alpha_pattern is not: want both in one scale")
		}
		for i, b := range a.Pairs[name].B {
			a.Pairs[name].B[i] = float32(float64(b) * alpha / a.Alpha)
		}
		if !finite(a.Pairs[name].B) {
			return fmt.Errorf("alpha_pattern gives %s the alpha %g: its matrix is not finite", name, alpha)
		}
	}
	return nil
}

// byPattern is the value of the first pattern that a module's name ends with. PEFT tries them in
// the order of the file; patterns of different values that both fit are refused here.
func byPattern[T comparable](patterns map[string]T, module string, usual T, key string) (T, error) {
	value, found := usual, false
	for _, p := range slices.Sorted(maps.Keys(patterns)) {
		fits, err := fullMatch(key, `(.*\.)?(`+p+`)`, module)
		if err != nil {
			return usual, err
		}
		if fits && found && patterns[p] != value {
			return usual, fmt.Errorf("%s has several patterns for %s with different values", key, module)
		}
		if fits {
			value, found = patterns[p], true
		}
	}
	return value, nil
}

// fullMatch reports whether a pattern matches a whole name.
func fullMatch(key, pattern, name string) (bool, error) {
	const most = 1 << 12 // bytes, far above any adapter's
	if len(pattern) > most {
		return false, fmt.Errorf("%s has a pattern of %d bytes: want %d at most", key, len(pattern), most)
	}
	e, err := regexp.Compile(`^(?:` + pattern + `)$`)
	if err != nil {
		return false, fmt.Errorf("%s: the pattern %q cannot be used here: %w", key, pattern, err)
	}
	return e.MatchString(name), nil
}

// modules chooses modules: by the ends of their names, by a pattern for the whole name, or all
// linear ones. The zero value chooses none.
type modules struct {
	names   []string
	pattern string
}

const allLinear = "all-linear"

// UnmarshalJSON reads a list of names or a text.
func (m *modules) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	if strings.HasPrefix(string(b), `"`) {
		return json.Unmarshal(b, &m.pattern)
	}
	if err := json.Unmarshal(b, &m.names); err != nil {
		return fmt.Errorf("want a list of names of modules, or a text: %w", err)
	}
	return nil
}

// MarshalJSON writes the list; null if there is none.
func (m modules) MarshalJSON() ([]byte, error) { return json.Marshal(m.names) }

// match reports whether a module is chosen.
func (m *modules) match(key, module string) (bool, error) {
	switch m.pattern {
	case "":
		ends := func(n string) bool { return module == n || strings.HasSuffix(module, "."+n) }
		return slices.ContainsFunc(m.names, ends), nil
	case allLinear:
		return true, nil
	}
	return fullMatch(key, m.pattern, module)
}

// layerList is one number or several.
type layerList []int

// UnmarshalJSON reads a number or a list.
func (l *layerList) UnmarshalJSON(b []byte) error {
	var one int
	if err := json.Unmarshal(b, &one); err == nil {
		*l = layerList{one}
		return nil
	}
	var several []int
	if err := json.Unmarshal(b, &several); err != nil {
		return fmt.Errorf("want a number of a layer, or a list of them")
	}
	*l = several
	return nil
}

// has reports whether the list is not there, or holds the layer of a module.
func (l *layerList) has(module string) bool {
	if l == nil || len(*l) == 0 {
		return true
	}
	parts := strings.Split(module, ".") // model.layers.N....
	n, err := strconv.Atoi(parts[min(2, len(parts)-1)])
	return err == nil && slices.Contains(*l, n)
}
