package eval

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"trit/internal/atomicfile"
	"trit/internal/report"
)

// Report is the results of all tasks, with the keys of lm-evaluation-harness.
type Report struct {
	Results  map[string]Metrics // by task
	NShot    map[string]int
	NSamples map[string]Counts
	Effort   map[string]Effort
	Seconds  float64 // of the whole evaluation
	o        *Options
	e        *encoder
	started  time.Time
	tasks    []*outcome
}

// Counts is how many documents a task has and how many were asked.
type Counts struct {
	Original  int `json:"original"`
	Effective int `json:"effective"`
}

func newReport(o *Options, e *encoder, started time.Time) *Report {
	return &Report{o: o, e: e, started: started, Results: map[string]Metrics{}, NShot: map[string]int{}, NSamples: map[string]Counts{}, Effort: map[string]Effort{}}
}

// Model is the name of the model that was measured.
func (r *Report) Model() string { return r.o.ModelName }

func (r *Report) add(t *outcome) {
	r.tasks = append(r.tasks, t)
	r.Results[t.Name], r.NShot[t.Name], r.Effort[t.Name] = t.metrics, t.shots, t.Effort
	r.NSamples[t.Name] = Counts{t.total, len(t.questions)}
}

// MarshalJSON writes the results file of the harness. What it has no key for is under
// "trit".
func (r *Report) MarshalJSON() ([]byte, error) {
	results, versions, higher := map[string]any{}, map[string]any{}, map[string]map[string]bool{}
	configs, hashes, subtasks := map[string]any{}, map[string]string{}, map[string][]string{}
	for _, t := range r.tasks {
		results[t.Name], versions[t.Name], configs[t.Name] = t.results(), t.Version, t.config()
		hashes[t.Name], subtasks[t.Name], higher[t.Name] = t.hash(), []string{}, map[string]bool{}
		for _, name := range t.names {
			metric, _, _ := strings.Cut(name, ",")
			higher[t.Name][metric] = higherIsBetter(metric)
		}
	}
	out := map[string]any{
		"results": results, "group_subtasks": subtasks, "configs": configs, "versions": versions, "n-shot": r.NShot,
		"higher_is_better": higher, "n-samples": r.NSamples, "config": r.config(), "date": float64(r.started.UnixNano()) / 1e9,
		"task_hashes": hashes, "model_source": "trit", "model_name": r.o.ModelName, "model_name_sanitized": modelFileName.ReplaceAllString(r.o.ModelName, "__"),
		"system_instruction": nil, "system_instruction_sha": nil, "fewshot_as_multiturn": r.o.FewshotMultiturn,
		"total_evaluation_time_seconds": fmt.Sprint(r.Seconds), "trit": map[string]any{"effort": r.Effort, "ends": r.Ends()},
	}
	r.addTokenizer(out)
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(out)
	return b.Bytes(), err
}

var modelFileName = regexp.MustCompile(`["<>:/|\\?*\[\]]+`)

// addTokenizer adds what the harness says of the tokenizer.
func (r *Report) addTokenizer(out map[string]any) {
	v := r.o.Tokenizer.Vocab()
	for key, id := range map[string]int32{"tokenizer_pad_token": v.PAD, "tokenizer_eos_token": v.EOS, "tokenizer_bos_token": v.BOS} {
		out[key] = []any{nil, "None"}
		if id >= 0 && int(id) < len(v.Tokens) {
			out[key] = []any{v.Tokens[id], fmt.Sprint(id)}
		}
	}
	out["eot_token_id"], out["max_length"] = v.EOS, r.o.MaxLength
	out["chat_template"], out["chat_template_sha"] = nil, nil
	if r.o.ApplyChatTemplate {
		out["chat_template"], out["chat_template_sha"] = v.ChatTemplate, hashOf(v.ChatTemplate)
	}
}

// config is how the model was run. Nothing but the draw of examples is random here.
func (r *Report) config() map[string]any {
	c := map[string]any{
		"model": "trit", "model_args": r.o.ModelArgs, "batch_size": r.o.batchSize(), "batch_sizes": []int{}, "device": "cpu",
		"use_cache": nil, "limit": nil, "bootstrap_iters": nil, "gen_kwargs": nil,
		"random_seed": nil, "numpy_seed": nil, "torch_seed": nil, "fewshot_seed": fewshotSeed,
	}
	if r.o.Cache != "" {
		c["use_cache"] = r.o.Cache
	}
	if r.o.Limit > 0 {
		c["limit"] = r.o.Limit
	}
	if r.o.MaxTokens > 0 {
		c["gen_kwargs"] = map[string]int{"max_gen_toks": r.o.MaxTokens}
	}
	return c
}

// batchSize is what the harness calls it: a number, or "auto".
func (o *Options) batchSize() any {
	if o.Batch > 0 {
		return o.Batch
	}
	return "auto"
}

// results are the metrics of a task as the harness lists them: a standard error that
// cannot be had is "N/A".
func (t *outcome) results() map[string]any {
	out := map[string]any{"name": t.Name, "alias": t.alias(), "sample_len": len(t.questions)}
	for _, name := range t.names {
		metric, filter, _ := strings.Cut(name, ",")
		stderr := metric + "_stderr," + filter
		out[name], out[stderr] = t.metrics[name], "N/A"
		if math.IsInf(t.metrics[name], 0) {
			out[name] = "Infinity" // which JSON has no number for
		}
		if v, ok := t.metrics[stderr]; ok {
			out[stderr] = v
		}
	}
	return out
}

