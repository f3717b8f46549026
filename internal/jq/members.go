package jq

import "github.com/itchyny/gojq"

// Members lists the members of the object that the program gives, if its text alone shows them: {title: .name, price}.
func (p *Program) Members() (names []string, known bool) { return p.gives, p.gives != nil }

// Taken is a member of a result, and the path to what it takes of the input.
type Taken struct {
	Name string
	Path []string
}

// Takes lists what a program takes that only takes members of its input: {title: .name}; nil for another one.
func (p *Program) Takes() (all []Taken) {
	for _, s := range p.selection {
		all = append(all, Taken{s.name, s.path})
	}
	return all
}

// membersOf reads a parsed program that ends in an object whose keys are names; nil where it is something else.
func membersOf(q *gojq.Query) []string {
	for q.Op == gojq.OpPipe && q.Term == nil {
		q = q.Right
	}
	if q.Term == nil || q.Term.Type != gojq.TermTypeObject || len(q.Term.SuffixList) > 0 {
		return nil
	}
	names := []string{}
	for _, m := range q.Term.Object.KeyVals {
		if !isName(m.Key) {
			return nil
		}
		names = append(names, m.Key)
	}
	return names
}
