package infer_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"trit/eval"
	"trit/eval/tasks"
	"trit/infer"
	"trit/lm"
	"trit/model"
)

// A small ternary model with a tokenizer, which the converter made.
const tinyModel = "../testdata/checkpoints/hf-bitnet-bf16/expected-i2_s.gguf"

func Example() {
	m, err := infer.Load(tinyModel, infer.Options{Head: infer.HeadBounded})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	tok, err := m.Tokenizer()
	if err != nil {
		log.Fatal(err)
	}
	g, err := m.NewGenerator(tok, m.ContextLength())
	if err != nil {
		log.Fatal(err)
	}
	r, err := g.Generate(context.Background(), lm.GenerateRequest{
		Prompt: tok.Encode("12", true), MaxTokens: 8, Sampling: lm.Sampling{Temperature: 0.7, Seed: 1},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.PromptTokens, "tokens read,", len(r.Tokens), "generated, ended by", r.FinishReason)
	// Output: 3 tokens read, 8 generated, ended by length
}

// A chat gives the generator the whole conversation each time; only what is new is computed.
func ExampleGenerator() {
	m, err := infer.Load(tinyModel, infer.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	tok, err := m.Tokenizer()
	if err != nil {
		log.Fatal(err)
	}
	g, err := m.NewGenerator(tok, 100)
	if err != nil {
		log.Fatal(err)
	}
	conversation := ""
	for _, message := range []string{"1+1", "2+2"} {
		conversation += "U:" + message + "A:"
		var answer strings.Builder
		r, err := g.Generate(context.Background(), lm.GenerateRequest{
			Prompt: tok.Encode(conversation, true), MaxTokens: 5,
		}, func(d lm.Delta) { answer.WriteString(d.Text) }) // or writes it to a screen
		if err != nil {
			log.Fatal(err)
		}
		conversation += answer.String()
		fmt.Println(len(r.Tokens), "tokens, the stream is the text:", answer.String() == r.Text)
	}
	// Output:
	// 5 tokens, the stream is the text: true
	// 5 tokens, the stream is the text: true
}

// A scorer is an lm.Model, so package eval can measure the model. The task is declared in a
// YAML file; tasks of lm-evaluation-harness are found by name, such as arc_easy.
func ExampleScorer_evaluate() {
	m, err := infer.Load(tinyModel, infer.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	tok, err := m.Tokenizer()
	if err != nil {
		log.Fatal(err)
	}
	sums, err := tasks.Find("testdata/sums.yaml")
	if err != nil {
		log.Fatal(err)
	}
	report, err := eval.Run(context.Background(), m.NewScorer(0), eval.Options{
		Tokenizer: tok, Tasks: sums, NumFewshot: -1,
	})
	if err != nil {
		log.Fatal(err)
	}
	// report.WriteText(os.Stdout) writes the metrics as a table.
	fmt.Println("documents:", report.NSamples["sums"].Effective, "requests:", report.Effort["sums"].Requests)
	_, measured := report.Results["sums"]["acc,none"]
	fmt.Println("accuracy measured:", measured)
	// Output:
	// documents: 2 requests: 6
	// accuracy measured: true
}

func ExampleScorer() {
	m, err := infer.Load(tinyModel, infer.Options{Cache: infer.CacheF32})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	s := m.NewScorer(0)
	question, answers := []int32{1, 2, 3, 4}, []int32{7, 8, 9}
	var requests []lm.ScoreRequest
	for _, id := range answers {
		requests = append(requests, lm.ScoreRequest{Input: question, Targets: []int32{id}})
	}
	results, err := s.Score(context.Background(), requests)
	if err != nil {
		log.Fatal(err)
	}
	for i, r := range results {
		fmt.Println("answer", i, "has a log-probability below 0:", r.LogProb < 0)
	}
	fmt.Println(s.ComputedTokens(), "tokens computed of", s.Effort().Requested)
	// Output:
	// answer 0 has a log-probability below 0: true
	// answer 1 has a log-probability below 0: true
	// answer 2 has a log-probability below 0: true
	// 4 tokens computed of 12
}

func ExampleEmbedder() {
	m, err := infer.Load("../testdata/checkpoints/hf-qwen3-embedding/expected-i2_s.gguf", infer.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	tok, err := m.Tokenizer()
	if err != nil {
		log.Fatal(err)
	}
	e, err := m.NewEmbedder(m.ContextLength())
	if err != nil {
		log.Fatal(err)
	}
	vectors, err := e.Embed(context.Background(), [][]int32{tok.Encode("a fox", true), tok.Encode("a wolf", true)})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(vectors), "vectors of", len(vectors[0]), "values")
	// Output: 2 vectors of 128 values
}

// A model with random weights has the speed of a trained one of its shape.
func ExampleRandom() {
	config := model.Config{
		VocabSize: 64, HiddenSize: 128, IntermediateSize: 256, NumHiddenLayers: 2,
		NumAttentionHeads: 4, NumKeyValueHeads: 2, MaxPositionEmbeddings: 32,
		SubNorms: true, Ternary: true, TieWordEmbeddings: true, HiddenAct: model.ReLU2,
	}
	config.Resolve()
	m, err := infer.Random(config, 1, infer.Options{Weights: infer.Weights2Bit})
	if err != nil {
		log.Fatal(err)
	}
	s, err := m.NewSession(config.MaxPositionEmbeddings)
	if err != nil {
		log.Fatal(err)
	}
	if err := s.Forward([]int32{1, 2, 3}, nil, 0); err != nil {
		log.Fatal(err)
	}
	_, err = m.Tokenizer()
	fmt.Println(s.Len(), "tokens;", err)
	// Output: 3 tokens; the model holds no tokenizer
}
