package kv

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Refs are the ids that a record or a blob refers to, by the ref's name. A ref without ids is left out.
type Refs map[string]Ref

// Ref holds the ids of one ref, unique, in the order of the source field. Its JSON is a string, or an array of strings
// if the field was a list.
type Ref struct {
	IDs  []string
	List bool
}

// Equal reports whether both refer to the same ids; nil and empty are the same.
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
