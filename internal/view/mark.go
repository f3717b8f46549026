package view

// MarkHTML makes the String at a path of names an HTML, in place, as every view of the same Doc sees it. clean, unless nil, gives what to
// show instead, or reports that there is nothing safe to show: then the text stays a String.
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
