package eval

import (
	"context"
	"fmt"
	"math"
	"strings"
	"unicode"

	"trit/data"
)

// BitsPerByte is the task that measures perplexity on the held-out documents of a
// prepared data set, which --data-dir names.
const BitsPerByte = "bits_per_byte"

// windows cuts a document for rolling log-likelihood, as the harness does with one
// token of context: disjoint runs of targets, each predicted from the start token or
// the token before; a short last run keeps the context to the left that fits.
func (o *Options) windows(ids []int32) []ScoreRequest {
	start := o.Tokenizer.BOS()
	if start < 0 {
		start = o.Tokenizer.EOS()
	}
	all := append([]int32{start}, ids...)
	var out []ScoreRequest
	for at := 0; at < len(ids); {
		end := min(at+o.MaxLength, len(ids))
		from := at
		if at > 0 {
			from = max(0, end-o.MaxLength)
		}
		out = append(out, ScoreRequest{Input: all[from:end], Targets: ids[at:end]})
		at = end
	}
	return out
}

// perplexity scores the held-out documents, less the beginning-of-text token, which
// stands before each and is not predicted.
func (r *Report) perplexity(ctx context.Context, m Model, o *Options) error {
	var requests []ScoreRequest
	var bytes int64
	documents, tokens := 0, 0
	for d, err := range data.HeldoutDocuments(o.DataDir) {
		if err != nil {
			return fmt.Errorf("task %s: %w", BitsPerByte, err)
		}
		ids := append([]int32{}, d.IDs...)
		if eos := o.Tokenizer.EOS(); eos >= 0 {
			ids = append(ids, eos)
		}
		requests = append(requests, o.windows(ids)...)
		bytes += d.Bytes
		tokens += len(ids)
		if documents++; o.Limit >= 1 && documents >= int(o.Limit) {
			break
		}
	}
	if tokens == 0 {
		return fmt.Errorf("task %s: %s holds no held-out documents: prepare it with --holdout", BitsPerByte, o.DataDir)
	}
	results, err := scoreAll(ctx, m, requests, o.Progress)
	if err != nil {
		return err
	}
	nats := 0.0
	for _, s := range results {
		nats -= s.LogProb
	}
	r.add(BitsPerByte, Metrics{
		"loss,none": nats / float64(tokens), "perplexity,none": math.Exp(nats / float64(tokens)), "bits_per_byte,none": nats / math.Ln2 / float64(bytes),
	}, 0, Counts{documents, documents})
	return nil
}

// Rolling is the harness's loglikelihood_rolling of texts: special tokens are encoded
// with the text, so the start token is scored once itself.
func Rolling(ctx context.Context, m Model, o *Options, texts []string) (Metrics, error) {
	nats, words, bytes := 0.0, 0, 0
	for _, text := range texts {
		results, err := scoreAll(ctx, m, o.windows(o.Tokenizer.Encode(text, true)), nil)
		if err != nil {
			return nil, err
		}
		for _, s := range results {
			nats -= s.LogProb
		}
		words, bytes = words+countWords(text), bytes+len(text)
	}
	return Metrics{
		"word_perplexity,none": math.Exp(nats / float64(words)), "byte_perplexity,none": math.Exp(nats / float64(bytes)),
		"bits_per_byte,none": nats / float64(bytes) / math.Ln2,
	}, nil
}

// countWords is len(re.split(r"\s+", text)): empty strings at the ends count.
func countWords(text string) int {
	n := len(strings.FieldsFunc(text, unicode.IsSpace))
	if trimmed := strings.TrimLeftFunc(text, unicode.IsSpace); trimmed != text {
		n++
	}
	if trimmed := strings.TrimRightFunc(text, unicode.IsSpace); trimmed != text || text == "" {
		n++
	}
	return n
}
