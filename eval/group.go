package eval

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"trit/eval/statistics"
)

// Group is tasks whose results are also given as one, such as the subjects of MMLU. Task.Groups
// makes the tree: a task is a member of the last of its groups, and each of them of the one before.
type Group struct {
	Name    string
	Alias   string // stands for the name in tables; "": the name itself
	About   string // one line
	Version string // the harness's number for the group; "" for none
	Metrics []GroupMetric
}

// GroupMetric is a metric of a group: the mean of those of its tasks, whichever groups of it they are
// in. The standard error is that of all their documents together, from the variances within the tasks.
type GroupMetric struct {
	Metric  Metric
	Filters []string // nil: all that a task has
	// EachOnce counts each task once, not by its documents: weight_by_size of the harness is false.
	EachOnce bool
}

// measured is the result of a task, as a group needs it.
type measured struct {
	metrics    Metrics
	counts     Counts
	numFewshot int
}

// groupResult is the result of a group.
type groupResult struct {
	member
	metrics    Metrics
	names      []resultName       // of metrics, without standard errors
	documents  map[resultName]int // behind each metric
	numFewshot string             // "" if its tasks differ
	remarks    []string           // on metrics that not all tasks have
}

// member is a task or a group in the tree of results.
type member struct {
	group *Group // nil: a task
	name  string
	depth int
	tasks []*Task // of the group, or the task alone
}

// tree lists tasks, and each group before its first task.
func tree(tasks []*Task, depth int) (out []member) {
	seen := map[string]bool{}
	for _, t := range tasks {
		if len(t.Groups) <= depth {
			out = append(out, member{name: t.Name, depth: depth, tasks: []*Task{t}})
			continue
		}
		g := t.Groups[depth]
		if seen[g.Name] {
			continue
		}
		seen[g.Name] = true
		var inside []*Task
		for _, other := range tasks {
			if len(other.Groups) > depth && other.Groups[depth].Name == g.Name {
				inside = append(inside, other)
			}
		}
		out = append(out, member{g, g.Name, depth, inside})
		out = append(out, tree(inside, depth+1)...)
	}
	return out
}

