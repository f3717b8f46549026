package catalog

// Dimensions are the names of what the blob is folded from, its root first.
func (b *Blob) Dimensions() []string {
	names := make([]string, len(b.Of))
	for i, d := range b.Of {
		names[i] = d.Name
	}
	return names
}
