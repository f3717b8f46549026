package catalog

import (
	"encoding/json"
	"errors"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/parser"
	"github.com/itchyny/gojq"

	"vitrine/internal/jq"
)

// Bounds of programs in a catalog.
const (
	maxQuery = 16 << 10 // bytes of a jq program
	maxRule  = 1 << 10  // bytes of a rule
	maxNodes = 200      // of a rule
)

// query compiles jq without environment, modules or input, so that the same answer always gives the same record.
func (c *compiler) query(what string, p **jq.Program, variables ...string) func(*node) {
	return func(n *node) {
		if !c.want(n, text, what) {
			return
		}
		if len(n.text) > maxQuery {
			c.add(n, "", "%s has %d bytes, more than %d", what, len(n.text), maxQuery)
			return
		}
		parsed, err := gojq.Parse(n.text)
		if err != nil {
			c.add(n, jqHint(err), "%s is no jq: %v", what, err)
			return
		}
		if name := impure(reflect.ValueOf(parsed)); name != "" {
			c.add(n, "a record must depend on the upstream's answer alone", "%s uses %s, which is not to be had here", what, name)
			return
		}
		q, err := jq.Compile(n.text, parsed, variables...)
		if err != nil {
			c.add(n, "", "%s does not compile: %v", what, err)
			return
		}
		*p = q
	}
}

// jqHint says what to do about a program that is no jq.
func jqHint(err error) string {
	var at *gojq.ParseError
	if errors.As(err, &at) && strings.ContainsFunc(at.Token, func(c rune) bool { return c > unicode.MaxASCII }) {
		return `a name with other characters than a-z, A-Z, 0-9 and _ is quoted: ."größe"`
	}
	return "try it on an answer that you have saved: jq '…' answer.json"
}

// impure is the name of a function in a parsed program whose result depends on more than its input, or which halts the
// program or loads something; "" for none.
func impure(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return ""
		}
		if f, ok := v.Interface().(*gojq.Func); ok && slices.Contains(impureNames(), f.Name) {
			return f.Name
		}
		return impure(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				if name := impure(v.Field(i)); name != "" {
					return name
				}
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if name := impure(v.Index(i)); name != "" {
				return name
			}
		}
	}
	return ""
}

func impureNames() []string {
	return []string{"input", "inputs", "debug", "stderr", "halt", "halt_error", "input_filename", "input_line_number",
		"now", "localtime", "mktime", "strflocaltime", "env", "$ENV", "$__prog_args", "get_search_list", "modulemeta", "import", "include"}
}

// condition compiles a rule and finds the paths that it reads.
func (c *compiler) condition(n *node) *Condition {
	if !c.want(n, text, "when") {
		return nil
	}
	if len(n.text) > maxRule {
		c.add(n, "", "when has %d bytes, more than %d", len(n.text), maxRule)
		return nil
	}
	program, err := expr.Compile(n.text, expr.AllowUndefinedVariables(), expr.AsBool(), expr.MaxNodes(maxNodes))
	if err != nil {
		c.add(n, `write it as: product.kind == "virtual"`, "when does not compile: %s", strings.ReplaceAll(err.Error(), "\n", " "))
		return nil
	}
	config := conf.CreateNew()
	config.Strict = false
	tree, err := parser.ParseWithConfig(n.text, config)
	if err != nil {
		c.add(n, "", "when: %v", err)
		return nil
	}
	chains := &chains{inner: map[ast.Node]bool{}}
	ast.Walk(&tree.Node, chains)
	return &Condition{Text: n.text, Program: program, Paths: chains.paths()}
}

// chains collects what a rule reads: the longest member chains that begin at an identifier.
type chains struct {
	order []ast.Node
	inner map[ast.Node]bool // nodes that begin a longer chain
}

// Visit is called for children before their parent.
func (v *chains) Visit(n *ast.Node) {
	if chainOf(*n) == nil {
		return
	}
	if m, ok := unchain(*n).(*ast.MemberNode); ok {
		v.inner[m.Node] = true
		v.inner[unchain(m.Node)] = true
	}
	v.order = append(v.order, *n)
}

func (v *chains) paths() (paths []Path) {
	seen := map[string]bool{}
	for _, n := range v.order {
		p := chainOf(n)
		if v.inner[n] || seen[p.String()] {
			continue
		}
		seen[p.String()] = true
		paths = append(paths, p)
	}
	return paths
}

// chainOf is a.b.c as a path, nil for anything else.
func chainOf(n ast.Node) Path {
	switch n := unchain(n).(type) {
	case *ast.IdentifierNode:
		return Path{n.Value}
	case *ast.MemberNode:
		property, ok := n.Property.(*ast.StringNode)
		if base := chainOf(n.Node); ok && base != nil {
			return append(slices.Clone(base), property.Value)
		}
	}
	return nil
}

// unchain looks through the node that a?.b is wrapped in.
func unchain(n ast.Node) ast.Node {
	if c, ok := n.(*ast.ChainNode); ok {
		return c.Node
	}
	return n
}

func (c *compiler) vary(n *node, l *Live) {
	l.Vary = map[string]*regexp.Regexp{}
	c.named(n, "vary", func(key, n *node) {
		if key.text == "id" || key.text == "ids" {
			c.add(key, "", "%s is no name for a parameter here", key.text)
			return
		}
		if !c.want(n, text, "vary."+key.text) {
			return
		}
		re, err := regexp.Compile(`\A(?:` + n.text + `)\z`)
		if err != nil || len(n.text) > 256 {
			c.add(n, "", "vary.%s is no regular expression of at most 256 bytes: %v", key.text, err)
			return
		}
		l.Vary[key.text] = re
	})
}

func (c *compiler) fallback(n *node, l *Live) {
	if n.form == text && (n.text == "last" || n.text == "hide") {
		l.Fallback.Mode = n.text
		return
	}
	if n.form != object {
		c.add(n, "write last, hide, or an object that is shown instead", "fallback can't be %q", n.text)
		return
	}
	value, err := json.Marshal(plain(n, map[string]bool{}))
	if err != nil {
		c.add(n, "", "fallback: %v", err)
		return
	}
	l.Fallback = Fallback{Mode: "value", Value: value}
}
