// Package layers holds the rules of the house as tests: who may import whom (policy and
// bans), and what holds for all code (house_test.go). When one fails, the code is wrong, not
// the rule: change a rule only together with ARCHITECTURE.md.
package layers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// policy is who may import whom, one line a package, sorted by world: the package, what its
// files import of this module, and what its tests import beyond that. A package must import
// all that it is granted. Tests may import internal/testutil without being told so, and
// nobody else may. "*" = anything.
const policy = `
-- what everything stands on
lm                          |
setting                     |
model                       | internal/jsonfile setting
bitlinear/quant             | internal/float16
tokenizer                   | internal/atomicfile internal/jsonfile setting tokenizer/jinja
tokenizer/jinja             | internal/jsonfile
internal/atomicfile         |
internal/filekind           |
internal/float16            |
internal/jsonfile           | internal/filekind internal/nearest
internal/layers             |
internal/mmap               |
internal/nearest            |
internal/parallel           |
internal/report             |
internal/testutil           | format/gguf format/ggufmeta format/safetensors model

-- kernels, and what lies on them
bitlinear/kernel/cpu        |
bitlinear/kernel/amx        |
bitlinear/kernel/memory     | internal/parallel | internal/float16
bitlinear/kernel/vector     | bitlinear/kernel/cpu bitlinear/quant internal/float16 internal/parallel | bitlinear/kernel/kerneltest
bitlinear/kernel/intmul     | bitlinear/kernel/amx bitlinear/kernel/cpu bitlinear/kernel/memory bitlinear/kernel/vector bitlinear/quant internal/float16 internal/parallel | bitlinear/kernel/kerneltest
bitlinear/kernel/gemm       | bitlinear/kernel/amx bitlinear/kernel/cpu bitlinear/kernel/memory bitlinear/kernel/vector bitlinear/quant internal/float16 internal/parallel | bitlinear/kernel/kerneltest
bitlinear/kernel/intgrad    | bitlinear/kernel/amx bitlinear/kernel/cpu bitlinear/kernel/intmul bitlinear/kernel/memory internal/parallel | bitlinear/kernel/kerneltest
bitlinear/kernel/attention  | bitlinear/kernel/cpu bitlinear/kernel/vector | bitlinear/kernel/kerneltest internal/float16
bitlinear/kernel/causal     | bitlinear/kernel/gemm | bitlinear/kernel/kerneltest internal/float16
bitlinear/kernel/kerneltest | bitlinear/kernel/memory
optim                       | bitlinear/kernel/gemm bitlinear/kernel/memory bitlinear/kernel/vector internal/parallel
internal/machine            | bitlinear/kernel/attention bitlinear/kernel/gemm bitlinear/kernel/intmul bitlinear/kernel/memory bitlinear/kernel/vector internal/parallel

-- files
format/gguf                 | bitlinear/quant internal/atomicfile internal/filekind internal/float16 internal/mmap
format/safetensors          | internal/atomicfile internal/filekind internal/float16 internal/jsonfile internal/mmap
format/ggufmeta             | format/gguf internal/float16 internal/jsonfile model setting tokenizer
format/packing              | format/gguf format/ggufmeta model setting
format/adapter              | bitlinear/kernel/vector format/gguf format/ggufmeta format/safetensors internal/atomicfile internal/filekind internal/jsonfile model setting tokenizer
format/hffolder             | format/safetensors internal/atomicfile model setting tokenizer
data                        | data/conversation data/dedup data/filter data/source internal/atomicfile internal/jsonfile internal/mmap internal/parallel setting tokenizer
data/conversation           | data/source setting tokenizer
data/dedup                  | setting
data/filter                 | data/source setting
data/world                  | internal/atomicfile | data/source
internal/hub                | internal/atomicfile internal/jsonfile setting
data/source                 | internal/filekind setting
internal/chat               | internal/atomicfile tokenizer

-- the engine world
convert                     | bitlinear/kernel/vector convert/compare convert/inspect convert/source format/gguf format/ggufmeta format/hffolder format/packing format/safetensors internal/atomicfile internal/float16 internal/parallel model setting tokenizer | bitlinear/quant
convert/source              | bitlinear/kernel/vector bitlinear/quant format/adapter format/gguf format/ggufmeta format/hffolder format/safetensors internal/atomicfile internal/float16 internal/parallel model setting tokenizer
convert/merge               | convert convert/source format/adapter setting | format/safetensors infer model
convert/compare             | bitlinear/kernel/vector convert/source format/gguf model tokenizer | convert format/safetensors
convert/inspect             | convert/source format/gguf format/ggufmeta format/hffolder format/packing format/safetensors internal/report model setting
infer                       | bitlinear/kernel/attention bitlinear/kernel/intmul bitlinear/kernel/memory bitlinear/kernel/vector bitlinear/quant format/adapter format/gguf format/ggufmeta infer/deltanet infer/lookup infer/sampling internal/parallel lm model setting tokenizer | convert eval eval/tasks internal/float16
infer/sampling              | bitlinear/kernel/vector lm
infer/lookup                |
infer/deltanet              | bitlinear/kernel/gemm bitlinear/kernel/vector internal/parallel model
infer/engine                | infer internal/atomicfile lm | format/adapter format/gguf infer/sampling model
eval                        | data/source eval/internal/python eval/statistics internal/atomicfile internal/jsonfile internal/report lm setting tokenizer | eval/internal/evaltest eval/tasks
eval/tasks                  | data eval eval/harness eval/ifeval eval/internal/python eval/perplexity eval/tasks/bbh eval/tasks/gpqa internal/nearest setting tokenizer/jinja | eval/internal/evaltest lm tokenizer
eval/tasks/bbh              | eval eval/harness eval/internal/python
eval/tasks/gpqa             | data/source eval eval/harness eval/internal/python
eval/harness                | data/source eval eval/internal/python tokenizer/jinja | eval/internal/evaltest
eval/openai                 | internal/jsonfile lm setting tokenizer
eval/divergence             | eval eval/statistics
eval/ifeval                 | data/source eval eval/internal/python | eval/internal/evaltest
eval/perplexity             | eval setting tokenizer | eval/internal/evaltest lm
eval/published              | eval internal/jsonfile internal/nearest | eval/mtbench eval/tasks
eval/sandbox                |
eval/statistics             |
eval/suites                 | eval eval/published eval/tasks setting
eval/paper                  | eval eval/seeds eval/statistics internal/atomicfile internal/jsonfile internal/report | eval/internal/evaltest
eval/seeds                  | eval eval/statistics internal/atomicfile internal/jsonfile
eval/mtbench                | data/source eval eval/statistics internal/atomicfile internal/jsonfile lm setting tokenizer | eval/internal/evaltest
eval/internal/python        |  | eval/internal/evaltest
eval/internal/evaltest      | lm tokenizer
serve                       | serve/answer serve/anthropic serve/ollama serve/openai serve/page serve/wire setting | lm serve/internal/servetest tokenizer
serve/anthropic             | lm serve/answer serve/grammar serve/wire tokenizer | serve/internal/servetest
serve/answer                | internal/jsonfile lm serve/grammar tokenizer
serve/batch                 |
serve/grammar               | lm
serve/guard                 | internal/atomicfile serve/answer serve/wire | lm
serve/internal/servetest    | lm serve/answer serve/grammar tokenizer
serve/models                | lm serve/answer
serve/ollama                | lm serve/answer serve/grammar serve/wire tokenizer | serve/internal/servetest
serve/openai                | lm serve/answer serve/grammar serve/models serve/wire tokenizer | eval/openai
serve/page                  |
serve/telemetry             | internal/report serve/answer serve/telemetry/alert serve/telemetry/history serve/telemetry/trace serve/wire setting | lm tokenizer
serve/telemetry/alert       |
serve/telemetry/history     | internal/atomicfile
serve/telemetry/trace       | lm
serve/wire                  | lm serve/answer | serve/internal/servetest tokenizer

-- the graph world
bitlinear                   | bitlinear/kernel/gemm bitlinear/kernel/intgrad bitlinear/kernel/intmul bitlinear/kernel/memory bitlinear/kernel/vector bitlinear/quant internal/parallel
train                       | bitlinear data format/adapter format/hffolder format/safetensors internal/jsonfile internal/machine internal/parallel lm model optim setting tokenizer train/adapters train/checkpoint train/clock train/distill train/graph train/preference train/ranks train/runlog train/samples | convert data/source data/world format/gguf internal/float16
train/graph                 | bitlinear bitlinear/kernel/causal bitlinear/kernel/gemm bitlinear/kernel/intgrad bitlinear/kernel/intmul bitlinear/kernel/memory bitlinear/kernel/vector format/adapter internal/parallel model | format/safetensors
train/preference            | data format/safetensors setting train/graph train/ranks train/runlog | model
train/distill               | data internal/atomicfile internal/jsonfile internal/mmap internal/parallel setting train/graph
train/adapters              | bitlinear/kernel/intmul format/adapter format/hffolder internal/float16 internal/parallel model train/graph
train/checkpoint            | format/hffolder format/safetensors internal/atomicfile internal/jsonfile model setting
train/clock                 |
train/ranks                 | bitlinear/kernel/vector | optim
train/ranks/openmpi         | train/ranks
train/samples               | tokenizer train/graph
train/runlog                | internal/atomicfile internal/jsonfile setting
watch                       | format/hffolder internal/jsonfile internal/report train/runlog
configs                     | internal/jsonfile internal/nearest model optim train train/ranks

-- what joins the worlds
repro                       | configs convert convert/inspect convert/source data data/conversation data/world eval eval/mtbench eval/published eval/statistics eval/tasks format/adapter format/hffolder infer infer/sampling internal/atomicfile internal/jsonfile internal/machine internal/report lm setting tokenizer train train/distill train/graph train/runlog | model format/gguf
cmd/trit/cmdline            | internal/atomicfile internal/jsonfile internal/machine internal/nearest setting
cmd/trit/models             | bitlinear/kernel/intmul cmd/trit/cmdline convert convert/source data/source format/adapter format/gguf format/ggufmeta format/hffolder infer internal/float16 internal/hub internal/machine internal/nearest internal/parallel model repro tokenizer train/adapters | convert/compare
cmd/trit/judging            | cmd/trit/cmdline cmd/trit/models eval eval/mtbench eval/openai repro
cmd/trit/serving            | cmd/trit/cmdline cmd/trit/models format/gguf format/ggufmeta infer infer/engine internal/atomicfile internal/machine repro serve serve/answer serve/batch serve/grammar serve/guard serve/models serve/openai serve/telemetry serve/telemetry/alert serve/wire
cmd/trit/comparing          | cmd/trit/cmdline cmd/trit/models cmd/trit/texts convert data/source eval eval/divergence eval/paper eval/perplexity eval/seeds infer internal/atomicfile internal/machine internal/report repro tokenizer
cmd/trit/datasets           | cmd/trit/cmdline cmd/trit/models cmd/trit/texts data data/conversation data/dedup data/filter internal/atomicfile tokenizer
cmd/trit/merging            | cmd/trit/cmdline cmd/trit/models convert convert/merge infer internal/report lm repro
cmd/trit/texts              | cmd/trit/cmdline cmd/trit/models data data/source internal/hub
cmd/trit                    | *
`

