// Package world makes up a small world in simple English: animals, things and people
// with properties, little stories, questions, and sums told as stories. The quickstart trains
// on it, so that it needs no data from outside.
package world

import "math/rand/v2"

// relation is a kind of property: how it is said and asked.
type relation struct {
	says     []string // sentences; S stands for the subject, V for the value
	asks     []string // questions for a value, without the question mark
	rephrase []string // other questions for it, which only talks ask
	values   []string
	subjects []string
}

// fact is one property of one subject.
type fact struct {
	relation *relation
	subject  string
	value    string
	index    int
}

var animals = []string{
	"the robin", "the fox", "the bear", "the cow", "the frog", "the horse", "the mouse", "the owl", "the duck", "the cat", "the dog", "the goat",
	"the wolf", "the hen", "the bee", "the snake", "the sheep", "the pig", "the crow", "the deer",
}

var things = []string{
	"the cup", "the table", "the door", "the box", "the ball", "the lamp", "the bed", "the spoon", "the chair", "the boat", "the bell", "the key", "the hat", "the drum",
}

var people = []string{
	"Anna", "Ben", "Clara", "David", "Emma", "Frank", "Grace", "Henry", "Ida", "Jack", "Karen", "Leo", "Mary", "Noah", "Olga", "Paul", "Rosa", "Sam", "Tina", "Victor",
}

var places = []string{"the forest", "the barn", "the lake", "the garden", "the hill", "the field", "the river", "the cave"}

var colours = []string{"red", "blue", "green", "brown", "white", "black", "yellow", "grey"}

func relations() []*relation {
	return []*relation{
		{
			[]string{"S lives in V.", "the home of S is V.", "S sleeps in V every night.", "in V there lives S.", "you can find S in V.", "S feels at home in V."},
			[]string{"where does S live", "what is the home of S", "where does S sleep every night"},
			[]string{"where can you find S", "where does S feel at home", "where is the home of S", "where does S sleep", "where do you look for S"},
			places, animals,
		},
		{
			[]string{"S eats V.", "S likes to eat V.", "the food of S is V.", "S looks for V when it is hungry.", "V is what S eats.", "every day S eats V."},
			[]string{"what does S eat", "what is the food of S", "what does S like to eat"},
			[]string{"what does S look for when it is hungry", "what does S eat every day", "what food does S like", "what is it that S eats", "what food does S look for"},
			[]string{"grass", "meat", "seeds", "honey", "fish", "apples", "corn", "nuts"}, animals,
		},
		{
			[]string{"S is V.", "the colour of S is V.", "S has a V coat.", "everyone knows that S is V.", "when you see S, you see that it is V."},
			[]string{"what colour is S", "what is the colour of S"},
			[]string{"what colour is the coat of S", "what colour does S have", "when you see S, what colour is it", "what colour do you see when you see S", "what coat does S have"},
			colours, animals,
		},
		{
			[]string{"S is made of V.", "V was used to make S.", "they made S out of V.", "S is all V.", "you need V to make S."},
			[]string{"what is S made of", "what was used to make S"},
			[]string{"what did they make S out of", "what do you need to make S", "what did they use to make S", "what do you make S of", "what do they make S out of"},
			[]string{"wood", "iron", "glass", "stone", "paper", "gold", "clay", "silver"}, things,
		},
		{
			[]string{"S is in V.", "you find S in V.", "S stands in V.", "they keep S in V.", "look for S in V."},
			[]string{"where is S", "where do they keep S"},
			[]string{"where do you find S", "where does S stand", "where do you look for S", "where can you see S", "where can you find S"},
			[]string{"the kitchen", "the hall", "the cellar", "the attic", "the shop", "the school", "the tower", "the yard"}, things,
		},
		{
			[]string{"S is a V.", "S works as a V.", "the job of S is V.", "S wanted to be a V and became one.", "people call S the V."},
			[]string{"what is the job of S", "what does S work as"},
			[]string{"what job does S have", "what did S want to be", "what do people call S", "what did S become", "what work does S do"},
			[]string{"baker", "farmer", "teacher", "sailor", "doctor", "painter", "singer", "driver"}, people,
		},
		{
			[]string{"S has a V.", "the pet of S is a V.", "S plays with a V after work.", "S takes care of a V.", "a V waits for S at home."},
			[]string{"what pet does S have", "what is the pet of S"},
			[]string{"what does S play with after work", "what does S take care of", "what waits for S at home", "what pet waits for S", "what pet does S play with"},
			[]string{"kitten", "puppy", "rabbit", "parrot", "turtle", "pony", "lamb", "goldfish"}, people,
		},
		{
			[]string{"S likes V.", "S loves V most of all.", "in the evening S enjoys V.", "V makes S happy.", "S is very good at V."},
			[]string{"what does S like", "what makes S happy"},
			[]string{"what does S love most of all", "what does S enjoy in the evening", "what is S very good at", "what does S like most of all", "what does S love"},
			[]string{"swimming", "reading", "dancing", "cooking", "running", "fishing", "painting", "singing"}, people,
		},
	}
}

// makeFacts gives every subject a value of every relation that fits it.
func makeFacts(r *rand.Rand) []fact {
	var facts []fact
	for _, rel := range relations() {
		offset := r.IntN(len(rel.values))
		for i, s := range rel.subjects {
			// Each value is used about equally often, so that none is a good guess.
			facts = append(facts, fact{rel, s, rel.values[(i*3+i/8+offset)%len(rel.values)], len(facts)})
		}
	}
	return facts
}
