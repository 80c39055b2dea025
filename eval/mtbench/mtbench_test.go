package mtbench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"trit/eval"
	"trit/eval/internal/evaltest"
	"trit/lm"
	"trit/tokenizer"
)

const template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"

func chatTokenizer(t *testing.T) *tokenizer.Tokenizer {
	t.Helper()
	tok, err := evaltest.Tokenizer(t).WithChatTemplate(template)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// talker is a model that answers with the number of messages before the answer.
type talker struct {
	tok     *tokenizer.Tokenizer
	context int
	prompts []string
}

func (m *talker) Score(context.Context, []lm.ScoreRequest) ([]lm.ScoreResult, error) { return nil, nil }
func (m *talker) ContextLength() int                                                 { return m.context }

func (m *talker) Continue(_ context.Context, requests []lm.ContinueRequest) ([][]int32, error) {
	var out [][]int32
	for _, r := range requests {
		m.prompts = append(m.prompts, m.tok.Decode(r.Prompt))
		ids := append(m.tok.Encode(m.say(r.Prompt), false), m.tok.EOS())
		out = append(out, ids[:min(len(ids), r.MaxTokens)])
	}
	return out, nil
}

func (m *talker) say(prompt []int32) string {
	return fmt.Sprintf(" answer %d\n", strings.Count(m.tok.Decode(prompt), "\n"))
}

// Generate draws: it answers with the temperature.
func (m *talker) Generate(_ context.Context, r lm.GenerateRequest, _ func(lm.Delta)) (lm.GenerateResult, error) {
	text := fmt.Sprintf("drawn at %g", r.Sampling.Temperature)
	return lm.GenerateResult{Tokens: m.tok.Encode(text, false), Text: text, FinishReason: lm.FinishStop}, nil
}

// grader is a judge that answers with what reply makes of a message.
type grader struct {
	mu    sync.Mutex
	reply func(user string) (string, error)
	asked []string // systems and users
}

func (g *grader) Judge(_ context.Context, system, user string) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked = append(g.asked, system+"\n"+user)
	return g.reply(user)
}

const questions = `{"question_id": 81, "category": "writing", "turns": ["Write <a> poem.", "Make it short."]}
{"question_id": 111, "category": "math", "turns": ["What is 2+2?", "And twice that?"], "reference": ["four", "eight"]}
{"question_id": 121, "category": "coding", "turns": ["Sort a list."]}
`

// setUp returns the options for a folder of questions and for results.
func setUp(t *testing.T, files map[string]string) (eval.Options, *talker) {
	t.Helper()
	m := &talker{tok: chatTokenizer(t), context: 400}
	return eval.Options{
		Tokenizer: m.tok, DataDir: evaltest.Write(t, files), AllowPartial: true, MaxTokens: 64,
		ModelName: "m", Fingerprint: "f", Out: filepath.Join(t.TempDir(), "out"),
	}, m
}

func defaultSet() map[string]string { return map[string]string{"mt_bench/question.jsonl": questions} }

// bySubject rates by what was asked.
func bySubject(user string) (string, error) {
	switch {
	case strings.Contains(user, "Make it short"):
		return "Weak.\nGrade: [[4]]", nil
	case strings.Contains(user, "poem"):
		return "Good.\nGrade: [[8]]", nil
	case strings.Contains(user, "twice"):
		return "I cannot say.", nil
	case strings.Contains(user, "2+2"):
		return "Right: [[10]] of [[10]]", nil
	}
	return "Grade: [6.5]", nil
}

