package eval

import (
	"slices"
	"strings"

	"trit/eval/internal/python"
	"trit/lm"
	"trit/tokenizer"
)

// encoder turns the texts of requests into tokens, as the harness's HFLM does.
type encoder struct {
	tok       *tokenizer.Tokenizer
	maxLength int
	start     int32 // BOS; EOS if the tokenizer has no BOS
	startName string
	end       string // EOS as text

	// The last context and its tokens, and the last input: the choices of a question share them.
	context string
	ids     []int32
	input   []int32
}

func newEncoder(tok *tokenizer.Tokenizer, maxLength int) *encoder {
	e := &encoder{tok: tok, maxLength: maxLength, start: tok.BOS()}
	if e.start < 0 {
		e.start = tok.EOS()
	}
	names := tok.Vocab().Tokens
	name := func(id int32) string {
		if id < 0 || int(id) >= len(names) {
			return ""
		}
		return names[id]
	}
	e.startName, e.end = name(e.start), name(tok.EOS())
	return e
}

// encode encodes a text and adds the special tokens that the tokenizer prescribes. It adds none
// if the text begins with the name of the start token, as the text of a chat template does.
func (e *encoder) encode(text string) []int32 {
	begun := e.startName != "" && strings.HasPrefix(text, e.startName)
	return e.tok.Encode(text, !begun)
}

// pair makes the request that scores a continuation after a context, as the harness's
// TemplateLM._encode_pair does. Spaces at the end of the context move to the continuation. Then
// the context alone and the context with the continuation are encoded; if the context has n
// tokens, the tokens of both from n on are the continuation. The input is cut from the left to
// maxLength; cut is the number of tokens that this takes.
func (e *encoder) pair(context, continuation string) (r lm.ScoreRequest, cut int) {
	if context == "" {
		ids := e.tok.Encode(continuation, false)
		if len(ids) > 0 && ids[0] == e.start {
			return e.request(ids[:1], ids[1:])
		}
		return e.request([]int32{e.start}, ids)
	}
	trimmed := strings.TrimRightFunc(context, python.Space)
	continuation = context[len(trimmed):] + continuation
	if trimmed != e.context || e.ids == nil {
		e.context, e.ids = trimmed, e.encode(trimmed)
	}
	whole, ctx := e.encode(trimmed+continuation), e.ids
	return e.request(ctx, whole[min(len(ctx), len(whole)):])
}

// request makes the request that scores the ids of a continuation after the ids of a context.
// It keeps the last maxLength+1 of both; all but the last of these are the input. A context
// without tokens becomes the start token. cut is the number of tokens that were cut off.
func (e *encoder) request(ctx, cont []int32) (r lm.ScoreRequest, cut int) {
	if len(ctx) == 0 {
		ctx = []int32{e.start}
	}
	all := append(append([]int32{}, ctx...), cont...)
	cut = max(0, len(all)-e.maxLength-1)
	all = all[cut:]
	cont = cont[max(0, len(cont)-e.maxLength):]
	if input := all[:len(all)-1]; !slices.Equal(input, e.input) {
		e.input = input
	}
	return lm.ScoreRequest{Input: e.input, Targets: cont}, cut
}

// windows cuts a document for rolling log-likelihood, as the harness does with one token of
// context: into disjoint runs of up to maxLength targets. The first run is predicted from the
// start token on, the others from the token before them. A short last run has as many tokens
// on its left as fit.
func (e *encoder) windows(ids []int32) []lm.ScoreRequest {
	all := append([]int32{e.start}, ids...)
	var out []lm.ScoreRequest
	for at := 0; at < len(ids); {
		end := min(at+e.maxLength, len(ids))
		from := at
		if at > 0 {
			from = max(0, end-e.maxLength)
		}
		out = append(out, lm.ScoreRequest{Input: all[from:end], Targets: ids[at:end]})
		at = end
	}
	return out
}
