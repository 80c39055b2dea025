package ranks

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	_ "trit/internal/testutil" // which has the flag -golden: all packages under train take it
	"trit/optim"
)

// sizes of the jobs that are tried.
var sizes = []int{1, 2, 3, 5}

// onRanks runs body as each rank of a job of n, and fails with what any of them returns.
func onRanks(t *testing.T, n int, body func(c Comm) error) {
	t.Helper()
	for r, err := range results(n, body) {
		if err != nil {
			t.Errorf("rank %d of %d: %v", r, n, err)
		}
	}
}

func results(n int, body func(c Comm) error) []error {
	comms, errs := Group(n), make([]error, n)
	if n == 1 {
		comms[0] = Alone
	}
	var all sync.WaitGroup
	for r, c := range comms {
		all.Go(func() { errs[r] = body(c) })
	}
	all.Wait()
	return errs
}

// testWeights have odd lengths, one of them none, one longer than several buckets.
var testWeights = []Weight{{"head", 301}, {"norm", 7}, {"empty", 0}, {"b", 64}, {"a", 1}, {"embedding", 1030}}

// gradientOf is the gradient of a weight on one rank.
func gradientOf(rank int, w Weight) []float32 {
	random := rand.New(rand.NewPCG(uint64(rank), uint64(w.Len)))
	g := make([]float32, w.Len)
	for i := range g {
		g[i] = float32(random.NormFloat64())
	}
	return g
}

// wantSum adds up the gradients of all ranks one after another.
func wantSum(n int, w Weight) []float32 {
	sum := gradientOf(0, w)
	for r := 1; r < n; r++ {
		for i, v := range gradientOf(r, w) {
			sum[i] += v
		}
	}
	return sum
}

func TestOperations(t *testing.T) {
	for _, n := range sizes {
		onRanks(t, n, func(c Comm) error {
			r := byte(c.Rank())
			var src, want, gathered []byte
			for other := range byte(n) {
				src = append(src, r, other, 1)
				want = append(want, other, r, 1)
				gathered = append(gathered, other, 9)
			}
			dst := make([]byte, len(src))
			if err := c.AllToAll(dst, src); err != nil || !slices.Equal(dst, want) {
				return fmt.Errorf("AllToAll: %v, %v, want %v", err, dst, want)
			}
			all := make([]byte, 2*n)
			if err := c.AllGather(all, []byte{r, 9}); err != nil || !slices.Equal(all, gathered) {
				return fmt.Errorf("AllGather: %v, %v, want %v", err, all, gathered)
			}
			x := []byte{r + 3, 5}
			if err := c.Broadcast(x); err != nil || !slices.Equal(x, []byte{3, 5}) {
				return fmt.Errorf("Broadcast: %v, %v", err, x)
			}
			if c.AllGather(make([]byte, n), []byte{1, 2}) == nil || c.AllToAll(make([]byte, 3*n+1), src) == nil {
				return errors.New("wrong lengths were accepted")
			}
			return c.Broadcast(x)
		})
	}
}

func TestAllReduceAndAgree(t *testing.T) {
	for _, n := range sizes {
		onRanks(t, n, func(c Comm) error {
			a, b := float64(c.Rank()+1), 0.5
			if err := AllReduce(c, &a, &b); err != nil || a != float64(n*(n+1)/2) || b != 0.5*float64(n) {
				return fmt.Errorf("sums %g and %g of %d ranks: %v", a, b, n, err)
			}
			any, none := c.Rank() == n-1, false
			if err := AllReduceAny(c, &any, &none); err != nil || !any || none {
				return fmt.Errorf("flags %v and %v, %v: want only the first", any, none, err)
			}
			return Agree(c, "the recipe", []byte("same"))
		})
	}
	for r, err := range results(3, func(c Comm) error { return Agree(c, "the recipe", []byte{byte(c.Rank() / 2)}) }) {
		if err == nil || !strings.Contains(err.Error(), "the recipe of rank 2") {
			t.Errorf("rank %d: %v, want an error about the recipe of rank 2", r, err)
		}
	}
}

func TestBroadcast(t *testing.T) {
	type note struct {
		Step int
		Rest []float64
	}
	for _, n := range sizes {
		onRanks(t, n, func(c Comm) error {
			v := note{Step: 7 + c.Rank(), Rest: make([]float64, 3*c.Rank())}
			if c.Rank() == 0 {
				v.Rest = []float64{0.1}
			}
			if err := Broadcast(c, &v); err != nil || v.Step != 7 || !slices.Equal(v.Rest, []float64{0.1}) {
				return fmt.Errorf("received %+v, %v", v, err)
			}
			return nil
		})
	}
}

