package catalog

import (
	"sync"

	"github.com/expr-lang/expr/vm"
	"github.com/itchyny/gojq"
)

// Path is a dotted path into JSON: "product.brand_id". Empty for none.
type Path []string

// Query is a compiled jq program: no environment, no modules, no input functions. Package shape runs it.
type Query struct {
	Text  string
	codes sync.Pool // of *gojq.Code
}

// NewQuery compiles a parsed program.
func NewQuery(text string, parsed *gojq.Query) (*Query, error) {
	code, err := gojq.Compile(parsed)
	if err != nil {
		return nil, err
	}
	q := &Query{Text: text}
	q.codes.New = func() any {
		again, err := gojq.Compile(parsed)
		if err != nil {
			panic(err) // it has compiled before
		}
		return again
	}
	q.codes.Put(code)
	return q, nil
}

// With lends compiled code to use, for itself alone until use returns: what a program gives can hold its
// literal objects, and del() writes to all that it walks over, the literals of other runs included.
func (q *Query) With(use func(*gojq.Code) error) error {
	code := q.codes.Get().(*gojq.Code)
	defer q.codes.Put(code)
	return use(code)
}

// Condition is a compiled rule. Paths are all it reads of a page's data, in the order of first mention.
type Condition struct {
	Text    string
	Paths   []Path
	Program *vm.Program
}
