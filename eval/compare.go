package eval

import (
	"bufio"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"trit/internal/jsonfile"
	"trit/setting"
)

// Comparison is how two evaluations differ, metric by metric, sorted by task.
type Comparison struct {
	A    string       `json:"a"` // names
	B    string       `json:"b"`
	Rows []Difference `json:"differences"`
	Only []string     `json:"only"` // results that only one of the two has
}

// Difference is how two evaluations differ in one metric of one task.
type Difference struct {
	Task      string  `json:"task"`
	Metric    string  `json:"metric"` // "acc,none"
	A         float64 `json:"a"`
	B         float64 `json:"b"`
	Stderr    float64 `json:"stderr"`    // of B-A; 0 if there is none
	P         float64 `json:"p"`         // probability of such a difference, or a larger one, by chance alone
	Test      Test    `json:"test"`      // which gave P
	Documents int     `json:"documents"` // number of documents that both were asked, for paired tests
	BetterA   int     `json:"better_a"`  // number of documents on which A is better
	BetterB   int     `json:"better_b"`
}

// Test is a statistical test of a difference.
type Test string

// The tests.
const (
	NoTest      Test = ""
	McNemar     Test = "McNemar"  // exact, of documents that are right or wrong
	PairedZ     Test = "paired z" // of the mean difference of documents
	PairedZNats Test = "paired z of log-likelihoods"
	UnpairedZ   Test = "unpaired z" // of two results, as if they were independent
)

// evaluation is what Compare needs of one evaluation.
type evaluation struct {
	name    string
	results map[string]Metrics
	samples map[string]map[string]map[int]sampleValue // task, metric, document
}

// sampleValue is a document's score, and the hash of the document. For a perplexity the score
// is the log-likelihood.
type sampleValue struct {
	value float64
	nats  bool
	hash  string
}

// Compare compares two evaluations, each a folder of results or a results file, of Trit or of
// the harness. It pairs documents if the samples of both evaluations are there.
func Compare(a, b string) (*Comparison, error) {
	x, err := openEvaluation(a)
	if err != nil {
		return nil, err
	}
	y, err := openEvaluation(b)
	if err != nil {
		return nil, err
	}
	return compare(x, y)
}

// CompareReports compares two reports. It pairs their documents.
func CompareReports(a, b *Report) (*Comparison, error) {
	return compare(a.evaluation(), b.evaluation())
}

func newEvaluation(name string) *evaluation {
	return &evaluation{name, map[string]Metrics{}, map[string]map[string]map[int]sampleValue{}}
}

func (r *Report) evaluation() *evaluation {
	e := newEvaluation(r.o.ModelName)
	e.results = r.Results
	for _, t := range r.tasks {
		for i := range t.samples {
			s := &t.samples[i]
			hash, _, _ := s.hashes()
			for _, v := range s.values {
				e.addSample(t.Name, v.Name+","+s.filter, s.question.id, v.Value, hash)
			}
		}
	}
	return e
}

func (e *evaluation) addSample(task, metric string, id int, value any, hash string) {
	v := sampleValue{hash: hash}
	switch x := value.(type) {
	case float64:
		v.value = x
	case []any:
		v.nats = true
		if len(x) > 0 {
			v.value, _ = x[0].(float64)
		}
	}
	if e.samples[task] == nil {
		e.samples[task] = map[string]map[int]sampleValue{}
	}
	if e.samples[task][metric] == nil {
		e.samples[task][metric] = map[int]sampleValue{}
	}
	e.samples[task][metric][id] = v
}