func TestEveryValueHasOneOwner(t *testing.T) {
	for _, n := range sizes {
		for _, length := range []int{1, 10, 64, 100000} {
			var pieces []Piece
			owned := make([]int, n)
			for _, b := range cut(testWeights, n, length*n) {
				for _, p := range b.pieces {
					pieces = append(pieces, p)
					owned[p.Owner] += p.Hi - p.Lo
					if p.at/b.part != p.Owner || (p.at+p.Hi-p.Lo-1)/b.part != p.Owner {
						t.Fatalf("%+v does not lie in its owner's part of %d values", p, b.part)
					}
				}
			}
			next := 0
			for _, w := range testWeights {
				for lo := 0; lo < w.Len; next++ {
					p := pieces[next]
					if p.Name != w.Name || p.Lo != lo || p.Hi <= lo {
						t.Fatalf("%d ranks, parts of %d: piece %d is %+v, want one of %s from %d", n, length, next, p, w.Name, lo)
					}
					lo = p.Hi
				}
			}
			if next != len(pieces) {
				t.Errorf("%d pieces, want %d", len(pieces), next)
			}
			if length < 100 && slices.Max(owned)-slices.Min(owned) > length {
				t.Errorf("parts of %d: the ranks own %v values", length, owned)
			}
		}
	}
}

// step adds up the gradients of all weights, which come in the given order.
func step(e *Exchange, rank int, order []int) error {
	e.Begin()
	for _, i := range order {
		e.Add(testWeights[i].Name, gradientOf(rank, testWeights[i]))
	}
	return e.Wait()
}

func TestSumsHaveTheBitsOfOneRank(t *testing.T) {
	for _, n := range sizes {
		for _, bytes := range []int{4, 100, 1000, BucketBytes} {
			for _, order := range [][]int{{0, 1, 2, 3, 4, 5}, {5, 4, 3, 2, 1, 0}, {3, 0, 5, 1, 2, 4}} {
				onRanks(t, n, func(c Comm) error {
					e, err := NewExchange(c, testWeights, bytes)
					if err != nil {
						return err
					}
					for range 2 {
						if err := step(e, c.Rank(), order); err != nil {
							return err
						}
					}
					for _, p := range e.Owned() {
						w := testWeights[slices.IndexFunc(testWeights, func(w Weight) bool { return w.Name == p.Name })]
						if got, want := e.Sums(p), wantSum(n, w)[p.Lo:p.Hi]; !slices.Equal(got, want) {
							return fmt.Errorf("%+v in buckets of %d bytes: %v, want %v", p, bytes, got, want)
						}
					}
					return nil
				})
			}
		}
	}
}

// model is the weights of one rank with what it owns of the optimiser.
type model struct {
	exchange *Exchange
	values   map[string][]float32
	adam     *optim.AdamW
}

func newModel(c Comm, bytes int) (*model, error) {
	e, err := NewExchange(c, testWeights, bytes)
	if err != nil {
		return nil, err
	}
	m := &model{exchange: e, values: map[string][]float32{}}
	for _, w := range testWeights {
		m.values[w.Name] = make([]float32, w.Len)
	}
	var params []optim.Param
	for _, p := range e.Owned() {
		params = append(params, optim.Param{Name: p.Name, Value: m.value(p), Decay: true})
	}
	if m.adam, err = optim.NewAdamW(0.9, 0.95, 1e-8, optim.MomentsFloat32, params); err != nil {
		return nil, err
	}
	give := func(p Piece, dst []float32) error {
		copy(dst, gradientOf(100, Weight{p.Name, len(m.values[p.Name])})[p.Lo:p.Hi])
		return nil
	}
	return m, e.Scatter(give, m.value, func(Piece) {})
}

func (m *model) value(p Piece) []float32 { return m.values[p.Name][p.Lo:p.Hi] }

func (m *model) step(rank int) error {
	if err := step(m.exchange, rank, []int{0, 1, 2, 3, 4, 5}); err != nil {
		return err
	}
	m.adam.Begin()
	for i, p := range m.exchange.Owned() {
		m.adam.Update(i, 0, p.Hi-p.Lo, m.exchange.Sums(p), 0.5, 0.01, 0.1)
	}
	return m.exchange.AllGather(m.value)
}

