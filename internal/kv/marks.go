package kv

import (
	"fmt"
	"maps"
	"strconv"
	"strings"

	"vitrine/internal/item"
)

// htmlMarks is the name under which Value.HTML stands among the stored refs. No ref of a catalog can be called so.
const htmlMarks = "!html"

// markedRefs are the refs of a value as they are stored, with the marks of its HTML among them.
func markedRefs(v Value) Refs {
	if len(v.HTML) == 0 {
		return v.Refs
	}
	offsets := make([]string, len(v.HTML))
	for i, at := range v.HTML {
		offsets[i] = strconv.FormatUint(uint64(at), 10)
	}
	all := maps.Clone(v.Refs)
	if all == nil {
		all = Refs{}
	}
	all[htmlMarks] = Ref{IDs: []string{strings.Join(offsets, " ")}}
	return all
}

// takeMarks moves the marks of HTML from the refs of a value that was read to where they belong.
func takeMarks(v *Value) error {
	marks, ok := v.Refs[htmlMarks]
	if !ok {
		return nil
	}
	delete(v.Refs, htmlMarks)
	if len(v.Refs) == 0 {
		v.Refs = nil
	}
	for _, text := range strings.Fields(strings.Join(marks.IDs, " ")) {
		at, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return fmt.Errorf("%w: %q is no place of HTML", item.ErrDamaged, item.Clip(text, 40))
		}
		v.HTML = append(v.HTML, uint32(at))
	}
	return nil
}
