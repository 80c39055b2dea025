package eval

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"trit/internal/atomicfile"
)

// Report is the results of all tasks, with the keys of lm-evaluation-harness.
type Report struct {
	Results  map[string]Metrics `json:"results"`
	NShot    map[string]int     `json:"n-shot"`
	NSamples map[string]Counts  `json:"n-samples"`
	order    []string
	samples  map[string][]sample
}

// Metrics are figures by name, such as "acc,none" and "acc_stderr,none".
type Metrics map[string]float64

// Counts is how many documents a task has and how many were asked.
type Counts struct {
	Original  int `json:"original"`
	Effective int `json:"effective"`
}

// sample is one document's outcome, for samples_TASK.jsonl.
type sample struct {
	DocID    int             `json:"doc_id"`
	Doc      json.RawMessage `json:"doc"`
	Target   int             `json:"target"`
	Resps    []float64       `json:"resps"`
	IsGreedy []bool          `json:"is_greedy"`
	Acc      float64         `json:"acc"`
	AccNorm  float64         `json:"acc_norm"`
}

// Run measures the tasks.
func Run(ctx context.Context, m Model, o Options) (*Report, error) {
	if o.Tokenizer == nil {
		return nil, errors.New("the model has no tokenizer: tasks are text; convert it from a folder with a tokenizer.json")
	}
	r := &Report{Results: map[string]Metrics{}, NShot: map[string]int{}, NSamples: map[string]Counts{}, samples: map[string][]sample{}}
	for _, name := range o.Tasks {
		if name == BitsPerByte {
			if err := r.perplexity(ctx, m, &o); err != nil {
				return nil, err
			}
			continue
		}
		t, err := findTask(name)
		if err != nil {
			return nil, err
		}
		if err := r.multipleChoice(ctx, m, &o, t); err != nil {
			return nil, err
		}
	}
	if o.Out != "" {
		return r, r.write(o.Out)
	}
	return r, nil
}

func (r *Report) add(name string, m Metrics, shots int, c Counts) {
	r.order = append(r.order, name)
	r.Results[name], r.NShot[name], r.NSamples[name] = m, shots, c
}

func (r *Report) multipleChoice(ctx context.Context, m Model, o *Options, t *Task) error {
	docs, err := t.load(o.DataDir)
	if err != nil {
		return err
	}
	shots := t.NumFewshot
	if o.NumFewshot >= 0 {
		shots = o.NumFewshot
	}
	contexts, err := t.contexts(docs, shots)
	if err != nil {
		return err
	}
	asked := docs[:limit(o.Limit, len(docs))]
	var requests []ScoreRequest
	for i, d := range asked {
		for _, c := range d.choices {
			requests = append(requests, o.encodePair(contexts[i], " "+c))
		}
	}
	results, err := scoreAll(ctx, m, requests, o.Progress)
	if err != nil {
		return fmt.Errorf("task %s: %w", t.Name, err)
	}
	samples := judge(asked, results)
	r.samples[t.Name] = samples
	r.add(t.Name, t.metrics(samples), shots, Counts{len(docs), len(asked)})
	return nil
}

// limit is how many of n documents are asked.
func limit(l float64, n int) int {
	if l <= 0 {
		return n
	}
	if l < 1 {
		return max(1, int(math.Ceil(l*float64(n))))
	}
	return min(int(l), n)
}

// contexts puts the few-shot examples before each question. They are drawn from the
// same file, document after document, by Random(1234).
func (t *Task) contexts(docs []document, shots int) ([]string, error) {
	draw := shots
	if t.DropShot && shots > 0 {
		draw++
	}
	if draw > len(docs) {
		return nil, fmt.Errorf("task %s: %d shots from %d documents: ask for fewer with --num-fewshot", t.Name, shots, len(docs))
	}
	r := newPyRandom(1234)
	out := make([]string, len(docs))
	for i, d := range docs {
		var b strings.Builder
		if shots > 0 {
			picked := slices.DeleteFunc(r.sample(len(docs), draw), func(j int) bool { return t.DropShot && j == i })
			for _, j := range picked[:min(shots, len(picked))] {
				fmt.Fprintf(&b, "%s %s\n\n", docs[j].context, docs[j].choices[docs[j].gold])
			}
		}
		out[i] = b.String() + d.context
	}
	return out, nil
}

