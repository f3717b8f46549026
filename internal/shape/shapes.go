package shape

import (
	"vitrine/internal/catalog"
	"vitrine/internal/kv"
)

// Blob is the shape of a blob that is folded from records with these shapes, by dimension, 0 meaning no record. It is
// the catalog's, or 0 if a record was made for another catalog: then the blob has no single shape.
func Blob(b *catalog.Blob, shapes map[string]uint32) uint32 {
	for _, d := range b.Of {
		if s := shapes[d.Name]; s != 0 && s != d.Shape {
			return 0
		}
	}
	return b.Shape
}

func blobOf(b *catalog.Blob, records map[string]kv.Record) uint32 {
	shapes := make(map[string]uint32, len(records))
	for name, r := range records {
		shapes[name] = r.Shape
	}
	return Blob(b, shapes)
}

// MustReshape reports whether a built blob has another shape than it would have now. A blob with a record of another
// shape than the catalog's is left alone: that record will be fetched again, and the blob folded from it.
func MustReshape(b *catalog.Blob, s kv.State) bool {
	to := Blob(b, s.Shapes)
	return to != 0 && s.Gen(b.Dimensions()) > 0 && s.BuiltAs[b.Name] != to
}

// MustRefetch reports whether an entity's record of a dimension was made for another catalog.
func MustRefetch(d *catalog.Dimension, s kv.State) bool {
	return s.Gens[d.Name] > 0 && s.Shapes[d.Name] != d.Shape
}