func TestRun(t *testing.T) {
	o, m := setUp(t, defaultSet())
	judge := &grader{reply: bySubject}
	r, err := Run(t.Context(), m, o, Judging{Judge: judge, Model: "j"})
	if err != nil {
		t.Fatal(err)
	}
	// Ratings 8 and 4, 10 and none, 6.5.
	mean := (8 + 4 + 10 + 6.5) / 4
	a, b, c := 8+4-2*mean, 10-mean, 6.5-mean
	want := Score{Mean: mean, Stderr: math.Sqrt((a*a+b*b+c*c)*3/2) / 4, Questions: 3, Ratings: 4, Unread: 1}
	if math.Abs(r.Overall.Stderr-want.Stderr) > 1e-12 {
		t.Errorf("standard error %g, want %g", r.Overall.Stderr, want.Stderr)
	}
	if want.Stderr = r.Overall.Stderr; r.Overall != want {
		t.Errorf("overall %+v, want %+v", r.Overall, want)
	}
	if s := r.Turns[1]; s.Mean != 4 || s.Ratings != 1 || s.Unread != 1 {
		t.Errorf("second turn %+v", s)
	}
	if len(r.Categories) != 3 || r.Categories[0].Category != "writing" || r.Categories[0].Mean != 6 || r.Categories[1].Turns[0].Mean != 10 {
		t.Errorf("categories %+v", r.Categories)
	}
	remarks := strings.Join(r.Remarks, "\n")
	for _, part := range []string{
		"judge: j; judge prompt: trit's own; the likeliest answers (FastChat draws some at a temperature), of up to 64 tokens",
		"1 of 5 judgments have no rating from 1 to 10 and are not in the means: question 111 turn 2 in judgments.jsonl",
		"1 questions of coding have no reference and were judged without one",
	} {
		if !strings.Contains(remarks, part) {
			t.Errorf("no %q in %s", part, remarks)
		}
	}
	if want := "user: What is 2+2?\nassistant: answer 1\nuser: And twice that?\nassistant:"; !slices.Contains(m.prompts, want) {
		t.Errorf("the model was asked %q, want %q among it", m.prompts, want)
	}
	checkMessages(t, judge.asked)
	checkFiles(t, o.Out)
	table := r.Table().Markdown()
	for _, row := range []string{"| writing | 1 | 8.00 | 4.00 | 6.00 |  | 0 |", "| math | 1 | 10.00 |  | 10.00 |  | 1 |", "| all | 3 | 8.17 | 4.00 | 7.12 | 1.13 | 1 |"} {
		if !strings.Contains(table, row) {
			t.Errorf("no %q in\n%s", row, table)
		}
	}
}

// checkMessages wants what the judge is to see, and nothing that it is not to see.
func checkMessages(t *testing.T, asked []string) {
	t.Helper()
	if len(asked) != 5 {
		t.Fatalf("the judge was asked %d times", len(asked))
	}
	find := func(part string, not string) string {
		i := slices.IndexFunc(asked, func(s string) bool { return strings.Contains(s, part) && !strings.Contains(s, not) })
		if i < 0 {
			t.Fatalf("nobody asked about %q", part)
		}
		return asked[i]
	}
	first, second := find("What is 2+2?", "twice"), find("And twice that?", "~")
	for text, parts := range map[string][]string{
		first:                     {"answer 1", "four", "reference"},
		second:                    {"answer 1", "answer 3", "four", "eight", "second question only"},
		find("Sort a list.", "~"): {"answer 1"},
	} {
		for _, p := range parts {
			if !strings.Contains(text, p) {
				t.Errorf("no %q in %s", p, text)
			}
		}
	}
	if strings.Contains(first, "eight") || strings.Contains(find("Sort", "~"), "reference") {
		t.Errorf("the judge sees a reference that is not of the answer: %s", first)
	}
}

// checkFiles reads the files as FastChat and package eval do.
func checkFiles(t *testing.T, dir string) {
	t.Helper()
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	var answer struct {
		QuestionID int `json:"question_id"`
		Choices    []struct{ Turns []string }
	}
	line, _, _ := strings.Cut(read("answers.jsonl"), "\n")
	if err := json.Unmarshal([]byte(line), &answer); err != nil || answer.QuestionID != 81 || !slices.Equal(answer.Choices[0].Turns, []string{"answer 1", "answer 3"}) {
		t.Errorf("%v: %s", err, line)
	}
	for _, part := range []string{`"question_id":81,"model":"m","judge":["j","single-v1"]`, `"score":-1,"turn":2`, `"judge":["j","single-math-v1-multi-turn"]`, "Write <a> poem."} {
		if text := read("judgments.jsonl"); !strings.Contains(text, part) || strings.Count(text, "\n") != 5 {
			t.Errorf("no %q in %s", part, text)
		}
	}
	c, err := eval.Compare(dir, dir)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(c.Rows, func(d eval.Difference) bool { return d.Metric == "score,none" })
	if i < 0 || c.Rows[i].Documents != 3 || c.Rows[i].A != 7.125 {
		t.Errorf("compared: %+v", c.Rows)
	}
}

