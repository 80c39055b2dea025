package grammar

import (
	"bytes"
	"slices"
)

// vocabulary is the texts of tokens as a tree, in the order of a walk through it.
type vocabulary struct {
	words int // of a mask
	nodes []node
}

// node is a byte of tokens that begin alike. Two tokens with one text have two nodes. A walk reads
// half a million of them, so they are small.
type node struct {
	token int32 // that ends here; -1: none
	skip  int32 // the first node behind the tokens that go on from here
	depth int16
	b     byte
}

// maxTokenBytes is the longest text of a token that a mask can allow.
const maxTokenBytes = 1<<15 - 1

// Vocabulary gives the bytes of tokens; tokens without are special.
type Vocabulary interface {
	TokenBytes(id int32) []byte
	VocabSize() int
}

func newVocabulary(v Vocabulary) *vocabulary {
	type token struct {
		id   int32
		text []byte
	}
	var list []token
	for id := range int32(v.VocabSize()) {
		if text := v.TokenBytes(id); len(text) > 0 && len(text) <= maxTokenBytes {
			list = append(list, token{id, text})
		}
	}
	slices.SortFunc(list, func(a, b token) int { return bytes.Compare(a.text, b.text) })
	t := &vocabulary{words: (v.VocabSize() + 63) / 64}
	var path []int32 // nodes of the last token, by depth
	var last []byte
	for _, tok := range list {
		same := 0
		for same < min(len(last), len(tok.text)-1) && last[same] == tok.text[same] {
			same++
		}
		t.leave(path[same:])
		path = path[:same]
		for d := same; d < len(tok.text); d++ {
			path = append(path, int32(len(t.nodes)))
			t.nodes = append(t.nodes, node{token: -1, b: tok.text[d], depth: int16(d)})
		}
		t.nodes[len(t.nodes)-1].token = tok.id
		last = tok.text
	}
	t.leave(path)
	return t
}

// leave ends nodes: what comes next does not go on from them.
func (t *vocabulary) leave(path []int32) {
	for _, n := range path {
		t.nodes[n].skip = int32(len(t.nodes))
	}
}

// mask walks through all tokens that the machine can read from a state.
func (t *vocabulary) mask(m *machine, from int32) []uint64 {
	mask, states := make([]uint64, t.words), []int32{from}
	for i := 0; i < len(t.nodes); {
		n := &t.nodes[i]
		states = states[:n.depth+1]
		next := m.step(states[n.depth], n.b)
		if next == dead {
			i = int(n.skip)
			continue
		}
		if n.token >= 0 {
			mask[n.token/64] |= 1 << (n.token % 64)
		}
		states = append(states, next)
		i++
	}
	return mask
}
