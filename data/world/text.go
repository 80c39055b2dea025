package world

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// grammar writes documents. It asks for each fact in all forms except the one that is held out
// for the fact. It states all claims, but asks only for the claims in asked.
type grammar struct {
	r             *rand.Rand
	facts         []fact
	claims, asked []claim
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// fillIn puts subject and value into a sentence or question, in the place of S and V.
func fillIn(form, subject, value string) string {
	words := strings.Split(form, " ")
	for i, w := range words {
		bare := strings.TrimRight(w, ".,")
		switch bare {
		case "S":
			words[i] = subject + w[1:]
		case "V":
			words[i] = value + w[1:]
		}
	}
	return strings.Join(words, " ")
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

var openings = []string{"", "", "", "we know that ", "they say that ", "remember that ", "it is true that ", "listen: ", "once more: ", "people say that "}

// say states a fact in one of its forms.
func (g *grammar) say(f fact) string {
	return sentence(pick(g.r, openings) + fillIn(pick(g.r, f.relation.says), f.subject, f.value))
}

// document writes one document: a portrait, a story, sums, or questions.
func (g *grammar) document() string {
	switch g.r.IntN(10) {
	case 0:
		return g.story()
	case 1:
		return g.sums()
	case 2, 3:
		return g.portrait()
	case 4, 5:
		f := pick(g.r, g.facts)
		return fmt.Sprintf("Question: %s?\nAnswer: %s", f.ask(shown(g.r, f, f.relation.asks)), f.value)
	}
	return g.yesNo()
}

// yesNo asks for yes or no after a passage, more than once, since an answer is a single
// word to learn from.
func (g *grammar) yesNo() string {
	var b strings.Builder
	first := pickClaim(g.r, g.asked)
	b.WriteString(passage(first.subject, g.r, g.facts))
	for i := range 4 {
		c := first
		if i > 0 {
			c = pickClaim(g.r, g.asked)
		}
		fmt.Fprintf(&b, "\nQuestion: %s?\nAnswer: %s", c.question(), [2]string{"no", "yes"}[c.label()])
	}
	return b.String()
}

// portrait states facts and claims about one subject.
func (g *grammar) portrait() string {
	subject := pick(g.r, g.facts).subject
	var parts []string
	for _, f := range factsAbout(g.facts, subject) {
		parts = append(parts, g.say(f))
	}
	for _, c := range g.claims {
		if c.subject == subject && g.r.IntN(4) == 0 {
			parts = append(parts, c.say())
		}
	}
	g.r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	return strings.Join(parts, " ")
}

// traitsOf states every claim about a subject.
func (g *grammar) traitsOf(subject string) string {
	var parts []string
	for _, c := range g.claims {
		if c.subject == subject {
			parts = append(parts, c.say())
		}
	}
	return strings.Join(parts, " ")
}

var (
	times   = []string{"One day", "In the morning", "Last summer", "On a cold night", "After the rain", "Early in spring"}
	moves   = []string{"walked to", "ran to", "came to", "went to", "looked for", "hurried to"}
	moods   = []string{"was happy", "was tired", "was sad", "was hungry", "was glad", "was afraid"}
	endings = []string{"Then they went home.", "It was a good day.", "They became friends.", "Nobody saw them.", "They laughed for a long time.", "The sun went down."}
)

// story is a little tale of a person and an animal, with true facts in it.
func (g *grammar) story() string {
	person, animal := pick(g.r, people), pick(g.r, animals)
	parts := []string{
		fmt.Sprintf("%s %s %s %s.", pick(g.r, times), person, pick(g.r, moves), pick(g.r, places)),
		fmt.Sprintf("There %s met %s. %s %s.", person, animal, sentence(animal), pick(g.r, moods)),
	}
	for _, f := range g.facts {
		if (f.subject == person || f.subject == animal) && g.r.IntN(2) == 0 {
			parts = append(parts, g.say(f))
		}
	}
	return strings.Join(append(parts, pick(g.r, endings)), " ")
}

var numbers = strings.Fields("zero one two three four five six seven eight nine ten " +
	"eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen")

// sums writes additions and subtractions as stories.
func (g *grammar) sums() string {
	var parts []string
	for range 3 {
		who, what := pick(g.r, people), pick(g.r, []string{"apples", "nuts", "balls", "books", "stones", "cups"})
		a, b := g.r.IntN(10), g.r.IntN(9)
		if g.r.IntN(2) == 0 {
			parts = append(parts, fmt.Sprintf("%s has %s %s and gets %s more. Now %s has %s %s.", who, numbers[a], what,
				numbers[b], who, numbers[a+b], what))
		} else {
			parts = append(parts, fmt.Sprintf("%s has %s %s and gives away %s. Now %s has %s %s.", who, numbers[a+b], what,
				numbers[b], who, numbers[a], what))
		}
	}
	return strings.Join(parts, " ")
}
