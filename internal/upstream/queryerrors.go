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
	without []byte // the elements of lists that the fields are in are null; nil if one is in none
}

// doubtsOf returns nil if no error has the path of a field that is null. An element of a list that is null counts as missing, and is no
// such field.
func doubtsOf(body []byte) *doubts {
	failed := paths{}
	errs, _ := shape.Lookup(body, catalog.Path{"errors"})
	errs.ForEach(func(_, e gjson.Result) bool {
		failed.add(e.Get("path"))
		return true
	})
	data, _ := shape.Lookup(body, catalog.Path{"data"})
	nulls := failed.nulls(data, gjson.Result{}, false, nil)
	if len(nulls) == 0 {
		return nil
	}
	var fields, elements []gjson.Result
	for _, n := range nulls {
		fields = append(fields, n.field)
		if n.element.Exists() {
			elements = append(elements, n.element)
		}
	}
	d := &doubts{texts: replaced(body, fields, `"\u0001 failed"`)}
	if len(elements) == len(fields) {
		d.without = replaced(body, elements, "null")
	}
	return d
}

// single returns what a single entity's answer is compared with; nil if nothing of it failed.
func (d *doubts) single() []byte {
	if d == nil {
		return nil
	}
	return d.texts
}

// replaced is JSON with another value in place of some. Of values within each other the outer one is replaced.
func replaced(body []byte, values []gjson.Result, by string) []byte {
	slices.SortFunc(values, func(a, b gjson.Result) int {
		return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(len(b.Raw), len(a.Raw)))
	})
	var out bytes.Buffer
	from := 0
	for _, v := range values {
		if v.Index < from {
			continue
		}
		out.Write(body[from:v.Index])
		out.WriteString(by)
		from = v.Index + len(v.Raw)
	}
	out.Write(body[from:])
	return out.Bytes()
}

// paths are the paths of errors, as a tree of their steps.
type paths map[string]paths

// maxPath is how many steps of an error's path count.
const maxPath = 32

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

// null is a field that is null, and the innermost element of a list that it is in, if any.
type null struct{ field, element gjson.Result }

// nulls appends those fields of objects that are null, at or above the ends of the paths. An error in a field that
// must not be null makes what is around it null. listed tells that v is itself an element.
func (p paths) nulls(v, element gjson.Result, listed bool, found []null) []null {
	switch {
	case v.Type == gjson.Null && v.Raw == "null" && !listed && v.Index > 0:
		return append(found, null{v, element})
	case !v.IsObject() && !v.IsArray():
		return found
	}
	i := -1
	v.ForEach(func(key, value gjson.Result) bool {
		step, element := key.Str, element
		if v.IsArray() {
			i++
			step = strconv.Itoa(i)
			element = value
		}
		if inner := p[step]; inner != nil {
			found = inner.nulls(value, element, v.IsArray(), found)
		}
		return true
	})
	return found
}
