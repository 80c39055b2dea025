package repro

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"trit/data"
	"trit/data/world"
	"trit/eval"
	"trit/eval/published"
	"trit/format/gguf"
	"trit/infer"
	"trit/lm"
	"trit/model"
	"trit/setting"
	"trit/tokenizer"
	"trit/train"
)

// The whole way with a few steps: all that a step leaves is what the next one takes.
func TestQuickstart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "q")
	var begun, done []string
	events, scored := 0, map[string]bool{}
	name := func(s Step) string { return strings.TrimPrefix(reflect.TypeOf(s).String(), "*repro.") }
	r, err := Quickstart(context.Background(), QuickstartOptions{
		Dir: dir, Seed: 1, MaxTime: 2 * time.Second, Tune: tinyTuning(),
		Begin:  func(s Step) { begun = append(begun, name(s)) },
		Done:   func(s Step) { done = append(done, name(s)) },
		Event:  func(train.Event) { events++ },
		Scored: func(p eval.Progress) { scored[p.Task] = true },
	})
	if err != nil {
		t.Fatal(err)
	}
	want := "MakeWorld TrainTokenizer PrepareData TrainModel ConvertModel Generate MeasureSpeed Evaluate Evaluate " +
		"MakeTalks PrepareTalks Evaluate Tune Evaluate Tune Evaluate PrepareTalks Tune Evaluate"
	if got := strings.Join(begun, " "); got != want || !slices.Equal(begun, done) {
		t.Errorf("steps %s, done %s, want %s", got, done, want)
	}
	if ratio := r.Packed.BitsPerByte / r.Graph.BitsPerByte; ratio < 0.995 || ratio > 1.005 {
		t.Errorf("the packed model has %g of the graph's bits per byte", ratio)
	}
	if events == 0 || len(scored) != 5 || r.Parameters < 1e6 || r.PackedBytes >= r.CheckpointBytes || r.DecodePerSecond <= 0 {
		t.Errorf("%d events, scores of %v, %+v", events, scored, r)
	}
	checkTuned(t, r.Tuned)
	if page, err := os.ReadFile(r.Page); err != nil || !bytes.Contains(page, []byte("<svg")) || !bytes.Contains(page, []byte("sft, then dpo")) {
		t.Errorf("the page: %v, %d bytes", err, len(page))
	}
	if b, err := r.JSON(); err != nil || !bytes.Contains(b, []byte(`"decode_tokens_per_second"`)) {
		t.Errorf("JSON: %v, %s", err, b)
	}
	_, err = Quickstart(context.Background(), QuickstartOptions{Dir: dir})
	if s := setting.As(err); s == nil || s.Field != "repro.QuickstartOptions.Dir" {
		t.Errorf("the folder is there already: %v", err)
	}
}

// tinyTuning takes a few steps.
func tinyTuning() *Tuning {
	t := DefaultTuning()
	t.SFT.Steps, t.LoRA.Steps, t.DPO.Steps = 3, 2, 4
	return t
}

// checkTuned checks what was tuned and measured: the loss has no time to fall.
func checkTuned(t *testing.T, tuned []*Tuned) {
	t.Helper()
	var got []string
	for i, m := range tuned {
		got = append(got, fmt.Sprintf("%s %d", m.Name, m.Steps))
		if m.Recall <= 0 || (m.Seconds > 0) != (i > 0) {
			t.Errorf("%+v", m)
		}
	}
	if want := []string{"base 0", "sft 3", "lora 2", "sft, then dpo 4"}; !slices.Equal(got, want) {
		t.Fatalf("tuned %q, want %q", got, want)
	}
	if s := tuned[2].Trained; s <= 0 || s >= 0.02 || tuned[1].Trained != 1 || tuned[3].Trained != 1 {
		t.Errorf("shares of weights trained: %g, %g and %g", tuned[1].Trained, s, tuned[3].Trained)
	}
}

// When its context ends, a quickstart ends and says where its work is.
func TestQuickstartStops(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "q")
	ctx, cancel := context.WithCancel(context.Background())
	steps := 0
	_, err := Quickstart(ctx, QuickstartOptions{Dir: dir, Seed: 1, MaxTime: time.Second, Begin: func(Step) {
		if steps++; steps == 2 {
			cancel()
		}
	}})
	if err == nil || steps != 2 {
		t.Errorf("%v after %d steps, want an error after 2", err, steps)
	}
	if _, err := os.Stat(filepath.Join(dir, world.TextFile)); err != nil {
		t.Errorf("what was made before: %v", err)
	}
}

