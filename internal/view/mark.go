package view

import "slices"

// MarkHTML turns the Strings at a path of member names into HTML, also within lists on the path. The change is made in the Doc, so all
// later reads of it see the HTML. Nothing happens where the path leads to no String of a Doc. If clean is not nil, it returns the markup
// to show instead of text; if it returns false, no safe markup is left and the value stays a String.
func (v Value) MarkHTML(path []string, clean func(text string) (string, bool)) {
	if v.kind == List {
		walk := v.Walk()
		for element, ok := walk.Next(); ok; element, ok = walk.Next() {
			element.MarkHTML(path, clean)
		}
		return
	}
	if len(path) > 0 {
		if member, ok := v.Member(path[0]); ok {
			member.MarkHTML(path[1:], clean)
		}
		return
	}
	if d, ok := v.ref.(*Doc); ok && v.kind == String {
		d.markHTML(&d.nodes[v.num], clean)
	}
}

func (d *Doc) markHTML(n *node, clean func(text string) (string, bool)) {
	if clean != nil {
		text, ok := clean(d.textOf(n))
		if !ok {
			return
		}
		d.keep(n, text)
	}
	n.kind = HTML
}

// MarkHTMLAt turns Strings into HTML by the offsets of their quotes in the JSON, which rise. An offset where no String of the Doc begins
// means nothing.
func (d *Doc) MarkHTMLAt(offsets []uint32, clean func(text string) (string, bool)) {
	for i := 0; i < len(d.nodes) && len(offsets) > 0; i++ {
		n := &d.nodes[i]
		if n.kind != String {
			continue
		}
		behind, exact := slices.BinarySearch(offsets, d.startOf(n)-1)
		offsets = offsets[behind:]
		if exact {
			offsets = offsets[1:]
			d.markHTML(n, clean)
		}
	}
}
