package view

// MarkHTML turns the String at a path of member names into an HTML. The change is made in the Doc, so all later reads of it see the HTML.
// Nothing happens where the path leads to no String of a Doc. If clean is not nil, it returns the markup to show instead of text; if it
// returns false, no safe markup is left and the value stays a String.
func (v Value) MarkHTML(path []string, clean func(text string) (string, bool)) {
	for _, name := range path {
		var ok bool
		v, ok = v.Member(name)
		if !ok {
			return
		}
	}
	d, ok := v.ref.(*Doc)
	if !ok || v.kind != String {
		return
	}
	n := &d.nodes[v.num]
	if clean != nil {
		text, ok := clean(v.text)
		if !ok {
			return
		}
		d.keep(n, text)
	}
	n.kind = HTML
}
