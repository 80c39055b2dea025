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

// FourWay is a question with four choices; Choices[Gold] is right.
type FourWay struct {
	Question string   `json:"question"`
	Choices  []string `json:"choices"`
	Gold     int      `json:"gold"`
}

// heldOut returns the form of a question that the training text never uses for a fact.
func heldOut(f fact, forms []string) string { return forms[f.index%len(forms)] }

// shown returns one of the other forms.
func shown(r *rand.Rand, f fact, forms []string) string {
	i := f.index%len(forms) + 1 + r.IntN(len(forms)-1)
	return forms[i%len(forms)]
}

// ask returns the question for the value of a fact in one of its forms.
func (f fact) ask(form string) string { return sentence(fillIn(form, f.subject, "")) }

// passage states a fact about the subject and another fact.
func passage(subject string, r *rand.Rand, facts []fact) string {
	parts := []string{say(r, pick(r, factsAbout(facts, subject))), say(r, pick(r, facts))}
	r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	return strings.Join(parts, " ")
}

// factsAbout returns the facts about one subject.
func factsAbout(facts []fact, subject string) []fact {
	var list []fact
	for _, f := range facts {
		if f.subject == subject {
			list = append(list, f)
		}
	}
	return list
}

// say states a fact in one of its forms.
func say(r *rand.Rand, f fact) string {
	return sentence(fillIn(pick(r, f.relation.says), f.subject, f.value))
}

// makeYesNo asks whether a claim holds, after a passage that has its subject.
func makeYesNo(c claim, r *rand.Rand, facts []fact) YesNo {
	return YesNo{Passage: passage(c.subject, r, facts), Question: c.question(), Label: c.label()}
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
