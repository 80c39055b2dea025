package grammar

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
)

// manyWords is a vocabulary of the size of Llama 3's: all bytes, and words of letters, digits and
// marks whose lengths are those of a byte-level BPE.
type manyWords [][]byte

func (w manyWords) TokenBytes(id int32) []byte { return w[id] }
func (w manyWords) VocabSize() int             { return len(w) }

func newWords(n int) (w manyWords) {
	const letters = "etaoinshrdlucmfwypvbgkjqxzETAOIN0123456789-_.,:;\"{}[]()/ \n"
	r := rand.New(rand.NewPCG(1, 2))
	seen := map[string]bool{}
	for b := range 256 {
		w = append(w, []byte{byte(b)})
	}
	for len(w) < n {
		text := make([]byte, 2+r.IntN(9))
		for i := range text {
			text[i] = letters[int(float64(len(letters))*r.Float64()*r.Float64())]
		}
		if r.IntN(2) == 0 {
			text[0] = ' '
		}
		if !seen[string(text)] {
			seen[string(text)] = true
			w = append(w, text)
		}
	}
	return w
}

// personSchema has what schemas have: strings with and without bounds, numbers, lists, choices.
const personSchema = `{"type":"object","properties":{
	"name":{"type":"string","maxLength":200},"note":{"type":"string"},"age":{"type":"integer","minimum":0,"maximum":150},
	"tags":{"type":"array","items":{"enum":["red","green","blue"]},"maxItems":5},
	"address":{"type":"object","properties":{"street":{"type":"string"},"number":{"type":"number"}},
		"required":["street","number"],"additionalProperties":false}},
	"required":["name","note","age","tags","address"],"additionalProperties":false}`

// BenchmarkAnswer writes a random text of up to 200 tokens in the form of a schema, and reports the
// microseconds that its masks take for a token: of the first answer, and of one whose masks others have
// needed.
func BenchmarkAnswer(b *testing.B) {
	w := newWords(128256)
	for _, first := range []bool{true, false} {
		b.Run(fmt.Sprintf("first=%v", first), func(b *testing.B) {
			tokens := 0
			compiler := NewCompiler(w)
			answer(b, compiler, Source{Schema: json.RawMessage(personSchema)}, 200)
			b.ResetTimer()
			for n := range b.N {
				source := Source{Schema: json.RawMessage(personSchema)}
				if first {
					source.After = string(binary.LittleEndian.AppendUint32(nil, uint32(n))) // a grammar of its own
				}
				tokens += answer(b, compiler, source, 200)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(tokens), "µs/token")
		})
	}
}

// answer takes random tokens until there are n, and returns their number.
func answer(b *testing.B, compiler *Compiler, s Source, n int) int {
	r := rand.New(rand.NewPCG(5, 6))
	c, err := compiler.New(s, []int32{0})
	if err != nil {
		b.Fatal(err)
	}
	for tokens := range n {
		mask := c.Mask()
		id := int32(r.IntN(64 * len(mask)))
		for ; mask[id/64]>>(id%64)&1 == 0; id = (id + 1) % int32(64*len(mask)) {
		}
		if id == 0 {
			return tokens + 1
		}
		c.Accept(id)
	}
	return n
}
