package harness

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"os"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Values of a file are nil, bool, int64, float64, string, []any, *mapping and function.
type (
	// mapping is the pairs of a mapping in their order.
	mapping struct{ pairs []pair }
	pair    struct{ key, value any }
	// function is the name behind !function.
	function string
)

func (m *mapping) get(key string) (any, bool) {
	for _, p := range m.pairs {
		if p.key == any(key) {
			return p.value, true
		}
	}
	return nil, false
}

// set replaces the value of a key, or adds it.
func (m *mapping) set(key, value any) {
	for i, p := range m.pairs {
		if p.key == key {
			m.pairs[i].value = value
			return
		}
	}
	m.pairs = append(m.pairs, pair{key, value})
}

// readFile reads one YAML file, whose top must be a mapping.
func readFile(path string) (*mapping, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxBytes {
		return nil, fmt.Errorf("it is %d bytes long: a task file is at most %d", info.Size(), maxBytes)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseYAML(b)
}

// parseYAML reads YAML as PyYAML does, which the harness uses: plain scalars have the types of YAML
// 1.1 (yes is true, 010 is eight, 1e5 is a text), and of a key that comes twice the last value counts.
func parseYAML(b []byte) (*mapping, error) {
	var root, second yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(&root); err == io.EOF || err == nil && len(root.Content) != 1 {
		return nil, errors.New("the file is empty")
	} else if err != nil {
		return nil, err
	}
	if d.Decode(&second) != io.EOF {
		return nil, errors.New("the file holds more than one YAML document")
	}
	left := maxValues
	v, err := (&resolver{left: &left}).value(root.Content[0])
	if err != nil {
		return nil, err
	}
	m, ok := v.(*mapping)
	if !ok {
		return nil, errors.New("want keys and values at the top")
	}
	return m, nil
}

// resolver makes values of nodes.
type resolver struct {
	left  *int // values that the file may still have
	depth int
}

func (r *resolver) value(n *yaml.Node) (any, error) {
	if *r.left--; *r.left < 0 {
		return nil, fmt.Errorf("line %d: it has more than %d values", n.Line, maxValues)
	}
	if r.depth > maxDepth {
		return nil, fmt.Errorf("line %d: values are nested more than %d deep", n.Line, maxDepth)
	}
	inner := &resolver{r.left, r.depth + 1}
	switch n.Kind {
	case yaml.AliasNode:
		return inner.value(n.Alias)
	case yaml.SequenceNode:
		return inner.list(n)
	case yaml.MappingNode:
		return inner.mapping(n)
	}
	return scalar(n)
}

func (r *resolver) list(n *yaml.Node) (any, error) {
	out := []any{}
	for _, c := range n.Content {
		v, err := r.value(c)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, plainTag(n, "!!seq")
}

func (r *resolver) mapping(n *yaml.Node) (any, error) {
	m := &mapping{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Tag == "!!merge" {
			return nil, fmt.Errorf("line %d: the merge key << is not read here; write its keys out", n.Content[i].Line)
		}
		key, err := r.value(n.Content[i])
		if err != nil {
			return nil, err
		}
		switch key.(type) {
		case []any, *mapping, function:
			return nil, fmt.Errorf("line %d: a key is no plain value", n.Content[i].Line)
		}
		value, err := r.value(n.Content[i+1])
		if err != nil {
			return nil, err
		}
		m.set(key, value)
	}
	return m, plainTag(n, "!!map")
}

// plainTag refuses tags but that of the node's own kind.
func plainTag(n *yaml.Node, own string) error {
	if n.Style&yaml.TaggedStyle != 0 && n.ShortTag() != own {
		return fmt.Errorf("line %d: the tag %s is not known: want !function, or none", n.Line, n.Tag)
	}
	return nil
}

// scalar is the value of a text, by its tag or, where it is plain, by its form.
func scalar(n *yaml.Node) (any, error) {
	switch {
	case n.Tag == "!function":
		return function(n.Value), nil
	case n.Style&yaml.TaggedStyle != 0 && n.ShortTag() != "!!null":
		return n.Value, plainTag(n, "!!str")
	case n.Style&^yaml.TaggedStyle != 0: // quoted, or a block
		return n.Value, nil
	}
	v, ok := plain(n.Value)
	if !ok {
		return nil, fmt.Errorf("line %d: %q is a date, or a number in a form that is not read here; put it in quotes",
			n.Line, n.Value)
	}
	return v, nil
}

var words = map[string]any{"": nil, "~": nil, "null": nil, "Null": nil, "NULL": nil}

func init() {
	for word, v := range map[string]bool{"yes": true, "true": true, "on": true, "no": false, "false": false, "off": false} {
		for _, form := range []string{word, strings.ToUpper(word), strings.ToUpper(word[:1]) + word[1:]} {
			words[form] = v
		}
	}
}

// The forms of numbers and dates in YAML 1.1. Source: https://yaml.org/type/ and PyYAML's resolver.
var (
	integerForm = regexp.MustCompile(`^[-+]?(?:0b[0-1_]+|0[0-7_]+|(?:0|[1-9][0-9_]*)|0x[0-9a-fA-F_]+)$`)
	floatForm   = regexp.MustCompile(`^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|` +
		`[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$`)
	otherForm = regexp.MustCompile(`^(?:[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?|\d{4}-\d\d?-\d\d?(?:[Tt \t].*)?|=)$`)
)

// plain is the value of a plain scalar; false where it is a date, or a number on base 60.
func plain(s string) (any, bool) {
	if v, ok := words[s]; ok {
		return v, true
	}
	digits := strings.ReplaceAll(s, "_", "")
	switch {
	case integerForm.MatchString(s):
		return integer(digits)
	case floatForm.MatchString(s):
		return float(strings.ToLower(digits)), true
	}
	return s, !otherForm.MatchString(s)
}

// integer reads digits, whose base is that of their prefix; a leading 0 means eight.
func integer(s string) (any, bool) {
	n, ok := new(big.Int).SetString(s, 0)
	if !ok || !n.IsInt64() {
		return nil, false
	}
	return n.Int64(), true
}

func float(s string) float64 {
	switch strings.TrimLeft(s, "+-") {
	case ".inf":
		return math.Inf(map[bool]int{true: -1, false: 1}[s[0] == '-'])
	case ".nan":
		return math.NaN()
	}
	f, _ := strconv.ParseFloat(s, 64) // infinite where it is too large, as in Python
	return f
}