func openEvaluation(path string) (*evaluation, error) {
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
	}
	if err := jsonfile.Decode(b, &r); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(r.Results) == 0 {
		return nil, fmt.Errorf("%s: there is no \"results\" in it: want a results file of Trit or the harness", file)
	}
	e := newEvaluation(path)
	for task, values := range r.Results {
		e.results[task] = Metrics{}
		for key, v := range values {
			if f, ok := v.(float64); ok && strings.Contains(key, ",") {
				e.results[task][key] = f
			}
		}
		if err := e.readSamples(file, task); err != nil {
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
func (e *evaluation) readSamples(results, task string) error {
	t := Task{Name: task}
	name := t.fileName() + ".jsonl"
	if date := dateOf(results); date != "" { // the samples of the same evaluation, and no others
		name = task + "_" + date + ".jsonl"
	}
	f, err := os.Open(filepath.Join(filepath.Dir(results), "samples_"+name))
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
		if err := e.readSample(task, lines.Bytes()); err != nil {
			return fmt.Errorf("%s:%d: %w", f.Name(), n, err)
		}
	}
	return lines.Err()
}

func (e *evaluation) readSample(task string, line []byte) error {
	var s struct {
		DocID   *int   `json:"doc_id"`
		DocHash string `json:"doc_hash"`
		Filter  string
		Metrics []string
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
		e.addSample(task, metric+","+s.Filter, *s.DocID, values[metric], s.DocHash)
	}
	return nil
}

func compare(a, b *evaluation) (*Comparison, error) {
	c := &Comparison{A: a.name, B: b.name}
	for _, task := range sortedKeys(a.results, b.results) {
		for _, metric := range sortedKeys(a.results[task], b.results[task]) {
			if strings.Contains(metric, "_stderr,") {
				continue
			}
			x, inA := a.results[task][metric]
			y, inB := b.results[task][metric]
			if !inA || !inB {
				owner := a.name
				if inB {
					owner = b.name
				}
				c.Only = append(c.Only, fmt.Sprintf("%s %s: only %s", task, metric, owner))
				continue
			}
			d := Difference{Task: task, Metric: metric, A: x, B: y, P: 1}
			if !d.paired(a.samples[task][metric], b.samples[task][metric]) {
				name, filter, _ := strings.Cut(metric, ",")
				stderr := name + "_stderr," + filter
				d.unpaired(a.results[task][stderr], b.results[task][stderr])
			}
			c.Rows = append(c.Rows, d)
		}
	}
	if len(c.Rows) == 0 {
		return nil, fmt.Errorf("%s and %s have no task in common", a.name, b.name)
	}
	return c, nil
}

func sortedKeys[V any](maps ...map[string]V) []string {
	var keys []string
	for _, m := range maps {
		for k := range m {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// paired tests the differences of the documents: by McNemar's exact test if each document is
// right or wrong, else by their mean over its standard error. It returns false, and tests
// nothing, if A and B were not asked the same documents.
func (d *Difference) paired(a, b map[int]sampleValue) bool {
	if len(a) < 2 || len(a) != len(b) {
		return false
	}
	var differences []float64
	binary, nats := true, false
	for _, id := range slices.Sorted(maps.Keys(a)) {
		x, y := a[id], b[id]
		if _, ok := b[id]; !ok || x.hash != y.hash {
			return false
		}
		differences = append(differences, y.value-x.value)
		nats = nats || x.nats
		binary = binary && !nats && (x.value == 0 || x.value == 1) && (y.value == 0 || y.value == 1)
		switch {
		case y.value > x.value:
			d.BetterB++
		case y.value < x.value:
			d.BetterA++
		}
	}
	mean, stderr := meanAndError(differences)
	d.Documents, d.Stderr = len(differences), stderr
	switch {
	case binary:
		d.Test, d.P = McNemar, mcnemar(d.BetterA, d.BetterB)
	case nats: // the standard error is one of log-likelihoods, not of the metric
		d.Test, d.P, d.Stderr = PairedZNats, normalP(mean, stderr), 0
	default:
		d.Test, d.P = PairedZ, normalP(mean, stderr)
	}
	return true
}

// unpaired tests the difference of two results as if they were independent.
func (d *Difference) unpaired(a, b float64) {
	if a == 0 && b == 0 {
		return
	}
	d.Stderr = math.Hypot(a, b)
	d.Test, d.P = UnpairedZ, normalP(d.B-d.A, d.Stderr)
}

// normalP is the two-sided probability of a normal deviate of at least this size.
func normalP(difference, stderr float64) float64 {
	if difference == 0 {
		return 1
	}
	return math.Erfc(math.Abs(difference) / stderr / math.Sqrt2)
}

// mcnemar is the exact two-sided probability that a+b tosses of a fair coin fall at least as
// unevenly as a and b: the numbers of documents on which only A and only B is right.
func mcnemar(a, b int) float64 {
	n, sum := a+b, 0.0
	all, _ := math.Lgamma(float64(n + 1))
	for k := range min(a, b) + 1 {
		chosen, _ := math.Lgamma(float64(k + 1))
		rest, _ := math.Lgamma(float64(n - k + 1))
		sum += math.Exp(all - chosen - rest - float64(n)*math.Ln2)
	}
	return min(1, 2*sum)
}

// Table shows the differences. A star marks those with P below 0.05.
func (c *Comparison) Table() Table {
	t := Table{Columns: []string{
		"task", "metric", "A", "B", "B - A", "stderr", "p", "", "test", "documents", "A better", "B better",
	}}
	for i := range c.Rows {
		t.Rows = append(t.Rows, c.Rows[i].row())
	}
	return t
}

func (d *Difference) row() []string {
	stderr, p, star := "", "", ""
	if d.Test != NoTest {
		p = fmt.Sprintf("%.3g", d.P)
		if d.Stderr > 0 {
			stderr = fmt.Sprintf("%.4f", d.Stderr)
		}
		if d.P < 0.05 {
			star = "*"
		}
	}
	row := []string{
		d.Task, strings.TrimSuffix(d.Metric, ",none"),
		fmt.Sprintf("%.4f", d.A), fmt.Sprintf("%.4f", d.B), fmt.Sprintf("%+.4f", d.B-d.A),
		stderr, p, star, string(d.Test),
	}
	if d.Documents == 0 {
		return append(row, "", "", "")
	}
	return append(row, fmt.Sprint(d.Documents), fmt.Sprint(d.BetterA), fmt.Sprint(d.BetterB))
}
