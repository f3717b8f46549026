package view

// Walk iterates over the elements of a List.
type Walk struct {
	list Value
	at   int // position of the next element
	node int // position of its node, in a Doc
	left int
}

// Walk returns an iterator that stands before the first element. A value of another kind than List has no elements.
func (v Value) Walk() Walk {
	w := Walk{list: v}
	if v.kind == List {
		w.left, w.node = v.Len(), int(v.num)+1
	}
	return w
}

// Next returns the next element, and false behind the last one.
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

// At returns the element of a List at position i, counted from 0. ok is false if v is not a List or has no such element. In a List of a
// Doc it takes time proportional to i.
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
