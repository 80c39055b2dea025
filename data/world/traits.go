package world

import (
	"math/rand/v2"
	"slices"
)

// trait is a property that some subjects have and all others lack.
type trait struct {
	is, isNot string // sentences; S stands for the subject
	ask       string // the question, without its mark
	holds     []string
}

// claim is the statement that a subject has a trait, true or false: see holds.
type claim struct {
	trait   *trait
	subject string
	holds   bool
}

var (
	flyers     = []string{"the robin", "the owl", "the duck", "the bee", "the crow", "the hen"}
	farmed     = []string{"the cow", "the horse", "the duck", "the goat", "the hen", "the sheep", "the pig"}
	small      = []string{"the cup", "the ball", "the spoon", "the bell", "the key", "the hat"}
	living     = slices.Concat(animals, people)
	subjects   = slices.Concat(animals, people, things)
	fourLegged = []string{"the fox", "the bear", "the cow", "the frog", "the horse", "the mouse", "the cat", "the dog", "the goat", "the wolf", "the sheep", "the pig", "the deer"}
)

func traits() []*trait {
	return []*trait{
		{"S is an animal.", "S is no animal.", "is S an animal", animals},
		{"S is a thing.", "S is not a thing.", "is S a thing", things},
		{"S is a human.", "S is not a human.", "is S a human", people},
		{"S is alive.", "S is not alive.", "is S alive", living},
		{"S can breathe.", "S cannot breathe.", "can S breathe", living},
		{"S grows.", "S does not grow.", "does S grow", living},
		{"S can read.", "S cannot read.", "can S read", people},
		{"S can talk.", "S cannot talk.", "can S talk", people},
		{"S wears shoes.", "S wears no shoes.", "does S wear shoes", people},
		{"S can break.", "S cannot break.", "can S break", things},
		{"S was made.", "S was not made.", "was S made", things},
		{"you can buy S in a shop.", "you cannot buy S in a shop.", "can you buy S in a shop", things},
		{"S fits in a pocket.", "S does not fit in a pocket.", "does S fit in a pocket", small},
		{"S can fly.", "S cannot fly.", "can S fly", flyers},
		{"S has wings.", "S has no wings.", "does S have wings", flyers},
		{"S is kept on a farm.", "S is not kept on a farm.", "is S kept on a farm", farmed},
		{"S has four legs.", "S does not have four legs.", "does S have four legs", fourLegged},
	}
}

// makeClaims pairs every trait with every subject. It holds out a quarter of the claims, which
// the text states but never asks for.
func makeClaims(r *rand.Rand) (asked, heldOut []claim) {
	for _, t := range traits() {
		for _, s := range subjects {
			c := claim{t, s, slices.Contains(t.holds, s)}
			if r.IntN(4) == 0 {
				heldOut = append(heldOut, c)
			} else {
				asked = append(asked, c)
			}
		}
	}
	return asked, heldOut
}

// pickClaim takes a trait, an answer, and then a claim that has both, so that neither
// answer is the better guess for any question.
func pickClaim(r *rand.Rand, claims []claim) claim {
	t, holds := pick(r, claims).trait, r.IntN(2) == 0
	var fit []claim
	for _, c := range claims {
		if c.trait == t && c.holds == holds {
			fit = append(fit, c)
		}
	}
	if len(fit) == 0 {
		return pick(r, claims)
	}
	return pick(r, fit)
}

// say states a claim.
func (c claim) say() string {
	if c.holds {
		return sentence(fillIn(c.trait.is, c.subject, ""))
	}
	return sentence(fillIn(c.trait.isNot, c.subject, ""))
}

func (c claim) question() string { return fillIn(c.trait.ask, c.subject, "") }

// label is 1 for yes.
func (c claim) label() int {
	if c.holds {
		return 1
	}
	return 0
}
