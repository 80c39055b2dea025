// Package layers holds the import policy of Trit as a test. When it fails, the import
// is wrong, not the list: change the list only together with ARCHITECTURE.md.
package layers

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// policy names, for each package, what it may import of this module, directly.
var policy = map[string]string{
	"internal/parallel": "", "internal/mmap": "", "internal/atomicfile": "", "internal/float16": "",
	"lm": "", "setting": "",
	"bitlinear/quant": "", "tokenizer": "internal/atomicfile tokenizer/jinja", "tokenizer/jinja": "", "model": "", "internal/layers": "", "internal/testutil": "", "internal/report": "",
	"internal/hub": "internal/atomicfile",
	"train/ranks":  "bitlinear/kernel", "train/ranks/openmpi": "train/ranks",
	"format/safetensors": "internal/mmap internal/atomicfile internal/float16",
	"format/gguf":        "internal/mmap internal/atomicfile internal/float16 bitlinear/quant",
	"bitlinear/kernel":   "internal/float16 internal/parallel bitlinear/quant",
	"optim":              "bitlinear/kernel",
	"train/checkpoint":   "model format/safetensors internal/atomicfile",
	"data":               "tokenizer internal/mmap internal/atomicfile internal/parallel",
	"data/world":         "internal/atomicfile",
	"bitlinear":          "bitlinear/quant bitlinear/kernel internal/parallel",
	"train/graph":        "model bitlinear bitlinear/kernel bitlinear/quant internal/parallel",
	"train/watch":        "train/checkpoint internal/report",
	"train":              "model bitlinear bitlinear/kernel format/safetensors train/graph train/checkpoint train/ranks train/watch optim data tokenizer internal/atomicfile internal/parallel",
	"convert":            "train/checkpoint format/gguf format/safetensors bitlinear/quant bitlinear/kernel model model/ggufmeta tokenizer internal/atomicfile internal/parallel internal/float16 internal/report",
	"model/ggufmeta":     "format/gguf model tokenizer internal/float16",
	"infer":              "format/gguf bitlinear/quant bitlinear/kernel model model/ggufmeta tokenizer internal/parallel internal/mmap internal/float16",
	"eval":               "tokenizer data internal/atomicfile internal/report",
	"eval/sandbox":       "",
	"eval/openai":        "eval tokenizer",
	"eval/published":     "internal/report",
	"configs":            "model train",
	"cmd/trit":           "*",
}

// gorgonia lists the packages that may depend on Gorgonia, at whatever remove.
var gorgonia = []string{"bitlinear", "train/graph", "train", "configs", "cmd/trit"}

type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

// violations compares packages with the policy and returns the rules that are broken.
func violations(pkgs []pkg) []string {
	var broken []string
	for _, p := range pkgs {
		name := strings.TrimPrefix(p.ImportPath, "trit/")
		allowed, known := policy[name]
		if !known {
			broken = append(broken, fmt.Sprintf("%s is not in the policy: add it to internal/layers and ARCHITECTURE.md", name))
			continue
		}
		for _, i := range p.Imports {
			imported, own := strings.CutPrefix(i, "trit/")
			if own && allowed != "*" && !slices.Contains(strings.Fields(allowed), imported) {
				broken = append(broken, fmt.Sprintf("%s imports %s: it may import only [%s]", name, imported, allowed))
			}
		}
		for _, d := range p.Deps {
			if strings.HasPrefix(d, "gorgonia.org/") && !slices.Contains(gorgonia, name) {
				broken = append(broken, fmt.Sprintf("%s depends on %s: only %v may know Gorgonia", name, d, gorgonia))
				break
			}
		}
	}
	return broken
}

func TestImportPolicy(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps=false", "-json=ImportPath,Imports,Deps", "trit/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var pkgs []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p pkg
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
	if len(pkgs) < 15 {
		t.Fatalf("go list found only %d packages", len(pkgs))
	}
	for _, v := range violations(pkgs) {
		t.Error(v)
	}
}

// The test proves itself: planted violations must be found.
func TestPlantedViolationsAreFound(t *testing.T) {
	for rule, p := range map[string]pkg{
		"infer imports train":         {"trit/infer", []string{"trit/train"}, nil},
		"eval depends on gorgonia":    {"trit/eval", nil, []string{"fmt", "gorgonia.org/gorgonia"}},
		"quant imports kernel":        {"trit/bitlinear/quant", []string{"trit/bitlinear/kernel"}, nil},
		"a package nobody planned":    {"trit/utils", nil, nil},
		"convert depends on gorgonia": {"trit/convert", nil, []string{"gorgonia.org/tensor"}},
	} {
		if len(violations([]pkg{p})) != 1 {
			t.Errorf("planted violation was not found: %s", rule)
		}
	}
}