// ban is a rule about what packages may reach, directly or through other packages, whatever
// policy grants. It holds for files and for tests. Packages are patterns: "train/..." is train and
// all packages under it.
type ban struct {
	name   string
	who    []string // that the ban holds for
	except []string // of these
	never  []string // what they must not reach
	direct bool     // only imports of their own count
}

var bans = []ban{
	{
		name: "the engine world and the formats know nothing of training",
		who:  []string{"convert/...", "infer/...", "eval/...", "serve/...", "format/...", "lm"}, never: []string{"train/..."},
	},
	{name: "what uses a model knows the contract, not the engine", who: []string{"eval/...", "serve/..."}, never: []string{"infer/..."}},
	{
		name: "training draws nothing", who: []string{"train/..."}, direct: true,
		never: []string{"watch/...", "internal/report", "google.golang.org/protobuf/...", "html/...", "image/..."},
	},
	{name: "training does not need the engine", who: []string{"train/..."}, never: []string{"infer/..."}},
	{
		name: "Gorgonia belongs to the graph world", who: []string{"..."}, never: []string{"gorgonia.org/..."},
		except: []string{"bitlinear", "train/...", "configs", "repro/...", "cmd/..."},
	},
	{
		name: "few packages speak HTTP", who: []string{"..."}, never: []string{"net/http/..."}, direct: true,
		except: []string{"serve/...", "eval/openai", "internal/hub", "watch", "cmd/..."},
	},
	{name: "contracts are leaves", who: []string{"lm", "setting"}, never: []string{"trit/..."}},
}

