package jq

import "github.com/itchyny/gojq"

// selection is a program that only takes members of its input: {title, price, maker: .brand.name}. Most programs of catalogs
// are such ones, which need no machine.
type selection []selected

// selected is a member of the output, and the path of names to what it takes.
type selected struct {
	name string
	path []string
}

// selectionOf reads a parsed program as a selection; nil where it is none.
func selectionOf(q *gojq.Query) selection {
	if !isTerm(q) || q.Term.Type != gojq.TermTypeObject || len(q.Term.SuffixList) > 0 {
		return nil
	}
	var s selection
	for _, m := range q.Term.Object.KeyVals {
		if !isName(m.Key) {
			return nil
		}
		path := []string{m.Key}
		if m.Val != nil {
			path = pathOf(m.Val)
		}
		if path == nil {
			return nil
		}
		s = append(s, selected{m.Key, path})
	}
	return s
}

// pathOf reads .a.b.c; nil where it is something else.
func pathOf(q *gojq.Query) []string {
	if !isTerm(q) || q.Term.Type != gojq.TermTypeIndex || !isMember(q.Term.Index) {
		return nil
	}
	path := []string{q.Term.Index.Name}
	for _, suffix := range q.Term.SuffixList {
		if suffix.Iter || suffix.Optional || !isMember(suffix.Index) {
			return nil
		}
		path = append(path, suffix.Index.Name)
	}
	return path
}

// isTerm reports whether a program is a single term.
func isTerm(q *gojq.Query) bool {
	return q.Term != nil && q.Meta == nil && len(q.Imports)+len(q.FuncDefs)+len(q.Patterns) == 0 && q.Left == nil && q.Right == nil
}

func isMember(i *gojq.Index) bool {
	return i != nil && isName(i.Name) && i.Str == nil && i.Start == nil && i.End == nil && !i.IsSlice
}

// isName reports whether a key is a plain name, not a variable.
func isName(key string) bool { return key != "" && key[0] != '$' }

// apply gives what the program gives; ok is false where it fails, or where only the machine can decide.
func (s selection) apply(input any) (output map[string]any, ok bool) {
	output = make(map[string]any, len(s))
	for _, m := range s {
		v := input
		for _, name := range m.path {
			switch at := v.(type) {
			case nil:
			case map[string]any:
				v = at[name]
			default:
				return nil, false
			}
		}
		output[m.name] = v
	}
	return output, true
}
