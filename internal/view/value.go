package view

import (
	"encoding/json"
	"html/template"
	"math"
	"slices"
)

// Kind is what a Value is.
type Kind uint8

// The kinds. Missing and Null are both no value; templates tell them apart as Go's reflection does: a member of a Null is an error,
// one of what is Missing is Missing.
const (
	Missing Kind = iota // the zero Value
	Null                // null, or a member that an object has not
	Bool
	Int
	Float
	String
	Number // digits as written
	HTML   // text that is safe as markup
	List
	Object
	Other // a Go value that no other kind is for
)

// Value is a value of any kind.
type Value struct {
	kind Kind
	num  int64  // of a Bool, an Int, the bits of a Float; of a value of a Doc: its node
	text string // of a String, a Number, an HTML
	ref  any    // what a List or an Object stands in: *Doc, []any, map[string]any, Elements or Members; an Other itself
}

// Members is an object of another making. Names gives each name once, sorted.
type Members interface {
	Member(name string) (Value, bool)
	Names() []string
}

// Elements is a list of another making.
type Elements []Value

// Texts, numbers and truths.
var (
	Nothing = Value{kind: Null}
	True    = Value{kind: Bool, num: 1}
	False   = Value{kind: Bool}
)

// OfText is s as a String.
func OfText(s string) Value { return Value{kind: String, text: s} }

// OfInt is n as an Int.
func OfInt(n int) Value { return Value{kind: Int, num: int64(n)} }

// OfBool is b as a Bool.
func OfBool(b bool) Value {
	if b {
		return True
	}
	return False
}

// OfMembers is m as an Object.
func OfMembers(m Members) Value { return Value{kind: Object, ref: m} }

// OfElements is a list as a List.
func OfElements(list Elements) Value { return Value{kind: List, ref: list} }

// Of is what Go decoded or computed. A Value is itself.
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

// Kind is the value's kind.
func (v Value) Kind() Kind { return v.kind }

// IsNone reports whether v is no value.
func (v Value) IsNone() bool { return v.kind <= Null }

// IsText reports whether v is a text of any kind. To a template, a Number is one.
func (v Value) IsText() bool { return v.kind >= String && v.kind <= HTML }

// Text is the text of a String, a Number or an HTML; "" of others.
func (v Value) Text() string { return v.text }

// Int is the number of an Int, and 1 of True.
func (v Value) Int() int { return int(v.num) }

// Float is the number of a Float.
func (v Value) Float() float64 { return math.Float64frombits(uint64(v.num)) }

// WithText is a text of the same kind with other content.
func (v Value) WithText(s string) Value { return Value{kind: v.kind, text: s} }

// Truth is whether a template takes v for true: what is not empty and not zero.
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

// Len is the number of bytes of a text, of elements of a List, of members of an Object.
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

// Member is an Object's member of a name.
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

// Get goes from member to member; it is Nothing where one is missing, or what should have it is no Object.
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

// Names are the names of an Object's members, each once, sorted.
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
