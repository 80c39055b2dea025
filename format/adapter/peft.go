package adapter

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"trit/format/safetensors"
	"trit/internal/atomicfile"
	"trit/internal/jsonfile"
	"trit/setting"
	"trit/tokenizer"
)

// Names of the files of PEFT's layout.
const (
	ConfigFile  = "adapter_config.json"
	WeightsFile = "adapter_model.safetensors"
)

// maxConfigBytes is the largest size of an adapter_config.json, far above any adapter's.
const maxConfigBytes = 1 << 20

// Names of tensors in PEFT's layout: what they begin with, and the ends of the two matrices.
//
// PEFT and others ignore keys of the configuration that they do not know. So an adapter inside the
// quantiser, which would compute other numbers beside the layer, has no peft_type of PEFT, and its
// matrices have names that PEFT, vLLM and llama.cpp's converter know nothing of: each refuses it.
const (
	wrapped            = "base_model.model."
	endA, endB         = ".lora_A.weight", ".lora_B.weight"
	insideA, insideB   = ".lora_inside_A.weight", ".lora_inside_B.weight"
	typeLoRA           = "LORA"
	typeInside         = "TRIT_LORA_INSIDE"
	modelPrefix        = "model."
	weightSuffix       = ".weight"
	oldWeightsFile     = "adapter_model.bin"
	peftVersionWritten = "0.18.0" // whose layout is written
)

// ReadFolder reads an adapter as PEFT writes it.
func ReadFolder(dir string, of Target) (*Adapter, []setting.Note, error) {
	path := filepath.Join(dir, ConfigFile)
	b, err := atomicfile.Read(path, maxConfigBytes)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, fmt.Errorf("%s holds no %s: name the folder of an adapter, or its GGUF file", dir, ConfigFile)
	}
	if err != nil {
		return nil, nil, err
	}
	c, notes, err := parseConfig(b, of)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	path = filepath.Join(dir, WeightsFile)
	weights, err := safetensors.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		if _, old := os.Stat(filepath.Join(dir, oldWeightsFile)); old == nil {
			return nil, nil, fmt.Errorf("%s holds %s, whose form can run programs: save it as safetensors with PEFT",
				dir, oldWeightsFile)
		}
	}
	if err != nil {
		return nil, nil, err
	}
	defer weights.Close()
	a, err := c.adapter(weights, of)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	template, err := tokenizer.LoadChatTemplate(dir)
	if err != nil && !errors.Is(err, tokenizer.ErrNoChatTemplate) {
		return nil, nil, err
	}
	a.ChatTemplate = template.Text
	return a, notes, nil
}

// adapter takes the matrices out of a file.
func (c *peftConfig) adapter(weights *safetensors.File, of Target) (*Adapter, error) {
	a := &Adapter{
		Alpha: *c.Alpha, RankStabilized: c.RSLoRA, Placement: c.placement(), Dropout: c.Dropout, Base: c.Base,
		Pairs: map[string]Pair{},
	}
	ends := [2]string{endA, endB}
	if a.Placement == Inside {
		ends = [2]string{insideA, insideB}
	}
	halves := pairing{a: a, specs: projections(of.Config)}
	for _, t := range weights.Tensors() {
		module, second, ok := cutEnd(t.Name, ends)
		if !ok {
			return nil, &FormatError{"tensor " + t.Name, "it is no matrix of an adapter, as its configuration describes it: " +
				"only low-rank matrices of projections are supported"}
		}
		data, err := weights.Float32(t.Name)
		if err == nil {
			err = halves.add(usualName(module), t.Shape, data, second)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := halves.finish(); err != nil {
		return nil, err
	}
	if err := c.checkTargets(a); err != nil {
		return nil, err
	}
	return a, c.applyAlphas(a)
}

// cutEnd returns the name in front of one of two ends, and whether it was the second.
func cutEnd(name string, ends [2]string) (front string, second, ok bool) {
	if front, ok = strings.CutSuffix(name, ends[0]); ok {
		return front, false, true
	}
	front, ok = strings.CutSuffix(name, ends[1])
	return front, true, ok
}

// usualName is the name of the weight of a module. Models without a head have no prefix "model.".
func usualName(module string) string {
	name := strings.TrimPrefix(module, wrapped)
	if strings.HasPrefix(name, "layers.") {
		name = modelPrefix + name
	}
	return name + weightSuffix
}

// WriteFolder writes an adapter to the folder dir as PEFT does, which it makes if it is not there.
// The configuration comes last: a folder with one is whole. An adapter inside the quantiser is
// written so that PEFT refuses it.
func WriteFolder(dir string, a *Adapter) error {
	c, err := configOf(a)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := safetensors.WriteFile(filepath.Join(dir, WeightsFile), map[string]string{"format": "pt"}, a.sources()); err != nil {
		return err
	}
	for name, text := range a.Files() {
		if err := atomicfile.WriteBytes(filepath.Join(dir, name), text); err != nil {
			return err
		}
	}
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(dir, ConfigFile), append(b, '\n'))
}

// Files are what stands beside configuration and weights in a folder, by names.
func (a *Adapter) Files() map[string][]byte {
	files := map[string][]byte{}
	if a.ChatTemplate != "" {
		tokenizer.SetChatTemplate(files, a.ChatTemplate)
	}
	return files
}

// sources are the matrices by PEFT's names.
func (a *Adapter) sources() (list []safetensors.Source) {
	first, second := endA, endB
	if a.Placement == Inside {
		first, second = insideA, insideB
	}
	for _, name := range a.Names() {
		p, module := a.Pairs[name], wrapped+strings.TrimSuffix(name, weightSuffix)
		list = append(list, safetensors.Float32Source(module+first, []int{p.Rank, p.In}, p.A),
			safetensors.Float32Source(module+second, []int{p.Out, p.Rank}, p.B))
	}
	return list
}

// parseConfig reads an adapter_config.json and judges all of its keys.
func parseConfig(b []byte, of Target) (*peftConfig, []setting.Note, error) {
	var raw map[string]any
	if err := jsonfile.Decode(b, &raw); err != nil {
		return nil, nil, err
	}
	notes, err := checkKeys(raw, of.Config)
	if err != nil {
		return nil, nil, err
	}
	c := &peftConfig{}
	if err := jsonfile.Decode(b, c); err != nil {
		return nil, nil, err
	}
	return c, notes, c.check()
}
