package eval

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"unicode/utf8"

	"trit/data/source"
	"trit/eval/internal/python"
	"trit/eval/statistics"
	"trit/lm"
)

// outcome is what the model answered to a task, with metrics and samples.
type outcome struct {
	*prepared
	Effort
	scores  []lm.ScoreResult // by request, of tasks that score
	answers []string         // by question, of tasks that generate
	metrics Metrics
	names   []resultName // keys of metrics in their order, without standard errors
	samples []sample

	byLength int            // answers that ended by length
	invalid  map[string]int // answers without what a filter reads, by filter
	unread   int            // answers without what any filter reads
}

// resultName is a metric under a filter; as a key of results it is "acc,none".
type resultName struct {
	metric Metric
	filter string
}

func (n resultName) String() string { return string(n.metric) + "," + n.filter }

// stderr is the key of the standard error.
func (n resultName) stderr() string { return string(n.metric) + "_stderr," + n.filter }

// sample is a document's outcome under one filter.
type sample struct {
	question *question
	target   string
	requests []request
	resps    []any // one for each request
	filtered []any
	filter   string
	values   []source.Field // metrics: a number, or a pair of log-likelihood and divisor
	end      string         // Verdict.End
}

// Metrics are figures by name, such as "acc,none" and "acc_stderr,none".
type Metrics map[string]float64

func (o *outcome) requestsOf(i int) []request { return o.requests[o.first[i]:o.first[i+1]] }

// judgeChoices takes the likeliest choice of each question, the first of equals, as its answer.
func (o *outcome) judgeChoices() {
	for i := range o.questions {
		q := &o.questions[i]
		s, scores := o.scoreSample(i)
		if s.target = cmp.Or(q.Shown, fmt.Sprint(q.Gold)); len(q.Contexts) > 1 {
			s.target = q.Target
		}
		for _, m := range o.Metrics {
			value := truth(q.isRight(best(scores, q.Choices, choiceLength(m))))
			if o.Share {
				value = shareOf(scores, q.isRight)
			}
			s.values = append(s.values, source.Field{Name: string(m), Value: value})
		}
		o.samples = append(o.samples, s)
	}
	o.average("none", o.Metrics)
}

// scoreSample is the sample of a question whose continuations have scores, without target and values.
func (o *outcome) scoreSample(i int) (s sample, scores []lm.ScoreResult) {
	s = sample{question: &o.questions[i], requests: o.requestsOf(i), filter: "none"}
	scores = o.scores[o.first[i]:o.first[i+1]]
	for _, r := range scores {
		pair := []any{python.Float(r.LogProb), python.Bool(r.Greedy)}
		s.resps, s.filtered = append(s.resps, []any{pair}), append(s.filtered, pair)
	}
	return s, scores
}

// shareOf is the share of the probability of all choices that the right ones have.
func shareOf(scores []lm.ScoreResult, right func(int) bool) float64 {
	var all, ours float64
	for i, s := range scores {
		p := math.Exp(s.LogProb)
		if all += p; right(i) {
			ours += p
		}
	}
	return ours / all
}

// choiceLength returns the function by whose value a metric divides the log-likelihood of a
// choice.
func choiceLength(m Metric) func(string) float64 {
	switch m {
	case AccNorm:
		return func(s string) float64 { return float64(utf8.RuneCountInString(s)) }
	case AccBytes:
		return func(s string) float64 { return float64(len(s)) }
	}
	return func(string) float64 { return 1 }
}

func best(scores []lm.ScoreResult, choices []string, length func(string) float64) int {
	best, value := 0, math.Inf(-1)
	for j, s := range scores {
		if v := s.LogProb / length(choices[j]); v > value {
			best, value = j, v
		}
	}
	return best
}

// judgeAnswers judges each text under each filter.
func (o *outcome) judgeAnswers(ctx context.Context, sandbox Sandbox) error {
	o.invalid = map[string]int{}
	lost := make([]int, len(o.questions)) // filters that found nothing
	for _, f := range o.Answers.Filters {
		filtered := make([]string, len(o.questions))
		o.invalid[f.Name] = 0
		for i := range o.questions {
			var found bool
			if filtered[i], found = f.Find(&o.questions[i].Question, o.answers[i]); found {
				continue
			}
			o.invalid[f.Name]++
			if lost[i]++; lost[i] == len(o.Answers.Filters) {
				o.unread++
			}
		}
		judge := o.Answers.Judge
		if f.Judge != nil {
			judge = f.Judge
		}
		verdicts, err := o.judge(ctx, judge, sandbox, filtered)
		if err != nil {
			return err
		}
		for i, v := range verdicts {
			o.samples = append(o.samples, o.answerSample(i, f.Name, filtered[i], v))
		}
		o.average(f.Name, o.Answers.metrics())
	}
	return nil
}

