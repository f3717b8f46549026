package rediskv

// Parts is how many items go out together, of items that are written with so many bytes each.
func Parts(sizes []int) (parts []int) {
	b := batch{n: len(sizes), size: func(i int) int { return sizes[i] }, pace: newPace()}
	var at []int
	for i := range sizes {
		at = append(at, i)
	}
	for len(at) > 0 {
		part := b.cut(at)
		parts = append(parts, len(part))
		at = at[len(part):]
	}
	return parts
}
