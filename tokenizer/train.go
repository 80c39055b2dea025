package tokenizer

import (
	"container/heap"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"

	"trit/setting"
)

// TrainOptions say what tokenizer to train.
type TrainOptions struct {
	VocabSize    int    // all tokens: 256 bytes, merges, special tokens
	BOS, EOS     string // names of the special tokens; defaults <|begin_of_text|>, <|end_of_text|>
	MinFrequency int    // pairs seen less often are not merged; default 2
	Progress     func(done, total int)
}

// Train trains a byte-level BPE tokenizer with Llama 3's split pattern. It is deterministic: it
// merges the most frequent pair, and of equally frequent pairs the one that was met first.
func Train(texts iter.Seq2[string, error], o TrainOptions) (*Tokenizer, error) {
	if o.BOS == "" {
		o.BOS = "<|begin_of_text|>"
	}
	if o.EOS == "" {
		o.EOS = "<|end_of_text|>"
	}
	o.MinFrequency = max(o.MinFrequency, 2)
	special := []string{o.BOS, o.EOS}
	if least := 256 + len(special); o.VocabSize < least || o.VocabSize > maxTokens {
		return nil, &setting.Error{
			Field: "tokenizer.TrainOptions.VocabSize", Found: strconv.Itoa(o.VocabSize),
			Wanted: fmt.Sprintf("%d to %d", least, maxTokens),
		}
	}
	words, err := countWords(texts)
	if err != nil {
		return nil, err
	}
	if len(words) == 0 {
		return nil, errors.New("there is no text to train a tokenizer on")
	}
	tr := newTrainer(words)
	merges := o.VocabSize - 256 - len(special)
	for i := range merges {
		if !tr.mergeBest(o.MinFrequency) {
			break
		}
		if o.Progress != nil {
			o.Progress(i+1, merges)
		}
	}
	return tr.tokenizer(special)
}

// trainWord is a distinct word of the text, as token ids, and how often it occurs.
type trainWord struct {
	ids   []int32
	count int
}

func countWords(texts iter.Seq2[string, error]) ([]trainWord, error) {
	index, words := map[string]int{}, []trainWord(nil)
	split := scan(llama3End)
	for text, err := range texts {
		if err != nil {
			return nil, err
		}
		split(text, func(w string) {
			i, ok := index[w]
			if !ok {
				i = len(words)
				ids := make([]int32, len(w))
				for j := range ids {
					ids[j] = int32(w[j])
				}
				index[string([]byte(w))] = i
				words = append(words, trainWord{ids: ids})
			}
			words[i].count++
		})
	}
	return words, nil
}

// pairCount is a pair of tokens and its counts.
type pairCount struct {
	pair  pair
	count int
	rank  int   // count by which the queue is sorted; only one pair may differ while the queue is fixed
	order int   // when the pair was first met
	words []int // words that held the pair at some time
	at    int   // index in the queue
}

// trainer holds the words, and a queue of their pairs, the most frequent first.
type trainer struct {
	words  []trainWord
	pairs  map[pair]*pairCount
	queue  pairQueue
	names  [][]byte // bytes of each token
	merges []pair
}

type pairQueue []*pairCount

func (q pairQueue) Len() int { return len(q) }
func (q pairQueue) Less(i, j int) bool {
	return q[i].rank > q[j].rank || q[i].rank == q[j].rank && q[i].order < q[j].order
}
func (q pairQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i]; q[i].at, q[j].at = i, j }
func (q *pairQueue) Push(x any) {
	x.(*pairCount).at = len(*q)
	*q = append(*q, x.(*pairCount))
}

func (q *pairQueue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

func newTrainer(words []trainWord) *trainer {
	t := &trainer{words: words, pairs: map[pair]*pairCount{}}
	for b := range 256 {
		t.names = append(t.names, []byte{byte(b)})
	}
	for w := range words {
		t.count(w, 1, nil)
	}
	for _, p := range t.pairs {
		t.queue = append(t.queue, p)
	}
	slices.SortFunc(t.queue, func(a, b *pairCount) int { return a.order - b.order })
	for i, p := range t.queue {
		p.at, p.rank = i, p.count
	}
	heap.Init(&t.queue)
	return t
}

// count adds the pairs of word w, or removes them if sign is -1. It adds the pairs whose counts
// change to touched, which may be nil.
func (t *trainer) count(w, sign int, touched map[*pairCount]bool) {
	word := &t.words[w]
	for i := range len(word.ids) - 1 {
		p := pair{word.ids[i], word.ids[i+1]}
		c, ok := t.pairs[p]
		if !ok {
			c = &pairCount{pair: p, order: len(t.pairs), at: -1}
			t.pairs[p] = c
		}
		c.count += sign * word.count
		if sign > 0 && (len(c.words) == 0 || c.words[len(c.words)-1] != w) {
			c.words = append(c.words, w)
		}
		if touched != nil {
			touched[c] = true
		}
	}
}

// mergeBest makes a token of the most frequent pair. It returns false if no pair occurs minimum
// times.
func (t *trainer) mergeBest(minimum int) bool {
	if len(t.queue) == 0 || t.queue[0].count < minimum {
		return false
	}
	best := t.queue[0]
	id := int32(len(t.names))
	t.names = append(t.names, slices.Concat(t.names[best.pair.left], t.names[best.pair.right]))
	t.merges = append(t.merges, best.pair)
	touched := map[*pairCount]bool{}
	seen := map[int]bool{}
	for _, w := range slices.Clone(best.words) {
		if seen[w] {
			continue
		}
		seen[w] = true
		t.count(w, -1, touched)
		t.words[w].ids = mergePair(t.words[w].ids, best.pair, id)
		t.count(w, 1, touched)
	}
	for c := range touched {
		c.rank = c.count
		if c.at < 0 {
			heap.Push(&t.queue, c)
		} else {
			heap.Fix(&t.queue, c.at)
		}
	}
	return true
}

// mergePair replaces each occurrence of p, from the left, by id.
func mergePair(ids []int32, p pair, id int32) []int32 {
	out := ids[:0]
	for i := 0; i < len(ids); i++ {
		if i+1 < len(ids) && ids[i] == p.left && ids[i+1] == p.right {
			out = append(out, id)
			i++
		} else {
			out = append(out, ids[i])
		}
	}
	return out
}

// tokenizer writes the merges as a tokenizer.json and reads it back, so that a trained
// tokenizer equals a loaded one.
func (t *trainer) tokenizer(special []string) (*Tokenizer, error) {
	v := Vocab{Model: "gpt2", Pre: "llama-bpe", UNK: -1, PAD: -1, AddBOS: true}
	name := func(id int32) string { return encodeByteRunes(string(t.names[id])) }
	for id := range t.names {
		// If two tokens have the same bytes, FromVocab takes the first.
		v.Tokens, v.Types = append(v.Tokens, name(int32(id))), append(v.Types, typeNormal)
	}
	for _, m := range t.merges {
		v.Merges = append(v.Merges, name(m.left)+" "+name(m.right))
	}
	v.BOS, v.EOS = int32(len(v.Tokens)), int32(len(v.Tokens)+1)
	for _, s := range special {
		v.Tokens, v.Types = append(v.Tokens, s), append(v.Types, typeControl)
	}
	made, err := FromVocab(v)
	if err != nil {
		return nil, err
	}
	files, err := made.Files()
	if err != nil {
		return nil, err
	}
	return parseFiles(files)
}