// A run that was stopped goes on: no question is answered twice, no answer judged twice, and the
// results are those of a run in one go.
func TestResume(t *testing.T) {
	o, m := setUp(t, defaultSet())
	o.Batch = 2
	whole := o
	whole.Out = filepath.Join(t.TempDir(), "whole")
	want, err := Run(t.Context(), m, whole, Judging{Judge: &grader{reply: bySubject}, Model: "j"})
	if err != nil {
		t.Fatal(err)
	}
	asked, failed := len(m.prompts), errors.New("the line is down")
	calls := 0
	_, err = Run(t.Context(), m, o, Judging{Judge: &grader{reply: func(s string) (string, error) {
		if calls++; calls > 2 {
			return "", failed
		}
		return bySubject(s)
	}}, Model: "j", Concurrent: 1})
	if !errors.Is(err, failed) || !strings.Contains(err.Error(), "question 121, turn 1: the judge: ") {
		t.Fatalf("%v", err)
	}
	appendTo(t, filepath.Join(o.Out, JudgmentsName), `{"question_id":1,"mod`) // a killed process
	m.prompts = nil
	judge := &grader{reply: bySubject}
	got, err := Run(t.Context(), m, o, Judging{Judge: judge, Model: "j"})
	if err != nil || len(m.prompts) != 0 || len(judge.asked) != 3 || asked != 5 {
		t.Fatalf("%v: the model was asked %d times more, the judge %d times", err, len(m.prompts), len(judge.asked))
	}
	if fmt.Sprint(got.Table()) != fmt.Sprint(want.Table()) {
		t.Errorf("%v, want %v", got.Table(), want.Table())
	}
	for _, name := range []string{AnswersName, JudgmentsName, "results.json", "samples_mt_bench.jsonl"} {
		a, _ := os.ReadFile(filepath.Join(o.Out, name))
		b, err := os.ReadFile(filepath.Join(whole.Out, name))
		if err != nil || string(a) != string(b) {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, a, b)
		}
	}
	_, err = Run(t.Context(), m, o, Judging{Judge: judge, Model: "j"})
	if err == nil || !strings.Contains(err.Error(), "holds results") {
		t.Errorf("results are replaced: %v", err)
	}
	// Another judge sees the same answers, another model gives others.
	o.Replace = true
	other := &grader{reply: bySubject}
	if _, err := Run(t.Context(), m, o, Judging{Judge: other, Model: "k"}); err != nil || len(m.prompts) != 0 || len(other.asked) != 5 {
		t.Errorf("another judge: %v, %d answers, %d judgments", err, len(m.prompts), len(other.asked))
	}
	o.Fingerprint = "g"
	if _, err := Run(t.Context(), m, o, Judging{Judge: other, Model: "k"}); err != nil || len(m.prompts) != 5 || len(other.asked) != 5 {
		t.Errorf("another model: %v, %d answers, %d judgments", err, len(m.prompts), len(other.asked))
	}
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, append(b, text...), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestReferencesOfAFile(t *testing.T) {
	files := defaultSet()
	files["mt_bench/reference_answer/gpt-4.jsonl"] = `{"question_id": 121, "choices": [{"index": 0, "turns": ["sorted(l)"]}]}
{"question_id": 111, "choices": [{"index": 0, "turns": ["4", "8"]}]}
`
	o, m := setUp(t, files)
	judge := &grader{reply: bySubject}
	r, err := Run(t.Context(), m, o, Judging{Judge: judge, Model: "j"})
	if err != nil || strings.Contains(strings.Join(r.Remarks, " "), "reference") {
		t.Fatalf("%v: %v", err, r)
	}
	text := strings.Join(judge.asked, "\n")
	if !strings.Contains(text, "sorted(l)") || strings.Contains(text, "four") {
		t.Errorf("the references of the file are not those that the judge sees: %s", text)
	}
}

func TestDraw(t *testing.T) {
	o, m := setUp(t, defaultSet())
	o.Limit = 2
	judge := &grader{reply: bySubject}
	r, err := Run(t.Context(), m, o, Judging{Judge: judge, Model: "j", Draw: true, Generator: m})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(r.answers[0].Choices[0].Turns, r.answers[1].Choices[0].Turns); got != "[drawn at 0.7 drawn at 0.7] [answer 1 answer 3]" {
		t.Errorf("answers %s", got)
	}
	if !strings.Contains(r.Remarks[0], "drawn with FastChat's temperatures") {
		t.Errorf("%q", r.Remarks[0])
	}
	for category, want := range map[string]float64{"roleplay": 0.7, "stem": 0.1, "humanities": 0.1, "reasoning": 0, "extraction": 0, "cooking": 0.7} {
		if got := Temperature(category); got != want {
			t.Errorf("%s: %g, want %g", category, got, want)
		}
	}
}

