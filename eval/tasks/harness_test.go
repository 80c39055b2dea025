package tasks

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/eval"
	"trit/eval/internal/evaltest"
	"trit/lm"
)

// taskVectors are what the harness made of documents with several tasks (see testdata/README.md).
type taskVectors struct {
	Answers   []string
	Documents map[string]struct{ Test, Fewshot []json.RawMessage } // by task
	Runs      []taskRun
	Groups    map[string]map[string]any // results of groups of these tasks
}

type taskRun struct {
	Task            string
	Shots           int
	Chat, Multiturn bool
	Results         map[string]any
	Version         any
	NShot           int `json:"n_shot"`
	First           string
	Samples         map[string][]taskSample // by filter
}

type taskSample struct {
	Requests, Doc, Prompt string
	TargetHash            string `json:"target_hash"`
	Target                string
	Answer                string // that a filter found in a written one
	Values                map[string]any
}

// hashes is a model whose scores and answers follow from a hash of the text.
type hashes struct {
	hashing
	answers []string
}

func (m *hashes) Score(ctx context.Context, requests []lm.ScoreRequest) ([]lm.ScoreResult, error) {
	out, err := m.hashing.Score(ctx, requests)
	for i, r := range requests {
		sum := m.sum(append(slices.Clone(r.Input), r.Targets[len(r.Targets)-1]))
		out[i].Greedy = sum[4]%2 == 0
	}
	return out, err
}

func (m *hashes) Continue(_ context.Context, requests []lm.ContinueRequest) (out [][]int32, err error) {
	for _, r := range requests {
		sum := m.sum(r.Prompt)
		out = append(out, m.Tokenizer.Encode(m.answers[int(sum[0])%len(m.answers)], false))
	}
	return out, nil
}

func (m *hashes) sum(ids []int32) [sha256.Size]byte {
	if ids[0] == m.Tokenizer.BOS() {
		ids = ids[1:]
	}
	return sha256.Sum256([]byte(m.Tokenizer.Decode(ids)))
}

