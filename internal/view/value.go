package view

import (
	"encoding/json"
	"html/template"
	"math"
	"slices"
)

// Kind is the kind of a Value.
type Kind uint8

// The kinds. Missing and Null both mean no value. Templates distinguish them as Go's reflection does: reading a member of a Null is an
// error, and a member of a Missing is Missing.
const (
	Missing Kind = iota // the zero Value
	Null                // null, or a member that an object does not have
	Bool
	Int
	Float
	String
	Number // a number with its digits as written
	HTML   // text that is safe as markup
	List
	Object
	Other // a Go value of any other type
)

// Value is a value of a JSON text, or one that a program computed. The zero Value is Missing.
type Value struct {
	kind Kind
	num  int64  // a Bool (1 for true), an Int, or the bits of a Float; of another value of a Doc: the position of its node
	text string // the text of a String, a Number or an HTML
	ref  any    // the *Doc it was read from; of a List or an Object otherwise []any, map[string]any, Elements or Members; an Other itself
}

// Members is an Object that is neither in a Doc nor a map. Member returns the member of that name, and false if there is none. Names
// returns each name once, sorted.
type Members interface {
	Member(name string) (Value, bool)
	Names() []string
}

// Elements is a List that a program made.
type Elements []Value

// The values that need no content.
var (
	Nothing = Value{kind: Null}
	True    = Value{kind: Bool, num: 1}
	False   = Value{kind: Bool}
)

// OfText returns s as a String.
func OfText(s string) Value { return Value{kind: String, text: s} }

// OfInt returns n as an Int.
func OfInt(n int) Value { return Value{kind: Int, num: int64(n)} }

// OfBool returns b as a Bool.
func OfBool(b bool) Value {
	if b {
		return True
	}
	return False
}

// OfMembers returns m as an Object.
func OfMembers(m Members) Value { return Value{kind: Object, ref: m} }

// OfElements returns list as a List.
func OfElements(list Elements) Value { return Value{kind: List, ref: list} }

// Of returns the Value of a Go value, as encoding/json decodes it into any or as a template function returns it. A Value is returned as
// it is. A value of a type that no other kind stands for becomes an Other.
func Of(v any) Value {
	switch v := v.(type) {
	case nil:
		return Nothing
	case Value:
		return v
	case bool:
		return OfBool(v)
	case int:
		return OfInt(v)
	case int64:
		return OfInt(int(v))
	case float64:
		return Value{kind: Float, num: int64(math.Float64bits(v))}
	case string:
		return OfText(v)
	case json.Number:
		return Value{kind: Number, text: string(v)}
	case template.HTML:
		return Value{kind: HTML, text: string(v)}
	case map[string]any:
		return Value{kind: Object, ref: v}
	case []any:
		return Value{kind: List, ref: v}
	case Members:
		return OfMembers(v)
	}
	return Value{kind: Other, ref: v}
}

// Kind returns the kind of v.
func (v Value) Kind() Kind { return v.kind }

// IsNone reports whether v is Missing or Null.
func (v Value) IsNone() bool { return v.kind <= Null }

// IsText reports whether v is a String, a Number or an HTML. To a template, a Number is text.
func (v Value) IsText() bool { return v.kind >= String && v.kind <= HTML }

// Text returns the text of a String, a Number or an HTML, and "" for any other kind.
func (v Value) Text() string { return v.text }

// Int returns the number of an Int, and 1 or 0 for a Bool. For other kinds the result means nothing.
func (v Value) Int() int { return int(v.num) }

// Float returns the number of a Float. For other kinds the result means nothing.
func (v Value) Float() float64 { return math.Float64frombits(uint64(v.num)) }

// WithText returns a value of the kind of v, which must be a String, a Number or an HTML, with the text s.
func (v Value) WithText(s string) Value { return Value{kind: v.kind, text: s} }

// Truth reports whether a template takes v for true: v is a value, and neither empty nor zero.
func (v Value) Truth() bool {
	switch v.kind {
	case Missing, Null:
		return false
	case Bool, Int:
		return v.num != 0
	case Float:
		return v.Float() != 0
	case String, Number, HTML:
		return v.text != ""
	case List, Object:
		return !v.empty()
	}
	truth, _ := template.IsTrue(v.ref)
	return truth
}

// empty reports whether a List or an Object holds nothing.
func (v Value) empty() bool {
	switch ref := v.ref.(type) {
	case *Doc:
		return ref.nodes[v.num].end == 0
	case Layers:
		return !slices.ContainsFunc(ref, Value.Truth)
	}
	return v.Len() == 0
}

// Len returns the number of bytes of a text, of elements of a List, or of members of an Object. It is 0 for other kinds.
func (v Value) Len() int {
	switch ref := v.ref.(type) {
	case *Doc:
		if v.kind == Object || v.kind == List {
			return ref.length(int(v.num))
		}
	case []any:
		return len(ref)
	case Elements:
		return len(ref)
	case map[string]any:
		return len(ref)
	case Members:
		return len(ref.Names())
	}
	return len(v.text)
}

// Member returns the member of an Object with that name. It returns false if there is none, or if v is not an Object.
func (v Value) Member(name string) (Value, bool) {
	if v.kind != Object {
		return Value{}, false
	}
	switch ref := v.ref.(type) {
	case *Doc:
		return ref.member(int(v.num), name)
	case map[string]any:
		if member, ok := ref[name]; ok {
			return Of(member), true
		}
	case Members:
		return ref.Member(name)
	}
	return Value{}, false
}

// Get follows a path of member names from v. It returns Nothing where a member is missing, or where a value on the path is not an Object.
func (v Value) Get(names ...string) Value {
	for _, name := range names {
		var ok bool
		v, ok = v.Member(name)
		if !ok {
			return Nothing
		}
	}
	return v
}

// Names returns the names of an Object's members, each once, sorted; nil if v is not an Object.
func (v Value) Names() []string {
	if v.kind != Object {
		return nil
	}
	switch ref := v.ref.(type) {
	case *Doc:
		return ref.names(int(v.num))
	case map[string]any:
		return sortedNames(ref)
	case Members:
		return ref.Names()
	}
	return nil
}