// grant is a line of the policy.
type grant struct{ files, tests []string }

// parsePolicy reads a table; a line that begins with -- is a heading.
func parsePolicy(text string) map[string]grant {
	table := map[string]grant{}
	for line := range strings.Lines(text) {
		columns := strings.Split(line+"||", "|")
		name := strings.TrimSpace(columns[0])
		if name == "" || strings.HasPrefix(name, "--") {
			continue
		}
		table[name] = grant{strings.Fields(columns[1]), strings.Fields(columns[2])}
	}
	return table
}

// matches reports whether a package is in a list of patterns.
func matches(name string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		root, under := strings.CutSuffix(p, "...")
		root = strings.TrimSuffix(root, "/")
		return name == root || under && (root == "" || strings.HasPrefix(name, root+"/"))
	})
}

// violations compares packages with a policy and the bans, and returns the rules that are
// broken.
func violations(packages map[string]*pkg, table map[string]grant) (broken []string) {
	report := func(format string, args ...any) { broken = append(broken, fmt.Sprintf(format, args...)) }
	for _, name := range sortedKeys(packages) {
		p := packages[name]
		g, known := table[name]
		if !known {
			report("%s is not in the policy: add it to internal/layers and ARCHITECTURE.md", name)
			continue
		}
		compareGrants(p, g, report)
	}
	for _, name := range sortedKeys(table) {
		if packages[name] == nil {
			report("%s is in the policy and not in the module: remove its line", name)
		}
	}
	for _, b := range bans {
		b.check(packages, report)
	}
	return broken
}

