package eval

// ARC, the AI2 reasoning challenge: test split, as the harness asks it.
var (
	arcEasy = Task{
		Name: "arc_easy", Data: "arc_easy_test.jsonl", Rows: 2376,
		Context: "Question: {question}\nAnswer:", Choices: Choices{Field: "choices"}, Gold: "gold", Norm: true,
	}
	arcChallenge = Task{
		Name: "arc_challenge", Data: "arc_challenge_test.jsonl", Rows: 1172,
		Context: "Question: {question}\nAnswer:", Choices: Choices{Field: "choices"}, Gold: "gold", Norm: true,
	}
)
