package view

import (
	"maps"
	"slices"
)

// Field is one member of Fields.
type Field struct {
	Name  string
	Value Value
}

// Fields is a small Object that a program made. No two Fields may have the same name.
type Fields []Field

// Member implements Members.
func (f Fields) Member(name string) (Value, bool) {
	for i := range f {
		if f[i].Name == name {
			return f[i].Value, true
		}
	}
	return Value{}, false
}

// Names implements Members.
func (f Fields) Names() []string {
	names := make([]string, len(f))
	for i := range f {
		names[i] = f[i].Name
	}
	slices.Sort(names)
	return names
}

// Layers is several Objects seen as one. Of two members with the same name, that of the earlier layer counts.
type Layers []Value

// Member implements Members.
func (l Layers) Member(name string) (Value, bool) {
	for _, layer := range l {
		if member, ok := layer.Member(name); ok {
			return member, true
		}
	}
	return Value{}, false
}

// Names implements Members.
func (l Layers) Names() []string {
	var names []string
	for _, layer := range l {
		names = append(names, layer.Names()...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func sortedNames(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }
