package grammar_test

import (
	"fmt"

	"trit/serve/grammar"
)

// letters are the tokens: 0 ends an answer, 1 is a, 2 is b, 3 is c.
type letters struct{}

func (letters) VocabSize() int { return 4 }

func (letters) TokenBytes(id int32) []byte { return [][]byte{nil, {'a'}, {'b'}, {'c'}}[id] }

// A mask has a bit for each token that may come next.
func ExampleCompiler() {
	form, err := grammar.NewCompiler(letters{}).New(grammar.Source{GBNF: `root ::= "a" ("b" | "c")?`}, []int32{0})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%04b\n", form.Mask()[0])
	form.Accept(1)
	fmt.Printf("%04b\n", form.Mask()[0])
	// Output:
	// 0010
	// 1101
}