func (o *outcome) answerSample(i int, filter, filtered string, v Verdict) sample {
	q := &o.questions[i]
	s := sample{
		question: q, target: cmp.Or(q.Shown, q.Target), requests: o.requestsOf(i),
		resps: []any{[]any{o.answers[i]}}, filtered: []any{filtered},
		filter: filter, end: v.End,
	}
	for _, m := range o.Answers.metrics() {
		value, several := v.Values[m]
		if !several {
			value = v.Score
		}
		s.values = append(s.values, source.Field{Name: string(m), Value: value})
	}
	if o.Answers.RunCode { // a list, since pass@k takes several
		s.filtered = []any{[]any{filtered}}
	}
	return s
}

// judge judges the answers to all questions. Programs run in parallel, one for each core.
func (o *outcome) judge(ctx context.Context, judge Judge, sandbox Sandbox, answers []string) ([]Verdict, error) {
	verdicts, errs := make([]Verdict, len(answers)), make([]error, len(answers))
	atOnce := 1
	if o.Answers.RunCode {
		atOnce = runtime.NumCPU()
	}
	var all sync.WaitGroup
	free := make(chan struct{}, atOnce)
	for i := range answers {
		free <- struct{}{}
		all.Go(func() {
			defer func() { <-free }()
			q := &o.questions[i]
			if verdicts[i], errs[i] = judge(ctx, sandbox, &q.Question, answers[i]); errs[i] != nil {
				errs[i] = fmt.Errorf("document %d: %w", q.id, errs[i])
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return verdicts, nil
}

// judgeRolling adds up the log-likelihoods of the windows of each document.
func (o *outcome) judgeRolling() {
	for i := range o.questions {
		q := &o.questions[i]
		sum := 0.0
		for _, s := range o.scores[o.first[i]:o.first[i+1]] {
			sum += s.LogProb
		}
		s := sample{
			question: q, target: q.Text, requests: []request{{context: q.Text}},
			resps: []any{[]any{python.Float(sum)}}, filtered: []any{python.Float(sum)}, filter: "none",
		}
		for _, m := range o.Metrics {
			s.values = append(s.values, source.Field{Name: string(m), Value: []any{sum, int64(q.divisor(m))}})
		}
		o.samples = append(o.samples, s)
	}
	for _, m := range o.Metrics {
		o.set(m, "none", rollingMetric(m, o.samples))
	}
}

// rollingMetric is a metric of all documents together, which count by their words or bytes.
func rollingMetric(m Metric, samples []sample) float64 {
	nats, by := 0.0, 0
	for _, s := range samples {
		i := slices.IndexFunc(s.values, func(f source.Field) bool { return f.Name == string(m) })
		pair := s.values[i].Value.([]any)
		nats -= pair[0].(float64)
		by += int(pair[1].(int64))
	}
	if m == BitsPerByte {
		return nats / float64(by) / math.Ln2
	}
	return math.Exp(nats / float64(by))
}

// set stores a result.
func (o *outcome) set(m Metric, filter string, value float64) resultName {
	if o.metrics == nil {
		o.metrics = Metrics{}
	}
	name := resultName{m, filter}
	o.metrics[name.String()] = value
	o.names = append(o.names, name)
	return name
}

// average stores the means of metrics under a filter and their standard errors: the sample
// standard deviation over the root of the count. A single document has no standard error, and neither
// have values of which a document gives several.
func (o *outcome) average(filter string, metrics []Metric) {
	for _, m := range metrics {
		var values []float64
		lists := false
		for _, s := range o.samples {
			for _, v := range s.values {
				if s.filter == filter && v.Name == string(m) {
					_, list := v.Value.([]bool)
					values, lists = append(values, numbers(v.Value)...), lists || list
				}
			}
		}
		value, stderr := m.ofDocuments(values)
		name := o.set(m, filter, value)
		if len(values) > 1 && !lists && !math.IsNaN(stderr) && !math.IsInf(stderr, 0) {
			o.metrics[name.stderr()] = stderr
		}
	}
}

// numbers are the values that a sample gives to a mean.
func numbers(v any) (out []float64) {
	switch v := v.(type) {
	case float64:
		return []float64{v}
	case bool:
		return []float64{truth(v)}
	case []bool:
		for _, b := range v {
			out = append(out, truth(b))
		}
	}
	return out
}

// ofDocuments is the metric of documents with these values, and its standard error.
func (m Metric) ofDocuments(values []float64) (value, stderr float64) {
	if m == Perplexity {
		return perplexity(values), bootstrapError(perplexity, values)
	}
	return statistics.Mean(values)
}

func mean(values []float64) float64 { return sum(values) / float64(len(values)) }

func sum(values []float64) (total float64) {
	for _, v := range values {
		total += v
	}
	return total
}

// deviation is the sample standard deviation of values around their mean.
func deviation(values []float64, mean float64) float64 {
	squares := 0.0
	for _, v := range values {
		squares += float64((v - mean) * (v - mean)) // float64: never fused
	}
	return math.Sqrt(squares / float64(len(values)-1))
}
