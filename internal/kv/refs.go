package kv

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"vitrine/internal/item"
	"vitrine/internal/view"
)

// Refs are the ids that something refers to, by the ref's name. A ref without ids is left out.
type Refs map[string]Ref

// Ref holds the ids of one ref, unique, in the order of the field they come from. Its JSON is a string,
// or an array of strings where the field was a list.
type Ref struct {
	IDs  []string
	List bool
}

// Equal reports whether both refer to the same; nil and empty are the same.
func (r Refs) Equal(other Refs) bool {
	return maps.EqualFunc(r, other, func(a, b Ref) bool { return a.List == b.List && slices.Equal(a.IDs, b.IDs) })
}

// MarshalJSON writes a string or an array of strings.
func (r Ref) MarshalJSON() ([]byte, error) {
	if !r.List && len(r.IDs) == 1 {
		return json.Marshal(r.IDs[0])
	}
	return json.Marshal(r.IDs)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (r *Ref) UnmarshalJSON(b []byte) error {
	r.List = bytes.HasPrefix(b, []byte("["))
	if r.List {
		return json.Unmarshal(b, &r.IDs)
	}
	r.IDs = make([]string, 1)
	if err := json.Unmarshal(b, &r.IDs[0]); err != nil {
		return fmt.Errorf("read a ref: %w", err)
	}
	return nil
}

// readRefs reads the JSON of Refs: as UnmarshalJSON does, at a tenth of the cost, since every page needs those of all its parts.
func (c *Codec) readRefs(text []byte) (Refs, error) {
	reader := new(view.Reader)
	if c != nil {
		reader = &c.refs
	}
	doc, err := reader.Index(text)
	if err != nil {
		return nil, err
	}
	defer reader.Free(doc)
	if doc.Root().Kind() != view.Object {
		return nil, fmt.Errorf("%w: the refs are no object", item.ErrRefused)
	}
	names := doc.Root().Names()
	refs := make(Refs, len(names))
	for _, name := range names {
		member, _ := doc.Root().Member(name)
		ref := Ref{List: member.Kind() == view.List}
		ids := member.Walk()
		if !ref.List {
			ids = view.OfElements(view.Elements{member}).Walk()
		}
		for id, ok := ids.Next(); ok; id, ok = ids.Next() {
			if id.Kind() != view.String {
				return nil, fmt.Errorf("%w: the ref %s holds what is no id", item.ErrRefused, name)
			}
			ref.IDs = append(ref.IDs, id.Text())
		}
		refs[name] = ref
	}
	return refs, nil
}