// moments gathers the second moments as a checkpoint would.
func (m *model) moments() (map[string][]float32, error) {
	own := map[Piece][]float32{}
	for i, p := range m.exchange.Owned() {
		own[p] = m.adam.Params[i].V
	}
	whole := map[string][]float32{}
	g := m.exchange.Gather(func(p Piece) []float32 { return own[p] })
	for _, w := range testWeights {
		if err := g.Next(func(values []float32) error {
			whole[w.Name] = append(whole[w.Name], values...)
			return nil
		}); err != nil {
			return nil, err
		}
	}
	return whole, nil
}

// reference takes the same steps on whole weights, without an Exchange.
func reference(n, steps int) *optim.AdamW {
	var params []optim.Param
	for _, w := range testWeights {
		params = append(params, optim.Param{Name: w.Name, Value: gradientOf(100, w), Decay: true})
	}
	adam, err := optim.NewAdamW(0.9, 0.95, 1e-8, optim.MomentsFloat32, params)
	if err != nil {
		panic(err)
	}
	for range steps {
		adam.Begin()
		for i, w := range testWeights {
			adam.Update(i, 0, w.Len, wantSum(n, w), 0.5, 0.01, 0.1)
		}
	}
	return adam
}

func TestSharedStepsEqualThoseOfOneRank(t *testing.T) {
	for _, n := range sizes {
		want := reference(n, 4)
		onRanks(t, n, func(c Comm) error {
			m, err := newModel(c, 400)
			if err != nil {
				return err
			}
			for range 4 {
				if err := m.step(c.Rank()); err != nil {
					return err
				}
			}
			moments, err := m.moments()
			if err != nil {
				return err
			}
			for _, p := range want.Params {
				if !slices.Equal(m.values[p.Name], p.Value) || !slices.Equal(moments[p.Name], p.V) {
					return fmt.Errorf("%s or its moments differ from those of one rank", p.Name)
				}
			}
			return nil
		})
	}
}

func TestWrongGradientsAreRefused(t *testing.T) {
	for problem, add := range map[string]func(e *Exchange){
		"without the gradient of head": func(e *Exchange) { e.Add("norm", make([]float32, 7)) },
		"tail with 3 values":           func(e *Exchange) { e.Add("tail", make([]float32, 3)) },
		"norm with 8 values":           func(e *Exchange) { e.Add("norm", make([]float32, 8)) },
		"b with 64 values": func(e *Exchange) {
			e.Add("b", make([]float32, 64))
			e.Add("b", make([]float32, 64))
		},
	} {
		e, err := NewExchange(Alone, testWeights, 100)
		if err != nil {
			t.Fatal(err)
		}
		e.Begin()
		add(e)
		if err := e.Wait(); err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("error %v, want one that mentions %q", err, problem)
		}
	}
	if _, err := NewExchange(Alone, []Weight{{"a", 1}, {"a", 1}}, 100); err == nil {
		t.Error("a weight that stands twice was accepted")
	}
}

// A step that is dropped ends, with an error.
func TestDroppedStep(t *testing.T) {
	e, err := NewExchange(Alone, testWeights, 100)
	if err != nil {
		t.Fatal(err)
	}
	e.Begin()
	e.Add("head", make([]float32, 301))
	e.Drop()
	if err := <-e.reduced; err == nil || !strings.Contains(err.Error(), "without the gradient of norm") {
		t.Errorf("got %v", err)
	}
}

func TestRanksWithOtherWeightsAreRefused(t *testing.T) {
	for r, err := range results(2, func(c Comm) error {
		_, err := NewExchange(c, testWeights[c.Rank():], 100)
		return err
	}) {
		if err == nil || !strings.Contains(err.Error(), "rank 1") {
			t.Errorf("rank %d: %v, want an error about rank 1", r, err)
		}
	}
}

// A rank that fails ends the step of those that wait for it.
func TestAbortEndsTheOthers(t *testing.T) {
	for name, end := range map[string]func(c Comm){
		"the disk is full": func(c Comm) { c.Abort("the disk is full") },
		"left":             func(c Comm) { c.Close() },
	} {
		errs := results(3, func(c Comm) error {
			e, err := NewExchange(c, testWeights, 100)
			if err != nil {
				return err
			}
			if c.Rank() == 1 {
				end(c)
				return nil
			}
			return step(e, c.Rank(), []int{0, 1, 2, 3, 4, 5})
		})
		for _, r := range []int{0, 2} {
			var aborted *AbortError
			if !errors.As(errs[r], &aborted) || aborted.Rank != 1 || !strings.Contains(aborted.Error(), name) {
				t.Errorf("rank %d: %v, want that rank 1 ended: %s", r, errs[r], name)
			}
		}
	}
}
