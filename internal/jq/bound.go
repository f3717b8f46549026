package jq

import (
	"reflect"
	"slices"
	"strconv"

	"github.com/itchyny/gojq"
)

// bound rewrites a program so that no single instruction exceeds the bounds, and so that it calls this package's
// functions in place of gojq's.
func bound(q *gojq.Query) {
	matches := false
	each(reflect.ValueOf(q), func(node any) {
		switch n := node.(type) {
		case *gojq.Query:
			boundOperator(n)
		case *gojq.Term:
			boundTerm(n)
		case *gojq.Index:
			boundIndex(n)
		case *gojq.String:
			boundString(n)
		case *gojq.Func:
			matches = matches || slices.Contains(matching(), n.Name)
		}
	})
	if matches {
		q.FuncDefs = append(prelude(), q.FuncDefs...)
	}
}

// each calls f with every node of a parsed program, children first.
func each(v reflect.Value, f func(node any)) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		each(v.Elem(), f)
		f(v.Interface())
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				each(v.Field(i), f)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			each(v.Index(i), f)
		}
	}
}

// sum is the variable that holds the right side of += and *=.
const sum = "$__right"

// boundOperator bounds the results of + and *, also as += and *=. Functions defined in front of the operation remain
// defined for it.
func boundOperator(q *gojq.Query) {
	defined := q.FuncDefs
	switch q.Op {
	case gojq.OpAdd, gojq.OpMul:
		*q = *bounded(q.Op, q.Left, q.Right)
	case gojq.OpUpdateAdd, gojq.OpUpdateMul:
		op := gojq.OpAdd
		if q.Op == gojq.OpUpdateMul {
			op = gojq.OpMul
		}
		update := bounded(op, &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeIdentity}}, call(sum))
		*q = gojq.Query{
			Left: q.Right, Patterns: []*gojq.Pattern{{Name: sum}}, Op: gojq.OpPipe,
			Right: &gojq.Query{Left: q.Left, Op: gojq.OpModify, Right: update},
		}
	}
	q.FuncDefs = defined
}

func bounded(op gojq.Operator, left, right *gojq.Query) *gojq.Query {
	if op == gojq.OpMul {
		return call(times, left, right)
	}
	return pipe(&gojq.Query{Left: left, Op: op, Right: right}, call(fits))
}

// boundTerm has functions that serialise a value, or walk through all of it, check its size first.
func boundTerm(t *gojq.Term) {
	walks := t.Type == gojq.TermTypeFormat && t.Str == nil ||
		t.Type == gojq.TermTypeFunc && slices.Contains([]string{"tojson", "tostring", "add", "join", "flatten"}, t.Func.Name)
	if !walks {
		return
	}
	inner := *t
	inner.SuffixList = nil
	*t = gojq.Term{Type: gojq.TermTypeQuery, Query: pipe(call(small), &gojq.Query{Term: &inner}), SuffixList: t.SuffixList}
}

// boundString does the same for the interpolations of a string: "\(.a)".
func boundString(s *gojq.String) {
	for _, q := range s.Queries {
		if q.Term != nil && q.Term.Type == gojq.TermTypeQuery {
			q.Term.Query = pipe(q.Term.Query, call(small))
		}
	}
}

// boundIndex bounds the array indices that can be written to: writing to a distant one creates all elements before it.
func boundIndex(x *gojq.Index) {
	if x.Start == nil || x.IsSlice || isNear(x.Start) {
		return
	}
	x.Start = pipe(x.Start, call(near))
}

// isNear reports whether an index is literally a member's name or a small number.
func isNear(q *gojq.Query) bool {
	if q.Term == nil || len(q.Term.SuffixList) > 0 {
		return false
	}
	if q.Term.Type == gojq.TermTypeNumber {
		n, err := strconv.Atoi(q.Term.Number)
		return err == nil && n <= MaxIndex
	}
	return q.Term.Type == gojq.TermTypeString && len(q.Term.Str.Queries) == 0
}

func call(name string, args ...*gojq.Query) *gojq.Query {
	return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeFunc, Func: &gojq.Func{Name: name, Args: args}}}
}

func pipe(left, right *gojq.Query) *gojq.Query {
	return &gojq.Query{Left: left, Op: gojq.OpPipe, Right: right}
}
