package catalog

import "github.com/expr-lang/expr/vm"

// Path is a dotted path into JSON: "product.brand_id". Empty for none.
type Path []string

// Condition is a compiled rule. Paths lists all that it reads of a page's data, in the order of first use.
type Condition struct {
	Text    string
	Paths   []Path
	Program *vm.Program
}
