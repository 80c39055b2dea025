package harness

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"trit/eval"
	"trit/eval/internal/python"
)

// reader reads tasks and groups of one folder.
type reader struct {
	*index
	builtin func(name string) []eval.Task
}

// group makes the tasks of a group; dir is the folder of its file, above are the groups that it is in, and
// overrides are keys that go before those of the tasks.
func (r *reader) group(
	name string, m *mapping, dir string, above []*eval.Group, overrides *mapping,
) (all []eval.Task, err error) {
	if slices.ContainsFunc(above, func(g *eval.Group) bool { return g.Name == name }) {
		return nil, fmt.Errorf("group %s: it is a member of itself", name)
	}
	g, inside, err := parseGroup(name, m)
	if err != nil {
		return nil, fmt.Errorf("group %s: %w", name, err)
	}
	above = append(slices.Clone(above), g)
	members, _ := m.get("task")
	list, ok := members.([]any)
	if !ok || len(list) == 0 {
		return nil, fmt.Errorf("group %s: %w", name, wrong("task", members, "a list of members"))
	}
	inside = inside.with(overrides)
	for _, member := range list {
		tasks, err := r.member(member, dir, above, inside)
		if err != nil {
			return nil, fmt.Errorf("group %s: %w", name, err)
		}
		all = append(all, tasks...)
	}
	return all, nil
}

// member makes the tasks of a place in the list of a group.
func (r *reader) member(v any, dir string, above []*eval.Group, overrides *mapping) ([]eval.Task, error) {
	if name, ok := v.(string); ok {
		return r.named(name, above, overrides)
	}
	m, ok := v.(*mapping)
	if !ok {
		return nil, wrong("task", v, "names and mappings in its list")
	}
	outer := above[len(above)-1].Name + "::"
	if _, ok := m.get("group"); ok {
		name, err := textOf(m, "group")
		switch {
		case err != nil:
			return nil, err
		case r.names[name] == nil:
			return r.group(outer+name, m, dir, above, overrides)
		}
		return r.named(name, above, overrides.with(m.without("group")))
	}
	name, err := textOf(m, "task")
	if err != nil {
		return nil, err
	}
	if _, inline := m.get("dataset_path"); inline && r.names[name] == nil {
		m = overrides.with(m)
		m.set("task", outer+name)
		return taskOf(m, dir, above)
	}
	return r.named(name, above, overrides.with(m.without("task")))
}

// named makes the tasks that a name stands for in the folder, or else among the built-in ones.
func (r *reader) named(name string, above []*eval.Group, overrides *mapping) ([]eval.Task, error) {
	e := r.names[name]
	switch {
	case e == nil:
		return r.fromBuiltin(name, above, overrides)
	case e.kind == ofGroup:
		return r.group(name, e.config, filepath.Dir(e.path), above, overrides)
	case e.kind == ofTag && len(r.broken) > 0:
		return nil, fmt.Errorf("the tag %s: its tasks are not known, for a file cannot be read: %w", name, r.broken[0])
	case e.kind == ofTag:
		var all []eval.Task
		for _, member := range slices.Sorted(slices.Values(e.members)) {
			tasks, err := r.named(member, above, overrides)
			if err != nil {
				return nil, fmt.Errorf("the tag %s: %w", name, err)
			}
			all = append(all, tasks...)
		}
		return all, nil
	}
	tasks, err := taskOf(e.config.with(overrides), filepath.Dir(e.path), above)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.path, err)
	}
	return tasks, nil
}

func (r *reader) fromBuiltin(name string, above []*eval.Group, overrides *mapping) ([]eval.Task, error) {
	var tasks []eval.Task
	if r.builtin != nil {
		tasks = r.builtin(name)
	}
	switch {
	case len(tasks) == 0:
		err := fmt.Errorf("no file in %s and no built-in task has the name %q", r.dir, name)
		return nil, errors.Join(append([]error{err}, r.broken...)...)
	case len(overrides.pairs) > 0:
		return nil, fmt.Errorf("the task %s is built in, so the key %v is not read for it; put its file into the folder too",
			name, overrides.pairs[0].key)
	}
	for i := range tasks {
		tasks[i].Groups = append(slices.Clone(above), tasks[i].Groups...)
	}
	return tasks, nil
}

// taskOf makes the task of a file's keys.
func taskOf(m *mapping, dir string, above []*eval.Group) ([]eval.Task, error) {
	if err := refuseOthers(m); err != nil {
		return nil, err
	}
	c, err := parseConfig(m)
	if err != nil {
		return nil, err
	}
	t, err := c.task(dir)
	if err != nil {
		return nil, err
	}
	t.Groups = above
	return []eval.Task{*t}, nil
}

// parseGroup reads a group's own keys. The others are its tasks'.
func parseGroup(name string, m *mapping) (g *eval.Group, others *mapping, err error) {
	g = &eval.Group{Name: name, About: "a group of lm-evaluation-harness's form"}
	if strings.ContainsAny(name, `/\,`) {
		return nil, nil, errors.New("want a name without slashes and commas")
	}
	others = &mapping{}
	for _, p := range m.pairs {
		switch p.key {
		case "group", "task", "tag":
		case "group_alias":
			if p.value != nil {
				g.Alias, err = text("group_alias", p.value)
			}
		case "aggregate_metric_list":
			err = setGroupMetrics(g, p.value)
		case "metadata":
			if metadata, ok := p.value.(*mapping); ok {
				version, _ := metadata.get("version")
				g.Version = versionText(version)
			}
		default:
			others.set(p.key, p.value)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return g, others, nil
}

// versionText is str of a version, "" for none.
func versionText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case float64:
		return python.Float(v)
	case bool:
		return python.Bool(v)
	}
	return fmt.Sprint(v)
}

func setGroupMetrics(g *eval.Group, v any) error {
	list, ok := v.([]any)
	switch {
	case v == nil:
		return nil
	case !ok:
		list = []any{v}
	}
	for _, e := range list {
		m, ok := e.(*mapping)
		if !ok {
			return wrong("aggregate_metric_list", e, "a mapping with the key metric")
		}
		one, err := parseGroupMetric(m)
		if err != nil {
			return fmt.Errorf("aggregate_metric_list: %w", err)
		}
		g.Metrics = append(g.Metrics, one)
	}
	return nil
}

func parseGroupMetric(m *mapping) (out eval.GroupMetric, err error) {
	name, err := textOf(m, "metric")
	if err != nil {
		return out, err
	}
	out.Metric = eval.Metric(name)
	if v, ok := m.get("aggregation"); ok && v != any("mean") {
		return out, wrong("aggregation", v, "mean")
	}
	if v, ok := m.get("weight_by_size"); ok {
		weighted, err := truth("weight_by_size", v)
		if err != nil {
			return out, err
		}
		out.EachOnce = !weighted
	}
	if v, _ := m.get("filter_list"); v != nil {
		if out.Filters, err = oneOrMore("filter_list", v); err != nil {
			return out, err
		}
	}
	return out, m.only(name, "metric", "aggregation", "weight_by_size", "filter_list")
}
