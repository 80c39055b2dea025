package ggufmeta

import (
	"math"
	"slices"

	"trit/format/gguf"
	"trit/tokenizer"
)

// Keys of ids that end a text beside eos_token_id: llama.cpp's for the end of a turn and of a
// message, and Ollama's for all others.
const (
	turnEndKey    = prefix + "eot_token_id"
	messageEndKey = prefix + "eom_token_id"
	otherEndsKey  = prefix + "eos_token_ids"
)

// messageEnd is the token that ends a message after which the assistant goes on.
const messageEnd = "<|eom_id|>"

// readEnds takes the ids that end a text beside EOS.
func readEnds(m *gguf.Metadata, v *tokenizer.Vocab) {
	add := func(id int32) {
		if id != v.EOS && !slices.Contains(v.Ends, id) {
			v.Ends = append(v.Ends, id)
		}
	}
	for _, key := range []string{turnEndKey, messageEndKey} {
		if n, ok := m.Uint(key); ok {
			add(int32(min(n, math.MaxInt32))) // which is no token's either
		}
	}
	others, _ := m.Int32s(otherEndsKey)
	for _, id := range others {
		add(id)
	}
}

// writeEnds enters the ids that end a text beside EOS: the end of a message and of a turn,
// and in a list with EOS where there are more.
func writeEnds(m *gguf.Metadata, v *tokenizer.Vocab) {
	turn, message := int32(-1), int32(-1)
	for _, id := range v.Ends {
		switch {
		case int(id) < len(v.Tokens) && v.Tokens[id] == messageEnd:
			message = id
		case turn < 0:
			turn = id
		}
	}
	if turn >= 0 {
		m.Set(turnEndKey, uint32(turn))
	}
	if message >= 0 {
		m.Set(messageEndKey, uint32(message))
	}
	others := slices.DeleteFunc(slices.Clone(v.Ends), func(id int32) bool { return id == turn || id == message })
	if len(others) > 0 {
		m.Set(otherEndsKey, append([]int32{v.EOS}, v.Ends...))
	}
}
