//go:build conformance

package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"trit/cmd/trit/cmdline"
	"trit/convert"
	"trit/eval"
	"trit/eval/tasks"
	"trit/infer"
	"trit/lm"
	"trit/repro"
)

var (
	goldenEval = flag.String("golden-eval", "../../../shared/golden/eval", "folder of golden evaluation scores, of the form of golden/eval")
	goldenData = flag.String("golden-data", "../../../shared/data/eval", "folder of the questions")
)

// goldenFile is a file of golden/eval; its README tells what the fields are.
type goldenFile struct {
	Task     string
	Limit    int
	Settings struct {
		MaxLength  int `json:"max_length"`
		NumFewshot int `json:"num_fewshot"`
		File       string
		Split      string `json:"fewshot_split"`
		Config     struct{ Sampler string }
		MaxGenToks int    `json:"max_gen_toks"`
		OutputType string `json:"output_type"`
		Until      []string
	}
	Results map[string]float64
	Docs    []goldenDoc
}

type goldenDoc struct {
	ID           int `json:"doc_id"`
	LLs          []float64
	IsGreedy     []bool `json:"is_greedy"`
	Pred         int
	PredNorm     *int `json:"pred_norm"`
	Gold         int
	Text         string
	LL           float64 `json:"loglikelihood"`
	Generated    string  `json:"generated_text"`
	GeneratedIDs []int32 `json:"generated_token_ids"`
	Strict       string  `json:"strict-match"`
	Flexible     string  `json:"flexible-extract"`
}

// sampleLine is a line of a samples file.
type sampleLine struct {
	DocID    int               `json:"doc_id"`
	Resps    json.RawMessage   `json:"resps"`
	Filtered []json.RawMessage `json:"filtered_resps"`
	Filter   string
	Target   string
	Acc      *float64
	AccNorm  *float64 `json:"acc_norm"`
}

// The scores of a trained model on our engine are those that the harness's rules give,
// to the last printed digit.
func TestGoldenEval(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(*goldenEval, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s holds no golden files: %v", *goldenEval, err)
	}
	model := filepath.Join(t.TempDir(), "stories.gguf")
	if _, err := convert.Convert(context.Background(), filepath.Join(*goldenEval, "stories260K-hf"), model, convert.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		if name == "pairs" { // the package compares its requests
			continue
		}
		t.Run(name, func(t *testing.T) { compareGolden(t, path, model) })
	}
}

func compareGolden(t *testing.T, path, model string) {
	var g goldenFile
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	s, err := repro.Open(model, infer.Options{Cache: infer.CacheF32})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	recorder := &recordingModel{Model: s.Model}
	s.Model = recorder
	out := t.TempDir()
	found, err := tasks.Find(g.taskName(t))
	if err != nil {
		t.Fatal(err)
	}
	report, err := evaluate(context.Background(), s, &cmdline.Console{}, eval.Options{
		Tasks: found, DataDir: *goldenData, Limit: float64(g.Limit), NumFewshot: g.Settings.NumFewshot, MaxTokens: g.Settings.MaxGenToks, Out: out,
	})
	if err != nil {
		t.Fatal(err)
	}
	g.compareResults(t, report)
	g.compareSamples(t, filepath.Join(out, "samples_"+g.Task+".jsonl"))
	if recorder.generated != nil {
		g.compareTokens(t, recorder.generated)
	}
}

