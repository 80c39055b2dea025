package eval

import (
	"bytes"
	"cmp"
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

	"trit/internal/report"
)

// Report is the results of all tasks, with the keys of lm-evaluation-harness.
type Report struct {
	Results  map[string]Metrics // by task, and by group
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
	asked    []*Task             // also those of Kept
	kept     map[string]measured // results of these, from Options.Out
	groups   map[string]*groupResult
}

// Counts are numbers of documents of a task or a group.
type Counts struct {
	Original  int `json:"original"`  // in the data set
	Effective int `json:"effective"` // asked
}

func newReport(o *Options, started time.Time) *Report {
	r := &Report{
		o: o, started: started,
		Results: map[string]Metrics{}, NShot: map[string]int{}, NSamples: map[string]Counts{}, Effort: map[string]Effort{},
		Remarks: map[string]Remarks{}, Errors: map[string]Errors{}, groups: map[string]*groupResult{},
	}
	for i := range o.Tasks {
		r.asked = append(r.asked, &o.Tasks[i])
	}
	return r
}

// Model is the name of the model that was measured.
func (r *Report) Model() string { return r.o.ModelName }

// AllResults are the results of all tasks that were asked for, those of Kept too.
func (r *Report) AllResults() map[string]Metrics {
	all := maps.Clone(r.Results)
	for task, m := range r.kept {
		all[task] = m.metrics
	}
	return all
}

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
	keys := r.byTask()
	r.addGroupKeys(keys)
	out := map[string]any{
		"config": r.config(),
		"date":   float64(r.started.UnixNano()) / 1e9, "total_evaluation_time_seconds": fmt.Sprint(r.Seconds),
		"model_source": "trit", "model_name": r.o.ModelName,
		"model_name_sanitized": modelFileName.ReplaceAllString(r.o.ModelName, "__"),
		"system_instruction":   nil, "system_instruction_sha": nil, "fewshot_as_multiturn": r.o.FewshotMultiturn,
		"trit": map[string]any{"effort": r.Effort, "ends": r.Ends(), "remarks": r.Remarks, "errors": r.Errors, "made": r.made()},
	}
	for key, values := range keys {
		out[key] = values
	}
	r.addTokenizer(out)
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(out)
	return b.Bytes(), err
}

// byTask are the keys of the harness that have a value for each task.
func (r *Report) byTask() map[string]map[string]any {
	keys := map[string]map[string]any{}
	for _, key := range taskKeys {
		if key != groupsKey {
			keys[key] = map[string]any{}
		}
	}
	for _, t := range r.tasks {
		higher := map[Metric]bool{}
		for _, name := range t.names {
			higher[name.metric] = name.metric.HigherIsBetter()
		}
		keys["results"][t.Name], keys["versions"][t.Name], keys["configs"][t.Name] = t.results(), t.Version, t.config()
		keys["task_hashes"][t.Name], keys["group_subtasks"][t.Name] = t.hash(), []string{}
		keys["higher_is_better"][t.Name], keys["n-shot"][t.Name] = higher, t.numFewshot
		keys["n-samples"][t.Name] = r.NSamples[t.Name]
	}
	return keys
}

// addGroupKeys adds the groups to these keys, where the harness has them. Other than there, a group of
// groups has n-shot and higher_is_better too.
func (r *Report) addGroupKeys(keys map[string]map[string]any) {
	for name, g := range r.groups {
		results := g.results(r.NSamples[name].Effective)
		keys["results"][name], keys["versions"][name], keys["group_subtasks"][name] = results, g.version(), g.children()
		if g.numFewshot != "" {
			keys["n-shot"][name] = json.Number(g.numFewshot)
		}
		if len(g.names) == 0 {
			continue
		}
		higher := map[Metric]bool{}
		for _, n := range g.names {
			higher[n.metric] = n.metric.HigherIsBetter()
		}
		keys["higher_is_better"][name] = higher
		if keys[groupsKey] == nil {
			keys[groupsKey] = map[string]any{}
		}
		keys[groupsKey][name] = results
	}
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
	addMetrics(out, t.names, t.metrics)
	return out
}

// addMetrics adds metrics and their standard errors to the results of a task or a group.
func addMetrics(out map[string]any, names []resultName, metrics Metrics) {
	for _, name := range names {
		key, stderr := name.String(), name.stderr()
		out[key], out[stderr] = metrics[key], "N/A"
		if math.IsInf(metrics[key], 0) {
			out[key] = "Infinity" // JSON has no number for it
		}
		if v, ok := metrics[stderr]; ok {
			out[stderr] = v
		}
	}
}

