package world

import (
	"math/rand/v2"
	"strings"
)

// YesNo is a question after a passage; Label 1 is yes.
type YesNo struct {
	Passage  string `json:"passage"`
	Question string `json:"question"`
	Label    int    `json:"label"`
	Index    int    `json:"idx"`
}

// FourWay is a question with four choices, of which Gold is right.
type FourWay struct {
	Question string   `json:"question"`
	Choices  []string `json:"choices"`
	Gold     int      `json:"gold"`
}

// heldOut is the form of a question that the training text never uses for a fact.
func heldOut(f fact, forms []string) string { return forms[f.index%len(forms)] }

// shown is one of the other forms.
func shown(r *rand.Rand, f fact, forms []string) string {
	i := f.index%len(forms) + 1 + r.IntN(len(forms)-1)
	return forms[i%len(forms)]
}

// ask is a question for the value of a fact.
func (f fact) ask(form string) string { return sentence(put(form, f.subject, "")) }

// passage states two facts.
func passage(f, other fact, r *rand.Rand) string {
	parts := []string{
		sentence(put(pick(r, f.relation.says), f.subject, f.value)),
		sentence(put(pick(r, other.relation.says), other.subject, other.value)),
	}
	r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	return strings.Join(parts, " ")
}

// whether asks if a fact is so, with the true value (label 1) or the wrong one.
func whether(f fact, form string, r *rand.Rand) (question string, label int) {
	value := f.value
	if label = r.IntN(2); label == 0 {
		value = f.wrong()
	}
	return put(form, f.subject, value), label
}

// makeYesNo asks about a fact, in the form held out for it, after a passage that
// states it.
func makeYesNo(f fact, r *rand.Rand, facts []fact) YesNo {
	q := YesNo{Passage: passage(f, pick(r, facts), r)}
	q.Question, q.Label = whether(f, heldOut(f, f.relation.whether), r)
	return q
}

// makeFourWay asks for the value of a fact among three others of the same kind.
func makeFourWay(f fact, r *rand.Rand) FourWay {
	q := FourWay{Question: f.ask(heldOut(f, f.relation.asks)) + "?"}
	for _, i := range r.Perm(len(f.relation.values)) {
		if v := f.relation.values[i]; v != f.value && len(q.Choices) < 3 {
			q.Choices = append(q.Choices, v)
		}
	}
	q.Gold = r.IntN(4)
	q.Choices = append(q.Choices[:q.Gold], append([]string{f.value}, q.Choices[q.Gold:]...)...)
	return q
}
