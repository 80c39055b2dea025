package tasks

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"trit/eval"
	"trit/eval/internal/evaltest"
	"trit/lm"
	"trit/tokenizer"
)

// mmluVectors are what the harness made of documents (see testdata/README.md).
type mmluVectors struct {
	Documents map[string]map[string][]json.RawMessage // subject, split
	Runs      []mmluRun
}

type mmluRun struct {
	NumFewshot       int      `json:"num_fewshot"`
	LeftOut          []string `json:"left_out"`
	WeightBySize     bool     `json:"weight_by_size"`
	Chat, Multiturn  bool
	Groups, Results  map[string]map[string]any
	GroupSubtasks    map[string][]string `json:"group_subtasks"`
	Versions, Prompt map[string]any
	NShot            map[string]int `json:"n_shot"`
	Samples          map[string][]mmluSample
}

type mmluSample struct {
	Requests, Doc, Prompt string
	TargetHash            string `json:"target_hash"`
	Target                string
	Acc                   float64
}

// hashing is a model whose log-likelihoods are a hash of the text.
type hashing struct {
	evaltest.Model
}

func (m *hashing) Score(_ context.Context, requests []lm.ScoreRequest) (out []lm.ScoreResult, err error) {
	for _, r := range requests {
		ids := append(slices.Clone(r.Input), r.Targets[len(r.Targets)-1])
		if ids[0] == m.Tokenizer.BOS() {
			ids = ids[1:]
		}
		sum := sha256.Sum256([]byte(m.Tokenizer.Decode(ids)))
		out = append(out, lm.ScoreResult{LogProb: -8 * float64(binary.BigEndian.Uint32(sum[:])) / (1 << 32)})
	}
	return out, nil
}

func TestMMLUIsTheHarnesss(t *testing.T) {
	b, err := os.ReadFile("testdata/mmlu.json")
	if err != nil {
		t.Fatal(err)
	}
	var v mmluVectors
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for subject, splits := range v.Documents {
		for split, docs := range splits {
			for _, d := range docs {
				files["mmlu_"+subject+"_"+split+".jsonl"] += string(d) + "\n"
			}
		}
	}
	dir := evaltest.Write(t, files)
	for i, run := range v.Runs {
		t.Run(fmt.Sprintf("%d-shot chat=%v %v", run.NumFewshot, run.Chat, run.LeftOut), func(t *testing.T) {
			run.compare(t, runMMLU(t, &v, &run, dir, filepath.Join(dir, fmt.Sprint(i))))
		})
	}
}

// runMMLU measures the subjects that have documents, and returns the folder of the results.
func runMMLU(t *testing.T, v *mmluVectors, run *mmluRun, dir, out string) string {
	found, err := Find("mmlu")
	if err != nil {
		t.Fatal(err)
	}
	found = slices.DeleteFunc(found, func(task eval.Task) bool {
		return v.Documents[task.Alias] == nil || slices.Contains(run.LeftOut, task.Alias)
	})
	for _, task := range found {
		for _, g := range task.Groups {
			g.Metrics[0].EachOnce = !run.WeightBySize
		}
	}
	m := &hashing{evaltest.Model{Tokenizer: evaltest.Tokenizer(t), Context: 1 << 14}}
	if run.Chat {
		m.Tokenizer = inBrackets(t)
	}
	o := eval.Options{
		Tokenizer: m.Tokenizer, Tasks: found, NumFewshot: run.NumFewshot, DataDir: dir, AllowPartial: true, Out: out,
		ApplyChatTemplate: run.Chat && !run.Multiturn,
	}
	for i := range found {
		found[i].Chat = run.Multiturn
	}
	if _, err := eval.Run(t.Context(), m, o); err != nil {
		t.Fatal(err)
	}
	return out
}

// inBrackets is a tokenizer whose chat template puts roles into brackets.
func inBrackets(t *testing.T) *tokenizer.Tokenizer {
	files, err := evaltest.Tokenizer(t).Files()
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]any
	if err := json.Unmarshal(files["tokenizer_config.json"], &config); err != nil {
		t.Fatal(err)
	}
	config["chat_template"] = "{% for m in messages %}[{{ m.role }}]{{ m.content }}\n{% endfor %}" +
		"{% if add_generation_prompt %}[assistant]{% endif %}"
	b, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.Parse(files["tokenizer.json"], b)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func (run *mmluRun) compare(t *testing.T, out string) {
	b, err := os.ReadFile(filepath.Join(out, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Groups, Results map[string]map[string]any
		Subtasks        map[string][]string `json:"group_subtasks"`
		Versions        map[string]any
		NShot           map[string]int `json:"n-shot"`
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	same := func(what string, got, want any) {
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	same("groups", got.Groups, run.Groups)
	same("results", got.Results, run.Results)
	same("versions", got.Versions, run.Versions)
	for name, members := range run.GroupSubtasks {
		same("members of "+name, slices.Sorted(slices.Values(got.Subtasks[name])), slices.Sorted(slices.Values(members)))
	}
	for name, n := range run.NShot {
		same("examples of "+name, got.NShot[name], n)
	}
	for task, want := range run.Samples {
		samples, first := readMMLUSamples(t, filepath.Join(out, "samples_"+task+".jsonl"))
		if len(samples) != len(want) {
			t.Fatalf("%s has %d samples, want %d", task, len(samples), len(want))
		}
		for i := range want {
			same(fmt.Sprintf("sample %d of %s", i, task), samples[i], want[i])
		}
		if prompt, ok := run.Prompt[task]; ok {
			same("the first prompt of "+task, first, prompt)
		}
	}
}

// readMMLUSamples reads samples, and the first prompt.
func readMMLUSamples(t *testing.T, path string) (samples []mmluSample, first any) {
	byFilter, prompt := readTaskSamples(t, path)
	for _, s := range byFilter["none"] {
		acc, ok := s.Values["acc"].(float64)
		if !ok {
			t.Fatalf("%s: acc is %v", path, s.Values["acc"])
		}
		samples = append(samples, mmluSample{s.Requests, s.Doc, s.Prompt, s.TargetHash, s.Target, acc})
	}
	return samples, prompt
}

func TestMMLUHasAllSubjects(t *testing.T) {
	found, err := Find("mmlu")
	if err != nil {
		t.Fatal(err)
	}
	rows, areas := 0, map[string]int{}
	for _, task := range found {
		rows += task.Test.Rows
		areas[task.Groups[1].Name]++
	}
	want := map[string]int{"mmlu_humanities": 13, "mmlu_other": 13, "mmlu_social_sciences": 12, "mmlu_stem": 19}
	if len(found) != 57 || rows != 14042 || !reflect.DeepEqual(areas, want) {
		t.Errorf("%d subjects with %d questions in %v", len(found), rows, areas)
	}
	for _, bad := range []string{`{"question":"q","choices":["1","2","3"],"answer":0}`, `{"question":"q","choices":["1","2","3","4"],"answer":4}`} {
		if _, err := found[0].Question(document(t, []byte(bad))); err == nil {
			t.Errorf("%s is asked", bad)
		}
	}
}
