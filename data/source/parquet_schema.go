package source

import (
	"fmt"
	"strings"

	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
)

// maxSchemaDepth bounds how deep groups lie in groups.
const maxSchemaDepth = 100

// node is a node of a file's schema: a group, or a leaf, which is a column.
type node struct {
	element  *format.SchemaElement
	children []*node
	leaves   []*leaf // at and below it, in the order of the file
}

// leaf is a column. Its levels are the largest ones of its values: definition counts the optional
// and repeated nodes on its path, repetition the repeated ones.
type leaf struct {
	element                       *format.SchemaElement
	path                          []string
	index, definition, repetition int
}

func (l *leaf) name() string { return strings.Join(l.path, ".") }

func (l *leaf) endsWith(name string) bool {
	return l.name() == name || strings.HasSuffix(l.name(), "."+name)
}

// isText reports whether the values are bytes of any length and not numbers.
func (l *leaf) isText() bool {
	return l.element.Type.V == format.ByteArray && !isDecimal(l.element)
}

// isNull reports whether the type is the one of columns that never had a value.
func (l *leaf) isNull() bool {
	_, ok := l.element.LogicalType.Value.(*format.NullType)
	return ok
}

func (l *leaf) typeName() string {
	if t := l.element.LogicalType.String(); t != "" {
		return t
	}
	if isDecimal(l.element) {
		return "DECIMAL"
	}
	return l.element.Type.V.String()
}

func (n *node) optional() bool { return n.element.RepetitionType.V == format.Optional && !n.isRoot() }
func (n *node) repeated() bool { return n.element.RepetitionType.V == format.Repeated && !n.isRoot() }
func (n *node) isRoot() bool   { return !n.element.RepetitionType.Valid }
func (n *node) isLeaf() bool   { return n.element.Type.Valid }

// isList and isMap know the annotation of new writers and that of old ones.
func (n *node) isList() bool {
	_, ok := n.element.LogicalType.Value.(*format.ListType)
	return ok || n.hasConverted(deprecated.List)
}

func (n *node) isMap() bool {
	_, ok := n.element.LogicalType.Value.(*format.MapType)
	return ok || n.hasConverted(deprecated.Map) || n.hasConverted(deprecated.MapKeyValue)
}

func (n *node) hasConverted(t deprecated.ConvertedType) bool {
	c := n.element.ConvertedType
	return !n.isLeaf() && c.Valid && c.V == t
}

// elements returns the repeated node of a LIST group, or nil if it has none, and reports whether
// that node is the element itself, as old writers have it, or a group around the element. Source:
// the backward-compatibility rules of LogicalTypes.md in apache/parquet-format.
func (n *node) elements() (repeated *node, isElement bool) {
	if len(n.children) != 1 || !n.children[0].repeated() {
		return nil, false
	}
	c := n.children[0]
	name := c.element.Name
	return c, c.isLeaf() || len(c.children) != 1 || c.isList() || c.isMap() || c.children[0].repeated() ||
		name == "array" || name == n.element.Name+"_tuple"
}

// schemaParser builds the tree of a schema, which a file has as a list in depth-first order.
type schemaParser struct {
	rest   []format.SchemaElement
	leaves []*leaf
}

func parseSchema(path string, elements []format.SchemaElement) (*node, []*leaf, error) {
	p := &schemaParser{rest: elements}
	root, err := p.node(nil, 0, 0, 0)
	if err == nil && len(p.rest) > 0 {
		err = fmt.Errorf("%d nodes too many", len(p.rest))
	}
	if err != nil {
		return nil, nil, &FormatError{path, "schema", err.Error(), parquetHint}
	}
	return root, p.leaves, nil
}

func (p *schemaParser) node(path []string, depth, definition, repetition int) (*node, error) {
	if len(p.rest) == 0 || depth > maxSchemaDepth {
		return nil, fmt.Errorf("it ends within a group, or has more than %d groups in each other", maxSchemaDepth)
	}
	n := &node{element: &p.rest[0]}
	p.rest = p.rest[1:]
	if depth == 0 {
		n.element.RepetitionType.Valid = false // the root's has no meaning
	} else {
		path = append(path[:len(path):len(path)], n.element.Name)
	}
	if n.optional() || n.repeated() {
		definition++
	}
	if n.repeated() {
		repetition++
	}
	if n.isLeaf() {
		l := &leaf{n.element, path, len(p.leaves), definition, repetition}
		n.leaves, p.leaves = []*leaf{l}, append(p.leaves, l)
		return n, nil
	}
	for range n.element.NumChildren.V {
		c, err := p.node(path, depth+1, definition, repetition)
		if err != nil {
			return nil, err
		}
		n.children, n.leaves = append(n.children, c), append(n.leaves, c.leaves...)
	}
	return n, nil
}
