package infer

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"trit/internal/parallel"
	"trit/internal/testutil"
	"trit/model"
)

var cacheNames = []Cache{CacheF16, CacheInt8, CacheF32}

// attentionShape has one layer without weights.
type attentionShape struct{ heads, kvHeads, dim int }

// attentionInput is random queries of n tokens, and keys and values of these and of the
// tokens before.
type attentionInput struct {
	m                     *Model
	before, n             int
	queries, keys, values []float32
}

func newAttentionInput(s attentionShape, cache Cache, before, n int) *attentionInput {
	c := model.Config{
		NumHiddenLayers: 1, HiddenSize: s.heads * s.dim,
		NumAttentionHeads: s.heads, NumKeyValueHeads: s.kvHeads, HeadDim: s.dim, RopeTheta: 10000,
	}
	format, err := cacheFormatOf(cache)
	if err != nil {
		panic(err)
	}
	r := rand.New(rand.NewPCG(uint64(n), uint64(before)))
	return &attentionInput{
		m:      &Model{config: c, layers: make([]layer, 1), rope: newRopeTable(c), cache: format},
		before: before, n: n, queries: normals(r, n*c.QDim()),
		keys: normals(r, (before+n)*c.KVDim()), values: normals(r, (before+n)*c.KVDim()),
	}
}

// pass has the tokens [lo,hi) of n ready to attend.
func (a *attentionInput) pass(lo, hi int) *pass {
	session, err := a.m.NewSession(a.before + a.n)
	if err != nil {
		panic(err)
	}
	wide := a.m.config.QDim()
	session.cache[0].reserve(0, a.before+hi)
	dim := a.m.config.HeadDim
	for i := range (a.before + hi) * a.m.config.NumKeyValueHeads {
		at, head := i/a.m.config.NumKeyValueHeads, i%a.m.config.NumKeyValueHeads
		session.cache[0].write(head, at, a.keys[i*dim:][:dim], a.values[i*dim:][:dim])
	}
	session.tokens = make([]int32, a.before+lo)
	p := session.pass
	p.spans = []span{{s: session, ids: make([]int32, hi-lo)}}
	p.reserve(p.spans)
	copy(p.q, a.queries[lo*wide:hi*wide])
	p.tasks.plan(a.m, stretches(p.spans, nil))
	return p
}

// attend is what the tokens [lo,hi) get together.
func (a *attentionInput) attend(lo, hi int) []float32 {
	p := a.pass(lo, hi)
	p.attend(0)
	return p.att
}

// definition is attention in float64 over keys and values as they are.
func (a *attentionInput) definition() []float32 {
	c := &a.m.config
	out := make([]float32, a.n*c.QDim())
	for at := 0; at < len(out); at += c.HeadDim {
		seen := a.before + at/c.QDim() + 1
		kv := at % c.QDim() / c.HeadDim / a.m.groupSize() * c.HeadDim
		sum, values := 0.0, make([]float64, c.HeadDim)
		for p := range seen {
			score, from := 0.0, p*c.KVDim()+kv
			for j, v := range a.queries[at:][:c.HeadDim] {
				score += float64(v) * float64(a.keys[from+j])
			}
			e := math.Exp(score / math.Sqrt(float64(c.HeadDim)))
			sum += e
			for j := range values {
				values[j] += e * float64(a.values[from+j])
			}
		}
		for j, v := range values {
			out[at+j] = float32(v / sum)
		}
	}
	return out
}

// TestAttentionIsTheDefinition allows for what the caches round: nothing, 2^-12 of a
// value on average in half precision, and 2^-9 of the largest of a head, three times the
// others, in int8.
func TestAttentionIsTheDefinition(t *testing.T) {
	tolerance := map[Cache]float64{CacheF32: 2e-6, CacheF16: 1e-3, CacheInt8: 2e-2}
	for _, s := range []attentionShape{
		{1, 1, 2}, {4, 2, 8}, {5, 1, 16}, {3, 3, 64}, {14, 2, 80}, {3, 1, 96}, {8, 2, 128}, {2, 1, 192},
	} {
		for _, length := range [][2]int{{0, 1}, {0, 9}, {0, 40}, {250, 20}, {255, 1}, {256, 1}, {257, 2}, {500, 70}} {
			for _, name := range cacheNames {
				a := newAttentionInput(s, name, length[0], length[1])
				if e := testutil.RelativeL2(a.attend(0, a.n), a.definition()); !(e < tolerance[name]) {
					t.Errorf("%+v %s, %d tokens after %d: relative L2 %.2g, want below %g", s, name, a.n, a.before, e, tolerance[name])
				}
			}
		}
	}
}

// TestAttentionHasTheSameBits one by one, in halves, and with any number of threads.
func TestAttentionHasTheSameBits(t *testing.T) {
	for _, s := range []attentionShape{{4, 1, 80}, {3, 3, 64}} {
		for _, name := range cacheNames {
			a := newAttentionInput(s, name, 230, 300)
			a.m.pool = parallel.New(1)
			want, wide := a.attend(0, a.n), a.m.config.QDim()
			for threads := 1; threads <= 3; threads++ {
				a.m.pool = parallel.New(threads)
				got := slices.Concat(a.attend(0, 11), a.attend(11, 150), a.attend(150, a.n))
				if !slices.Equal(got, want) {
					t.Errorf("%+v %s: %d threads and three parts give other bits", s, name, threads)
				}
			}
			for i := 0; i < a.n; i += 7 {
				if !slices.Equal(a.attend(i, i+1), want[i*wide:][:wide]) {
					t.Fatalf("%+v %s: token %d alone has other bits", s, name, i)
				}
			}
		}
	}
}

// TestLaterTokensAreNotSeen changes the last token of a prompt.
func TestLaterTokensAreNotSeen(t *testing.T) {
	for _, name := range cacheNames {
		m, err := Random(smallConfig(), 4, Options{Cache: name})
		if err != nil {
			t.Fatal(err)
		}
		vocab := m.Config().VocabSize
		var logits [2][]float32
		for i := range logits {
			ids := make([]int32, 300)
			for j := range ids {
				ids[j] = int32(j * 7 % vocab)
			}
			ids[len(ids)-1] += int32(i)
			s, _ := m.NewSession(len(ids))
			logits[i] = make([]float32, len(ids)*vocab)
			if err := s.Forward(ids, logits[i], 0); err != nil {
				t.Fatal(err)
			}
		}
		seen := len(logits[0]) - vocab
		if !slices.Equal(logits[0][:seen], logits[1][:seen]) || slices.Equal(logits[0][seen:], logits[1][seen:]) {
			t.Errorf("%s: the last token changes earlier logits, or not its own", name)
		}
	}
}

func normals(r *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	return v
}

// BenchmarkAttention runs one layer on one thread.
func BenchmarkAttention(b *testing.B) {
	for _, s := range []attentionShape{{20, 5, 128}, {16, 16, 96}} {
		for _, name := range cacheNames {
			for _, n := range []int{1, 264} {
				for _, before := range []int{248, 1784} {
					b.Run(fmt.Sprintf("%dx%dx%d/%s/%d-after-%d", s.heads, s.kvHeads, s.dim, name, n, before), func(b *testing.B) {
						a := newAttentionInput(s, name, before, n)
						a.m.pool = parallel.New(1)
						p := a.pass(0, n)
						for b.Loop() {
							p.attend(0)
						}
						pairs := n * (2*before + n + 1) / 2
						b.ReportMetric(float64(4*pairs*s.dim*s.heads)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
					})
				}
			}
		}
	}
}