// alias is the name for tables; that of MATH-500 says how it is judged.
func (t *Task) alias() string {
	if t.Other != "" {
		return t.Name + " (string equivalence)"
	}
	return t.Name
}

// config is the declaration of a task, with the harness's keys.
func (t *outcome) config() map[string]any {
	c := map[string]any{
		"task": t.Name, "output_type": t.Kind, "num_fewshot": t.shots, "repeats": 1, "metadata": map[string]any{"version": t.Version},
		"description": "", "unsafe_code": t.Answers.RunCode,
	}
	c["target_delimiter"], c["fewshot_delimiter"] = t.delimiters()
	if t.Test.Hub != "" {
		c["dataset_path"], c["test_split"] = t.Test.Hub, t.Test.Split
	}
	if t.Test.Config != "" {
		c["dataset_name"] = t.Test.Config
	}
	var metrics []map[string]any
	for _, name := range t.names {
		metric, _, _ := strings.Cut(name, ",")
		m := map[string]any{"metric": metric, "aggregation": aggregation(metric), "higher_is_better": higherIsBetter(metric)}
		if !slices.ContainsFunc(metrics, func(o map[string]any) bool { return o["metric"] == metric }) {
			metrics = append(metrics, m)
		}
	}
	c["metric_list"] = metrics
	if t.Kind == Generation {
		c["generation_kwargs"] = t.generationArguments(t.Answers.Until)
	}
	if t.own != nil {
		c["declaration"] = t.own
	}
	return c
}

// aggregation is the harness's name for how a metric of documents becomes one of the set.
func aggregation(metric string) string {
	switch metric {
	case "word_perplexity", "byte_perplexity":
		return "weighted_perplexity"
	case "bits_per_byte":
		return metric
	}
	return "mean"
}

func (t *prepared) generationArguments(until []string) map[string]any {
	m := map[string]any{"until": until, "do_sample": false, "temperature": 0.0}
	if len(t.requests) > 0 {
		m["max_gen_toks"] = t.requests[0].generate.MaxTokens
	}
	return m
}

// write puts results.json and samples_TASK.jsonl into a folder.
func (r *Report) write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, t := range r.tasks {
		if err := atomicfile.Write(filepath.Join(dir, "samples_"+t.fileName()+".jsonl"), t.writeSamples); err != nil {
			return err
		}
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(dir, "results.json"), append(b, '\n'))
}

// fileName is the task's name without what a path may not hold.
func (t *Task) fileName() string { return notWord.ReplaceAllString(t.Name, "_") }

var notWord = regexp.MustCompile(`[^\p{L}\p{N}_]`)

func hashOf(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

// Ends counts, for each task that runs programs, how they ended.
func (r *Report) Ends() map[string]map[string]int {
	all := map[string]map[string]int{}
	for _, t := range r.tasks {
		if ends := t.ends(); len(ends) > 0 {
			all[t.Name] = ends
		}
	}
	return all
}

func (t *outcome) ends() map[string]int {
	ends := map[string]int{}
	for _, q := range t.questions {
		if q.end != "" {
			ends[q.end]++
		}
	}
	return ends
}

// counted is "3 assertion, 7 passed".
func counted(ends map[string]int) string {
	var parts []string
	for _, end := range slices.Sorted(maps.Keys(ends)) {
		parts = append(parts, fmt.Sprintf("%d %s", ends[end], end))
	}
	return strings.Join(parts, ", ")
}

// Table is the results as a table, in the harness's columns.
func (r *Report) Table() report.Table {
	t := report.Table{Head: []string{"task", "version", "filter", "n-shot", "documents", "metric", "", "value", "", "stderr"}}
	for _, o := range r.tasks {
		first := []string{o.alias(), fmt.Sprint(o.Version)}
		for _, name := range slices.Sorted(slices.Values(o.names)) {
			metric, filter, _ := strings.Cut(name, ",")
			arrow, sign, stderr := "↑", "", ""
			if !higherIsBetter(metric) {
				arrow = "↓"
			}
			if v, ok := o.metrics[metric+"_stderr,"+filter]; ok {
				sign, stderr = "±", fmt.Sprintf("%.4f", v)
			}
			t.Rows = append(t.Rows, append(slices.Clone(first), filter, fmt.Sprint(o.shots), fmt.Sprint(len(o.questions)), metric, arrow,
				fmt.Sprintf("%.4f", o.metrics[name]), sign, stderr))
			first = []string{"", ""}
		}
	}
	return t
}

// WriteText prints the results as a table, and what they took.
func (r *Report) WriteText(w io.Writer) error {
	if err := r.Table().WriteText(w); err != nil {
		return err
	}
	for _, t := range r.tasks {
		line := fmt.Sprintf("%s: %s\n", t.Name, t.Effort)
		if ends := t.ends(); len(ends) > 0 {
			line += fmt.Sprintf("%s: programs ended: %s\n", t.Name, counted(ends))
		}
		if _, err := io.WriteString(w, line); err != nil {
			return err
		}
	}
	return nil
}
