package eval

import (
	"strings"
	"unicode"
)

// encodePair makes the request that scores a continuation after a context, as the
// harness's TemplateLM._encode_pair: blanks at the end of the context move to the
// continuation; both the context and the whole are encoded, and the continuation's
// tokens are what the whole has more. The input is cut from the left to maxLength.
func (o *Options) encodePair(context, continuation string) ScoreRequest {
	t := o.Tokenizer
	if context == "" {
		ids := t.Encode(continuation, false)
		start := t.BOS()
		if start < 0 {
			start = t.EOS()
		}
		if len(ids) > 0 && ids[0] == start {
			return o.request(ids[:1], ids[1:])
		}
		return o.request([]int32{start}, ids)
	}
	trimmed := strings.TrimRightFunc(context, unicode.IsSpace)
	continuation = context[len(trimmed):] + continuation
	whole, ctx := t.Encode(trimmed+continuation, true), t.Encode(trimmed, true)
	return o.request(ctx, whole[min(len(ctx), len(whole)):])
}

// request joins context and continuation ids, cuts them to the last maxLength+1 and
// takes the last one off the input.
func (o *Options) request(ctx, cont []int32) ScoreRequest {
	all := append(append([]int32{}, ctx...), cont...)
	all = all[max(0, len(all)-o.MaxLength-1):]
	cont = cont[max(0, len(cont)-o.MaxLength):]
	if len(all) == 0 || len(cont) == 0 {
		return ScoreRequest{Input: ctx}
	}
	return ScoreRequest{Input: all[:len(all)-1], Targets: cont}
}
