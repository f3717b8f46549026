package view

// Walk goes through the elements of a List.
type Walk struct {
	list Value
	at   int // of the next element
	node int // of the next element in a Doc
	left int
}

// Walk begins at the first element; there is none in what is no List.
func (v Value) Walk() Walk {
	w := Walk{list: v}
	if v.kind == List {
		w.left, w.node = v.Len(), int(v.num)+1
	}
	return w
}

// Next gives one element after another.
func (w *Walk) Next() (Value, bool) {
	if w.left == 0 {
		return Value{}, false
	}
	w.left--
	at := w.at
	w.at++
	switch ref := w.list.ref.(type) {
	case *Doc:
		node := w.node
		w.node = ref.behind(node)
		return ref.value(node), true
	case []any:
		return Of(ref[at]), true
	case Elements:
		return ref[at], true
	}
	return Value{}, false
}

// At is an element of a List; ok is false where it has none at i.
func (v Value) At(i int) (element Value, ok bool) {
	if v.kind != List || i < 0 || i >= v.Len() {
		return Value{}, false
	}
	switch ref := v.ref.(type) {
	case []any:
		return Of(ref[i]), true
	case Elements:
		return ref[i], true
	}
	w := v.Walk()
	for range i + 1 {
		element, ok = w.Next()
	}
	return element, ok
}
