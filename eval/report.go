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
	"regexp"
	"slices"
	"strings"
	"time"
)

// Report is the results of all tasks, with the keys of lm-evaluation-harness.
type Report struct {
	Results  map[string]Metrics // by task
	NShot    map[string]int
	NSamples map[string]Counts
	Effort   map[string]Effort
	Remarks  map[string]Remarks
	Errors   map[string]Errors // of the tasks that have them
	Seconds  float64           // of the whole evaluation
	Kept     []string          // a line for each task that was not measured, since Options.Out has its results
	o        *Options
	started  time.Time
	tasks    []*outcome
}

// Counts are numbers of documents of a task.
type Counts struct {
	Original  int `json:"original"`  // in the data set
	Effective int `json:"effective"` // asked
}

func newReport(o *Options, started time.Time) *Report {
	return &Report{
		o: o, started: started,
		Results: map[string]Metrics{}, NShot: map[string]int{}, NSamples: map[string]Counts{}, Effort: map[string]Effort{},
		Remarks: map[string]Remarks{}, Errors: map[string]Errors{},
	}
}

// Model is the name of the model that was measured.
func (r *Report) Model() string { return r.o.ModelName }

func (r *Report) add(t *outcome) {
	r.tasks = append(r.tasks, t)
	r.Results[t.Name], r.NShot[t.Name], r.Effort[t.Name] = t.metrics, t.numFewshot, t.Effort
	r.NSamples[t.Name], r.Remarks[t.Name] = Counts{t.total, len(t.questions)}, t.remarks()
	if e := t.errors(); len(e.Stderr) > 0 {
		r.Errors[t.Name] = e
	}
}

// MarshalJSON writes the results with the keys of the harness. The key "trit" holds the results
// that the harness has no key for.
func (r *Report) MarshalJSON() ([]byte, error) {
	results, versions, higher := map[string]any{}, map[string]any{}, map[string]map[Metric]bool{}
	configs, hashes, subtasks := map[string]any{}, map[string]string{}, map[string][]string{}
	for _, t := range r.tasks {
		results[t.Name], versions[t.Name], configs[t.Name] = t.results(), t.Version, t.config()
		hashes[t.Name], subtasks[t.Name], higher[t.Name] = t.hash(), []string{}, map[Metric]bool{}
		for _, name := range t.names {
			higher[t.Name][name.metric] = name.metric.HigherIsBetter()
		}
	}
	out := map[string]any{
		"results": results, "group_subtasks": subtasks, "configs": configs, "versions": versions, "n-shot": r.NShot,
		"higher_is_better": higher, "n-samples": r.NSamples, "task_hashes": hashes, "config": r.config(),
		"date": float64(r.started.UnixNano()) / 1e9, "total_evaluation_time_seconds": fmt.Sprint(r.Seconds),
		"model_source": "trit", "model_name": r.o.ModelName,
		"model_name_sanitized": modelFileName.ReplaceAllString(r.o.ModelName, "__"),
		"system_instruction":   nil, "system_instruction_sha": nil, "fewshot_as_multiturn": r.o.FewshotMultiturn,
		"trit": map[string]any{"effort": r.Effort, "ends": r.Ends(), "remarks": r.Remarks, "errors": r.Errors, "made": r.made()},
	}
	r.addTokenizer(out)
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(out)
	return b.Bytes(), err
}

// made says what makes the results, and the fingerprint of the model where it is known.
func (r *Report) made() map[string]string {
	made := maps.Clone(r.o.Made)
	if r.o.Fingerprint != "" {
		if made == nil {
			made = map[string]string{}
		}
		made["model fingerprint"] = r.o.Fingerprint
	}
	return made
}

var modelFileName = regexp.MustCompile(`["<>:/|\\?*\[\]]+`)

