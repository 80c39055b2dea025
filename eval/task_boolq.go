package eval

// boolQ is BoolQ of SuperGLUE, validation split, as the harness asks it.
var boolQ = Task{
	Name: "boolq", Data: "boolq_val.jsonl", Rows: 3270,
	Context: "{passage}\nQuestion: {question}?\nAnswer:", Choices: Choices{Fixed: []string{"no", "yes"}}, Gold: "label", DropShot: true,
}
