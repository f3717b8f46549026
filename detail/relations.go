package detail

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"vitrine/detail/blobcache"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

const (
	relationsPage = 100
	maxCursor     = 256
)

// relations handles /relations/{kind}/{id}/{ref}?cursor=: the ids of what refers to the entity by a public ref.
func (st *site) relations(r *http.Request) (response, error) {
	path, err := segments(r, st.catalog.Site.Prefix+catalog.RelationsPath, 3)
	if err != nil {
		return response{}, err
	}
	target, err := item.NewEntity(path[0], path[1])
	if err != nil {
		return response{}, err
	}
	d := st.publicRef(path[0], path[2])
	if d == nil {
		return response{}, fmt.Errorf("%w: ref %.40q to %.40q", errNotFound, path[2], path[0])
	}
	params, err := declared(r, []string{"cursor"})
	if err != nil {
		return response{}, err
	}
	cursor := params["cursor"]
	if len(cursor) > maxCursor {
		return response{}, fmt.Errorf("%w: parameter cursor is longer than %d bytes", errBadRequest, maxCursor)
	}
	ids, next, err := st.server.config.Relations.Related(r.Context(), kv.Relation{Target: target, Kind: d.Kind.Name, Ref: path[2]}, cursor, relationsPage)
	if err != nil {
		return response{}, fmt.Errorf("list what refers to %s: %w", target, err)
	}
	return relationsResponse(st.stillRefer(r, d, path[2], target, ids), next)
}

// relationsResponse writes {"ids":[…],"next":CURSOR}; next is null after the last page.
func relationsResponse(ids []string, next string) (response, error) {
	shown := struct {
		IDs  []string `json:"ids"`
		Next *string  `json:"next"`
	}{IDs: ids}
	if next != "" {
		shown.Next = &next
	}
	body, err := json.Marshal(shown)
	return response{kind: typeJSON, body: body, header: http.Header{"Cache-Control": {shortly}}}, err
}

// publicRef finds the dimension that has a public ref of this name to a kind; nil for none. Of several kinds with such a
// dimension the first by name counts.
func (st *site) publicRef(kind, name string) *catalog.Dimension {
	for _, from := range slices.Sorted(maps.Keys(st.catalog.Kinds)) {
		for _, d := range st.catalog.Kinds[from].Dimensions {
			for _, ref := range d.Refs {
				if ref.Name == name && ref.Public && ref.Kind.Name == kind {
					return d
				}
			}
		}
	}
	return nil
}

// stillRefer leaves out ids whose blob does not refer to the target any more, since the relation index may lag. Where a blob
// can't be read, or the ref's dimension has none, the index is believed.
func (st *site) stillRefer(r *http.Request, d *catalog.Dimension, ref string, target item.Entity, ids []string) []string {
	referring := []string{}
	if len(d.Blobs) == 0 {
		return append(referring, ids...)
	}
	var keys []kv.BlobKey
	for _, id := range ids {
		keys = append(keys, kv.BlobKey{Entity: item.Entity{Kind: d.Kind.Name, ID: id}, Blob: d.Blobs[0].Name})
	}
	for _, p := range st.server.blobs.Read(r.Context(), keys, blobcache.Policy{}) {
		if p.Err != nil || slices.Contains(p.Refs[ref].IDs, target.ID) {
			referring = append(referring, p.Key.Entity.ID)
		}
	}
	return referring
}
