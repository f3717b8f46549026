package detail_test

import (
	"testing"
	"testing/fstest"

	"vitrine/detail"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/kvtest"
	"vitrine/internal/shape"
	"vitrine/templates"
)

// openCatalog opens a shop with a catalog given as YAML, and files beside the theme's.
func openCatalog(t testing.TB, source string, files fstest.MapFS, change ...func(*detail.Config)) *shop {
	t.Helper()
	c, err := catalog.Parse([]byte(source), "shop.yaml", catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Mistakes) > 0 {
		t.Fatal(c.Mistakes)
	}
	set := theme(t, files)
	s := open(t, append(change, func(to *detail.Config) {
		to.Catalog, to.Templates = func() *catalog.Catalog { return c }, func() *templates.Set { return set }
	})...)
	s.catalog = c
	return s
}

// answer stores the blobs of an entity, made of what its upstreams answer for each dimension, as heterog and syncer would.
func (s *shop) answer(t testing.TB, entity string, gen uint64, answers map[string]string) {
	t.Helper()
	e, err := item.ParseEntity(entity)
	if err != nil {
		t.Fatal(err)
	}
	kind := s.catalog.Kinds[e.Kind]
	records := map[string]kv.Record{}
	for name, answer := range answers {
		d, err := kind.Dimension(name)
		if err != nil {
			t.Fatal(err)
		}
		record, _, err := shape.MakeRecord(d, []byte(answer))
		if err != nil {
			t.Fatal(err)
		}
		records[name] = kv.Record{Value: kv.Value{Header: kv.Header{Existence: kv.Alive, Shape: d.Shape}, Body: record.Body}}
	}
	for _, b := range kind.Blobs {
		v, err := shape.Fold(b, e, records)
		if err != nil {
			t.Fatal(err)
		}
		if v.Existence != kv.Alive {
			continue
		}
		v.Stamp = gen
		v, err = kv.Decode(kv.Encode(v, true))
		if err != nil {
			t.Fatal(err)
		}
		s.redis.Set(func(m *kvtest.Memory) { m.Stored[kv.BlobKey{Entity: e, Blob: b.Name}] = v })
		s.server.Announced(e, map[string]uint64{b.Name: gen})
	}
}
