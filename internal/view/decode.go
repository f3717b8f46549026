package view

import (
	"encoding/json"
	"html/template"
)

// Decode returns v as a Go value: nil, bool, int, float64, string, json.Number, []any or map[string]any, as encoding/json decodes into
// any with UseNumber; template.HTML for an HTML; and for an Other the value itself.
func (v Value) Decode() any {
	switch v.kind {
	case Missing, Null:
		return nil
	case Bool:
		return v.num != 0
	case Int:
		return int(v.num)
	case Float:
		return v.Float()
	case String:
		return v.text
	case Number:
		return json.Number(v.text)
	case HTML:
		return template.HTML(v.text)
	case List:
		return v.decodeList()
	case Object:
		return v.decodeObject()
	}
	return v.ref
}

func (v Value) decodeList() []any {
	switch ref := v.ref.(type) {
	case []any:
		return ref
	case Elements:
		if ref == nil {
			return nil
		}
	}
	list := make([]any, 0, v.Len())
	walk := v.Walk()
	for element, ok := walk.Next(); ok; element, ok = walk.Next() {
		list = append(list, element.Decode())
	}
	return list
}

func (v Value) decodeObject() map[string]any {
	if m, ok := v.ref.(map[string]any); ok {
		return m
	}
	names := v.Names()
	m := make(map[string]any, len(names))
	for _, name := range names {
		member, _ := v.Member(name)
		m[name] = member.Decode()
	}
	return m
}
