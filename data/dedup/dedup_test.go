package dedup

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// story is a text of random words.
func story(r *rand.Rand, n int) []string {
	words := make([]string, n)
	for i := range words {
		words[i] = fmt.Sprintf("w%d", r.IntN(3000))
	}
	return words
}

// planted are 2000 texts of 200 words, of which each tenth is followed by a copy with changed words.
func planted(r *rand.Rand, change int) (texts []string, isCopy []bool) {
	for i := range 2000 {
		words := story(r, 200)
		texts, isCopy = append(texts, strings.Join(words, " ")), append(isCopy, false)
		if i%10 == 0 {
			for range change {
				words[r.IntN(len(words))] = "other"
			}
			texts, isCopy = append(texts, strings.Join(words, ", ")), append(isCopy, true)
		}
	}
	return texts, isCopy
}

// With 1, 4 and 9 words of 200 changed, copies share about 95, 82 and 65 % of their shingles; the
// bounds are those of the S-curve 1-(1-s^8)^14.
func TestPrecisionAndRecall(t *testing.T) {
	for _, c := range []struct {
		change int
		recall float64
	}{{0, 1}, {1, 0.99}, {4, 0.9}, {9, 0.25}} {
		texts, isCopy := planted(rand.New(rand.NewPCG(1, uint64(c.change))), c.change)
		seen, err := NewSeen(1 << 20)
		if err != nil {
			t.Fatal(err)
		}
		found, wrong, copies := 0, 0, 0
		for i, text := range texts {
			verdict := seen.Check(Keys(text, Near))
			if isCopy[i] {
				copies++
			}
			if verdict != New && isCopy[i] {
				found++
			} else if verdict != New {
				wrong++
			}
		}
		recall := float64(found) / float64(copies)
		t.Logf("%d words of 200 changed: precision %.3f, recall %.3f", c.change, float64(found)/float64(max(found+wrong, 1)), recall)
		if recall < c.recall || wrong > 0 {
			t.Errorf("%d words changed: recall %.3f, want %.2f; %d wrong", c.change, recall, c.recall, wrong)
		}
	}
}

// The share of equal MinHash values is an estimate of the Jaccard similarity.
func TestSignatureEstimatesSimilarity(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	words := story(r, 400)
	other := append(append([]string{}, words[:300]...), story(r, 100)...)
	a, b := signatureOf(strings.Join(words, " ")), signatureOf(strings.Join(other, " "))
	equal := 0
	for i := range a {
		if a[i] == b[i] {
			equal++
		}
	}
	want := 296.0 / (2*396 - 296) // shingles of both, over those of either
	if got := float64(equal) / hashes; got < want-0.15 || got > want+0.15 {
		t.Errorf("%.3f of the values are equal, the similarity is %.3f", got, want)
	}
}

func TestVerdicts(t *testing.T) {
	seen, _ := NewSeen(1 << 16)
	for _, c := range []struct {
		text string
		want Verdict
	}{
		{"", New}, {"", SameText}, {"The fox sleeps.", New}, {"the  FOX sleeps", NearDuplicate}, {"The fox sleeps.", SameText},
		{"The fox wakes.", New}, {"狐は眠る夜の森", New}, {"狐は眠る、夜の森。", NearDuplicate}, {"狐は起きる朝の森", New},
		{"Die Füchsin schläft", New}, {"DIE FÜCHSIN SCHLÄFT!", NearDuplicate},
	} {
		if got := seen.Check(Keys(c.text, Near)); got != c.want {
			t.Errorf("%q is %q, want %q", c.text, got, c.want)
		}
	}
	if Keys("x", Keep) != nil || len(Keys("x", Exact)) != Exact.Width() || len(Keys("x", Near)) != Near.Width() {
		t.Error("the number of keys is not that of the mode")
	}
}

// A filter that holds many keys is wrong as often as it says.
func TestFalseRate(t *testing.T) {
	seen, _ := NewSeen(1 << 14)
	key := func(i int) []uint64 { return Keys(fmt.Sprint("text ", i), Exact) }
	for i := range 9000 {
		seen.Add(key(i))
	}
	wrong := 0
	for i := 10000; i < 40000; i++ {
		if seen.has(key(i)[0]) {
			wrong++
		}
	}
	got, want := float64(wrong)/30000, seen.FalseRate()
	if want < 5e-4 || got < want*0.7 || got > want*1.4 {
		t.Errorf("%.5f of new keys were taken for old ones, it says %.5f", got, want)
	}
	for i := range 9000 {
		if seen.Check(key(i)) != SameText {
			t.Fatalf("text %d was forgotten", i)
		}
	}
	if _, err := NewSeen(10); err == nil {
		t.Error("a filter of 10 bytes was made")
	}
}
