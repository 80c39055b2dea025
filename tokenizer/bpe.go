package tokenizer

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// bpe is the byte-pair-encoding model: a vocabulary and ranked merges.
type bpe struct {
	tokens        []string // id -> name in the vocabulary; byte-level names spell bytes as runes
	ids           map[string]int32
	merges        map[pair]merge
	byteLevel     bool // names spell bytes by the GPT-2 alphabet
	bytesFallback bool // SentencePiece style: unknown characters become <0xNN>
	ignoreMerges  bool // a word that is a token is not merged
	fuseUnknown   bool
	unknown       int32          // -1 = none
	byteIDs       [256]int32     // byte -> id of its token, -1 = none
	texts         [][]byte       // id -> bytes of the token
	order         []pair         // pairs of merges, by rank
	unused        map[int32]bool // ids that Encode never returns
	caches        sync.Pool      // of *wordCache
}

type pair struct{ left, right int32 }

type merge struct {
	rank int32
	id   int32
}

// prepare makes byteIDs and texts, which encoding and decoding use.
func (m *bpe) prepare() {
	m.texts = make([][]byte, len(m.tokens))
	for b := range m.byteIDs {
		m.byteIDs[b] = -1
		name := fmt.Sprintf("<0x%02X>", b)
		if m.byteLevel {
			name = string(byteRunes[b])
		}
		if id, ok := m.ids[name]; ok {
			m.byteIDs[b] = id
		}
	}
	for id, name := range m.tokens {
		if !m.unused[int32(id)] {
			m.texts[id] = m.decodeName(name)
		}
	}
}

// decodeName is the text of a token of the vocabulary.
func (m *bpe) decodeName(name string) []byte {
	if m.byteLevel {
		return decodeByteRunes(name)
	}
	if len(name) == 6 && strings.HasPrefix(name, "<0x") && name[5] == '>' {
		if b, err := strconv.ParseUint(name[3:5], 16, 8); err == nil {
			return []byte{byte(b)}
		}
	}
	return []byte(strings.ReplaceAll(name, "▁", " "))
}

// isByte reports whether id is the token of a byte that has no character, such as <0x0A>.
func (m *bpe) isByte(id int32) bool {
	text := m.text(id)
	return m.bytesFallback && len(text) == 1 && m.byteIDs[text[0]] == id
}

// text is the bytes of a token; nil if there is no such token.
func (m *bpe) text(id int32) []byte {
	if id < 0 || int(id) >= len(m.texts) {
		return nil
	}
	return m.texts[id]
}

// addMerge adds the merge of two tokens, given by name, with the next rank.
func (m *bpe) addMerge(left, right string) error {
	l, okL := m.ids[left]
	r, okR := m.ids[right]
	id, ok := m.ids[left+right]
	if !okL || !okR || !ok {
		return fmt.Errorf("the merge of %q and %q names a token that is not in the vocabulary", left, right)
	}
	m.merges[pair{l, r}] = merge{int32(len(m.order)), id} // a pair that comes again has its last rank
	m.order = append(m.order, pair{l, r})
	return nil
}

// mergeNames are the merges as "a b", by rank.
func (m *bpe) mergeNames() []string {
	names := slices.Grow([]string(nil), len(m.order))
	for _, p := range m.order {
		names = append(names, m.tokens[p.left]+" "+m.tokens[p.right])
	}
	return names
}

// encodeWord returns the ids of one word.
func (m *bpe) encodeWord(word string) []int32 {
	cache := m.takeCache()
	defer m.caches.Put(cache)
	return m.encode(nil, word, cache)
}

// takeCache returns a cache for one goroutine, which puts it back into m.caches.
func (m *bpe) takeCache() *wordCache {
	if c, ok := m.caches.Get().(*wordCache); ok {
		return c
	}
	return new(wordCache)
}

// encode appends the ids of one word.
func (m *bpe) encode(ids []int32, word string, cache *wordCache) []int32 {
	known := cache.find(word)
	if known.holds(word) {
		return append(ids, known.ids[:known.count]...)
	}
	start := len(ids)
	if id, ok := m.whole(word); ok {
		ids = append(ids, id)
	} else {
		ids = append(ids, m.mergeAll(m.symbols(word))...)
	}
	known.put(word, ids[start:])
	return ids
}

