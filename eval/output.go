package eval

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"trit/internal/atomicfile"
	"trit/setting"
)

// resultsName is the file of the results in Options.Out.
const resultsName = "results.json"

// CheckOut refuses a folder that holds results of an earlier evaluation, unless they are to be added
// to or replaced (see Options). Run calls it; who measures several models calls it before the first.
func (o *Options) CheckOut() error {
	if o.Out == "" && o.Append {
		return setting.Needs("eval.Options.Out", "{eval.Options.Append} adds to the results in a folder",
			"it needs {eval.Options.Out}")
	}
	if o.Out == "" || o.Replace {
		return nil
	}
	var there []string
	for _, pattern := range []string{resultsName, "results_*.json", "samples_*.jsonl"} {
		files, err := filepath.Glob(filepath.Join(o.Out, pattern))
		if err != nil {
			return err
		}
		there = append(there, files...)
	}
	switch {
	case len(there) == 0 || o.Append && filepath.Base(there[0]) == resultsName:
		return nil
	case strings.HasPrefix(filepath.Base(there[0]), "samples_") && isFile(filepath.Join(o.Out, requestsName)):
		return nil // it was stopped before the results were written
	case o.Append:
		return setting.Needs("eval.Options.Out", there[0]+" is there, but no "+resultsName,
			"name another folder with {eval.Options.Out}")
	}
	return setting.Needs("eval.Options.Out", o.Out+" holds results: "+filepath.Base(there[0]),
		"name another folder with {eval.Options.Out}, or {eval.Options.Append} adds the tasks that it lacks")
}

// output is the results file of an evaluation. It is a tree of JSON, so that results which are added
// to stay as they are.
type output struct {
	dir  string
	file map[string]any // of the earlier evaluation; nil for none
}

// openOutput reads the results that are added to.
func openOutput(o *Options) (*output, error) {
	out := &output{dir: o.Out}
	if o.Out == "" || !o.Append {
		return out, nil
	}
	path := filepath.Join(o.Out, resultsName)
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return out, nil
	}
	if err == nil {
		out.file, err = decodeTree(b)
	}
	if err == nil && out.section("results") == nil {
		err = fmt.Errorf("there is no \"results\" in it")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return out, nil
}

// decodeTree reads a JSON object and keeps the digits of its numbers.
func decodeTree(b []byte) (tree map[string]any, err error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return tree, d.Decode(&tree)
}

// requestsName is the file in Options.Out with the results of requests of an evaluation that was stopped.
const requestsName = "requests.jsonl"

// cache opens the cache that the options name, or one in the folder until the results are there; nil for
// none.
func (out *output) cache(o *Options) (*cache, error) {
	switch {
	case o.Cache != "":
		return openCache(o.Cache)
	case o.Out == "" || o.Fingerprint == "" || len(o.Tasks) == 0:
		return nil, nil
	}
	if err := os.MkdirAll(o.Out, 0o755); err != nil {
		return nil, err
	}
	return openCache(filepath.Join(o.Out, requestsName))
}

// done removes the cache in the folder, which the results replace.
func (out *output) done(o *Options) error {
	if o.Cache != "" {
		return nil
	}
	if err := os.Remove(filepath.Join(out.dir, requestsName)); !os.IsNotExist(err) {
		return err
	}
	return nil
}

// section is an object in the file, by its path; nil for none.
func (out *output) section(path ...string) map[string]any {
	at := out.file
	for _, key := range path {
		at, _ = at[key].(map[string]any)
	}
	return at
}

// missing are the tasks that have no results yet.
func (out *output) missing(tasks []Task) []Task {
	return slices.DeleteFunc(slices.Clone(tasks), func(t Task) bool { return out.section("results")[t.Name] != nil })
}

// kept are the results of the tasks that have some, and say how they were measured, a line for each.
func (out *output) kept(tasks []Task) (results map[string]measured, lines []string) {
	results = map[string]measured{}
	for _, t := range tasks {
		if out.section("results")[t.Name] != nil {
			results[t.Name] = out.measured(t.Name)
			lines = append(lines, fmt.Sprintf("%s: its results are in %s already (%v documents, %v-shot) and stay", t.Name,
				out.dir, out.section("n-samples", t.Name)["effective"], out.section("n-shot")[t.Name]))
		}
	}
	return results, lines
}

// measured is the result of a task.
func (out *output) measured(task string) measured {
	number := func(v any) float64 {
		n, _ := v.(json.Number)
		f, _ := n.Float64()
		return f
	}
	m := measured{metrics: Metrics{}, numFewshot: int(number(out.section("n-shot")[task]))}
	for key, v := range out.section("results", task) {
		if n, ok := v.(json.Number); ok && strings.Contains(key, ",") {
			m.metrics[key] = number(n)
		}
	}
	counts := out.section("n-samples", task)
	m.counts = Counts{int(number(counts["original"])), int(number(counts["effective"]))}
	return m
}

