package tokenizer_test

import (
	"fmt"
	"log"
	"slices"

	sugarme "github.com/sugarme/tokenizer"
	"github.com/sugarme/tokenizer/model/wordlevel"
	"github.com/sugarme/tokenizer/pretokenizer"

	"trit/tokenizer"
)

// texts is a source of texts for training, such as source.ReadColumn.
func texts(list ...string) func(yield func(string, error) bool) {
	return func(yield func(string, error) bool) {
		for _, text := range list {
			if !yield(text, nil) {
				return
			}
		}
	}
}

// A folder of a model, its tokenizer.json or its tokenizer.model are all read alike.
func ExampleLoad() {
	tok, err := tokenizer.Load("testdata/pieces.model")
	if err != nil {
		log.Fatal(err)
	}
	ids := tok.Encode("the cat", true) // true: with the special tokens around a text
	fmt.Println(ids[0] == tok.BOS(), tok.VocabSize())
	fmt.Printf("%q\n", tok.Decode(ids))
	// Output:
	// true 574
	// "the cat"
}

// A vocabulary of 256 bytes, four merges and two special tokens.
func ExampleTrain() {
	tok, err := tokenizer.Train(texts("low lower lowest", "low low"), tokenizer.TrainOptions{VocabSize: 262})
	if err != nil {
		log.Fatal(err)
	}
	ids := tok.Encode("lowest", false)
	for _, id := range ids {
		fmt.Printf("%d %q\n", id, tok.TokenBytes(id))
	}
	fmt.Println(tok.Decode(ids))
	files, err := tok.Files() // to be written into a folder, which Load reads
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(files["tokenizer.json"]) > 0)
	// Output:
	// 257 "low"
	// 101 "e"
	// 115 "s"
	// 116 "t"
	// lowest
	// true
}

func ExampleTokenizer_ApplyChat() {
	tok, err := tokenizer.Train(texts("low lower lowest", "low low"), tokenizer.TrainOptions{VocabSize: 262})
	if err != nil {
		log.Fatal(err)
	}
	parts := tok.Parts()
	parts.ChatTemplate = `{% for m in messages %}{{ m.role | capitalize }}: {{ m.content }}{{ eos_token }}{% endfor %}` +
		`{% if add_generation_prompt %}Assistant:{% endif %}`
	if tok, err = tokenizer.FromParts(parts); err != nil {
		log.Fatal(err)
	}
	prompt, err := tok.ApplyChat(tokenizer.ChatRequest{
		Messages: []tokenizer.Message{{Role: "user", Content: "How low?"}}, AddGenerationPrompt: true,
	})
	fmt.Println(prompt, err)
	// Output: User: How low?<|end_of_text|>Assistant: <nil>
}

// Programs that are built on github.com/sugarme/tokenizer take our tokenizers.
func ExampleTokenizer_Sugarme() {
	tok, err := tokenizer.Train(texts("low lower lowest", "low low"), tokenizer.TrainOptions{VocabSize: 262})
	if err != nil {
		log.Fatal(err)
	}
	var s *sugarme.Tokenizer = tok.Sugarme()
	e, err := s.EncodeSingle("lowest<|end_of_text|>", true)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(e.Tokens)
	fmt.Println(e.Offsets)
	fmt.Println(s.Decode(e.Ids, true))
	// Output:
	// [<|begin_of_text|> low e s t <|end_of_text|>]
	// [[0 0] [0 3] [3 4] [4 5] [5 6] [6 21]]
	// lowest
}

// A model and a pre-tokenizer of sugarme's become a Tokenizer, which all of Trit takes.
func ExampleFromParts() {
	model := wordlevel.NewWordLevelBuilder()
	model.Vocab(map[string]int{"<unk>": 0, "hello": 1, "world": 2, "<end>": 3})
	tok, err := tokenizer.FromParts(tokenizer.Parts{
		Model:        model.Build(),
		PreTokenizer: pretokenizer.NewWhitespaceSplit(),
		Added:        []sugarme.AddedTokenWithId{{Id: 3, Special: true, Token: sugarme.NewAddedToken("<end>", true)}},
		EOS:          "<end>",
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(tok.Encode("hello big world<end>", true), tok.EOS())
	// Output: [1 0 2 3] 3
}

// One part of a tokenizer is replaced: here words are split at spaces alone.
func ExampleTokenizer_Parts() {
	tok, err := tokenizer.Train(texts("low lower lowest", "low low"), tokenizer.TrainOptions{VocabSize: 262})
	if err != nil {
		log.Fatal(err)
	}
	parts := tok.Parts()
	parts.PreTokenizer = pretokenizer.NewWhitespaceSplit()
	split, err := tokenizer.FromParts(parts)
	if err != nil {
		log.Fatal(err)
	}
	ids := split.Encode("low low", false)
	fmt.Println(split.Decode(ids), slices.Equal(ids, tok.Encode("lowlow", false)))
	// Output: lowlow true
}
