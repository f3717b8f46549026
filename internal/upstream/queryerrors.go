package upstream

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"

	"github.com/tidwall/gjson"

	"vitrine/internal/catalog"
	"vitrine/internal/shape"
)

// queryErrors reports whether an answer is a GraphQL answer with errors, and whether it is GraphQL's equivalent of a 503:
// errors, and no data or null. Such an answer has no members other than GraphQL's, so that a record with a field called
// errors is not mistaken for it. The errors are a list; some servers send a text or an object.
func queryErrors(body []byte) (errors, failed bool) {
	errs, _ := shape.Lookup(body, catalog.Path{"errors"})
	errors = errs.Get("0").Exists() || errs.IsObject() || errs.Type == gjson.String && errs.Str != ""
	failed = errors
	null := func(_, member gjson.Result) bool {
		failed = failed && member.Type == gjson.Null
		return failed
	}
	gjson.ParseBytes(body).ForEach(func(key, value gjson.Result) bool {
		switch key.Str {
		case "errors", "extensions":
		case "data":
			value.ForEach(null)
		default:
			errors = false
		}
		return errors
	})
	return errors, errors && failed
}

// doubts are copies of a GraphQL answer whose errors have made fields null. What differs when it is made of a copy depends on such a field:
// it lacks something that the upstream could not give, as opposed to something that there is not.
type doubts struct {
	texts   []byte // the fields are texts
	without []byte // the elements of lists that the fields are in are null; fields that are in none are texts
}

// doubtsOf returns nil if no error can be why a field is null. An element of a list that is null counts as missing, and is no such field.
func doubtsOf(body []byte) *doubts {
	errs, _ := shape.Lookup(body, catalog.Path{"errors"})
	data, _ := shape.Lookup(body, catalog.Path{"data"})
	nulls := pathsOf(errs).nulls(place{value: data}, nil)
	if len(nulls) == 0 {
		return nil
	}
	const text = `"\u0001 failed"`
	var texts, without []replacement
	for _, n := range nulls {
		texts = append(texts, replacement{n.value, text})
		if n.element.Exists() {
			without = append(without, replacement{n.element, "null"})
		} else {
			without = append(without, replacement{n.value, text})
		}
	}
	return &doubts{replaced(body, texts), replaced(body, without)}
}

// single returns what a single entity's answer is compared with; nil if nothing of it failed.
func (d *doubts) single() []byte {
	if d == nil {
		return nil
	}
	return d.texts
}

// replacement is a value within JSON, and what comes in its place.
type replacement struct {
	value gjson.Result
	by    string
}

// replaced is JSON with other values in place of some. Of values within each other the outer one is replaced.
func replaced(body []byte, values []replacement) []byte {
	slices.SortFunc(values, func(a, b replacement) int {
		return cmp.Or(cmp.Compare(a.value.Index, b.value.Index), cmp.Compare(len(b.value.Raw), len(a.value.Raw)))
	})
	var out bytes.Buffer
	from := 0
	for _, v := range values {
		if v.value.Index < from {
			continue
		}
		out.Write(body[from:v.value.Index])
		out.WriteString(v.by)
		from = v.value.Index + len(v.value.Raw)
	}
	out.Write(body[from:])
	return out.Bytes()
}

// paths are the paths of errors, as a tree of their steps. nil stands for all paths.
type paths map[string]paths

// maxPath is how many steps of an error's path count, and how deep fields are looked for.
const maxPath = 32

// pathsOf returns all paths if one of the errors does not say where it happened, so that any null may be due to it.
func pathsOf(errs gjson.Result) paths {
	if !errs.IsArray() {
		return nil
	}
	all := paths{}
	errs.ForEach(func(_, e gjson.Result) bool {
		path := e.Get("path")
		if !path.IsArray() || !path.Get("0").Exists() {
			all = nil
			return false
		}
		all.add(path)
		return true
	})
	return all
}

func (p paths) add(path gjson.Result) {
	steps := 0
	path.ForEach(func(_, step gjson.Result) bool {
		text := cmp.Or(step.Str, step.Raw)
		if p[text] == nil {
			p[text] = paths{}
		}
		p = p[text]
		steps++
		return steps < maxPath
	})
}

// place is where a value is in an answer.
type place struct {
	value   gjson.Result
	element gjson.Result // the innermost element of a list that it is in, or is itself; none if it is in no list
	listed  bool         // it is itself an element
	depth   int
}

// nulls appends those fields of objects that are null, at or above the ends of the paths. An error in a field that
// must not be null makes what is around it null.
func (p paths) nulls(at place, found []place) []place {
	v := at.value
	switch {
	case v.Type == gjson.Null && v.Raw == "null" && !at.listed && v.Index > 0:
		return append(found, at)
	case !v.IsObject() && !v.IsArray(), at.depth >= maxPath:
		return found
	}
	i := -1
	v.ForEach(func(key, value gjson.Result) bool {
		step, below := key.Str, place{value: value, element: at.element, listed: v.IsArray(), depth: at.depth + 1}
		if below.listed {
			i++
			step = strconv.Itoa(i)
			below.element = value
		}
		if inner, ok := p[step]; ok || p == nil {
			found = inner.nulls(below, found)
		}
		return true
	})
	return found
}
