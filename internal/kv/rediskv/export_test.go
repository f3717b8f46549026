package rediskv

// Parts returns how many items of the given sizes in bytes are written together in each part.
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

// Slot is the slot of a hash tag in a Cluster.
func Slot(tag string) int { return int(crc16(tag)) % slots }
