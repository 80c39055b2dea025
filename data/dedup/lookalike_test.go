package dedup

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// pairsOf are kinds of pairs of texts: copies that were changed, and texts that only look alike. Each makes a text and another.
var pairsOf = []struct {
	name string
	copy bool
	make func(r *rand.Rand) (a, b string)
}{
	{"copies: case, marks and spaces changed", true, func(r *rand.Rand) (string, string) {
		words := story(r, 200)
		return strings.Join(words, " "), strings.ToUpper(strings.Join(words, ",  "))
	}},
	{"copies: 1 word of 200 changed", true, changed(200, 1)},
	{"copies: 4 words of 200 changed", true, changed(200, 4)},
	{"copies: 9 words of 200 changed", true, changed(200, 9)},
	{"copies: 20 words put before 200", true, func(r *rand.Rand) (string, string) {
		words := story(r, 200)
		return strings.Join(words, " "), strings.Join(append(story(r, 20), words...), " ")
	}},
	{"copies: 1 word of 40 changed", true, changed(40, 1)},
	{"copies: 1 word of 12 changed", true, changed(12, 1)},
	{"look-alikes: a form of 200 words, 4 names or numbers other", false, filled(200, 4)},
	{"look-alikes: a form of 100 words, 4 other", false, filled(100, 4)},
	{"look-alikes: a form of 40 words, 4 other", false, filled(40, 4)},
	{"look-alikes: a form of 12 words, 2 other", false, filled(12, 2)},
	{"look-alikes: 4 words, 1 other", false, changed(4, 1)},
	{"look-alikes: half of 200 words quoted", false, func(r *rand.Rand) (string, string) {
		words := story(r, 200)
		return strings.Join(words, " "), strings.Join(append(story(r, 100), words[:100]...), " ")
	}},
}

// changed makes pairs with words changed at random places.
func changed(n, changes int) func(r *rand.Rand) (a, b string) {
	return func(r *rand.Rand) (string, string) {
		words := story(r, n)
		a := strings.Join(words, " ")
		for _, i := range r.Perm(n)[:changes] {
			words[i] = "other"
		}
		return a, strings.Join(words, " ")
	}
}

// filled makes pairs of one form with spaces at equal distances, each with its own words in them.
func filled(n, spaces int) func(r *rand.Rand) (a, b string) {
	return func(r *rand.Rand) (string, string) {
		form := story(r, n)
		fill := func() string {
			for k := range spaces {
				form[(2*k+1)*n/(2*spaces)] = fmt.Sprint("name", r.IntN(1e9))
			}
			return strings.Join(form, " ")
		}
		return fill(), fill()
	}
}

// similarity is the exact share of runs of five words, over those of either text.
func similarity(a, b string) float64 {
	runs := func(text string) map[string]bool {
		words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return r == ' ' || r == ',' })
		set := map[string]bool{}
		for i := range max(len(words)-4, 1) {
			set[strings.Join(words[i:min(i+5, len(words))], " ")] = true
		}
		return set
	}
	x, y := runs(a), runs(b)
	both := 0
	for run := range x {
		if y[run] {
			both++
		}
	}
	return float64(both) / float64(len(x)+len(y)-both)
}

// Of each kind as many are found as 1-(1-s^8)^14 says of their exact similarities s. docs/data.md has these figures.
func TestCopiesAndLookAlikes(t *testing.T) {
	const n = 250
	for i, kind := range pairsOf {
		r := rand.New(rand.NewPCG(5, uint64(i)))
		found, want, mean := 0.0, 0.0, 0.0
		for range n {
			a, b := kind.make(r)
			seen, err := NewSeen(1 << 12)
			if err != nil {
				t.Fatal(err)
			}
			seen.Add(Keys(a, Near))
			if seen.Check(Keys(b, Near)) != New {
				found++
			}
			s := similarity(a, b)
			want, mean = want+1-math.Pow(1-math.Pow(s, 8), 14), mean+s
		}
		t.Logf("| %s | %.0f %% | %.1f %% |", kind.name, 100*mean/n, 100*found/n)
		if p := want / n; math.Abs(found-want) > 5*math.Sqrt(n*p*(1-p))+0.01*n {
			t.Errorf("%s: %.1f %% found, want %.1f %%", kind.name, 100*found/n, 100*p)
		}
	}
}