// taskName is the built-in task, or a declaration of what the file states.
func (g *goldenFile) taskName(t *testing.T) string {
	declaration := map[string]any{"name": g.Task, "data": "rows.jsonl"}
	dir := t.TempDir()
	switch {
	case g.Settings.OutputType == "loglikelihood_rolling":
		var rows strings.Builder
		for _, d := range g.Docs {
			b, err := json.Marshal(map[string]string{"text": d.Text})
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&rows, "%s\n", b)
		}
		if err := os.WriteFile(filepath.Join(dir, "rows.jsonl"), []byte(rows.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		declaration["text"] = "{text}"
	case strings.HasPrefix(g.Settings.Split, "test"):
		sampler := "default"
		if strings.HasSuffix(g.Task, "firstn") {
			sampler = "first_n"
		}
		declaration["data"], declaration["context"] = g.Settings.File, "Question: {question}\nAnswer:"
		declaration["choices"], declaration["gold"], declaration["fewshot"] = "choices", "gold", map[string]string{"sampler": sampler}
	default:
		return g.Task
	}
	b, err := json.Marshal(declaration)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "task.json")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// compareResults compares the aggregates by the digits that a table prints.
func (g *goldenFile) compareResults(t *testing.T, report *eval.Report) {
	got := report.Results[g.Task]
	for name, want := range g.Results {
		key := name
		if !strings.Contains(name, ",") {
			key += ",none"
		}
		v, ok := got[key]
		if !ok {
			t.Errorf("there is no result %s: %v", key, got)
		}
		tolerance := 1e-12
		if strings.Contains(name, "perplexity") || name == "bits_per_byte" { // of sums that may differ by 1e-3 each
			tolerance = 1e-4
		}
		if math.Abs(v-want) > tolerance || fmt.Sprintf("%.4f", v) != fmt.Sprintf("%.4f", want) {
			t.Errorf("%s is %.8f, want %.8f", key, v, want)
		}
	}
}

func (g *goldenFile) compareSamples(t *testing.T, path string) {
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	seen, worst := 0, 0.0
	for line := range strings.Lines(string(b)) {
		var s sampleLine
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatal(err)
		}
		d := g.Docs[slices.IndexFunc(g.Docs, func(d goldenDoc) bool { return d.ID == s.DocID })]
		seen++
		switch {
		case d.LLs != nil:
			worst = max(worst, d.compareChoices(t, &s))
		case d.Text != "":
			worst = max(worst, d.compareRolling(t, &s))
		default:
			d.compareAnswer(t, &s)
		}
	}
	if seen < len(g.Docs) {
		t.Errorf("%d samples, want %d", seen, len(g.Docs))
	}
	t.Logf("%d samples, log-likelihoods differ by at most %.2g", seen, worst)
}

// compareChoices compares the scores and the predictions that follow from them.
func (d *goldenDoc) compareChoices(t *testing.T, s *sampleLine) (worst float64) {
	for j, raw := range s.Filtered {
		var pair [2]string
		if err := json.Unmarshal(raw, &pair); err != nil {
			t.Fatal(err)
		}
		ll, err := strconv.ParseFloat(pair[0], 64)
		if err != nil {
			t.Fatal(err)
		}
		diff := math.Abs(ll - d.LLs[j])
		if worst = max(worst, diff); diff > 1e-3 || (pair[1] == "True") != d.IsGreedy[j] {
			t.Errorf("document %d, choice %d: %s, want %g %v", d.ID, j, raw, d.LLs[j], d.IsGreedy[j])
		}
	}
	if s.Acc == nil || (*s.Acc == 1) != (d.Pred == d.Gold) {
		t.Errorf("document %d: acc %v, want prediction %d of gold %d", d.ID, s.Acc, d.Pred, d.Gold)
	}
	if d.PredNorm != nil && (s.AccNorm == nil || (*s.AccNorm == 1) != (*d.PredNorm == d.Gold)) {
		t.Errorf("document %d: acc_norm %v, want prediction %d of gold %d", d.ID, s.AccNorm, *d.PredNorm, d.Gold)
	}
	return worst
}

func (d *goldenDoc) compareRolling(t *testing.T, s *sampleLine) float64 {
	var text string
	if err := json.Unmarshal(s.Filtered[0], &text); err != nil {
		t.Fatal(err)
	}
	ll, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(ll-d.LL) > 1e-3 {
		t.Errorf("document %d: log-likelihood %g, want %g", d.ID, ll, d.LL)
	}
	return math.Abs(ll - d.LL)
}

func (d *goldenDoc) compareAnswer(t *testing.T, s *sampleLine) {
	want, golden := map[string]string{"strict-match": d.Strict, "flexible-extract": d.Flexible}[s.Filter]
	if !golden && s.Filter == "last-number-value" { // the harness has no such filter
		return
	}
	var got string
	if err := json.Unmarshal(s.Filtered[0], &got); err != nil {
		t.Fatal(err)
	}
	var answers [][]string
	if err := json.Unmarshal(s.Resps, &answers); err != nil {
		t.Fatal(err)
	}
	if got != want || answers[0][0] != d.Generated {
		t.Errorf("document %d: %q and %s %q, want %q and %q", d.ID, answers[0][0], s.Filter, got, d.Generated, want)
	}
}

// compareTokens compares generated tokens, in whatever order they were asked for.
func (g *goldenFile) compareTokens(t *testing.T, generated [][]int32) {
	for _, d := range g.Docs {
		if !slices.ContainsFunc(generated, func(ids []int32) bool { return slices.Equal(ids, d.GeneratedIDs) }) {
			t.Errorf("document %d: no answer has the tokens %v", d.ID, d.GeneratedIDs)
		}
	}
}

// recordingModel keeps what was generated.
type recordingModel struct {
	lm.Model
	generated [][]int32
}

func (r *recordingModel) Continue(ctx context.Context, requests []lm.ContinueRequest) ([][]int32, error) {
	out, err := r.Model.Continue(ctx, requests)
	r.generated = append(r.generated, out...)
	return out, err
}
