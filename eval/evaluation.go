package eval

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"trit/eval/statistics"
	"trit/internal/jsonfile"
	"trit/setting"
)

// Evaluation is the results of an evaluation, read again.
type Evaluation struct {
	name    string
	results map[string]Metrics
	samples map[string]map[string]map[int]sampleValue // task, metric, document
	file    string                                    // of the results
	conditions
}

// sampleValue is a document's score, and the hash of the document. For a perplexity the score
// is the log-likelihood.
type sampleValue struct {
	value          float64
	weight         float64 // by which a log-likelihood, or a number of right instructions, is divided; 1 of others
	nats           bool
	hash           string
	prompt, target string // hashes; "" if unknown
	cluster        string
}

func newEvaluation(name string) *Evaluation {
	return &Evaluation{name: name, results: map[string]Metrics{}, samples: map[string]map[string]map[int]sampleValue{}}
}

func (r *Report) evaluation() (*Evaluation, error) {
	e := newEvaluation(r.o.ModelName)
	e.results = r.Results
	b, err := json.Marshal(r)
	if err == nil {
		err = json.Unmarshal(b, &e.conditions)
	}
	for _, t := range r.tasks {
		for i := range t.samples {
			s := &t.samples[i]
			doc, prompt, target := s.hashes()
			for _, v := range s.values {
				x := newSampleValue(v.Value, doc, s.question.cluster)
				x.prompt, x.target = prompt, target
				e.addSample(t.Name, v.Name+","+s.filter, s.question.id, x)
			}
		}
	}
	return e, err
}

func newSampleValue(value any, hash, cluster string) sampleValue {
	v := sampleValue{hash: hash, cluster: cluster, weight: 1}
	switch x := value.(type) {
	case float64:
		v.value = x
	case bool:
		v.value = truth(x)
	case []bool:
		v.addAll(x)
	case []any:
		if list, ok := bools(x); ok {
			v.addAll(list)
			return v
		}
		v.nats = true
		if len(x) > 1 {
			v.value, _ = x[0].(float64)
			switch by := x[1].(type) {
			case float64:
				v.weight = by
			case int64:
				v.weight = float64(by)
			}
		}
	}
	return v
}

// addAll makes v the number of those that are right, to be divided by the number of all.
func (v *sampleValue) addAll(list []bool) {
	v.value, v.weight = 0, float64(len(list))
	for _, right := range list {
		v.value += truth(right)
	}
}

// bools are the elements of a list that holds nothing else.
func bools(list []any) (out []bool, ok bool) {
	for _, e := range list {
		b, isBool := e.(bool)
		if !isBool {
			return nil, false
		}
		out = append(out, b)
	}
	return out, len(out) > 0
}

func (e *Evaluation) addSample(task, metric string, id int, v sampleValue) {
	if e.samples[task] == nil {
		e.samples[task] = map[string]map[int]sampleValue{}
	}
	if e.samples[task][metric] == nil {
		e.samples[task][metric] = map[int]sampleValue{}
	}
	e.samples[task][metric][id] = v
}

