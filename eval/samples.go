package eval

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"trit/data/source"
)

// writeSamples writes a line for each document and filter, with the keys and the types of the
// harness's samples files.
func (t *outcome) writeSamples(w io.Writer) error {
	for i := range t.samples {
		if _, err := io.WriteString(w, pyJSON(t.sampleFields(&t.samples[i]), "")+"\n"); err != nil {
			return err
		}
	}
	return nil
}

func (t *outcome) sampleFields(s *sample) []source.Field {
	var metrics []any
	for _, v := range s.values {
		metrics = append(metrics, v.Name)
	}
	doc, prompt, target := s.hashes()
	fields := []source.Field{
		{Name: "doc_id", Value: int64(s.question.id)}, {Name: "doc", Value: s.question.doc},
		{Name: "target", Value: s.target}, {Name: "arguments", Value: t.arguments(s)},
		{Name: "resps", Value: s.resps}, {Name: "filtered_resps", Value: s.filtered},
		{Name: "filter", Value: s.filter}, {Name: "metrics", Value: metrics},
		{Name: "doc_hash", Value: doc}, {Name: "prompt_hash", Value: prompt}, {Name: "target_hash", Value: target},
	}
	if s.question.cluster != "" {
		fields = append(fields, source.Field{Name: "cluster", Value: s.question.cluster})
	}
	if fields = append(fields, s.values...); s.end != "" {
		fields = append(fields, source.Field{Name: "end", Value: s.end})
	}
	return fields
}

// arguments are the requests of a sample, with the harness's keys.
func (t *outcome) arguments(s *sample) []source.Field {
	var out []source.Field
	for i, r := range s.requests {
		args := []source.Field{{Name: "arg_0", Value: r.context}}
		switch t.Kind {
		case MultipleChoice, LogLikelihood:
			args = append(args, source.Field{Name: "arg_1", Value: r.continuation})
		case Generation:
			args = append(args, source.Field{Name: "arg_1", Value: []source.Field{
				{Name: "until", Value: anys(t.Answers.Until)}, {Name: "do_sample", Value: false},
				{Name: "temperature", Value: 0.0}, {Name: "max_gen_toks", Value: int64(r.generate.MaxTokens)},
			}})
		}
		out = append(out, source.Field{Name: fmt.Sprintf("gen_args_%d", i), Value: args})
	}
	return out
}

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

// hashes are the SHA-256 hashes of document, first prompt and target, as the harness has them.
func (s *sample) hashes() (doc, prompt, target string) {
	return hashOf(s.question.doc.hashed()), hashOf(s.requests[0].context), hashOf(s.target)
}

// hash is one SHA-256 hash of all samples, without those of extra filters.
func (t *outcome) hash() string {
	var all strings.Builder
	for i := range t.samples {
		if slices.ContainsFunc(t.Answers.Filters, func(f Filter) bool { return f.Extra && f.Name == t.samples[i].filter }) {
			continue
		}
		doc, prompt, target := t.samples[i].hashes()
		all.WriteString(doc + prompt + target)
	}
	return hashOf(all.String())
}
