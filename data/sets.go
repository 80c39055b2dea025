package data

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"trit/data/dedup"
	"trit/data/filter"
	"trit/data/source"
	"trit/internal/parallel"
	"trit/setting"
)

// Set is one of several sources of a data set.
type Set struct {
	Name   string
	Files  []string // files, folders and patterns; see source.Options
	Remote map[string]source.Remote
	Column string // of these files; "": PrepareOptions.Column
	// Weight is the share of the tokens that come from this set, relative to the other weights. If all
	// are 0, the sets are read whole, one after another.
	Weight float64
}

// SetInfo says what became of the texts of a set.
type SetInfo struct {
	Name      string          `json:"name,omitempty"`
	Weight    float64         `json:"weight,omitempty"`
	Column    string          `json:"column,omitempty"` // if it is not the manifest's
	Files     []string        `json:"files"`
	Read      Amount          `json:"read"`    // all texts, each time that they were read
	Written   Amount          `json:"written"` // those that are in a split
	Tokens    int64           `json:"tokens"`  // of these
	Passes    int             `json:"passes"`  // how often the set was begun
	UsedUp    bool            `json:"used_up"` // the last pass was read to its end
	LeftOut   map[string]Loss `json:"left_out,omitempty"`
	Divisions string          `json:"documents,omitempty"` // how plain text was divided
}

// Amount is a number of texts, and their bytes in UTF-8.
type Amount struct {
	Documents int64 `json:"documents"`
	Bytes     int64 `json:"bytes"`
}

// Loss is what is left out for one reason.
type Loss = Amount

func (a *Amount) add(bytes int64) { a.Documents, a.Bytes = a.Documents+1, a.Bytes+bytes }

// Reasons for which a text is left out, beside those of filters and duplicates.
const repeatedHeldout = "held out, in a repeated pass"

func (s *SetInfo) leave(reason string, bytes int64) {
	if s.LeftOut == nil {
		s.LeftOut = map[string]Loss{}
	}
	l := s.LeftOut[reason]
	l.add(bytes)
	s.LeftOut[reason] = l
}

// place is where a set is read.
type place struct {
	At      source.Position `json:"at"`
	Checked int64           `json:"checked"` // texts of the pass that were looked up among those seen
}

// set reads one Set.
type set struct {
	*place
	info  *SetInfo
	texts *source.Texts
	first *kept // which texts the first pass kept, of those that were looked up
	batch []entry
	next  func() ([]entry, error, bool)
	stop  func()
}

// openSets finds the files of all sets.
func (o *PrepareOptions) openSets() (all []*set, err error) {
	sets := o.Sets
	if len(sets) == 0 {
		sets = []Set{{Files: o.Files, Remote: o.Remote}}
	}
	if len(sets) > maxSets {
		return nil, setting.Needs("data.PrepareOptions.Sets", fmt.Sprintf("there are %d sets", len(sets)),
			fmt.Sprintf("give at most %d", maxSets))
	}
	standard, divisible := 0, false
	for _, s := range sets {
		texts, err := source.Open(source.Options{Paths: s.Files, Column: cmp.Or(s.Column, o.Column),
			Documents: o.Documents, Shared: len(sets) > 1, Stdin: o.Stdin, Remote: s.Remote})
		if err != nil {
			return nil, err
		}
		if slices.Contains(s.Files, source.Standard) {
			standard++
		}
		divisible = divisible || texts.Divisible()
		all = append(all, newSet(s, texts))
	}
	if o.Documents != "" && !divisible {
		return nil, setting.Needs("source.Options.Documents",
			"{source.Options.Documents} divides plain text, and no set has any", "leave it out")
	}
	if standard > 1 {
		return nil, setting.Needs("data.PrepareOptions.Files", "two sets read the standard input", "give it to one of them")
	}
	return all, nil
}

func newSet(s Set, texts *source.Texts) *set {
	info := &SetInfo{Name: s.Name, Weight: s.Weight, Column: s.Column}
	for _, path := range texts.Files() {
		info.Files = append(info.Files, filepath.Base(path))
	}
	return &set{place: &place{}, info: info, texts: texts, first: &kept{}}
}