// Open reads the results of an evaluation: a folder of results or a results file, of Trit or of the harness, and
// the samples beside it.
func Open(path string) (*Evaluation, error) {
	file, err := resultsFile(path)
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var r struct {
		Results map[string]map[string]any
		conditions
	}
	if err := jsonfile.Decode(b, &r); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(r.Results) == 0 {
		return nil, fmt.Errorf("%s: there is no \"results\" in it: want a results file of Trit or the harness", file)
	}
	e := newEvaluation(path)
	e.file = file
	e.conditions = r.conditions
	for task, values := range r.Results {
		e.results[task] = Metrics{}
		for key, v := range values {
			if f, ok := v.(float64); ok && strings.Contains(key, ",") {
				e.results[task][key] = f
			}
		}
		if err := e.readSamples(task); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// resultsFile finds the results in a folder, of the harness the newest ones. The harness puts a date
// into the name of the file, and the file into a folder with the name of the model.
func resultsFile(path string) (string, error) {
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return path, err
	}
	for _, pattern := range []string{resultsName, "results_*.json", "*/results_*.json"} {
		files, _ := filepath.Glob(filepath.Join(path, pattern))
		if len(files) == 0 {
			continue
		}
		newest := slices.MaxFunc(files, func(a, b string) int { return strings.Compare(dateOf(a), dateOf(b)) })
		for _, f := range files {
			if dir := filepath.Dir(f); dir != filepath.Dir(newest) {
				return "", fmt.Errorf("%s holds results of several models: name one of the folders, such as %s or %s", path,
					dir, filepath.Dir(newest))
			}
		}
		return newest, nil
	}
	return "", setting.Needs("eval.Options.Out", path+" holds no "+resultsName,
		"an evaluation with {eval.Options.Out} writes it")
}

// dateOf is the date in the name of a results file of the harness, "" of Trit's.
func dateOf(file string) string {
	name, _ := strings.CutSuffix(filepath.Base(file), ".json")
	_, date, _ := strings.Cut(name, "results_")
	return date
}

// readSamples reads the samples of a task that lie beside a results file, if they are there.
func (e *Evaluation) readSamples(task string) error {
	return e.Samples(task, func(line []byte) error { return e.readSample(task, line) })
}

// Samples calls a function with each line of the samples of a task that lie beside the results; there may be
// none.
func (e *Evaluation) Samples(task string, read func(line []byte) error) error {
	t := Task{Name: task}
	name := t.fileName() + ".jsonl"
	if date := dateOf(e.file); date != "" { // the samples of the same evaluation, and no others
		name = task + "_" + date + ".jsonl"
	}
	f, err := os.Open(filepath.Join(filepath.Dir(e.file), "samples_"+name))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxLineBytes)
	for n := 1; lines.Scan(); n++ {
		if err := read(lines.Bytes()); err != nil {
			return fmt.Errorf("%s:%d: %w", f.Name(), n, err)
		}
	}
	return lines.Err()
}

// Name is where the results are.
func (e *Evaluation) Name() string { return e.name }

// Results are the metrics by task.
func (e *Evaluation) Results() map[string]Metrics { return e.results }

// Values are the values of a metric such as "acc,none" by document, and the clusters of the documents; both
// are nil without samples, and of metrics that are no means.
func (e *Evaluation) Values(task, metric string) (values []float64, clusters []string) {
	samples := e.samples[task][metric]
	for _, id := range slices.Sorted(maps.Keys(samples)) {
		v := samples[id]
		if v.nats || v.weight != 1 {
			return nil, nil
		}
		values, clusters = append(values, v.value), append(clusters, v.cluster)
	}
	if mean, _ := statistics.Mean(values); math.Abs(mean-e.results[task][metric]) > 1e-6 {
		return nil, nil
	}
	return values, clusters
}

// DataHash is a hash of the documents of a task that were asked, "" without samples.
func (e *Evaluation) DataHash(task string) string {
	metrics := sortedKeys(e.samples[task])
	if len(metrics) == 0 {
		return ""
	}
	samples, all := e.samples[task][metrics[0]], ""
	for _, id := range slices.Sorted(maps.Keys(samples)) {
		all += samples[id].hash
	}
	return hashOf(all)
}

func (e *Evaluation) readSample(task string, line []byte) error {
	var s struct {
		DocID      *int   `json:"doc_id"`
		DocHash    string `json:"doc_hash"`
		PromptHash string `json:"prompt_hash"`
		TargetHash string `json:"target_hash"`
		Cluster    string
		Filter     string
		Metrics    []string
	}
	var values map[string]any
	err := jsonfile.Decode(line, &s)
	if err == nil {
		err = jsonfile.Decode(line, &values)
	}
	if err != nil {
		return err
	}
	if s.DocID == nil || s.Filter == "" {
		return errors.New("the line has no doc_id or no filter: want a sample")
	}
	for _, metric := range s.Metrics {
		v := newSampleValue(values[metric], s.DocHash, s.Cluster)
		v.prompt, v.target = s.PromptHash, s.TargetHash
		e.addSample(task, metric+","+s.Filter, *s.DocID, v)
	}
	return nil
}