func readTaskVectors(t *testing.T, name string) *taskVectors {
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	v := &taskVectors{}
	if err := json.NewDecoder(z).Decode(v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestTasksAreTheHarnesss(t *testing.T) {
	for _, file := range []string{"testdata/tasks.json.gz", "testdata/reasoning.json.gz"} {
		v := readTaskVectors(t, file)
		for _, run := range v.Runs {
			t.Run(fmt.Sprintf("%s %d chat=%v", run.Task, run.Shots, run.Chat), func(t *testing.T) {
				found, err := Find(run.Task)
				if err != nil {
					t.Fatal(err)
				}
				run.compare(t, v.measure(t, &run, &found[0]))
			})
		}
	}
}

func TestGroupsOfTasksAreTheHarnesss(t *testing.T) {
	v := readTaskVectors(t, "testdata/reasoning.json.gz")
	for name, want := range v.Groups {
		found, err := Find(name)
		if err != nil {
			t.Fatal(err)
		}
		results, err := v.run(t, &taskRun{Shots: -1}, found, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"exact_match,flexible-extract", "exact_match_stderr,flexible-extract"} {
			got, want := results.Results[name][key], want[key].(float64)
			if math.Abs(got-want) > 1e-14*want || want == 0 {
				t.Errorf("%s: %s is %v, want %v", name, key, got, want)
			}
		}
	}
}

// measure measures a task, and returns the folder of the results.
func (v *taskVectors) measure(t *testing.T, run *taskRun, task *eval.Task) string {
	out := t.TempDir()
	task.Groups = nil
	if _, err := v.run(t, run, []eval.Task{*task}, out); err != nil {
		t.Fatal(err)
	}
	return out
}

func (v *taskVectors) run(t *testing.T, run *taskRun, tasks []eval.Task, out string) (*eval.Report, error) {
	files := map[string]string{}
	write := func(s *eval.Source, docs []json.RawMessage) {
		name, text := s.Files[len(s.Files)-1], "" // GPQA's other one is CSV
		for _, d := range docs {
			text += string(d) + "\n"
		}
		files[name] = text
	}
	for _, task := range tasks {
		docs := v.Documents[task.Name]
		if write(&task.Test, docs.Test); len(task.Fewshot.From.Files) > 0 {
			write(&task.Fewshot.From, docs.Fewshot)
		}
	}
	m := &hashes{hashing{evaltest.Model{Tokenizer: evaltest.Tokenizer(t), Context: 1 << 15}}, v.Answers}
	if run.Chat {
		m.Tokenizer = inBrackets(t)
	}
	return eval.Run(t.Context(), m, eval.Options{
		Tokenizer: m.Tokenizer, Tasks: tasks, NumFewshot: run.Shots, DataDir: evaltest.Write(t, files), AllowPartial: true,
		Out: out, Replace: true, ApplyChatTemplate: run.Chat, FewshotMultiturn: run.Multiturn,
	})
}

func (run *taskRun) compare(t *testing.T, out string) {
	b, err := os.ReadFile(filepath.Join(out, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Results  map[string]map[string]any
		Versions map[string]float64
		NShot    map[string]int `json:"n-shot"`
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if version, ok := run.Version.(float64); ok && got.Versions[run.Task] != version { // a text: the task has none
		t.Errorf("version %v, want %v", got.Versions[run.Task], version)
	}
	if n := got.NShot[run.Task]; n != run.NShot {
		t.Errorf("%d examples, want %d", n, run.NShot)
	}
	sameValues(t, "results", got.Results[run.Task], run.Results)
	samples, first := readTaskSamples(t, filepath.Join(out, "samples_"+run.Task+".jsonl"))
	if first != run.First {
		t.Errorf("the first prompt is\n%q, want\n%q", first, run.First)
	}
	for filter, want := range run.Samples {
		if len(samples[filter]) != len(want) {
			t.Fatalf("%d samples of filter %s, want %d", len(samples[filter]), filter, len(want))
		}
		for i, w := range want {
			g := samples[filter][i]
			sameValues(t, fmt.Sprintf("sample %d", i), g.Values, w.Values)
			if w.Answer == "" {
				g.Answer = ""
			}
			if g.Values, w.Values = nil, nil; fmt.Sprint(g) != fmt.Sprint(w) {
				t.Errorf("sample %d is %+v, want %+v", i, g, w)
			}
		}
	}
}

// sameValues compares all that the harness has; numbers may differ in their last bits, since numpy sums in
// another order.
func sameValues(t *testing.T, what string, got, want map[string]any) {
	t.Helper()
	for key, w := range want {
		g := got[key]
		if x, ok := w.(float64); ok {
			if y, _ := g.(float64); math.Abs(x-y) <= 1e-14*math.Abs(x) {
				continue
			}
		}
		if fmt.Sprint(g) != fmt.Sprint(w) {
			t.Errorf("%s: %s is %v, want %v", what, key, g, w)
		}
	}
}

// readTaskSamples reads samples by their filters, and the first prompt.
func readTaskSamples(t *testing.T, path string) (samples map[string][]taskSample, first string) {
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	samples = map[string][]taskSample{}
	for line := range strings.Lines(string(b)) {
		var s struct {
			Target, Filter string
			Arguments      map[string]map[string]any
			DocHash        string `json:"doc_hash"`
			PromptHash     string `json:"prompt_hash"`
			TargetHash     string `json:"target_hash"`
			Metrics        []string
			Filtered       []any `json:"filtered_resps"`
		}
		var values map[string]any
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(line), &values); err != nil {
			t.Fatal(err)
		}
		var texts []string
		for i := range len(s.Arguments) {
			a := s.Arguments[fmt.Sprint("gen_args_", i)]
			for _, key := range []string{"arg_0", "arg_1"} {
				if text, ok := a[key].(string); ok {
					texts = append(texts, text)
				}
			}
		}
		if first == "" {
			first = texts[0]
		}
		sum := sha256.Sum256([]byte(strings.Join(texts, "\x00")))
		sample := taskSample{
			hex.EncodeToString(sum[:])[:16], s.DocHash[:16], s.PromptHash[:16], s.TargetHash[:16], s.Target, "", map[string]any{},
		}
		sample.Answer, _ = s.Filtered[0].(string)
		for _, m := range s.Metrics {
			sample.Values[m] = values[m]
		}
		samples[s.Filter] = append(samples[s.Filter], sample)
	}
	return samples, first
}