// whole returns the token that a whole word is, if such words are not merged.
func (m *bpe) whole(word string) (int32, bool) {
	if !m.ignoreMerges {
		return 0, false
	}
	if m.byteLevel {
		word = encodeByteRunes(word)
	}
	id, ok := m.ids[word]
	return id, ok
}

// symbols are the ids that merging starts from: of bytes, or of characters. A character that the
// vocabulary lacks becomes its bytes or the unknown token.
func (m *bpe) symbols(word string) []int32 {
	var ids []int32
	wasUnknown := false
	for len(word) > 0 {
		char := m.firstSymbol(word)
		word = word[len(char):]
		before := len(ids)
		ids = m.appendSymbol(ids, char)
		unknown := len(ids) == before
		if unknown && m.unknown >= 0 && !(wasUnknown && m.fuseUnknown) {
			ids = append(ids, m.unknown)
		}
		wasUnknown = unknown
	}
	return ids
}

// firstSymbol is the first character of a word, or its first byte.
func (m *bpe) firstSymbol(word string) string {
	if m.byteLevel {
		return word[:1]
	}
	_, n := utf8.DecodeRuneInString(word)
	return word[:n]
}

// appendSymbol appends the id of a byte or a character, or the ids of the character's bytes. It
// appends nothing if the vocabulary lacks all of these.
func (m *bpe) appendSymbol(ids []int32, char string) []int32 {
	if m.byteLevel {
		if id := m.byteIDs[char[0]]; id >= 0 {
			ids = append(ids, id)
		}
		return ids
	}
	if id, ok := m.ids[char]; ok {
		return append(ids, id)
	}
	if m.bytesFallback && m.hasBytes(char) {
		for i := range len(char) {
			ids = append(ids, m.byteIDs[char[i]])
		}
	}
	return ids
}

func (m *bpe) hasBytes(char string) bool {
	for i := range len(char) {
		if m.byteIDs[char[i]] < 0 {
			return false
		}
	}
	return true
}

// mergeAll applies the merge of lowest rank, the leftmost first, until none is left.
func (m *bpe) mergeAll(symbols []int32) []int32 {
	if len(symbols) > 48 {
		return m.mergeLong(symbols)
	}
	for len(symbols) > 1 {
		best, at := merge{rank: -1}, 0
		for i := range len(symbols) - 1 {
			if c, ok := m.merges[pair{symbols[i], symbols[i+1]}]; ok && (best.rank < 0 || c.rank < best.rank) {
				best, at = c, i
			}
		}
		if best.rank < 0 {
			break
		}
		symbols[at] = best.id
		symbols = append(symbols[:at+1], symbols[at+2:]...)
	}
	return symbols
}

// wordCache holds the ids of words, since text repeats itself. One goroutine uses it at a time. It has no pointers, and
// a word is found with one access to memory.
type wordCache [cachedWords]cachedWord

// cachedWord is one line of a processor's cache.
type cachedWord struct {
	size, count uint8 // of the word and of its ids
	word        [maxCachedBytes]byte
	ids         [maxCachedIDs]int32
}

// Limits of the cache. Long words rarely occur again.
const (
	cachedWords    = 1 << 15
	maxCachedBytes = 30
	maxCachedIDs   = 8
)

// wordSeed is that of all caches: which words share a place is chance.
var wordSeed = maphash.MakeSeed()

// find returns the entry of a word, or the one to put it into. Of the two that it may be in, the first is for words
// that occurred again, so that one that occurs once replaces no such word.
func (c *wordCache) find(word string) *cachedWord {
	i := maphash.String(wordSeed, word) % cachedWords &^ 1
	first, second := &c[i], &c[i+1]
	if !first.holds(word) && second.holds(word) {
		*first, *second = *second, *first
	}
	if first.holds(word) {
		return first
	}
	return second
}

// holds reports whether it is this word.
func (w *cachedWord) holds(word string) bool { return string(w.word[:w.size]) == word }

// put replaces the word, if the new one has the size for it.
func (w *cachedWord) put(word string, ids []int32) {
	if len(word) > maxCachedBytes || len(ids) > maxCachedIDs {
		return
	}
	w.size, w.count = uint8(copy(w.word[:], word)), uint8(copy(w.ids[:], ids))
}