// smallData prepares a small data set.
func smallData(t *testing.T, dir string) string {
	t.Helper()
	if err := world.Generate(world.Options{Seed: 1, Documents: 150, Questions: 1}).Write(dir); err != nil {
		t.Fatal(err)
	}
	files, out := []string{filepath.Join(dir, world.TextFile)}, filepath.Join(dir, "data")
	tok, err := data.TrainTokenizer(context.Background(), data.TokenizerOptions{Files: files, Column: "text", VocabSize: 300, Out: filepath.Join(dir, "tok")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := data.Prepare(context.Background(), data.PrepareOptions{Files: files, Column: "text", Tokenizer: tok, Holdout: 0.1, Seed: 1, Out: out}); err != nil {
		t.Fatal(err)
	}
	return out
}

// The experiment leaves figures, table and plot, and does not train again what is done.
func TestScaling(t *testing.T) {
	dir := t.TempDir()
	prepared, out, config := smallData(t, dir), filepath.Join(dir, "scaling"), filepath.Join(dir, "tiny.json")
	if err := os.WriteFile(config, []byte(`{"base": "trit-1m", "num_hidden_layers": 1, "hidden_size": 64, "intermediate_size": 128}`), 0o644); err != nil {
		t.Fatal(err)
	}
	trained, runs := 0, []string(nil)
	o := ScalingOptions{
		Data: prepared, Out: out, Configs: []string{config}, Tokens: 5000, FullRate: 0.5,
		Set: []string{"quantize_from_step=1"}, // which the model in full precision does not follow
		Run: func(dir string) { runs = append(runs, filepath.Base(dir)) },
		Event: func(e train.Event) {
			if e.Event == "" || e.Event == "step" {
				trained++
			}
		},
	}
	pairs, err := Scaling(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	p := pairs[0]
	if len(pairs) != 1 || p.Config != "tiny" || p.Tokens != 4096 || p.BitNet.LearningRate != 2*p.Full.LearningRate || p.BitNet.Loss == p.Full.Loss || p.Parameters < 1000 {
		t.Errorf("results %+v", pairs)
	}
	first, err := os.ReadFile(filepath.Join(out, "scaling.json"))
	if err != nil {
		t.Fatal(err)
	}
	var read ScalingPairs
	if err := json.Unmarshal(first, &read); err != nil || !reflect.DeepEqual(read, pairs) {
		t.Errorf("scaling.json: %v, %+v, want %+v", err, read, pairs)
	}
	for _, name := range []string{"scaling.md", "scaling.html"} {
		if b, err := os.ReadFile(filepath.Join(out, name)); err != nil || !strings.Contains(string(b), "tiny") {
			t.Errorf("%s: %v, %d bytes", name, err, len(b))
		}
	}
	before := trained
	again, err := Scaling(context.Background(), o)
	if err != nil || !reflect.DeepEqual(again, pairs) || trained != before || before == 0 {
		t.Errorf("the second time: %v, %+v, %d lines of the log after %d", err, again, trained, before)
	}
	if got := strings.Join(runs, " "); got != "tiny-bitnet tiny-full tiny-bitnet tiny-full" {
		t.Errorf("runs %s", got)
	}
}

func TestScalingRefuses(t *testing.T) {
	for field, o := range map[string]ScalingOptions{
		"Configs": {Configs: []string{"nothing"}},
		"Set":     {Configs: []string{"trit-1m"}, Set: []string{"hiden_size=2"}},
		"Tokens":  {Configs: []string{"trit-1m"}, Tokens: 3},
	} {
		_, err := Scaling(context.Background(), o)
		if s := setting.As(err); s == nil || s.Field != "repro.ScalingOptions."+field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// fake is a model that likes short answers. It counts the requests that it was asked.
type fake struct{ asked, length int }

func (f *fake) ContextLength() int { return f.length }

func (f *fake) Score(_ context.Context, requests []lm.ScoreRequest) ([]lm.ScoreResult, error) {
	f.asked += len(requests)
	var out []lm.ScoreResult
	for _, r := range requests {
		out = append(out, lm.ScoreResult{LogProb: -float64(len(r.Targets))})
	}
	return out, nil
}

func (f *fake) Continue(_ context.Context, requests []lm.ContinueRequest) ([][]int32, error) {
	return make([][]int32, len(requests)), nil
}

// testTable is a table with two tasks that can be measured, one that needs a chat template,
// one that runs code, and one that there is not.
func testTable() *published.Table {
	return &published.Table{
		Name: "small", Title: "A small table", Sources: []published.Source{{Key: "paper", Title: "Some paper"}},
		Columns: []published.Column{
			{Title: "ARC-E", Task: "arc_easy", Metric: "acc,none"},
			{Title: "ARC-C", Task: "arc_challenge", Metric: "acc,none"},
			{Title: "PIQA", Task: "piqa", Metric: "acc,none"},
			{Title: "GSM8K", Task: "gsm8k", Metric: "exact_match,strict-match", Chat: true},
			{Title: "Code", Task: "humaneval", Metric: "pass@1,create_test"},
			{Title: "None", Absent: "no such task"},
		},
		Models: []published.Model{
			{Name: "1B", Published: map[string]map[string]float64{"paper": {"ARC-E": 25}}},
			{Name: "2B", Hub: []string{"org/two"}, Published: map[string]map[string]float64{"paper": {"ARC-E": 75}}},
		},
	}
}

// tableOptions measure the fake on the small table, of whose sets two are there and one is
// broken. The fake takes the shorter answer: right twice of two, and once of two.
func tableOptions(t *testing.T, f *fake) TableOptions {
	t.Helper()
	dir := t.TempDir()
	const fox, cat = `{"question":"The fox","choices":["is","is not a cat"],"gold":%}`, `{"question":"A cat","choices":["eats at night","runs"],"gold":1}`
	for name, rows := range map[string]string{
		"arc_easy_test.jsonl":      strings.ReplaceAll(fox, "%", "0") + "\n" + cat + "\n",
		"arc_challenge_test.jsonl": strings.ReplaceAll(fox, "%", "1") + "\n" + cat + "\n",
		"piqa.jsonl":               "{",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(rows), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tok, err := tokenizer.Train(func(yield func(string, error) bool) { yield("a b c", nil) }, tokenizer.TrainOptions{VocabSize: 258})
	if err != nil {
		t.Fatal(err)
	}
	return TableOptions{
		Table: testTable(), Out: filepath.Join(dir, "out"), Eval: eval.Options{DataDir: dir, AllowPartial: true},
		Open: func(_ context.Context, name string) (*Model, error) {
			return &Model{Model: f, Tokenizer: tok, Name: name, Fingerprint: "fake", Close: func() error { return nil }}, nil
		},
		Text: func(err error) string {
			return setting.Text(err, func(field string) string { return "<" + field + ">" })
		},
	}
}

// A row is known by its name on the Hub, and another model stands beside the first row. What
// cannot be measured says why.
func TestMeasureTable(t *testing.T) {
	f, measured := &fake{length: 24}, []string(nil)
	o := tableOptions(t, f)
	o.Models = []string{"2B", "mine"}
	o.Measured = func(o *published.Outcome) { measured = append(measured, o.Model+" beside "+o.Beside) }
	r, err := MeasureTable(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(measured, ", "); got != "org/two beside 2B, mine beside 1B" {
		t.Errorf("measured %s", got)
	}
	for i, off := range []float64{25, 75} {
		cells := r.Outcomes[i].Cells
		easy, challenge := cells[0], cells[1]
		if easy.Measured == nil || *easy.Measured != 100 || easy.Documents != 2 || *easy.Measured-easy.Published["paper"] != off || challenge.Measured == nil || *challenge.Measured != 50 {
			t.Errorf("model %d: %+v, %+v", i, easy, challenge)
		}
		for n, want := range map[int]string{2: "piqa", 3: "no chat template", 4: "<eval.Options.Sandbox> allows", 5: "no such task"} {
			if c := cells[n]; c.Measured != nil || !strings.Contains(c.NotMeasured, want) {
				t.Errorf("model %d, %s: %q, want %q", i, c.Title, c.NotMeasured, want)
			}
		}
	}
	if len(r.Failed) != 2 || !strings.HasPrefix(r.Failed[0], "PIQA of org/two: ") {
		t.Errorf("failed: %q, want PIQA alone", r.Failed)
	}
	const cut = "arc_easy: 4 of 4 requests were cut on the left to fit into the context of 24 tokens, by up to 14 tokens"
	if notes := r.Outcomes[0].Notes(); !slices.Contains(notes, cut) {
		t.Errorf("notes %q, want %q among them", notes, cut)
	}
	for _, name := range []string{"small.json", "small.md"} {
		b, err := os.ReadFile(filepath.Join(o.Out, name))
		if err != nil || !bytes.Contains(b, []byte("mine")) || !bytes.Contains(b, []byte(cut)) {
			t.Errorf("%s: %v, %s", name, err, b)
		}
	}
}

// Without names the rows on the Hub are measured. Results are cached: both sets have the same
// requests, and a second call has the fingerprint of the first.
func TestMeasureTableAsksOnce(t *testing.T) {
	f := &fake{length: 64}
	o := tableOptions(t, f)
	o.Tasks, o.Beside = []string{"arc_easy", "arc_challenge"}, "1B"
	for range 2 {
		r, err := MeasureTable(context.Background(), o)
		if err != nil || len(r.Outcomes) != 1 || len(r.Failed) > 0 {
			t.Fatalf("%v, %+v", err, r)
		}
		if out := r.Outcomes[0]; out.Model != "org/two" || out.Beside != "1B" || out.Cells[2].NotMeasured != "not among <repro.TableOptions.Tasks>" {
			t.Errorf("%+v", out)
		}
		if f.asked != 4 {
			t.Errorf("the model was asked %d times, want 4", f.asked)
		}
	}
}

func TestMeasureTableRefuses(t *testing.T) {
	for field, o := range map[string]TableOptions{
		"Tasks":  {Table: testTable(), Tasks: []string{"mmlu"}},
		"Beside": {Table: testTable(), Beside: "7B"},
	} {
		o.Out = filepath.Join(t.TempDir(), "out")
		_, err := MeasureTable(context.Background(), o)
		if s := setting.As(err); s == nil || s.Field != "repro.TableOptions."+field {
			t.Errorf("%s: %v", field, err)
		}
		if _, err := os.Stat(o.Out); !os.IsNotExist(err) {
			t.Errorf("%s: the folder of results was made: %v", field, err)
		}
	}
}

func TestMeasureEngine(t *testing.T) {
	c := model.Config{
		VocabSize: 300, HiddenSize: 128, IntermediateSize: 256, NumHiddenLayers: 2, NumAttentionHeads: 2,
		MaxPositionEmbeddings: 64, SubNorms: true, Ternary: true, TieWordEmbeddings: true,
	}
	c.Resolve()
	m, err := infer.Random(c, 1, infer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	o := EngineOptions{Prompt: 8, Tokens: 4, Sessions: 2, Repeat: 3}
	s, err := MeasureEngine(m, o)
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]Rate{"prefill": s.Prefill, "decode": s.Decode} {
		if r.Slowest <= 0 || r.Slowest > r.TokensPerSecond || r.TokensPerSecond > r.Fastest {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if s.Sessions != 2 || s.Prefill.Tokens != 8 || s.Decode.Tokens != 4 || s.CacheBytes != 2*12*m.Memory().CacheBytesPerToken || s.Energy.Joules <= 0 {
		t.Errorf("%+v", s)
	}
	// By hand: two operations a weight and token, and the bytes of a step of both sessions.
	s.Prefill, s.Decode = Rate{8, 10, 9, 12}, Rate{4, 20, 16, 25}
	s.SetLimits(40*float64(c.TernaryParameters()), 20*float64(s.Memory.Weights+s.Memory.HeadRead+s.CacheBytes))
	if s.PrefillFraction != 0.5 || s.DecodeFraction != 0.5 {
		t.Errorf("%g and %g of the limits, want a half of both", s.PrefillFraction, s.DecodeFraction)
	}
	// Limits below what was reached are what was reached.
	ops, bandwidth := s.SetLimits(1, 1)
	if ops != 24*float64(c.TernaryParameters()) || s.PrefillFraction != 10./12 || s.DecodeFraction != 0.8 ||
		bandwidth != 12.5*float64(s.Memory.Weights+s.Memory.HeadRead+s.CacheBytes) {
		t.Errorf("limits %g and %g, fractions %g and %g", ops, bandwidth, s.PrefillFraction, s.DecodeFraction)
	}
}

// Weights with a scale a group go through integer products too, so they count in the limit and in the energy
// as ternary ones do.
func TestSpeedOfGroups(t *testing.T) {
	c := model.Config{VocabSize: 256, HiddenSize: 128, IntermediateSize: 256, NumHiddenLayers: 2, NumAttentionHeads: 2,
		QKNorm: true, HiddenAct: model.SiLU, TieWordEmbeddings: true}
	c.Resolve()
	m, err := infer.RandomGrouped(c, gguf.Q2_0, 1, infer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	s, err := MeasureEngine(m, EngineOptions{Prompt: 8, Tokens: 4, Sessions: 1, Repeat: 1})
	if err != nil {
		t.Fatal(err)
	}
	s.Prefill = Rate{8, 10, 9, 12}
	const weights = 2 * (4*128*128 + 3*128*256)
	if s.SetLimits(40*weights, 1e15); s.PrefillFraction != 0.5 {
		t.Errorf("%g of the limit, want a half", s.PrefillFraction)
	}
}
