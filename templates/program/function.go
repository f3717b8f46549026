package program

import (
	"errors"
	"fmt"
	"reflect"

	"vitrine/internal/view"
)

// ErrUncovered is the error of a run, or of a function, whose result only html/template can give.
var ErrUncovered = errors.New("the compiled template does not cover this")

// Param is the kind of argument that a function takes.
type Param byte

// The kinds of arguments.
const (
	Any   Param = iota + 1
	Text        // a string, and no value that merely resembles one
	Whole       // an int
)

// Func is a function that templates may call. If Call fails with an error that wraps item.ErrRefused, the page fails with it. After any
// other error, such as ErrUncovered, html/template has to render the page.
type Func struct {
	Params []Param
	More   Param // kind of the arguments behind Params; 0 if there are none
	Call   func(b *Budget, args []view.Value) (view.Value, error)

	// Most calls are of one of these two forms. With one of them set, a program need not build a list of arguments. Call does the same.
	Text  func(view.Value) string // returns the text of the only argument
	Steps bool                    // the function follows a path of member names from its first argument, and gives Missing where one is missing
}

// TextFunc returns a Func that takes one argument and returns the text that f makes of it.
func TextFunc(f func(view.Value) string) Func {
	return Func{Params: []Param{Any}, Text: f, Call: func(_ *Budget, args []view.Value) (view.Value, error) {
		return view.OfText(f(args[0])), nil
	}}
}

// StepsFunc returns the Func that follows a path of member names, its further arguments, from its first argument. The result is Missing
// where a member is missing.
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

// param returns the kind of the argument at i; 0 if f takes no such argument.
func (f Func) param(i int) Param {
	if i < len(f.Params) {
		return f.Params[i]
	}
	return f.More
}

// accepts reports whether f can be called with n arguments.
func (f Func) accepts(n int) bool { return n == len(f.Params) || n > len(f.Params) && f.More != 0 }

// For returns the function in the form in which html/template calls it. Calls are charged to b, the budget of the page being rendered.
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

// arguments returns the arguments of a call by html/template. If variadic, the last of in is a slice of further arguments.
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

// boxed returns v as a reflect.Value of the interface type t. Reflection has no other way to express nil.
func boxed(v any, t reflect.Type) reflect.Value {
	box := reflect.New(t).Elem()
	if v != nil {
		box.Set(reflect.ValueOf(v))
	}
	return box
}

// Fault says why a page was ended, and at which file and line (from 1; 0 if it is unknown) of a template. Err wraps item.ErrRefused.
type Fault struct {
	File string
	Line int
	Err  error
}

func (f *Fault) Error() string { return fmt.Sprintf("%s:%d: %v", f.File, f.Line, f.Err) }

func (f *Fault) Unwrap() error { return f.Err }
