package program

import (
	"cmp"
	"fmt"

	"vitrine/internal/view"
)

// builtins are text/template's own functions. Each returns what text/template returns, or fails with ErrUncovered. Three groups are
// missing: and and or, which evaluate their arguments lazily and are compiled by choice; call; and the functions that produce text
// (print, printf, println, html, js, urlquery), which the caller of Compile supplies with a bound.
var builtins = map[string]Func{
	"not":   {Params: []Param{Any}, Call: not},
	"len":   {Params: []Param{Any}, Call: length},
	"index": {Params: []Param{Any}, More: Any, Call: index},
	"slice": {Params: []Param{Any}, More: Any, Call: slice},
	"eq":    {Params: []Param{Any, Any}, More: Any, Call: equal},
	"ne":    {Params: []Param{Any, Any}, Call: unequal},
	"lt":    {Params: []Param{Any, Any}, Call: ordered(func(order int) bool { return order < 0 })},
	"le":    {Params: []Param{Any, Any}, Call: ordered(func(order int) bool { return order <= 0 })},
	"gt":    {Params: []Param{Any, Any}, Call: ordered(func(order int) bool { return order > 0 })},
	"ge":    {Params: []Param{Any, Any}, Call: ordered(func(order int) bool { return order >= 0 })},

	"_eval_args_": {More: Any, Call: evalArgs}, // html/template inserts it before an escaper that the template names itself
}

func not(_ *Budget, args []view.Value) (view.Value, error) { return view.OfBool(!args[0].Truth()), nil }

func length(_ *Budget, args []view.Value) (view.Value, error) {
	switch v := args[0]; v.Kind() {
	case view.String, view.Number, view.HTML, view.List, view.Object:
		return view.OfInt(v.Len()), nil
	}
	return view.Value{}, ErrUncovered
}

func index(_ *Budget, args []view.Value) (view.Value, error) {
	v := args[0]
	if v.IsNone() {
		return v, ErrUncovered
	}
	for _, at := range args[1:] {
		var ok bool
		switch {
		case v.Kind() == view.List && at.Kind() == view.Int:
			v, ok = v.At(at.Int())
			if !ok {
				return v, ErrUncovered
			}
		case v.Kind() == view.Object && at.Kind() == view.String:
			v, ok = v.Member(at.Text())
			if !ok {
				v = view.Nothing
			}
		default:
			return v, ErrUncovered
		}
	}
	return v, nil
}

// slice covers texts only.
func slice(_ *Budget, args []view.Value) (view.Value, error) {
	v, bounds := args[0], []int{0, args[0].Len()}
	if !v.IsText() || len(args) > 3 {
		return v, ErrUncovered
	}
	for i, at := range args[1:] {
		if at.Kind() != view.Int || at.Int() < 0 || at.Int() > v.Len() {
			return v, ErrUncovered
		}
		bounds[i] = at.Int()
	}
	if bounds[0] > bounds[1] {
		return v, ErrUncovered
	}
	return v.WithText(v.Text()[bounds[0]:bounds[1]]), nil
}

// equal reports whether the first argument equals one of the others.
func equal(_ *Budget, args []view.Value) (view.Value, error) {
	for _, other := range args[1:] {
		same, err := same(args[0], other)
		if same || err != nil {
			return view.OfBool(same), err
		}
	}
	return view.False, nil
}

func unequal(_ *Budget, args []view.Value) (view.Value, error) {
	same, err := same(args[0], args[1])
	return view.OfBool(!same), err
}

// same reports whether two basic values are equal, where either may also be missing. It fails with ErrUncovered for other values.
func same(a, b view.Value) (bool, error) {
	switch {
	case a.IsText() && b.IsText():
		return a.Text() == b.Text(), nil
	case basic(a) && basic(b) && a.Kind() == b.Kind():
		return a == b || a.Kind() == view.Float && a.Float() == b.Float(), nil
	case a.IsNone() && b.IsNone():
		return true, nil
	case a.IsNone() && basic(b), basic(a) && b.IsNone():
		return false, nil
	}
	return false, ErrUncovered
}

func basic(v view.Value) bool {
	return v.IsText() || v.Kind() == view.Bool || v.Kind() == view.Int || v.Kind() == view.Float
}

// ordered returns a function that compares two texts, two Ints or two Floats, and reports whether holds accepts their order.
func ordered(holds func(order int) bool) func(*Budget, []view.Value) (view.Value, error) {
	return func(_ *Budget, args []view.Value) (view.Value, error) {
		a, b := args[0], args[1]
		switch {
		case a.IsText() && b.IsText():
			return view.OfBool(holds(cmp.Compare(a.Text(), b.Text()))), nil
		case a.Kind() == view.Int && b.Kind() == view.Int:
			return view.OfBool(holds(cmp.Compare(a.Int(), b.Int()))), nil
		case a.Kind() == view.Float && b.Kind() == view.Float:
			return view.OfBool(holds(cmp.Compare(a.Float(), b.Float()))), nil
		}
		return view.Value{}, ErrUncovered
	}
}

// evalArgs returns the text of its arguments, as fmt.Sprint joins them.
func evalArgs(_ *Budget, args []view.Value) (view.Value, error) {
	if len(args) == 1 && args[0].Kind() == view.String {
		return args[0], nil
	}
	all := make([]any, len(args))
	for i, arg := range args {
		all[i] = arg.Decode()
	}
	return view.OfText(fmt.Sprint(all...)), nil
}
