package pretty

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// A Condition is an expression about requests, or about records if it has a
// field that only records have. See https://expr-lang.org/docs/language-definition
// for the language; its duration("1s") is a number of seconds here.
//
// A Condition is not safe for concurrent use.
type Condition struct {
	program *vm.Program
	machine vm.VM
	env     map[string]any
	fields  []*whereField // those that are in the expression
	records bool          // it is about records
	stage   stage         // from which on a request can be judged
	params  []string      // the parameters that are in it
	all     bool          // any parameter may be
}

// A WhereError says what is wrong with an expression, and where: Line and
// Column count from 1; 0 where it is the expression as a whole.
type WhereError struct {
	Line, Column int
	Why          string
}

func (e *WhereError) Error() string {
	switch {
	case e.Line > 1:
		return fmt.Sprintf("pretty: line %d, column %d: %s", e.Line, e.Column, e.Why)
	case e.Line == 1:
		return fmt.Sprintf("pretty: column %d: %s", e.Column, e.Why)
	}
	return "pretty: " + e.Why
}

// ParseWhere reads an expression. The error is a *WhereError.
func ParseWhere(text string) (*Condition, error) {
	c := &Condition{env: map[string]any{}}
	types := map[string]any{}
	for _, f := range whereFields {
		types[f.name] = f.zero
	}
	uses := &whereUses{c: c}
	var err error
	c.program, err = expr.Compile(text, expr.Env(types), expr.AsBool(), expr.Patch(uses), expr.Function("duration", seconds, new(func(string) float64)))
	if err != nil {
		return nil, whereError(err)
	}
	c.all = c.all || uses.bare > uses.named
	return c, nil
}

// seconds is the function duration of expressions.
func seconds(args ...any) (any, error) {
	d, err := time.ParseDuration(args[0].(string))
	return d.Seconds(), err
}

// whereError makes one line of an error of the library.
func whereError(err error) error {
	var at *file.Error
	if !errors.As(err, &at) {
		return &WhereError{Why: err.Error()}
	}
	e := &WhereError{Line: at.Line, Column: at.Column + 1, Why: at.Message}
	if name, ok := strings.CutPrefix(at.Message, "unknown name "); ok {
		e.Why = strings.TrimPrefix(unknown("field", name, fieldNames()).Error(), "pretty: ")
	}
	if strings.Contains(at.Message, `Operator("=")`) {
		e.Why = "= compares nothing: write =="
	}
	return e
}

func fieldNames() []string {
	names := make([]string, len(whereFields))
	for i, f := range whereFields {
		names[i] = f.name
	}
	return names
}

// whereUses finds out what an expression needs to know.
type whereUses struct {
	c           *Condition
	bare, named int // how often there is param, and param.NAME
}

// Visit implements ast.Visitor.
func (u *whereUses) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		u.field(n.Value)
	case *ast.MemberNode:
		base, ok := n.Node.(*ast.IdentifierNode)
		name, constant := n.Property.(*ast.StringNode)
		if ok && constant && base.Value == paramField {
			u.named++
			u.c.params = append(u.c.params, name.Value)
		}
	}
}

func (u *whereUses) field(name string) {
	i := slices.IndexFunc(whereFields, func(f whereField) bool { return f.name == name })
	if i < 0 {
		return // a variable of the expression
	}
	f := &whereFields[i]
	if name == paramField {
		u.bare++
	}
	if !slices.Contains(u.c.fields, f) {
		u.c.fields = append(u.c.fields, f)
	}
	u.c.records = u.c.records || f.record
	u.c.stage = max(u.c.stage, f.stage)
}

// wants reports whether the parameter called name has to be known.
func (c *Condition) wants(name []byte) bool {
	return c.all || slices.Contains(c.params, string(name))
}

// A subject is what a Condition is asked about.
type subject struct {
	conn    int
	record  *flow.Event   // nil where it is about a request
	request *flow.Request // never nil
	params  map[string]string
	rules   []string
}

// holds reports whether the condition is met. The error is one of the
// expression, such as a number that is none; it is not met then.
func (c *Condition) holds(s *subject) (bool, error) {
	for _, f := range c.fields {
		c.env[f.name] = f.get(s)
	}
	v, err := c.machine.Run(c.program, c.env)
	met, _ := v.(bool)
	return met && err == nil, err
}
