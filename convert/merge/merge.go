// Package merge writes models with an adapter in their weights, and says what of it they kept.
package merge

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"trit/convert"
	"trit/convert/source"
	"trit/format/adapter"
	"trit/setting"
)

// Options say how to merge.
type Options struct {
	convert.Options
	Scale float64 // of the adapter; 0: as it was trained, 1
	// Lossy allows to round ternary weights with an adapter that stood beside them.
	Lossy bool
}

// Report says what was written, and what became of the adapter.
type Report struct {
	*convert.Report
	Exact bool           // the model computes what the adapter was trained as, but for rounding of floats
	Kinds []Kind         // what re-rounding kept, by kind of projection; none if Exact
	Notes []setting.Note // of the adapter's reader
}

// Kind is what re-rounding did to all weights of a kind, such as q_proj.
type Kind struct {
	Name             string
	Weights, Changed int64   // ternary weights, and those whose code is another one
	Kept             float64 // share of the adapter's change that the new weights have, along it
	Error            float64 // norm of what they differ from the sum by, over the norm of the change
}

const lossyField = "merge.Options.Lossy"

// Merge writes the model of the file or folder in with an adapter in its weights to out, as
// convert.Convert does: whole and verified, or not at all.
//
// The result is exact for an adapter inside the quantiser and for a model in full precision. Ternary
// weights with an adapter that stood beside them are rounded again, which needs Options.Lossy.
func Merge(ctx context.Context, in, adapterPath, out string, o Options) (*Report, error) {
	m, err := source.Open(in, o.Options.Options)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	a, notes, err := adapter.Read(adapterPath, m.Target())
	if err != nil {
		return nil, err
	}
	if o.Scale != 0 {
		a.Alpha *= o.Scale
	}
	r := &Report{Exact: a.Placement == adapter.Inside || !m.Config.Ternary, Notes: notes}
	if err := check(a, m, r.Exact, out, &o); err != nil {
		return nil, fmt.Errorf("%s: %w", adapterPath, err)
	}
	v, err := m.Vocab()
	if err != nil {
		return nil, err
	}
	if v.ChatTemplate != "" && a.Vocab(v).ChatTemplate != v.ChatTemplate {
		r.Notes = append(r.Notes, "its chat template takes the place of the model's")
	}
	whole, err := m.Merged(a)
	if err != nil {
		return nil, err
	}
	if r.Report, err = convert.Write(ctx, whole, out, o.Options); err != nil {
		return nil, err
	}
	if !r.Exact {
		r.Kinds, err = measure(m, whole, a)
	}
	return r, err
}

// check refuses what cannot be merged, and chooses the type of master weights.
func check(a *adapter.Adapter, m *source.Model, exact bool, out string, o *Options) error {
	switch {
	case a.Placement == adapter.Inside && !m.Config.Ternary:
		return errors.New("the adapter stands inside the quantiser of ternary weights, and the model's are not ternary: " +
			"it belongs to another model")
	case !exact && !o.Lossy:
		return setting.Needs(lossyField, "the adapter stands beside ternary layers, and a merge rounds the sum to "+
			"ternary weights again, which loses most of what is small",
			fmt.Sprintf("use it as it is, or tune inside the quantiser; {%s} merges and says what was kept", lossyField))
	}
	if o.Type == "" && m.HasMasters() && m.Config.Ternary && !strings.HasSuffix(strings.ToLower(out), ".gguf") {
		o.Type = convert.F32 // 16 bits would move scales a little
	}
	return nil
}

// measure compares each adapted weight before and after.
func measure(before, after *source.Model, a *adapter.Adapter) ([]Kind, error) {
	sums := map[string]*change{}
	for _, spec := range before.Config.Tensors() {
		p, ok := a.Pairs[spec.Name]
		if !ok {
			continue
		}
		parts := strings.Split(spec.Name, ".")
		name := parts[len(parts)-2] // model.layers.N.self_attn.q_proj.weight
		if sums[name] == nil {
			sums[name] = &change{}
		}
		old, err := before.Tensor(spec)
		if err != nil {
			return nil, err
		}
		merged, err := after.Tensor(spec)
		if err != nil {
			return nil, err
		}
		if err := sums[name].add(old, merged, p, a.Scale(p.Rank)); err != nil {
			return nil, fmt.Errorf("%s: %w", spec.Name, err)
		}
	}
	var kinds []Kind
	for name, s := range sums {
		k := Kind{Name: name, Weights: s.weights, Changed: s.changed}
		if s.wanted > 0 {
			k.Kept, k.Error = s.along/s.wanted, math.Sqrt(s.missed/s.wanted)
		}
		kinds = append(kinds, k)
	}
	slices.SortFunc(kinds, func(a, b Kind) int { return strings.Compare(a.Name, b.Name) })
	return kinds, nil
}

// change sums up what a merge did to weights. D is the product of the adapter's matrices, and K what
// was added to the ternary weights.
type change struct {
	mu                    sync.Mutex
	weights, changed      int64
	wanted, along, missed float64 // sums of D*D, K*D and (K-D)*(K-D)
}

// add adds a weight.
func (c *change) add(old, merged *source.Tensor, p adapter.Pair, scale float64) error {
	return source.EachRange([]*source.Tensor{old, merged}, func(lo, hi int) error {
		codes, others := make([]byte, old.Columns), make([]byte, old.Columns)
		part, d := change{}, make([]float32, old.Columns)
		for row := lo; row < hi; row++ {
			if err := errors.Join(old.Codes(codes, row), merged.Codes(others, row)); err != nil {
				return err
			}
			clear(d)
			p.AddRow(d, row, scale)
			for i, code := range codes {
				if code != others[i] {
					part.changed++
				}
				k := float64(merged.Scale)*(float64(others[i])-1) - float64(old.Scale)*(float64(code)-1)
				want := float64(d[i])
				part.wanted, part.along, part.missed = part.wanted+want*want, part.along+k*want, part.missed+(k-want)*(k-want)
			}
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.weights += int64((hi - lo) * old.Columns)
		c.changed, c.wanted = c.changed+part.changed, c.wanted+part.wanted
		c.along, c.missed = c.along+part.along, c.missed+part.missed
		return nil
	})
}
