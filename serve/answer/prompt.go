package answer

// Prompt is the sequence of tokens that a model gets for a request, as Ask makes it. It fails with
// RequestError.
func Prompt(m *Model, r Request) ([]int32, error) {
	if err := r.validate(m); err != nil {
		return nil, err
	}
	a := &asking{m: m, r: &r}
	if len(r.Tools) > 0 && r.Choice.Mode != ToolsNone {
		a.syntax = syntaxOf(m.Tokenizer)
	}
	return a.prompt()
}
