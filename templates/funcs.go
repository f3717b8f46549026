package templates

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/view"
	"vitrine/templates/program"
)

// templateFunctions returns the functions that templates may call besides those that only html/template has.
//
//	text V            V as plain text; "" for nothing, for objects and lists
//	list V            V as a list: V itself, a list of V alone, or an empty one
//	get V "a" "b"     V.a.b, or nothing if a member is missing, or not in an object
//	src V             a picture's address: V itself, or its member url or src
//	segment V         V as one segment of a path, percent-encoded
//	money V "EUR" "de"  an amount with its currency
//	discount V W      by how many per cent the amount W is below V, "" for less than one
//	number V "de"     a number with grouped digits
//	asset "site.css"  the path of a static file
//	say . "In stock"  a text of the theme in the page's language
//	family .          the choices among a page's siblings
//	size V "width" 800  a picture's width or height, 800 if it has none
//	srcset . V 72 144  the addresses of a picture in those widths, or "" where the catalog has no images.sizes
//	absolute . V      the address V with scheme and host, or ""
//	jsonld .          the page for machines, inside <script type="application/ld+json">
//	day V             the day of a date, "2027-01-15", or ""
//	positive V        V as text, or "" for a negative number
//	reduced V W       the list price V if it is higher than the amount W, or nothing
//	dir V             the direction of the language V: "ltr" or "rtl"
//	printf F ...      as in html/template, with widths of up to 3 digits
//
// bounded adds those that make long texts. view.Value says how they treat a Number, an HTML, or nothing at all.
func (s *Set) templateFunctions() map[string]program.Func {
	all := map[string]program.Func{
		"text":    program.TextFunc(text),
		"day":     program.TextFunc(day),
		"list":    {Params: anys(1), Call: func(_ *program.Budget, args []view.Value) (view.Value, error) { return list(args[0]), nil }},
		"get":     program.StepsFunc(),
		"src":     program.TextFunc(src),
		"asset":   {Params: []program.Param{program.Text}, Call: s.asset},
		"family":  {Params: anys(1), Call: func(_ *program.Budget, args []view.Value) (view.Value, error) { return family(args[0]), nil }},
		"size":    {Params: []program.Param{program.Any, program.Text, program.Whole}, Call: size},
		"srcset":  {Params: anys(2), More: program.Whole, Call: srcset},
		"jsonld":  {Params: anys(1), Call: func(_ *program.Budget, args []view.Value) (view.Value, error) { return jsonLD(args[0]), nil }},
		"reduced": {Params: anys(2), Call: func(_ *program.Budget, args []view.Value) (view.Value, error) { return reduced(args[0], args[1]), nil }},
		"dir":     program.TextFunc(direction), "positive": program.TextFunc(positive),
		"money": {Params: anys(3), Call: func(_ *program.Budget, args []view.Value) (view.Value, error) {
			return view.OfText(money(args[0], args[1], args[2])), nil
		}},
		"discount": {Params: anys(2), Call: func(_ *program.Budget, args []view.Value) (view.Value, error) {
			return view.OfText(discount(args[0], args[1])), nil
		}},
		"number": {Params: anys(2), Call: func(_ *program.Budget, args []view.Value) (view.Value, error) {
			return view.OfText(number(args[0], args[1])), nil
		}},
		"absolute": {Params: anys(2), Call: func(_ *program.Budget, args []view.Value) (view.Value, error) {
			return view.OfText(absolute(args[0], args[1])), nil
		}},
	}
	maps.Copy(all, bounded(s.texts))
	return all
}

func anys(n int) []program.Param { return slices.Repeat([]program.Param{program.Any}, n) }

func text(v view.Value) string {
	switch v.Kind() {
	case view.String, view.Number, view.HTML:
		return v.Text()
	case view.Int:
		return strconv.Itoa(v.Int())
	case view.Bool, view.Float:
		return fmt.Sprint(v.Decode())
	}
	return ""
}

// list returns v as a list. Nothing is an empty list.
func list(v view.Value) view.Value {
	switch {
	case v.IsNone():
		return view.OfElements(nil)
	case v.Kind() == view.List:
		return v
	}
	return view.OfElements(view.Elements{v})
}

// textAt returns the text of V.a.b for the members "a", "b".
func textAt(v view.Value, steps ...string) string { return text(v.Get(steps...)) }

func src(v view.Value) string {
	if s := text(v); s != "" {
		return s
	}
	if s := textAt(v, "url"); s != "" {
		return s
	}
	return textAt(v, "src")
}

// day is the calendar day of an ISO 8601 date, with or without a time.
func day(v view.Value) string {
	s, _, _ := strings.Cut(text(v), "T")
	if len(s) != len(time.DateOnly) {
		return "" // an error of time.Parse costs more than all else here
	}
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		return ""
	}
	return s
}

func segment(v view.Value) string { return item.Escape(text(v)) }