// alias is the task's name in tables.
func (t *Task) alias() string {
	name := cmp.Or(t.Alias, t.Name)
	if t.Note != "" {
		return name + " (" + t.Note + ")"
	}
	return name
}

// config is the declaration of a task, with the harness's keys.
func (t *outcome) config() map[string]any {
	c := map[string]any{
		"task": t.Name, "output_type": t.Kind, "num_fewshot": t.numFewshot, "repeats": 1, "description": t.Description,
		"metadata": map[string]any{"version": t.Version}, "unsafe_code": t.Answers.RunCode,
		"target_delimiter": t.delimiters().Target, "fewshot_delimiter": t.delimiters().Fewshot,
	}
	if t.Chat {
		c["apply_chat_template"] = true // for this task alone
	}
	if t.Alias != "" {
		c["task_alias"] = t.Alias
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
	case BitsPerByte, Perplexity:
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
	byName := map[string]*outcome{}
	for _, o := range r.tasks {
		byName[o.Name] = o
	}
	for _, m := range tree(r.asked, 0) {
		indent := ""
		if m.depth > 0 {
			indent = strings.Repeat(" ", m.depth) + "- "
		}
		if g := r.groups[m.name]; m.group != nil && g != nil {
			documents := fmt.Sprint(r.NSamples[m.name].Effective)
			t.Rows = append(t.Rows, resultRows(g.names, g.metrics, indent+g.alias(), g.version(), g.numFewshot, documents)...)
		}
		if o := byName[m.name]; m.group == nil && o != nil {
			t.Rows = append(t.Rows, resultRows(o.names, o.metrics, indent+o.alias(), fmt.Sprint(o.Version),
				fmt.Sprint(o.numFewshot), fmt.Sprint(len(o.questions)))...)
		}
	}
	return t
}

// resultRows are the rows of a task or a group in Report.Table.
func resultRows(names []resultName, metrics Metrics, title, version, numFewshot, documents string) (rows [][]string) {
	first := []string{title, version}
	byName := func(a, b resultName) int { return strings.Compare(a.String(), b.String()) }
	for _, name := range slices.SortedFunc(slices.Values(names), byName) {
		arrow, sign, stderr := "↑", "", ""
		if !name.metric.HigherIsBetter() {
			arrow = "↓"
		}
		if v, ok := metrics[name.stderr()]; ok {
			sign, stderr = "±", fmt.Sprintf("%.4f", v)
		}
		rows = append(rows, append(slices.Clone(first), name.filter, numFewshot, documents, string(name.metric), arrow,
			fmt.Sprintf("%.4f", metrics[name.String()]), sign, stderr))
		first = []string{"", ""}
	}
	return rows
}

// WriteText writes the results as a table, for each task or group of tasks its effort, and the remarks.
func (r *Report) WriteText(w io.Writer) error {
	if err := r.Table().WriteText(w); err != nil {
		return err
	}
	text := r.efforts()
	for _, t := range r.tasks {
		if ends := t.ends(); len(ends) > 0 {
			text += fmt.Sprintf("%s: programs ended: %s\n", t.Name, endsText(ends))
		}
	}
	for _, line := range r.RemarkLines() {
		text += line + "\n"
	}
	_, err := io.WriteString(w, text)
	return err
}

// efforts are a line for each task, or for all tasks of a group together.
func (r *Report) efforts() string {
	var names []string
	efforts := map[string]Effort{}
	for _, t := range r.tasks {
		name := t.Name
		if len(t.Groups) > 0 {
			name = t.Groups[0].Name
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		efforts[name] = efforts[name].plus(t.Effort)
	}
	var text strings.Builder
	for _, name := range names {
		fmt.Fprintf(&text, "%s: %s\n", name, efforts[name])
	}
	return text.String()
}

// RemarkLines are the remarks of all tasks and groups, each a line that begins with the name.
func (r *Report) RemarkLines() (lines []string) {
	for _, t := range r.tasks {
		lines = append(lines, r.remarkLines(t)...)
	}
	for _, m := range tree(r.asked, 0) {
		if g := r.groups[m.name]; m.group != nil && g != nil {
			lines = append(lines, g.remarks...)
			if e, ok := r.Errors[m.name]; ok {
				lines = append(lines, m.name+": "+e.line())
			}
		}
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

// Table is results in rows, each with a cell for every column.
type Table struct {
	Columns []string
	Rows    [][]string
}

// WriteText writes the table in aligned columns.
func (t Table) WriteText(w io.Writer) error {
	return report.Table{Head: t.Columns, Rows: t.Rows}.WriteText(w)
}

// Markdown is the table in Markdown.
func (t Table) Markdown() string { return report.Table{Head: t.Columns, Rows: t.Rows}.Markdown() }
