package templates

import (
	"fmt"
	"html/template"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"text/template/parse"
	"time"

	"vitrine/internal/item"
)

// Bounds of the work on one page.
const (
	maxSteps = 500_000  // words of templates that are executed
	maxMade  = 16 << 20 // bytes of texts that functions put together
	maxTime  = 2 * time.Second

	// A page of few steps may take longer: a machine that stands still is no fault of the template.
	fewSteps   = 1000
	maxTimeFew = 5 * time.Second
)

// budget is what the page being rendered may still cost. No deadline reaches into a template, and what it will do can't
// be told from its text: a count may come from data. So meter has every template say how far it is.
type budget struct {
	steps int
	made  int
	began time.Time
}

func (b *budget) start() { *b = budget{began: time.Now()} }

// step is called by templates, between any two things that take time.
func (b *budget) step(words int) (bool, error) {
	b.steps += words
	if b.steps > maxSteps {
		return false, fmt.Errorf("%w: the page takes more than %d steps", item.ErrRefused, maxSteps)
	}
	most := maxTime
	if b.steps <= fewSteps {
		most = maxTimeFew
	}
	if time.Since(b.began) > most {
		return false, fmt.Errorf("%w: the page takes longer than %s", item.ErrRefused, most)
	}
	return true, nil
}

// text is what f makes, which is at most so many bytes long.
func (b *budget) text(most int, f func() string) (string, error) {
	if most > maxMade-b.made {
		return "", fmt.Errorf("%w: the page puts texts of more than %d bytes together", item.ErrRefused, maxMade)
	}
	s := f()
	b.made += len(s)
	return s, nil
}

// bounded are the functions that make long texts of short ones, html/template's own among them.
func (b *budget) bounded(w words) template.FuncMap {
	join := func(growth int, f func(...any) string) func(...any) (string, error) {
		return func(args ...any) (string, error) {
			return b.text(growth*length(reflect.ValueOf(args)), func() string { return f(args...) })
		}
	}
	return template.FuncMap{
		"print": join(1, func(args ...any) string { return fmt.Sprint(args...) }), "println": join(1, func(args ...any) string { return fmt.Sprintln(args...) }),
		"html": join(6, template.HTMLEscaper), "js": join(6, template.JSEscaper), "urlquery": join(3, template.URLQueryEscaper),
		"printf": b.printf,
		"segment": func(v any) (string, error) {
			return b.text(3*len(text(v)), func() string { return segment(v) })
		},
		"say": func(page any, english string, args ...any) (string, error) {
			said := w.translate(page, english)
			most := len(said)
			for _, arg := range args {
				most += len(text(arg))
			}
			return b.text(most, func() string { return fill(said, args) })
		},
	}
}

var wideField = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`%[^a-zA-Z%]*(\*|[0-9]{4})`) })

const (
	longestField = 2500 // bytes of a number with a width and a precision of 3 digits each
	mostQuoted   = 10   // bytes that %q, %x or %U makes of one
)

// printf refuses wide fields.
func (b *budget) printf(format string, args ...any) (string, error) {
	verbs := strings.Count(format, "%")
	most := len(format) + verbs*(longestField+mostQuoted*length(reflect.ValueOf(args)))
	if wide := wideField().FindString(strings.ReplaceAll(format, "%%", "")); wide != "" {
		return "", fmt.Errorf("%w: printf: %q is too wide", item.ErrRefused, wide)
	}
	return b.text(most, func() string { return fmt.Sprintf(format, args...) })
}

// otherLength is what a value that is no text takes at most besides what it holds, its type's name included.
const otherLength = 350

// length is at least the number of bytes that fmt prints of v, which holds no circles; maxMade where that is less.
func length(v reflect.Value) (n int) {
	switch v.Kind() {
	case reflect.String:
		return v.Len()
	case reflect.Interface, reflect.Pointer:
		return otherLength + length(v.Elem())
	case reflect.Slice, reflect.Array:
		for i := 0; i < v.Len() && n < maxMade; i++ {
			n += 1 + length(v.Index(i))
		}
		return n
	case reflect.Map:
		for i := v.MapRange(); i.Next() && n < maxMade; {
			n += 2 + length(i.Key()) + length(i.Value())
		}
		return n + otherLength
	case reflect.Struct:
		for i := range v.NumField() {
			n += 1 + length(v.Field(i))
		}
		return n + otherLength
	}
	return otherLength
}

const (
	stepFunction = "budget_step" // not known while templates are parsed, so that none can call it itself
	stepVariable = "$ step"      // no template can write that
	wordsPerStep = 40
)

// meter has a block tell the budget what it is about to execute: at its beginning, and wherever much has come together.
func meter(tree *parse.Tree, n *parse.ListNode) {
	if n == nil {
		return
	}
	var metered, stretch []parse.Node
	words := 1
	flush := func() {
		at := n.Position()
		if len(stretch) > 0 {
			at = stretch[0].Position()
		}
		metered = append(append(metered, stepNode(tree, at, words)), stretch...)
		stretch, words = nil, 0
	}
	for _, child := range n.Nodes {
		if b := branchOf(child); b != nil {
			meter(tree, b.List)
			meter(tree, b.ElseList)
		}
		words += weight(child)
		stretch = append(stretch, child)
		if words >= wordsPerStep {
			flush()
		}
	}
	if words > 0 {
		flush()
	}
	n.Nodes = metered
}

// stepNode is {{$step := budget_step N}}. An assignment is the one action that html/template does not escape.
func stepNode(tree *parse.Tree, at parse.Pos, words int) parse.Node {
	return &parse.ActionNode{NodeType: parse.NodeAction, Pos: at, Pipe: &parse.PipeNode{
		NodeType: parse.NodePipe, Pos: at,
		Decl: []*parse.VariableNode{{NodeType: parse.NodeVariable, Pos: at, Ident: []string{stepVariable}}},
		Cmds: []*parse.CommandNode{{NodeType: parse.NodeCommand, Pos: at, Args: []parse.Node{
			parse.NewIdentifier(stepFunction).SetPos(at).SetTree(tree),
			&parse.NumberNode{NodeType: parse.NodeNumber, Pos: at, IsInt: true, Int64: int64(words), Text: fmt.Sprint(words)},
		}}},
	}}
}
