package eval

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"trit/data"
)

// outcome is what the model answered to a task, and what that is worth.
type outcome struct {
	*prepared
	Effort
	scores  []ScoreResult
	answers []string
	metrics Metrics
	names   []string // of the metrics, as "acc,none", in their order
	samples []sample
}

// sample is a document's outcome under one filter.
type sample struct {
	question *Question
	target   string
	requests []request
	resps    []any // one for each request
	filtered []any
	filter   string
	values   []data.Field // metrics: a number, or log-likelihood and what divides it
}

// Metrics are figures by name, such as "acc,none" and "acc_stderr,none".
type Metrics map[string]float64

func (o *outcome) requestsOf(i int) []request { return o.requests[o.first[i]:o.first[i+1]] }

// judgeChoices takes the likeliest choice of each question, the first of equals.
func (o *outcome) judgeChoices() {
	for i := range o.questions {
		q := &o.questions[i]
		s := sample{question: q, requests: o.requestsOf(i), filter: "none", target: fmt.Sprint(q.Gold)}
		if len(q.Contexts) > 1 {
			s.target = q.Target
		}
		scores := o.scores[o.first[i]:o.first[i+1]]
		for _, r := range scores {
			pair := []any{pyFloat(r.LogProb), pyBool(r.Greedy)}
			s.resps, s.filtered = append(s.resps, []any{pair}), append(s.filtered, pair)
		}
		for _, metric := range o.Metrics {
			s.values = append(s.values, data.Field{Name: metric, Value: truth(best(scores, q.Choices, choiceLength(metric)) == q.Gold)})
		}
		o.samples = append(o.samples, s)
	}
	o.average("none", o.Metrics)
}

// choiceLength is by what a metric divides the log-likelihood of a choice.
func choiceLength(metric string) func(string) float64 {
	switch metric {
	case "acc_norm":
		return func(s string) float64 { return float64(utf8.RuneCountInString(s)) }
	case "acc_bytes":
		return func(s string) float64 { return float64(len(s)) }
	}
	return func(string) float64 { return 1 }
}

func best(scores []ScoreResult, choices []string, length func(string) float64) int {
	best, value := 0, math.Inf(-1)
	for j, s := range scores {
		if v := s.LogProb / length(choices[j]); v > value {
			best, value = j, v
		}
	}
	return best
}

// judgeAnswers filters each text and judges what is left, filter by filter.
func (o *outcome) judgeAnswers(ctx context.Context, opts *Options) error {
	for _, f := range o.Answers.Filters {
		filtered := make([]string, len(o.questions))
		for i := range o.questions {
			filtered[i] = f.Apply(&o.questions[i], o.answers[i])
		}
		values, err := o.judge(ctx, opts, filtered)
		if err != nil {
			return err
		}
		for i := range o.questions {
			q := &o.questions[i]
			s := sample{
				question: q, target: q.Target, requests: o.requestsOf(i), resps: []any{[]any{o.answers[i]}}, filtered: []any{filtered[i]},
				filter: f.Name, values: []data.Field{{Name: o.Answers.Metric, Value: values[i]}},
			}
			if o.Answers.RunCode { // a list, since pass@k takes several
				s.filtered = []any{[]any{filtered[i]}}
			}
			o.samples = append(o.samples, s)
		}
		o.average(f.Name, []string{o.Answers.Metric})
	}
	return nil
}

// judge judges the answers to all questions; where that is running programs, as many at
// a time as there are cores.
func (o *outcome) judge(ctx context.Context, opts *Options, answers []string) ([]float64, error) {
	values, errs := make([]float64, len(answers)), make([]error, len(answers))
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
			if values[i], errs[i] = o.Answers.Judge(ctx, opts, &o.questions[i], answers[i]); errs[i] != nil {
				errs[i] = fmt.Errorf("document %d: %w", o.questions[i].id, errs[i])
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return values, nil
}

// judgeRolling adds up the windows of each document.
func (o *outcome) judgeRolling() {
	for i := range o.questions {
		q := &o.questions[i]
		sum := 0.0
		for _, s := range o.scores[o.first[i]:o.first[i+1]] {
			sum += s.LogProb
		}
		s := sample{
			question: q, target: q.Text, requests: []request{{context: q.Text}},
			resps: []any{[]any{pyFloat(sum)}}, filtered: []any{pyFloat(sum)}, filter: "none",
		}
		for _, metric := range o.Metrics {
			s.values = append(s.values, data.Field{Name: metric, Value: []any{sum, int64(q.divisor(metric))}})
		}
		o.samples = append(o.samples, s)
	}
	for _, metric := range o.Metrics {
		o.set(metric+",none", rollingMetric(metric, o.samples))
	}
}

// divisor is by what the perplexity is taken.
func (q *Question) divisor(metric string) int {
	if metric == "word_perplexity" {
		return q.Words
	}
	return q.Bytes
}

// rollingMetric weighs the documents by their words or bytes.
func rollingMetric(metric string, samples []sample) float64 {
	nats, by := 0.0, 0
	for _, s := range samples {
		i := slices.IndexFunc(s.values, func(f data.Field) bool { return f.Name == metric })
		pair := s.values[i].Value.([]any)
		nats -= pair[0].(float64)
		by += int(pair[1].(int64))
	}
	if metric == "bits_per_byte" {
		return nats / float64(by) / math.Ln2
	}
	return math.Exp(nats / float64(by))
}

func (o *outcome) set(name string, value float64) {
	if o.metrics == nil {
		o.metrics = Metrics{}
	}
	o.metrics[name] = value
	if metric, _, _ := strings.Cut(name, ","); !strings.HasSuffix(metric, "_stderr") {
		o.names = append(o.names, name)
	}
}

// average enters the means of metrics under a filter and their standard errors: the
// sample standard deviation over the root of the count; a single document has none.
func (o *outcome) average(filter string, metrics []string) {
	for _, metric := range metrics {
		var values []float64
		for _, s := range o.samples {
			for _, v := range s.values {
				if s.filter == filter && v.Name == metric {
					values = append(values, v.Value.(float64))
				}
			}
		}
		mean, stderr := meanAndError(values)
		o.set(metric+","+filter, mean)
		if len(values) > 1 {
			o.set(metric+"_stderr,"+filter, stderr)
		}
	}
}

func meanAndError(values []float64) (mean, stderr float64) {
	n, squares := float64(len(values)), 0.0
	for _, v := range values {
		mean += v
	}
	mean /= n
	for _, v := range values {
		squares += float64((v - mean) * (v - mean)) // float64: never fused
	}
	return mean, math.Sqrt(squares/(n-1)) / math.Sqrt(n)
}