// compareGrants reports imports that were not granted, and grants that nobody uses.
func compareGrants(p *pkg, g grant, report func(string, ...any)) {
	if slices.Contains(g.files, "*") {
		return
	}
	for _, i := range own(p.imports) {
		if !slices.Contains(g.files, i) {
			report("%s imports %s: it may import only %v", p.name, i, g.files)
		}
	}
	for _, i := range own(p.testImports) {
		if i != p.name && i != "internal/testutil" && !slices.Contains(g.files, i) && !slices.Contains(g.tests, i) {
			report("the tests of %s import %s: they may import only %v and %v", p.name, i, g.files, g.tests)
		}
	}
	for _, i := range g.files {
		if !slices.Contains(own(p.imports), i) {
			report("%s does not import %s: take the unused grant away", p.name, i)
		}
	}
	for _, i := range g.tests {
		if !slices.Contains(own(p.testImports), i) || slices.Contains(g.files, i) {
			report("the tests of %s need no grant of %s: take it away", p.name, i)
		}
	}
}

// check reports each package that reaches what the ban forbids.
func (b ban) check(packages map[string]*pkg, report func(string, ...any)) {
	for _, name := range sortedKeys(packages) {
		if !matches(name, b.who) || matches(name, b.except) {
			continue
		}
		p := packages[name]
		for _, from := range []struct {
			what    string
			imports []string
		}{{name, p.imports}, {"tests of " + name, withoutSelf(p)}} {
			if path := b.path(packages, from.imports); path != nil {
				report("%s: %s -> %s", b.name, from.what, strings.Join(path, " -> "))
				break
			}
		}
	}
}

// path is a way by which imports reach what the ban forbids; nil = there is none.
func (b ban) path(packages map[string]*pkg, imports []string) []string {
	seen := map[string]bool{}
	var visit func(imports []string) []string
	visit = func(imports []string) []string {
		for _, i := range imports {
			name, isOwn := strings.CutPrefix(i, "trit/")
			if isOwn && matches(name, b.never) || matches(i, b.never) {
				return []string{i}
			}
			if b.direct || seen[i] || !isOwn || packages[name] == nil {
				continue
			}
			seen[i] = true
			if rest := visit(packages[name].imports); rest != nil {
				return append([]string{name}, rest...)
			}
		}
		return nil
	}
	return visit(imports)
}

// withoutSelf is what the tests of a package import beside the package itself.
func withoutSelf(p *pkg) []string {
	return slices.DeleteFunc(slices.Clone(p.testImports), func(i string) bool { return i == "trit/"+p.name })
}

func TestImportPolicy(t *testing.T) {
	packages := module(t)
	if len(packages) < 20 {
		t.Fatalf("only %d packages were found", len(packages))
	}
	for _, v := range violations(packages, parsePolicy(policy)) {
		t.Error(v)
	}
}

