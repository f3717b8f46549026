package catalog

import (
	"github.com/expr-lang/expr/vm"
	"github.com/itchyny/gojq"
)

// Path is a dotted path into JSON: "product.brand_id". Empty for none.
type Path []string

// Query is a compiled jq program: no environment, no modules, no input functions. Package shape runs it.
type Query struct {
	Text string
	Code *gojq.Code
}

// Condition is a compiled rule. Paths are all it reads of a page's data, in the order of first mention.
type Condition struct {
	Text    string
	Paths   []Path
	Program *vm.Program
}
