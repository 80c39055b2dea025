package adapters

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"trit/format/adapter"
)

// peftConfig are the keys of adapter_config.json that say what an adapter computes.
type peftConfig struct {
	Type     string   `json:"peft_type"`
	Task     string   `json:"task_type"`
	Base     string   `json:"base_model_name_or_path"`
	Rank     int      `json:"r"`
	Alpha    float64  `json:"lora_alpha"`
	Dropout  float64  `json:"lora_dropout"`
	RSLoRA   bool     `json:"use_rslora"`
	Targets  []string `json:"target_modules"`
	Bias     string   `json:"bias"`
	FanInOut bool     `json:"fan_in_fan_out"`
	Inferred bool     `json:"inference_mode"`
}

// Config is the adapter_config.json of an adapter whose pairs have one rank. PEFT does not know an
// adapter inside the quantiser, whose type is not LORA, and refuses it.
func Config(a *adapter.Adapter) ([]byte, error) {
	c := peftConfig{Type: "LORA", Task: "CAUSAL_LM", Base: a.Base, Alpha: a.Alpha, Dropout: a.Dropout,
		RSLoRA: a.RankStabilized, Bias: "none", Inferred: true}
	if a.Placement == adapter.Inside {
		c.Type = "TRIT_LORA_INSIDE"
	}
	targets := map[string]bool{}
	for name, p := range a.Pairs {
		parts := strings.Split(strings.TrimSuffix(name, ".weight"), ".")
		targets[parts[len(parts)-1]], c.Rank = true, p.Rank
	}
	c.Targets = slices.Sorted(maps.Keys(targets))
	b, err := json.MarshalIndent(c, "", "  ")
	return append(b, '\n'), err
}