// Each rule finds a violation that was planted, and nothing else.
func TestPlantedImportsAreFound(t *testing.T) {
	const table = `
-- a small module
lm            |
setting       |
model         |
internal/hub  |
bitlinear     | model
train         | bitlinear
train/graph   |
convert       | model
infer         | model     | convert
eval          | lm
serve         | lm
cmd/trit      | *
`
	clean := func() map[string]*pkg {
		packages := map[string]*pkg{}
		for name, g := range parsePolicy(table) {
			p := &pkg{name: name}
			for _, i := range g.files {
				p.imports = append(p.imports, "trit/"+i)
			}
			for _, i := range g.tests {
				p.testImports = append(p.testImports, "trit/"+i)
			}
			packages[name] = p
		}
		packages["cmd/trit"].imports = []string{"trit/train", "net/http"}
		packages["bitlinear"].imports = append(packages["bitlinear"].imports, "gorgonia.org/gorgonia")
		packages["model"].testImports = []string{"trit/internal/testutil", "trit/model"}
		return packages
	}
	if got := violations(clean(), parsePolicy(table)); len(got) != 0 {
		t.Fatalf("the clean module breaks %q", got)
	}
	for _, c := range []struct {
		rule  string
		plant func(map[string]*pkg, map[string]grant)
		says  string
	}{
		{"an import that is not granted", func(p map[string]*pkg, _ map[string]grant) { p["model"].add("trit/convert") }, "model imports convert"},
		{"a test import that is not granted", func(p map[string]*pkg, _ map[string]grant) { p["model"].addTest("trit/convert") }, "the tests of model import convert"},
		{"testutil outside of tests", func(p map[string]*pkg, _ map[string]grant) { p["model"].add("trit/internal/testutil") }, "model imports internal/testutil"},
		{"a grant that nobody uses", func(_ map[string]*pkg, g map[string]grant) { g["lm"] = grant{files: []string{"model"}} }, "lm does not import model"},
		{"a grant of tests that nobody uses", func(_ map[string]*pkg, g map[string]grant) { g["lm"] = grant{tests: []string{"model"}} }, "tests of lm need no grant"},
		{"a grant of tests that files have", func(_ map[string]*pkg, g map[string]grant) {
			g["convert"] = grant{[]string{"model"}, []string{"model"}}
		}, "tests of convert need no grant"},
		{"a package nobody planned", func(p map[string]*pkg, _ map[string]grant) { p["utils"] = &pkg{name: "utils"} }, "utils is not in the policy"},
		{"a package that is gone", func(p map[string]*pkg, _ map[string]grant) { delete(p, "eval") }, "eval is in the policy and not in the module"},
		{"the engine imports training", grantedImport("eval", "train/graph"), "know nothing of training: eval -> trit/train/graph"},
		{"the engine reaches training", func(p map[string]*pkg, g map[string]grant) {
			grantedImport("serve", "configs")(p, g)
			p["configs"], g["configs"] = &pkg{name: "configs", imports: []string{"trit/train/graph"}}, grant{files: []string{"train/graph"}}
		}, "know nothing of training: serve -> configs -> trit/train/graph"},
		{"a test of the engine imports training", func(p map[string]*pkg, g map[string]grant) {
			p["eval"].addTest("trit/train/graph")
			g["eval"] = grant{[]string{"lm"}, []string{"train/graph"}}
		}, "know nothing of training: tests of eval -> trit/train/graph"},
		{"eval imports the engine", grantedImport("eval", "infer"), "not the engine: eval -> trit/infer"},
		{"training draws", func(p map[string]*pkg, _ map[string]grant) { p["train"].add("html/template") }, "training draws nothing: train -> html/template"},
		{"training imports the engine", grantedImport("train", "infer"), "training does not need the engine: train -> trit/infer"},
		{"Gorgonia outside its world", func(p map[string]*pkg, _ map[string]grant) { p["serve"].add("gorgonia.org/tensor") }, "Gorgonia belongs to the graph world: serve -> gorgonia.org/tensor"},
		{"Gorgonia at one remove", grantedImport("eval", "bitlinear"), "Gorgonia belongs to the graph world: eval -> bitlinear -> gorgonia.org/gorgonia"},
		{"HTTP in another package", func(p map[string]*pkg, _ map[string]grant) { p["eval"].add("net/http") }, "few packages speak HTTP: eval -> net/http"},
		{"HTTP in a test", func(p map[string]*pkg, _ map[string]grant) { p["eval"].addTest("net/http/httptest") }, "few packages speak HTTP: tests of eval"},
		{"lm imports something", grantedImport("lm", "model"), "contracts are leaves: lm -> trit/model"},
		{"setting imports something", grantedImport("setting", "model"), "contracts are leaves: setting -> trit/model"},
	} {
		packages, grants := clean(), parsePolicy(table)
		c.plant(packages, grants)
		if got := violations(packages, grants); len(got) != 1 || !strings.Contains(got[0], c.says) {
			t.Errorf("%s: got %q, want %q", c.rule, got, c.says)
		}
	}
}

// grantedImport plants an import that the policy grants, so that only a ban can find it.
func grantedImport(from, to string) func(map[string]*pkg, map[string]grant) {
	return func(p map[string]*pkg, table map[string]grant) {
		g := table[from]
		g.files = append(slices.Clone(g.files), to)
		table[from] = g
		p[from].add("trit/" + to)
	}
}