// children are the names of the direct members of a group.
func (m *member) children() (names []string) {
	for _, t := range m.tasks {
		name := t.Name
		if next := m.depth + 1; len(t.Groups) > next {
			name = t.Groups[next].Name
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// checkGroups refuses groups that results could not tell from a task, or from another group.
func checkGroups(tasks []Task) error {
	var list []*Task
	kinds := map[string]string{}
	for i := range tasks {
		list = append(list, &tasks[i])
		kinds[tasks[i].Name] = "a task"
	}
	for _, m := range tree(list, 0) {
		if m.group == nil {
			continue
		}
		if other := kinds[m.name]; other != "" {
			return fmt.Errorf("the group %q has the name of %s: their results would have the same key", m.name, other)
		}
		kinds[m.name] = "another group"
	}
	return nil
}

// aggregate computes the metrics of a group from those of its tasks, as the harness's Group.aggregate
// does. A metric that only some tasks have is theirs.
func (g *groupResult) aggregate(tasks []measured) {
	g.metrics, g.documents = Metrics{}, map[resultName]int{}
	for _, m := range g.group.Metrics {
		filters := m.filters(tasks)
		if len(filters) == 0 {
			g.remarks = append(g.remarks, fmt.Sprintf("%s: none of its tasks has %s", g.name, m.Metric))
		}
		for _, filter := range filters {
			g.average(resultName{m.Metric, filter}, tasks, m.EachOnce)
		}
	}
}

func (g *groupResult) average(name resultName, tasks []measured, eachOnce bool) {
	var values, errors []float64
	var sizes []int
	for _, t := range tasks {
		v, ok := t.metrics[name.String()]
		if !ok {
			continue
		}
		values, sizes = append(values, v), append(sizes, t.counts.Effective)
		if e, ok := t.metrics[name.stderr()]; ok {
			errors = append(errors, e)
		}
	}
	if n := len(values); n < len(tasks) {
		g.remarks = append(g.remarks,
			fmt.Sprintf("%s: %s is that of %d of its %d tasks, the others lack it", g.name, name, n, len(tasks)))
	}
	if len(values) == 0 {
		return
	}
	g.names = append(g.names, name)
	g.metrics[name.String()], g.documents[name] = weightedMean(values, sizes, eachOnce)
	if len(errors) == len(values) {
		g.metrics[name.stderr()] = pooledError(errors, sizes)
	}
}

// filters are those that the metric is given for.
func (m *GroupMetric) filters(tasks []measured) []string {
	if m.Filters != nil {
		return m.Filters
	}
	found := map[string]bool{}
	for _, t := range tasks {
		for key := range t.metrics {
			if filter, ok := strings.CutPrefix(key, string(m.Metric)+","); ok {
				found[filter] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// weightedMean is a mean of values by their sizes, and the sum of these.
func weightedMean(values []float64, sizes []int, eachOnce bool) (mean float64, documents int) {
	sum, weights := 0.0, 0
	for i, v := range values {
		weight := sizes[i]
		if documents += sizes[i]; eachOnce {
			weight = 1
		}
		sum += float64(v * float64(weight)) // float64: never fused
		weights += weight
	}
	return sum / float64(weights), documents
}

// pooledError is the harness's pooled_sample_stderr.
func pooledError(errors []float64, sizes []int) float64 {
	variance, documents := 0.0, 0
	for i, e := range errors {
		n := float64(sizes[i])
		variance += float64((n - 1) * float64(e*e) * n)
		documents += sizes[i]
	}
	return math.Sqrt(variance / float64(documents-len(sizes)) / float64(documents))
}

// fewestSubjects is the number of a group's tasks from which on these are taken for some of many subjects, so that
// the group has a standard error by task. A few sets are what they are.
const fewestSubjects = 5

// errors are the standard errors of the group by its tasks.
func (g *groupResult) errors(tasks []measured) Errors {
	e := Errors{Tasks: true, Stderr: map[string]float64{}}
	for _, name := range g.names {
		var means, weights []float64
		for _, t := range tasks {
			if v, ok := t.metrics[name.String()]; ok {
				means, weights = append(means, v), append(weights, g.group.weight(name.metric, t.counts.Effective))
			}
		}
		if len(means) < fewestSubjects {
			continue
		}
		r, freedom := statistics.Uneven(means, weights)
		if e.Clusters, e.Freedom = r.Clusters, freedom; r.Stderr < math.MaxFloat64 {
			e.Stderr[name.String()] = r.Stderr
		}
	}
	return e
}

// weight is how much a task of n documents counts in a metric of the group.
func (g *Group) weight(m Metric, n int) float64 {
	if slices.ContainsFunc(g.Metrics, func(o GroupMetric) bool { return o.Metric == m && o.EachOnce }) {
		return 1
	}
	return float64(n)
}

// addGroups adds the results of groups, when all their tasks are measured or kept.
func (r *Report) addGroups() {
	for _, m := range tree(r.asked, 0) {
		if m.group == nil {
			continue
		}
		g := &groupResult{member: m}
		var tasks []measured
		var all Counts
		for i, t := range m.tasks {
			one := r.measured(t.Name)
			tasks = append(tasks, one)
			all.Original, all.Effective = all.Original+one.counts.Original, all.Effective+one.counts.Effective
			if n := fmt.Sprint(one.numFewshot); i == 0 {
				g.numFewshot = n
			} else if g.numFewshot != n {
				g.numFewshot = ""
			}
		}
		g.aggregate(tasks)
		r.groups[m.name] = g
		if e := g.errors(tasks); len(e.Stderr) > 0 {
			r.Errors[m.name] = e
		}
		r.Results[m.name], r.NSamples[m.name] = g.metrics, all
	}
}

// measured is the result of a task, from this evaluation or one that it adds to.
func (r *Report) measured(task string) measured {
	if m, ok := r.kept[task]; ok {
		return m
	}
	return measured{r.Results[task], r.NSamples[task], r.NShot[task]}
}

// results are the metrics of a group as the harness lists them.
func (g *groupResult) results(documents int) map[string]any {
	out := map[string]any{"name": g.name, "alias": g.alias()}
	if len(g.group.Metrics) == 0 {
		return out
	}
	counts := map[string]int{}
	for name, n := range g.documents {
		counts[name.String()] = n
	}
	out["sample_len"], out["sample_count"] = documents, counts
	addMetrics(out, g.names, g.metrics)
	return out
}

// version is the harness's number as text, which it writes for groups.
func (g *groupResult) version() string {
	if g.group.Version == "" {
		return "N/A"
	}
	return g.group.Version
}

func (g *groupResult) alias() string { return cmp.Or(g.group.Alias, g.name) }
