package harness

import (
	"errors"
	"fmt"
	"slices"

	"trit/eval"
)

// metric is an entry of metric_list.
type metric struct {
	name  eval.Metric
	match eval.StringMatch // of exact_match
}

// usual are the metrics of a task without metric_list, and known those that are computed here, with
// the aggregation that they have unless the file names it.
var (
	usual = map[eval.Kind][]eval.Metric{
		eval.MultipleChoice: {eval.Acc, eval.AccNorm}, eval.LogLikelihood: {eval.Perplexity, eval.Acc},
		eval.Generation: {eval.ExactMatch}, eval.Rolling: {eval.WordPerplexity, eval.BytePerplexity, eval.BitsPerByte},
	}
	known = map[eval.Kind][]eval.Metric{
		eval.MultipleChoice: {eval.Acc, eval.AccNorm, eval.AccBytes}, eval.LogLikelihood: usual[eval.LogLikelihood],
		eval.Generation: usual[eval.Generation], eval.Rolling: usual[eval.Rolling],
	}
	aggregations = map[eval.Metric]string{
		eval.Acc: "mean", eval.AccNorm: "mean", eval.AccBytes: "mean", eval.ExactMatch: "mean", eval.Perplexity: "perplexity",
		eval.WordPerplexity: "weighted_perplexity", eval.BytePerplexity: "weighted_perplexity", eval.BitsPerByte: "bits_per_byte",
	}
)

func (c *config) setMetrics(key string, v any) error {
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return wrong(key, v, "a list of metrics")
	}
	c.metrics = []metric{}
	for _, e := range list {
		m, ok := e.(*mapping)
		if !ok {
			return wrong(key, e, "a mapping with the key metric in each place of the list")
		}
		one, err := parseMetric(m)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		if slices.ContainsFunc(c.metrics, func(m metric) bool { return m.name == one.name }) {
			return fmt.Errorf("%s: %s comes twice", key, one.name)
		}
		c.metrics = append(c.metrics, one)
	}
	return nil
}

func parseMetric(m *mapping) (metric, error) {
	v, _ := m.get("metric")
	name, err := text("metric", v)
	if err != nil {
		return metric{}, err
	}
	out := metric{name: eval.Metric(name)}
	aggregation, ok := aggregations[out.name]
	if !ok {
		return out, fmt.Errorf("the metric %s is not computed here", name)
	}
	for _, p := range m.pairs {
		key, _ := p.key.(string)
		if err := out.set(key, p.value, aggregation); err != nil {
			return out, fmt.Errorf("%s: %w", name, err)
		}
	}
	return out, nil
}

// set reads a key of an entry.
func (m *metric) set(key string, v any, aggregation string) (err error) {
	isMatch := m.name == eval.ExactMatch
	switch {
	case key == "metric", key == "weight_by_size": // the latter is for groups
	case key == "aggregation":
		return m.same(key, v, aggregation)
	case key == "higher_is_better":
		return m.same(key, v, slices.Contains(aggregatedMeans, aggregation))
	case key == "hf_evaluate" && (isMatch || v == any(false)): // the harness's exact_match is that of the library
	case key == "ignore_case" && isMatch:
		m.match.IgnoreCase, err = truth(key, v)
	case key == "ignore_punctuation" && isMatch:
		m.match.IgnorePunctuation, err = truth(key, v)
	case key == "ignore_numbers" && isMatch:
		m.match.IgnoreNumbers, err = truth(key, v)
	case key == "regexes_to_ignore" && isMatch && v != nil:
		if list, ok := v.([]any); ok {
			m.match.Remove, err = texts(key, list)
			return err
		}
		return wrong(key, v, "a list of regular expressions")
	case key == "regexes_to_ignore" && isMatch:
	default:
		return fmt.Errorf("the key %s is not read here", key)
	}
	return err
}

// aggregatedMeans are the aggregations of metrics of which more is better.
var aggregatedMeans = []string{"mean"}

// same refuses a value but the metric's own.
func (m *metric) same(key string, v, own any) error {
	if v != own {
		return wrong(key, v, fmt.Sprintf("%v, the only one that %s has here", own, m.name))
	}
	return nil
}

// setJudge gives the task its metrics and its judge.
func (c *config) setJudge(t *eval.Task) error {
	metrics := c.metrics
	if metrics == nil {
		for _, name := range usual[c.kind] {
			metrics = append(metrics, metric{name: name})
		}
	}
	for _, m := range metrics {
		if !slices.Contains(known[c.kind], m.name) {
			return fmt.Errorf("metric_list: the metric %s is not computed here for %s, but %v", m.name, c.kind, known[c.kind])
		}
		t.Metrics = append(t.Metrics, m.name)
	}
	if c.kind != eval.Generation {
		return c.onlyTakeFirst()
	}
	t.Metrics, t.Answers.Metric = nil, eval.ExactMatch
	var err error
	if t.Answers.Judge, err = metrics[0].match.Judge(); err != nil {
		return fmt.Errorf("metric_list: %w", err)
	}
	t.Answers.Filters, err = c.filters()
	return errors.Join(err, c.answers(t))
}