// scoreBatch is how many requests go to the model at a time, between which progress
// is shown and Ctrl-C is heard.
const scoreBatch = 32

func scoreAll(ctx context.Context, m Model, requests []ScoreRequest, progress func(done, total int)) ([]ScoreResult, error) {
	var out []ScoreResult
	for at := 0; at < len(requests); at += scoreBatch {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		part, err := m.Score(ctx, requests[at:min(at+scoreBatch, len(requests))])
		if err != nil {
			return nil, err
		}
		out = append(out, part...)
		if progress != nil {
			progress(len(out), len(requests))
		}
	}
	return out, nil
}

// judge takes the likeliest choice of each document, the first of equals.
func judge(docs []document, results []ScoreResult) []sample {
	var out []sample
	for i, d := range docs {
		s := sample{DocID: i, Doc: d.raw, Target: d.gold}
		best, bestNorm, bestNormValue := 0, 0, math.Inf(-1)
		for j, c := range d.choices {
			ll := results[j].LogProb
			s.Resps, s.IsGreedy = append(s.Resps, ll), append(s.IsGreedy, results[j].Greedy)
			if ll > s.Resps[best] {
				best = j
			}
			if norm := ll / float64(utf8.RuneCountInString(c)); norm > bestNormValue {
				bestNorm, bestNormValue = j, norm
			}
		}
		s.Acc, s.AccNorm = truth(best == d.gold), truth(bestNorm == d.gold)
		results = results[len(d.choices):]
		out = append(out, s)
	}
	return out
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (t *Task) metrics(samples []sample) Metrics {
	m := Metrics{}
	m.mean("acc", samples, func(s sample) float64 { return s.Acc })
	if t.Norm {
		m.mean("acc_norm", samples, func(s sample) float64 { return s.AccNorm })
	}
	return m
}

// mean enters the mean of a figure and its standard error, the sample standard
// deviation over the root of the count; a single document has none.
func (m Metrics) mean(name string, samples []sample, value func(sample) float64) {
	n, sum, squares := float64(len(samples)), 0.0, 0.0
	for _, s := range samples {
		sum += value(s)
	}
	for _, s := range samples {
		d := value(s) - sum/n
		squares += d * d
	}
	m[name+",none"] = sum / n
	if n > 1 {
		m[name+"_stderr,none"] = math.Sqrt(squares/(n-1)) / math.Sqrt(n)
	}
}

// write puts results.json and samples_TASK.jsonl into a folder.
func (r *Report) write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	for name, samples := range r.samples {
		err := atomicfile.Write(filepath.Join(dir, "samples_"+name+".jsonl"), func(w io.Writer) error {
			enc := json.NewEncoder(w)
			for _, s := range samples {
				if err := enc.Encode(s); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return atomicfile.WriteBytes(filepath.Join(dir, "results.json"), append(b, '\n'))
}

// WriteText prints the results as a table.
func (r *Report) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "task\tshots\tdocuments\tmetric\tvalue\tstderr\n")
	for _, name := range r.order {
		m := r.Results[name]
		for _, key := range sortedKeys(m) {
			metric, _, _ := strings.Cut(key, ",")
			if strings.HasSuffix(metric, "_stderr") {
				continue
			}
			fmt.Fprintf(t, "%s\t%d\t%d\t%s\t%.4f\t", name, r.NShot[name], r.NSamples[name].Effective, metric, m[key])
			if e, ok := m[metric+"_stderr,none"]; ok {
				fmt.Fprintf(t, "%.4f", e)
			}
			fmt.Fprintln(t)
		}
	}
	return t.Flush()
}

func sortedKeys(m Metrics) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
