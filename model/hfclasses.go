package model

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"trit/setting"
)

// class is what transformers' class of a model_type computes beyond what config.json says.
type class struct {
	unsupported string         // what it computes that is not supported here; empty for one that is supported
	defaults    map[string]any // of the keys that results depend on, where a file leaves them out
}

// Keys of config.json that need a default, and that a file should have.
var defaulted = []string{"rms_norm_eps", "rope_theta", "max_position_embeddings", "hidden_act", "head_dim", "partial_rotary_factor"}

// llamaDefaults are the defaults of the keys that all classes have, and those of others, a name
// and a value each.
func llamaDefaults(theta, eps float64, context int, act string, others ...any) map[string]any {
	d := map[string]any{"rms_norm_eps": eps, "rope_theta": theta, "max_position_embeddings": context, "hidden_act": act}
	for ; len(others) > 0; others = others[2:] {
		d[others[0].(string)] = others[1]
	}
	return d
}

// classes by model_type. Source: the configuration classes of transformers 4.57.
var classes = map[string]class{
	"llama":  {"", llamaDefaults(1e4, 1e-6, 2048, SiLU)},
	"qwen3":  {"", llamaDefaults(1e4, 1e-6, 32768, SiLU)},
	"bitnet": {"", llamaDefaults(5e5, 1e-5, 2048, ReLU2)},
	// Names of bitnet in other tools.
	"bitnet-b1.58": {"", llamaDefaults(5e5, 1e-5, 2048, ReLU2)},
	"bitnet-25":    {"", llamaDefaults(5e5, 1e-5, 2048, ReLU2)},
	"mistral":      {"", llamaDefaults(1e4, 1e-6, 131072, SiLU, "sliding_window", 4096.0)},
	// Multipliers of keys that the files state, and that config.json's table judges.
	"granite":   {"", llamaDefaults(1e4, 1e-6, 2048, SiLU, "attention_multiplier", 1.0)},
	miniCPMType: {"", llamaDefaults(1e4, 1e-6, 2048, SiLU, "scale_emb", 1.0, "scale_depth", 1.0, "dim_model_base", 1.0)},

	qwen35Type: {"", llamaDefaults(1e4, 1e-6, 32768, SiLU, "head_dim", 256, "partial_rotary_factor", 0.25, "linear_value_head_dim", 128.0)},

	"qwen2":       {"its query, key and value projections have biases", nil},
	"qwen3_moe":   {"its feed-forward layers are mixtures of experts", nil},
	"mixtral":     {"its feed-forward layers are mixtures of experts", nil},
	"phi":         {"its norms are LayerNorms and its layers parallel", nil},
	"phi3":        {"its query, key and value projections are one tensor, as are gate and up", nil},
	"olmo":        {"its norms are LayerNorms without weights", nil},
	"olmo2":       {"its norms stand behind the blocks, and those of query and key span all heads", nil},
	"smollm3":     {"some of its layers have no rotary embedding", nil},
	"cohere":      {"its norms are LayerNorms, its layers parallel and its logits scaled", nil},
	"falcon":      {"its norms are LayerNorms and its layers parallel", nil},
	"falcon_h1":   {"some of its blocks are state-space models", nil},
	"gpt2":        {"its positions are learnt and its norms LayerNorms", nil},
	"gpt_neox":    {"its norms are LayerNorms and its layers parallel", nil},
	"stablelm":    {"its norms are LayerNorms", nil},
	"qwen3_next":  {"its feed-forward layers are mixtures of experts, and its delta nets have other projections than qwen3_5", nil},
	"qwen3_5_moe": {"its feed-forward layers are mixtures of experts", nil},
}

// checkClass refuses a model_type whose class computes something that is not supported, and one
// that is not known: that it has the tensors of a Llama does not mean that it computes as one.
func checkClass(modelType string) error {
	known, ok := classes[modelType]
	switch {
	case modelType == "", ok && known.unsupported == "":
		return nil
	case strings.HasPrefix(modelType, "gemma"):
		return fmt.Errorf("model_type is %q: its norms behind the blocks, GELU, scaled embedding and sliding windows "+
			"are not supported: of the BitNet embedding models take microsoft/bitnet-embedding-0.6b, whose model_type is %q",
			modelType, qwen3)
	case ok:
		return fmt.Errorf("model_type is %q: %s, which is not supported", modelType, known.unsupported)
	}
	unsupported := func(name string) bool { return classes[name].unsupported != "" }
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(classes)), unsupported)
	return setting.Needs(setField,
		fmt.Sprintf("model_type is %q, and what models of this type compute is not known here: want one of %s",
			modelType, strings.Join(names, ", ")),
		fmt.Sprintf("where the model computes as one of these, convert it with {%s} model_type=NAME", setField))
}

