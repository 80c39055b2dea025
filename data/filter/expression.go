package filter

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/abadojack/whatlanggo"
	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm"

	"trit/data/source"
)

// expression is a condition about a text and its row.
type expression struct {
	program *vm.Program
	columns []string // that it names, in order
}

func newExpression(text string) (*expression, error) {
	known := values("", 0, source.Row{})
	names := &names{known: known, columns: map[string]bool{}}
	program, err := expr.Compile(text, expr.Env(known), expr.AllowUndefinedVariables(), expr.AsBool(), expr.Patch(names))
	if err == nil {
		err = names.err
	}
	return &expression{program, slices.Sorted(maps.Keys(names.columns))}, err
}

func (e *expression) isTrue(text string, chars int, row source.Row) (bool, error) {
	result, err := expr.Run(e.program, values(text, chars, row))
	yes, _ := result.(bool)
	return yes, err
}

// values are what an expression knows.
func values(text string, chars int, row source.Row) map[string]any {
	env := make(map[string]any, len(row.Fields)+5)
	for name, raw := range row.Fields {
		decoder := json.NewDecoder(strings.NewReader(string(raw)))
		decoder.UseNumber()
		var v any
		if decoder.Decode(&v) == nil { // a row's fields are JSON
			env[name] = numbers(v)
		}
	}
	env["text"], env["chars"], env["bytes"], env["words"] = text, chars, len(text), len(strings.Fields(text))
	env[languageName] = func() string { return whatlanggo.DetectLang(sample(text)).Iso6393() }
	return env
}

// numbers makes an int of each whole number in a value that one can hold, and a float64 of all others: a float64 would
// hold two numbers above 2^53 for the same, and expressions know no remainder of it.
func numbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil && int64(int(n)) == n {
			return int(n)
		}
		f, _ := v.Float64()
		return f
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = numbers(v[name])
		}
	}
	return v
}

// languageName is the function that tells the language of a text, by its code of ISO 639-3.
const languageName = "language"

// names looks at the names in an expression: it collects those of columns, and gives languages that language() is
// compared with their codes of ISO 639-3.
type names struct {
	known   map[string]any
	columns map[string]bool
	locals  []string // variables of the expression's own
	err     error
}

// Visit takes a node whose children were visited.
func (n *names) Visit(node *ast.Node) {
	switch v := (*node).(type) {
	case *ast.IdentifierNode:
		if _, known := n.known[v.Value]; !known && v.Value != "$env" && !slices.Contains(n.locals, v.Value) {
			n.columns[v.Value] = true
		}
	case *ast.VariableDeclaratorNode:
		n.locals = append(n.locals, v.Name)
		delete(n.columns, v.Name)
	case *ast.BinaryNode:
		if asksLanguage(v.Left) {
			n.languages(v.Right)
		}
		if asksLanguage(v.Right) {
			n.languages(v.Left)
		}
	}
}

func asksLanguage(node ast.Node) bool {
	call, ok := node.(*ast.CallNode)
	if !ok {
		return false
	}
	callee, ok := call.Callee.(*ast.IdentifierNode)
	return ok && callee.Value == languageName
}

// languages replaces the codes in a text or a list of texts.
func (n *names) languages(node ast.Node) {
	switch v := node.(type) {
	case *ast.StringNode:
		l, ok := languageOf(v.Value)
		if !ok {
			n.err = fmt.Errorf("language() is compared with %q: want codes of languages such as en, de or zho", v.Value)
			return
		}
		v.Value = l.Iso6393()
	case *ast.ArrayNode:
		for _, item := range v.Nodes {
			n.languages(item)
		}
	}
}
