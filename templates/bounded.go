package templates

import (
	"fmt"
	"html/template"
	"reflect"
	"regexp"
	"strings"
	"sync"

	"vitrine/internal/item"
	"vitrine/internal/view"
	"vitrine/templates/program"
)

// bounded returns the functions that can make long texts of short ones, those of html/template included. They charge the length of what they
// make to the page's budget.
func bounded(t translations) map[string]program.Func {
	return map[string]program.Func{
		"print":   joined(1, fmt.Sprint),
		"println": joined(1, fmt.Sprintln),
		"html":    joined(6, template.HTMLEscaper), "js": joined(6, template.JSEscaper), "urlquery": joined(3, template.URLQueryEscaper),
		"printf": {Params: []program.Param{program.Text}, More: program.Any, Call: printf},
		"segment": {Params: anys(1), Call: func(b *program.Budget, args []view.Value) (view.Value, error) {
			return madeText(b, 3*len(text(args[0])), func() string { return segment(args[0]) })
		}},
		"say": {Params: []program.Param{program.Any, program.Text}, More: program.Any, Call: t.say},
	}
}

// madeText returns the text that f makes, of at most most bytes. It fails without a call of f if the budget has no room for that many.
func madeText(b *program.Budget, most int, f func() string) (view.Value, error) {
	s, err := b.Text(most, f)
	return view.OfText(s), err
}

// joined makes a template function of f, whose result is at most growth times as long as its arguments.
func joined(growth int, f func(...any) string) program.Func {
	return program.Func{More: program.Any, Call: func(b *program.Budget, args []view.Value) (view.Value, error) {
		all := decoded(args)
		return madeText(b, growth*length(reflect.ValueOf(all)), func() string { return f(all...) })
	}}
}

func decoded(args []view.Value) []any {
	all := make([]any, len(args))
	for i, arg := range args {
		all[i] = arg.Decode()
	}
	return all
}

var wideField = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`%[^a-zA-Z%]*(\*|[0-9]{4})`) })

const (
	longestField = 2500 // bytes of a number with a width and a precision of 3 digits each
	mostQuoted   = 10   // bytes that %q, %x or %U makes of one byte
)

// printf is fmt.Sprintf, except that it refuses widths and precisions of more than three digits.
func printf(b *program.Budget, args []view.Value) (view.Value, error) {
	format, all := args[0].Text(), decoded(args[1:])
	verbs := strings.Count(format, "%")
	most := len(format) + verbs*(longestField+mostQuoted*length(reflect.ValueOf(all)))
	if wide := wideField().FindString(strings.ReplaceAll(format, "%%", "")); wide != "" {
		return view.Value{}, fmt.Errorf("%w: printf: %q is too wide", item.ErrRefused, wide)
	}
	return madeText(b, most, func() string { return fmt.Sprintf(format, all...) })
}

// otherLength bounds the bytes that a value that is no text takes besides what it holds, the name of its type included.
const otherLength = 350

// length returns an upper bound of the bytes that fmt prints of v, or any number from program.MaxMade on if they are more than that. v must
// not contain itself.
func length(v reflect.Value) (n int) {
	switch v.Kind() {
	case reflect.String:
		return v.Len()
	case reflect.Interface, reflect.Pointer:
		return otherLength + length(v.Elem())
	case reflect.Slice, reflect.Array:
		for i := 0; i < v.Len() && n < program.MaxMade; i++ {
			n += 1 + length(v.Index(i))
		}
		return n
	case reflect.Map:
		for i := v.MapRange(); i.Next() && n < program.MaxMade; {
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
