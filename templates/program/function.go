package program

import (
	"errors"
	"fmt"
	"reflect"

	"vitrine/internal/view"
)

// ErrUncovered is what only html/template can tell.
var ErrUncovered = errors.New("the compiled template does not cover this")

// Param is what a function takes as an argument.
type Param byte

// The params.
const (
	Any   Param = iota + 1
	Text        // a string, and nothing that is like one
	Whole       // an int
)

// Func is a function that templates may call. One that answers ErrUncovered has html/template render the page.
type Func struct {
	Params []Param
	More   Param // of arguments behind Params; 0 for none
	Call   func(b *Budget, args []view.Value) (view.Value, error)

	// What Call does, for programs to do it without a list of arguments; most calls are of these two.
	Text  func(view.Value) string // of the only argument
	Steps bool                    // from member to member of the first argument, by the names that follow; nothing where one is missing
}

// TextFunc is a function of one argument that gives a text.
func TextFunc(f func(view.Value) string) Func {
	return Func{Params: []Param{Any}, Text: f, Call: func(_ *Budget, args []view.Value) (view.Value, error) {
		return view.OfText(f(args[0])), nil
	}}
}

// StepsFunc is the function that goes from member to member.
func StepsFunc() Func {
	return Func{Params: []Param{Any}, More: Text, Steps: true, Call: func(_ *Budget, args []view.Value) (view.Value, error) {
		v := args[0]
		for _, name := range args[1:] {
			var ok bool
			v, ok = v.Member(name.Text())
			if !ok {
				return view.Value{}, nil
			}
		}
		return v, nil
	}}
}

// param is that of the argument at i; 0 for one too many.
func (f Func) param(i int) Param {
	if i < len(f.Params) {
		return f.Params[i]
	}
	return f.More
}

// accepts reports whether f can be called with n arguments.
func (f Func) accepts(n int) bool { return n == len(f.Params) || n > len(f.Params) && f.More != 0 }

// For gives the function as html/template calls it, with the budget of the page that is being rendered.
func (f Func) For(b *Budget) any {
	types := map[Param]reflect.Type{Any: reflect.TypeFor[any](), Text: reflect.TypeFor[string](), Whole: reflect.TypeFor[int]()}
	var in []reflect.Type
	for _, p := range f.Params {
		in = append(in, types[p])
	}
	if f.More != 0 {
		in = append(in, reflect.SliceOf(types[f.More]))
	}
	out := []reflect.Type{reflect.TypeFor[any](), reflect.TypeFor[error]()}
	call := func(in []reflect.Value) []reflect.Value {
		got, err := f.Call(b, arguments(in, f.More != 0))
		return []reflect.Value{boxed(got.Decode(), out[0]), boxed(err, out[1])}
	}
	return reflect.MakeFunc(reflect.FuncOf(in, out, f.More != 0), call).Interface()
}

// arguments are what html/template gave, the last of which holds all further ones.
func arguments(in []reflect.Value, variadic bool) (args []view.Value) {
	if variadic {
		more := in[len(in)-1]
		in = in[:len(in)-1]
		for i := range more.Len() {
			in = append(in, more.Index(i))
		}
	}
	for _, v := range in {
		args = append(args, view.Of(v.Interface()))
	}
	return args
}

// boxed is v as a value of an interface type; reflection has no other way to say nil.
func boxed(v any, t reflect.Type) reflect.Value {
	box := reflect.New(t).Elem()
	if v != nil {
		box.Set(reflect.ValueOf(v))
	}
	return box
}

// Fault is why and where a page was ended.
type Fault struct {
	File string
	Line int
	Err  error
}

func (f *Fault) Error() string { return fmt.Sprintf("%s:%d: %v", f.File, f.Line, f.Err) }

func (f *Fault) Unwrap() error { return f.Err }