func TestAnswersThatDoNotFit(t *testing.T) {
	o, m := setUp(t, defaultSet())
	m.context, o.MaxTokens = 44, 7
	r, err := Run(t.Context(), m, o, Judging{Judge: &grader{reply: bySubject}, Model: "j"})
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(r.Remarks, "\n")
	if !strings.Contains(text, "2 of 5 conversations were cut on the left") || !strings.Contains(text, "5 of 5 answers ended by their length") {
		t.Errorf("%s", text)
	}
}

func TestRefused(t *testing.T) {
	line := func(s string) map[string]string { return map[string]string{"mt_bench_question.jsonl": s + "\n"} }
	judge := &grader{reply: bySubject}
	for _, c := range []struct {
		files  map[string]string
		change func(o *eval.Options, j *Judging)
		want   string
	}{
		{nil, func(_ *eval.Options, j *Judging) { j.Judge = nil }, "another model judges"},
		{nil, func(o *eval.Options, _ *Judging) { o.Tokenizer = evaltest.Tokenizer(t) }, "no chat template"},
		{nil, func(o *eval.Options, _ *Judging) { o.Out = "" }, "kept in a folder"},
		{nil, func(o *eval.Options, _ *Judging) { o.MaxTokens = 400 }, "no space for the question"},
		{nil, func(_ *eval.Options, j *Judging) { j.Draw = true }, "the engine runs"},
		{nil, func(o *eval.Options, _ *Judging) { o.AllowPartial = false }, "it has 3 rows, the set has 80"},
		{line(`{"question_id":1,"category":"math","turns":["a","b","c"]}`), nil, "question 1 has 3 turns: want 1 or 2"},
		{line(`{"question_id":1,"category":"math","turns":["a","b"],"reference":["x"]}`), nil, "2 turns and 1 references"},
		{line(`{"question_id":1,"category":"math","turns":["a"],"reference":"x"}`), nil, "want a list of texts"},
		{line(`{"question_id":1,"category":"math","turns":"a"}`), nil, "want a list of texts"},
		{line(`{"question_id":1,"category":"x","turns":["a"]}` + "\n" + `{"question_id":1,"category":"x","turns":["b"]}`), nil, "another question 1"},
		{line(`{"question_id":1,"turns":["a"]}`), nil, "want [question_id category turns]"},
		{map[string]string{"mt_bench_question.jsonl": questions, "mt_bench_reference.jsonl": `{"question_id":1,"choices":[]}` + "\n"}, nil, "row 1: want answers in \"choices\""},
	} {
		files := c.files
		if files == nil {
			files = defaultSet()
		}
		o, m := setUp(t, files)
		j := Judging{Judge: judge, Model: "j"}
		if c.change != nil {
			c.change(&o, &j)
		}
		if _, err := Run(t.Context(), m, o, j); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
	if len(judge.asked) > 0 {
		t.Errorf("the judge was asked: %q", judge.asked)
	}
	o, m := setUp(t, defaultSet())
	if err := os.MkdirAll(o.Out, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(o.Out, AnswersName), []byte("no JSON\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), m, o, Judging{Judge: judge, Model: "j"}); err == nil || !strings.Contains(err.Error(), "answers.jsonl:1: ") {
		t.Errorf("a damaged file of answers: %v", err)
	}
}

// Ratings are found where FastChat's patterns find them; beside the scale there is none.
func TestRating(t *testing.T) {
	for text, want := range map[string]float64{
		"Rating: [[5]]": 5, "[[7.5]] or so": 7.5, "[[8.]]": 8, "Rating: [5]": 5, "[3] then [[9]]": 9, "[[2]] and [[4]]": 2, "[[10]]": 10, "[[1]]": 1,
		"": NoRating, "Rating: 5": NoRating, "[[five]]": NoRating, "[[11]]": NoRating, "[[0]]": NoRating, "[[0.5]]": NoRating, "[[-3]]": NoRating, "[[8/10]]": NoRating, "[[ 5 ]]": NoRating,
	} {
		if got := rating(text); got != want {
			t.Errorf("%q: %g, want %g", text, got, want)
		}
	}
}
