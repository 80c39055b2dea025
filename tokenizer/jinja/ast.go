package jinja

// expr is an expression of a template.
type expr interface{ eval(f *frame) any }

type (
	constExpr struct{ value any }
	nameExpr  struct{ name string }
	listExpr  struct {
		items   []expr
		isTuple bool
	}
	dictExpr struct {
		line         int
		keys, values []expr
	}
	attrExpr struct {
		line int
		of   expr
		name string
	}
	itemExpr struct {
		line int
		of   expr
		key  expr
	}
	sliceExpr struct{ bounds [3]expr } // start, stop, step; nil = not given
	callExpr  struct {
		line   int
		callee expr
		args   argExprs
	}
	filterExpr struct {
		line  int
		value expr
		name  string
		args  argExprs
	}
	testExpr struct {
		line  int
		value expr
		name  string
		args  argExprs
	}
	condExpr struct {
		line                  int
		test, then, otherwise expr // otherwise may be nil
	}
	logicExpr struct {
		left, right expr
		isOr        bool
	}
	notExpr     struct{ of expr }
	compareExpr struct {
		line     int
		first    expr
		ops      []string
		operands []expr
	}
	binaryExpr struct {
		line        int
		op          string
		left, right expr
	}
	unaryExpr struct {
		line int
		op   string
		of   expr
	}
	concatExpr struct{ items []expr }
	// piped stands for the text that a filter or set block captures.
	piped struct{ text string }
)

// argExprs are the arguments of a call.
type argExprs struct {
	pos             []expr
	names           []string
	named           []expr
	rest, restNamed expr // after * and **
}

// target is what a statement assigns to.
type target struct {
	names []targetName
	tuple bool
}

type targetName struct {
	name      string
	attribute string  // of the namespace called name
	inner     *target // instead of a name
}

// signal says how statements ended.
type signal int

const (
	signalNone signal = iota
	signalBreak
	signalContinue
)

// stmt is a statement of a template.
type stmt interface{ exec(f *frame) signal }

type (
	dataStmt  struct{ text string }
	printStmt struct {
		line  int
		value expr
	}
	printsStmt []*printStmt
	signalStmt signal
	setStmt    struct {
		line   int
		target target
		value  expr
	}
	setBlock struct {
		line   int
		target target
		text   *piped
		filter expr
		body   []stmt
	}
	forStmt struct {
		line            int
		target          target
		items, test     expr
		recursive       bool
		body, otherwise []stmt
	}
	branch struct {
		line int
		test expr
		body []stmt
	}
	ifStmt struct {
		branches  []branch
		otherwise []stmt
	}
	withStmt struct {
		line    int
		targets []target
		values  []expr
		body    []stmt
	}
	autoescapeStmt struct {
		line int
		on   expr
		body []stmt
	}
	blockStmt struct {
		line             int
		name             string
		scoped, required bool
		body             []stmt
	}
	includeStmt struct {
		line int
		word string
		name expr
	}
	macroStmt struct {
		line  int
		macro *macro
	}
	callStmt struct {
		line  int
		call  *callExpr
		macro *macro
	}
	filterStmt struct {
		line   int
		text   *piped
		filter expr
		body   []stmt
	}
	generationStmt struct {
		line  int
		macro *macro
	}
)

// macro is what {% macro %} and {% call %} define.
type macro struct {
	name           string
	anonymous      bool
	params         []param
	body           []stmt
	explicitCaller bool
	usesCaller     bool
	usesKwargs     bool
	usesVarargs    bool
}

type param struct {
	name   string
	preset expr // nil where there is none
}

// note says that the macro's body reads a name.
func (m *macro) note(name string) {
	m.usesCaller = m.usesCaller || name == "caller"
	m.usesKwargs = m.usesKwargs || name == "kwargs"
	m.usesVarargs = m.usesVarargs || name == "varargs"
}