// architectureEndings stand behind the name of a class in the names of architectures.
var architectureEndings = []string{"ForCausalLM", "ForConditionalGeneration", "TextModel", "Model"}

// classOf is the model_type that an architecture has, "" for those of BitNet, which files of
// other classes name too, as 1bitLLM's do with llama. It reports whether the class is known.
func classOf(architecture string) (modelType string, known bool) {
	name := strings.ToLower(architecture)
	if strings.HasPrefix(name, "bitnet") {
		return "", true
	}
	for _, ending := range architectureEndings {
		if base, ok := strings.CutSuffix(name, strings.ToLower(ending)); ok {
			_, ok := classes[base]
			return base, ok
		}
	}
	return "", false
}

// checkArchitectures refuses architectures that are of no supported class, whatever the
// model_type says, and those of another class than it. A file without model_type is of the
// class of its architecture.
func (c *HFConfig) checkArchitectures() error {
	for _, name := range c.Architectures {
		class, known := classOf(name)
		switch why := classes[class].unsupported; {
		case why != "":
			return fmt.Errorf("architectures has %s: %s, which is not supported", plain(name), why)
		case !known:
			return setting.Needs(setField,
				fmt.Sprintf("architectures has %s, and what it computes is not known here", plain(name)),
				fmt.Sprintf("where it is a Llama by another name, convert it with {%s} architectures=null", setField))
		case class == "":
		case c.ModelType == "":
			c.ModelType = class
			c.note("config.json has no model_type: the model is taken for %s, by its architectures", class)
		case c.ModelType != class:
			return setting.Needs(setField,
				fmt.Sprintf("model_type is %q, but architectures has %s: these compute in different ways",
					c.ModelType, plain(name)),
				fmt.Sprintf("take the wrong one out of the file, or convert it with {%s} KEY=null", setField))
		}
	}
	return nil
}

// complete enters what the class of a model takes for keys that the file leaves out, and notes
// it where results depend on it.
func (c *HFConfig) complete(keys map[string]any) {
	defaults, from := classes[c.ModelType].defaults, "as the class of "+c.ModelType+" in transformers has it"
	if defaults == nil {
		act := SiLU
		if c.SubNorms {
			act = ReLU2
		}
		defaults, from = llamaDefaults(1e4, 1e-5, 2048, act), "since it names no model_type"
	}
	var taken []string
	for _, key := range slices.Sorted(maps.Keys(defaults)) {
		v := defaults[key]
		if !slices.Contains(defaulted, key) {
			if _, stated := keys[key]; !stated {
				keys[key] = v
				taken = append(taken, fmt.Sprintf("%s %v", key, v))
			}
			continue
		}
		if keys[key] != nil || c.states(key) {
			continue
		}
		taken = append(taken, fmt.Sprintf("%s %v", key, v))
		switch key {
		case "rms_norm_eps":
			c.RMSNormEps = v.(float64)
		case "rope_theta":
			c.RopeTheta = v.(float64)
		case "max_position_embeddings":
			c.MaxPositionEmbeddings = v.(int)
		case "head_dim":
			c.HeadDim = v.(int)
		case "partial_rotary_factor":
			c.PartialRotaryFactor = v.(float64)
		default:
			c.HiddenAct = v.(string)
		}
	}
	if len(taken) > 0 {
		c.note("config.json leaves keys out that results depend on; %s: %s", from, strings.Join(taken, ", "))
	}
}

// states reports whether a key that needs a default has a value by another key.
func (c *HFConfig) states(key string) bool {
	return key == "rope_theta" && c.RopeTheta != 0 || key == "partial_rotary_factor" && c.PartialRotaryFactor != 0
}

func (c *HFConfig) note(format string, args ...any) {
	c.notes = append(c.notes, setting.Note(fmt.Sprintf(format, args...)))
}
