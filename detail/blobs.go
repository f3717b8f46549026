package detail

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"vitrine/detail/blobcache"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// blobs handles /blobs/{kind}/{blob}?ids=, for blobs that a page or a live part names.
func (st *site) blobs(r *http.Request) (response, error) {
	path, err := segments(r, st.catalog.Site.Prefix+catalog.BlobsPath, 2)
	if err != nil {
		return response{}, err
	}
	blob := st.exposedBlob(path[0], path[1])
	if blob == nil {
		return response{}, fmt.Errorf("%w: blob %.40q of %.40q", errNotFound, path[1], path[0])
	}
	ids, err := idsParam(r)
	if err != nil {
		return response{}, err
	}
	keys := make([]kv.BlobKey, len(ids))
	for i, id := range ids {
		keys[i] = kv.BlobKey{Entity: item.Entity{Kind: blob.Kind.Name, ID: id}, Blob: blob.Name}
	}
	return blobsResponse(st.server.markParts(st.server.blobs.Read(r.Context(), keys, blobcache.Policy{})))
}

// exposedBlob finds a blob that may be shown; nil for none.
func (st *site) exposedBlob(kind, name string) *catalog.Blob {
	k := st.catalog.Kinds[kind]
	if k == nil {
		return nil
	}
	b, err := k.Blob(name)
	if err != nil || !st.exposed[b] {
		return nil
	}
	return b
}

// blobsResponse writes {"items":{ID:{"gen":n,"data":{…}}},"missing":[…]}. A blob that no tier could be asked about is listed as
// missing, and the response marked stale. Where no blob was found at all, its error is returned.
func blobsResponse(parts []blobcache.Part) (response, error) {
	body, missing := []byte(`{"items":{`), []string{}
	a := response{kind: typeJSON, header: http.Header{"Cache-Control": {shortly}}}
	var failed error
	found := 0
	for _, p := range parts {
		if p.Stale || p.Err != nil {
			a.header.Set(staleField, "1")
			a.header.Set("Cache-Control", noStore)
		}
		if p.Err != nil {
			failed = p.Err
		}
		if p.Err != nil || p.Existence != kv.Alive {
			missing = append(missing, p.Key.Entity.ID)
			continue
		}
		found++
		if found > 1 {
			body = append(body, ',')
		}
		id, err := json.Marshal(p.Key.Entity.ID)
		if err != nil {
			return a, err
		}
		body = append(append(body, id...), `:{"gen":`...)
		body = append(strconv.AppendUint(body, p.Stamp, 10), `,"data":`...)
		body = append(append(body, p.Body...), '}')
	}
	if found == 0 && failed != nil {
		return response{}, failed
	}
	list, err := json.Marshal(missing)
	if err != nil {
		return a, err
	}
	a.body = append(append(append(body, `},"missing":`...), list...), '}')
	return a, nil
}