// groupsKey is the key of the results of groups, which a file without groups lacks.
const groupsKey = "groups"

// Keys of a results file with an object that has a key for each task; in the key "trit" too.
var (
	taskKeys = []string{
		"results", groupsKey, "group_subtasks", "configs", "versions", "n-shot", "higher_is_better", "n-samples",
		"task_hashes",
	}
	ownTaskKeys = []string{"effort", "ends", "remarks", "errors"}
)

// Keys that change no result: of the file, and of its object "config".
var (
	freeKeys   = []string{"trit", dateKey, secondsKey}
	freeConfig = []string{"batch_size", "batch_sizes", "use_cache", "device"}
)

const dateKey, secondsKey = "date", "total_evaluation_time_seconds"

// check refuses to add results that were measured in another way than those there, since the file
// says once for all tasks how they were measured.
func (out *output) check(r *Report) error {
	if out.file == nil {
		return nil
	}
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	now, err := decodeTree(b)
	if err != nil {
		return err
	}
	for key := range now {
		if !slices.Contains(taskKeys, key) && !slices.Contains(freeKeys, key) && key != "config" {
			if err := out.differs(key, out.file[key], now[key]); err != nil {
				return err
			}
		}
	}
	config, _ := now["config"].(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(config)) {
		if !slices.Contains(freeConfig, key) {
			if err := out.differs("config."+key, out.section("config")[key], config[key]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (out *output) differs(key string, there, now any) error {
	if reflect.DeepEqual(there, now) {
		return nil
	}
	return setting.Needs("eval.Options.Out",
		fmt.Sprintf("the results in %s have %s %s: now it is %s", out.dir, key, short(there), short(now)),
		"name another folder with {eval.Options.Out}")
}

// short is a value of JSON in at most 60 characters or so.
func short(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	if r := []rune(string(b)); len(r) > 60 {
		return string(r[:60]) + "..."
	}
	return string(b)
}

// write writes the samples of a report, and its results beside those that were there.
func (out *output) write(r *Report) error {
	if err := os.MkdirAll(out.dir, 0o755); err != nil {
		return err
	}
	samples := map[string]bool{}
	for _, t := range r.tasks {
		path := filepath.Join(out.dir, "samples_"+t.fileName()+".jsonl")
		samples[path] = true
		if err := atomicfile.Write(path, t.writeSamples); err != nil {
			return err
		}
	}
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	tree, err := decodeTree(b)
	if err != nil {
		return err
	}
	if b, err = json.MarshalIndent(out.merged(tree), "", "  "); err != nil {
		return err
	}
	if err := atomicfile.WriteBytes(filepath.Join(out.dir, resultsName), append(b, '\n')); err != nil {
		return err
	}
	return out.removeStale(r, samples)
}

// removeStale removes the samples of results that were replaced, all but those of the report.
func (out *output) removeStale(r *Report, samples map[string]bool) error {
	if !r.o.Replace {
		return nil
	}
	old, err := filepath.Glob(filepath.Join(out.dir, "samples_*.jsonl"))
	if err != nil {
		return err
	}
	for _, path := range old {
		if !samples[path] {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// merged is the tree with the results of the file that it lacks.
func (out *output) merged(tree map[string]any) map[string]any {
	if out.file == nil {
		return tree
	}
	for _, key := range taskKeys {
		if tree[key] != nil || out.file[key] != nil {
			tree[key] = union(tree[key], out.file[key])
		}
	}
	own, _ := tree["trit"].(map[string]any)
	for _, key := range ownTaskKeys {
		own[key] = union(own[key], out.section("trit")[key])
	}
	tree[secondsKey] = addSeconds(tree[secondsKey], out.file[secondsKey])
	return tree
}

// union is an object with the keys of two; the first one's values count.
func union(a, b any) map[string]any {
	all := map[string]any{}
	for _, from := range []any{b, a} {
		keys, _ := from.(map[string]any)
		maps.Copy(all, keys)
	}
	return all
}

// addSeconds adds two times, which the harness writes as texts.
func addSeconds(a, b any) any {
	x, errX := strconv.ParseFloat(strings.TrimSpace(fmt.Sprint(a)), 64)
	y, errY := strconv.ParseFloat(strings.TrimSpace(fmt.Sprint(b)), 64)
	if errX != nil || errY != nil {
		return a
	}
	return fmt.Sprint(x + y)
}
