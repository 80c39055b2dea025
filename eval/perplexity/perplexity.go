// Package perplexity has tasks that measure perplexity in windows of a fixed length, by the two rules that
// published numbers follow. They differ in what a window holds and in which of its tokens count, so their
// numbers cannot be compared with each other, nor with those of the task wikitext.
package perplexity

import (
	"context"
	"errors"
	"fmt"

	"trit/eval"
	"trit/setting"
	"trit/tokenizer"
)

// Windows of the published numbers.
const (
	window1bitLLM = 2048
	windowLlama   = 512
)

// Tasks returns the tasks of this package.
func Tasks() []eval.Task {
	return []eval.Task{
		task("ppl_wikitext2", "WikiText-2", wikiText, packed), task("ppl_ptb", "Penn Treebank", ptb, packed),
		task("ppl_c4", "the first validation file of C4", c4, packed),
		task("llama_ppl_wikitext2", "WikiText-2", wikiText, halves),
	}
}

// rule cuts texts into windows.
type rule struct {
	about  string
	window int
	cut    func(t *tokenizer.Tokenizer, texts []string, window int) ([]eval.TokenDocument, error)
}

var (
	packed = rule{"perplexity in windows of 2048 tokens, as 1bitLLM's eval_ppl", window1bitLLM, Packed}
	halves = rule{"perplexity in windows of 512 tokens, as llama-perplexity", windowLlama, Halves}
)

func task(name, about string, set set, r rule) eval.Task {
	return eval.Task{
		Name: name, About: about + ": " + r.about, Kind: eval.Rolling, Version: 1, Test: set.source,
		Tokens: func(ctx context.Context, o *eval.Options) ([]eval.TokenDocument, error) {
			docs, err := set.source.Load(ctx, o)
			if err != nil {
				return nil, err
			}
			texts, err := set.texts(docs, r.window == windowLlama)
			if err != nil {
				return nil, err
			}
			return r.cut(o.Tokenizer, texts, r.window)
		},
	}
}

// Packed cuts texts as get_test_dataset of 1bitLLM does: EOS follows each text, whole texts fill a window
// that BOS begins, and a text longer than a window is left out. All tokens behind BOS are predicted.
func Packed(t *tokenizer.Tokenizer, texts []string, window int) (windows []eval.TokenDocument, err error) {
	if t.BOS() < 0 || t.EOS() < 0 {
		return nil, setting.Needs("eval.Options.Tasks",
			"windows of whole texts need BOS and EOS, and this tokenizer lacks one", "llama_ppl_wikitext2 needs neither")
	}
	current := []int32{t.BOS()}
	end := func() {
		if len(current) > 1 {
			windows = append(windows, eval.TokenDocument{IDs: current, Targets: len(current) - 1})
		}
		current = []int32{t.BOS()}
	}
	for _, text := range texts {
		ids := append(t.Encode(text, false), t.EOS())
		if len(ids) > window {
			continue
		}
		if len(current)+len(ids) > window {
			end()
		}
		current = append(current, ids...)
	}
	if len(current) <= window {
		end()
	}
	if len(windows) == 0 {
		return nil, fmt.Errorf("no text fits into a window of %d tokens", window)
	}
	return windows, nil
}

// Halves cuts one text as llama-perplexity does: into windows one after the other, the rest left out. If
// the tokenizer begins texts with BOS, it takes the place of each window's first token. The tokens behind
// the first one of the second half are predicted.
func Halves(t *tokenizer.Tokenizer, texts []string, window int) (windows []eval.TokenDocument, err error) {
	if len(texts) != 1 {
		return nil, errors.New("the windows are those of one text")
	}
	ids := t.EncodeText(texts[0], true)
	start := t.EncodeText("", true)
	for at := 0; at+window <= len(ids); at += window {
		w := append([]int32{}, ids[at:at+window]...)
		if len(start) > 0 && start[0] == t.BOS() {
			w[0] = t.BOS()
		}
		windows = append(windows, eval.TokenDocument{IDs: w, Targets: window - window/2 - 1})
	}
	if len(windows) == 0 {
		return nil, fmt.Errorf("the text has %d tokens, and a window has %d", len(ids), window)
	}
	return windows, nil
}