// open begins to read the set where its place is.
func (s *set) open(ctx context.Context, o *PrepareOptions, f *filter.Filter, pool *parallel.Pool) {
	s.info.Passes = max(s.info.Passes, 1)
	items := s.texts.From(ctx, s.At, f.NeedsRows())
	size := func(i source.Item) int { return len(i.Text) }
	encode := func(i source.Item) entry { return o.encodeItem(i, f) }
	s.next, s.stop = iter.Pull2(encodeInOrder(ctx, pool, items, size, encode))
}

// take returns the next text, io.EOF at the end of the pass.
func (s *set) take() (e entry, err error) {
	for len(s.batch) == 0 {
		batch, err, ok := s.next()
		if !ok {
			return e, io.EOF
		}
		if err != nil {
			return e, err
		}
		s.batch = batch
	}
	e, s.batch = s.batch[0], s.batch[1:]
	s.At = e.next
	s.info.Read.add(e.bytes)
	return e, e.err
}

// close ends the goroutines of the set.
func (s *set) close() {
	if s.stop != nil {
		s.stop()
	}
	s.next, s.stop, s.batch = nil, nil, nil
}

// encodeItem filters and encodes a text.
func (o *PrepareOptions) encodeItem(i source.Item, f *filter.Filter) entry {
	e := entry{}
	if e.left, e.err = f.Check(i.Text, i.Row); e.left == "" && e.err == nil {
		e = o.encode(i.Text)
	}
	e.next, e.bytes, e.lacks = i.Next, int64(len(i.Text)), f.Lacks(i.Row)
	if e.err != nil {
		return e
	}
	if e.left == "" {
		e.keys = dedup.Keys(i.Text, o.Duplicates)
	}
	return e
}

// mix chooses the set that is read next.
type mix struct {
	sets     []*set
	weighted bool
	passes   int   // most of each set
	tokens   int64 // most of all together; 0: any
}

// next is the set that has the fewest tokens for its weight, nil at the end: when a set with a weight is
// used up, when all are without weights, or when there are tokens enough.
func (x *mix) next() (best *set) {
	total := int64(0)
	for _, s := range x.sets {
		total += s.info.Tokens
		if s.info.UsedUp && s.info.Passes >= x.passes {
			if x.weighted {
				return nil
			}
			continue
		}
		if best == nil || x.weighted && s.filled() < best.filled() {
			best = s
		}
	}
	if x.tokens > 0 && total >= x.tokens {
		return nil
	}
	return best
}

func (s *set) filled() float64 { return float64(s.info.Tokens) / s.info.Weight }

// noTokens is the error of a set of a mix that gives nothing: the others would get none beside it.
func (m *Manifest) noTokens(s *SetInfo) error {
	var reasons []string
	for _, reason := range slices.Sorted(maps.Keys(s.LeftOut)) {
		reasons = append(reasons, fmt.Sprintf("%d %s", s.LeftOut[reason].Documents, reason))
	}
	found := fmt.Sprintf("none of the %d texts of set %s is taken", s.Read.Documents, s.Name)
	if len(reasons) > 0 {
		found += " (left out: " + strings.Join(reasons, ", ") + ")"
	}
	return setting.Needs("data.PrepareOptions.Sets", found+m.noColumns()+", so there is nothing to mix",
		"filter fewer of them, or leave the set out")
}

// checkSets refuses sets that cannot be mixed.
func (o *PrepareOptions) checkSets() error {
	weighted := 0
	names := map[string]bool{}
	for _, s := range o.Sets {
		if s.Name == "" || names[s.Name] {
			return &setting.Error{Field: "data.PrepareOptions.Sets", Found: strconv.Quote(s.Name),
				Wanted: "a name of its own for each set"}
		}
		names[s.Name] = true
		if !(s.Weight >= 0) || math.IsInf(s.Weight, 0) {
			return &setting.Error{Field: "data.PrepareOptions.Sets", Found: fmt.Sprint(s.Weight), Wanted: "weights above 0"}
		}
		if s.Weight > 0 {
			weighted++
		}
	}
	if weighted > 0 && weighted < len(o.Sets) {
		return &setting.Error{Field: "data.PrepareOptions.Sets", Problem: "some sets have a weight and some have none",
			Remedy: "give all of them one"}
	}
	return nil
}

// weighted reports whether the sets have weights.
func (o *PrepareOptions) weighted() bool { return len(o.Sets) > 0 && o.Sets[0].Weight > 0 }