// addTokenizer adds the keys that the harness has for the tokenizer.
func (r *Report) addTokenizer(out map[string]any) {
	v := r.o.Tokenizer.Vocab()
	special := map[string]int32{
		"tokenizer_pad_token": v.PAD, "tokenizer_eos_token": v.EOS, "tokenizer_bos_token": v.BOS,
	}
	for key, id := range special {
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

// config is how the model was run, with the harness's keys. Only the choice of few-shot examples
// is random.
func (r *Report) config() map[string]any {
	c := map[string]any{
		"model": "trit", "model_args": r.o.ModelArgs, "device": "cpu",
		"batch_size": r.o.batchSize(), "batch_sizes": []int{}, "use_cache": nil, "limit": nil,
		"bootstrap_iters": nil, "gen_kwargs": nil,
		"random_seed": nil, "numpy_seed": nil, "torch_seed": nil, "fewshot_seed": r.o.fewshotSeed(),
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

// batchSize is a number, or "auto" as in the harness.
func (o *Options) batchSize() any {
	if o.Batch > 0 {
		return o.Batch
	}
	return "auto"
}

// results are the metrics of a task as the harness lists them. A standard error that does not
// exist is "N/A".
func (t *outcome) results() map[string]any {
	out := map[string]any{"name": t.Name, "alias": t.alias(), "sample_len": len(t.questions)}
	for _, name := range t.names {
		key, stderr := name.String(), name.stderr()
		out[key], out[stderr] = t.metrics[key], "N/A"
		if math.IsInf(t.metrics[key], 0) {
			out[key] = "Infinity" // JSON has no number for it
		}
		if v, ok := t.metrics[stderr]; ok {
			out[stderr] = v
		}
	}
	return out
}

// alias is the task's name in tables.
func (t *Task) alias() string {
	if t.Note != "" {
		return t.Name + " (" + t.Note + ")"
	}
	return t.Name
}

// config is the declaration of a task, with the harness's keys.
func (t *outcome) config() map[string]any {
	c := map[string]any{
		"task": t.Name, "output_type": t.Kind, "num_fewshot": t.numFewshot, "repeats": 1, "description": "",
		"metadata": map[string]any{"version": t.Version}, "unsafe_code": t.Answers.RunCode,
		"target_delimiter": t.delimiters().Target, "fewshot_delimiter": t.delimiters().Fewshot,
	}
	if t.Test.Hub != "" {
		c["dataset_path"], c["test_split"] = t.Test.Hub, t.Test.Split
	}
	if t.Test.Config != "" {
		c["dataset_name"] = t.Test.Config
	}
	c["metric_list"] = t.metricList()
	if t.Kind == Generation {
		c["generation_kwargs"] = t.generationArguments(t.Answers.Until)
	}
	if t.Declaration != nil {
		c["declaration"] = t.Declaration
	}
	return c
}

// metricList lists each metric once, with the harness's keys.
func (t *outcome) metricList() []map[string]any {
	var list []map[string]any
	for _, name := range t.names {
		m := name.metric
		if !slices.ContainsFunc(list, func(o map[string]any) bool { return o["metric"] == m }) {
			list = append(list, map[string]any{
				"metric": m, "aggregation": m.aggregation(), "higher_is_better": m.HigherIsBetter(),
			})
		}
	}
	return list
}

// aggregation is the harness's name of the way from the values of documents to the value of the
// set.
func (m Metric) aggregation() string {
	switch m {
	case WordPerplexity, BytePerplexity:
		return "weighted_perplexity"
	case BitsPerByte:
		return string(m)
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

// fileName is the task's name with letters, digits and underscores only.
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
	for _, s := range t.samples {
		if s.end != "" {
			ends[s.end]++
		}
	}
	return ends
}

// endsText lists counts in a line, such as "3 assertion, 7 passed".
func endsText(ends map[string]int) string {
	var parts []string
	for _, end := range slices.Sorted(maps.Keys(ends)) {
		parts = append(parts, fmt.Sprintf("%d %s", ends[end], end))
	}
	return strings.Join(parts, ", ")
}

// Table is the results in the columns of the harness.
func (r *Report) Table() Table {
	t := Table{Columns: []string{
		"task", "version", "filter", "n-shot", "documents", "metric", "", "value", "", "stderr",
	}}
	for _, o := range r.tasks {
		t.Rows = append(t.Rows, o.rows()...)
	}
	return t
}

// rows are the rows of a task in Report.Table.
func (t *outcome) rows() [][]string {
	var rows [][]string
	first := []string{t.alias(), fmt.Sprint(t.Version)}
	byName := func(a, b resultName) int { return strings.Compare(a.String(), b.String()) }
	for _, name := range slices.SortedFunc(slices.Values(t.names), byName) {
		arrow, sign, stderr := "↑", "", ""
		if !name.metric.HigherIsBetter() {
			arrow = "↓"
		}
		if v, ok := t.metrics[name.stderr()]; ok {
			sign, stderr = "±", fmt.Sprintf("%.4f", v)
		}
		rows = append(rows, append(slices.Clone(first),
			name.filter, fmt.Sprint(t.numFewshot), fmt.Sprint(len(t.questions)), string(name.metric), arrow,
			fmt.Sprintf("%.4f", t.metrics[name.String()]), sign, stderr))
		first = []string{"", ""}
	}
	return rows
}

// WriteText writes the results as a table, and for each task its effort and the remarks.
func (r *Report) WriteText(w io.Writer) error {
	if err := r.Table().WriteText(w); err != nil {
		return err
	}
	for _, t := range r.tasks {
		line := fmt.Sprintf("%s: %s\n", t.Name, t.Effort)
		if ends := t.ends(); len(ends) > 0 {
			line += fmt.Sprintf("%s: programs ended: %s\n", t.Name, endsText(ends))
		}
		for _, remark := range r.remarkLines(t) {
			line += remark + "\n"
		}
		if _, err := io.WriteString(w, line); err != nil {
			return err
		}
	}
	return nil
}

// RemarkLines are the remarks of all tasks, each a line that begins with the task's name.
func (r *Report) RemarkLines() (lines []string) {
	for _, t := range r.tasks {
		lines = append(lines, r.remarkLines(t)...)
	}
	return lines
}

func (r *Report) remarkLines(t *outcome) (lines []string) {
	for _, line := range r.Remarks[t.Name].lines(r.o.MaxLength) {
		lines = append(lines, t.Name+": "+line)
	}
	if e, ok := r.Errors[t.Name]; ok {
		lines = append(lines, t.Name+": "+e.line())
	}
	return lines
}
