package detail

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"vitrine/detail/admission"
	"vitrine/detail/blobcache"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/redact"
)

// States of a live part in a response.
const (
	stateFresh  = "fresh"  // no older than the catalog allows
	stateLast   = "last"   // the last known, or the catalog's own value
	stateHidden = "hidden" // nothing to show
)

// livePart is one part in a response. At is when its data was fetched; nil for a value of the catalog. Refused names the parameters
// whose values the part does not take, so that an open page forgets them.
type livePart struct {
	State   string          `json:"state"`
	At      *time.Time      `json:"at,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"`
	Refused []string        `json:"refused,omitempty"`
}

type liveParts struct {
	Parts map[string]livePart `json:"parts"`
}

// liveOne handles /live/{id}.
func (st *site) liveOne(r *http.Request) (response, error) {
	ids, err := segments(r, st.catalog.Site.Prefix+catalog.LivePath, 1)
	if err != nil {
		return response{}, err
	}
	if err := item.CheckID(ids[0]); err != nil {
		return response{}, err
	}
	found, own, err := st.liveParts(r, ids)
	if err != nil {
		return response{}, err
	}
	parts, ok := found[ids[0]]
	if !ok {
		read := reading{entity: own[0].Key.Entity, own: own[0]}
		return response{}, read.life()
	}
	a, err := liveResponse(map[string]any{st.live.kind.Name: ids[0], "parts": parts.Parts})
	if err == nil && own[0].Stamp > 0 {
		a.header.Set("X-Vitrine-Gen", strconv.FormatUint(own[0].Stamp, 10)) // so that an open page sees that it has changed
	}
	return a, err
}

// liveMany handles /live?ids=.
func (st *site) liveMany(r *http.Request) (response, error) {
	ids, err := idsParam(r)
	if err != nil {
		return response{}, err
	}
	found, _, err := st.liveParts(r, ids)
	if err != nil {
		return response{}, err
	}
	missing := []string{}
	for _, id := range ids {
		if _, ok := found[id]; !ok {
			missing = append(missing, id)
		}
	}
	return liveResponse(map[string]any{"items": found, "missing": missing})
}

// liveResponse is a response that nobody caches.
func liveResponse(v any) (response, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return response{}, fmt.Errorf("write live parts: %w", err)
	}
	return response{kind: typeJSON, body: body, header: http.Header{"Cache-Control": {noStore}}}, nil
}

// liveParts is the live parts of each id that has a page, and the pages' own blobs by position. An id whose blob no tier could be
// asked about counts as one with a page, since its upstreams may still answer.
func (st *site) liveParts(r *http.Request, ids []string) (map[string]liveParts, []blobcache.Part, error) {
	params, err := declared(r, st.live.vary)
	if err != nil {
		return nil, nil, err
	}
	ask := st.reader(r.Context(), blobcache.Policy{})
	parts := st.server.markParts(ask(st.liveKeys(ids)))
	for i, from := range st.inherit(pointers(parts), ask)[:len(ids)] {
		parts[i].Stamp = genWith(parts[i], from)
	}
	visitor := st.server.admission.Enter(r)
	defer visitor.Leave()
	found := map[string]liveParts{}
	var mu sync.Mutex // guards found's inner maps
	var asked sync.WaitGroup
	for i, id := range ids {
		if parts[i].Err == nil && parts[i].Existence != kv.Alive {
			continue
		}
		shown := map[string]livePart{}
		found[id] = liveParts{shown}
		for n, l := range st.live.parts {
			if !st.switches.live[l].On() {
				mu.Lock()
				shown[l.Name] = livePart{State: stateHidden}
				mu.Unlock()
				continue
			}
			if l.Blob != "" {
				show := fromBlob(parts[(n+1)*len(ids)+i])
				mu.Lock()
				shown[l.Name] = show
				mu.Unlock()
				continue
			}
			asked.Go(func() {
				defer redact.Crash()
				show := st.server.live.show(r.Context(), visitor, l, st.live.kind.Name, id, params)
				mu.Lock()
				defer mu.Unlock()
				shown[l.Name] = show
			})
		}
	}
	asked.Wait()
	st.countLive(found)
	return found, parts[:len(ids)], nil
}

// liveKeys are first the page's blob of each id, then for each live part its blob of each id. A part that an upstream answers has
// the page's blob again: it costs nothing, and keeps positions simple.
func (st *site) liveKeys(ids []string) []kv.BlobKey {
	blobs := []string{st.live.blob.Name}
	for _, l := range st.live.parts {
		name := l.Blob
		if name == "" {
			name = st.live.blob.Name
		}
		blobs = append(blobs, name)
	}
	var keys []kv.BlobKey
	for _, blob := range blobs {
		for _, id := range ids {
			keys = append(keys, kv.BlobKey{Entity: item.Entity{Kind: st.live.kind.Name, ID: id}, Blob: blob})
		}
	}
	return keys
}

// fromBlob is a part that comes from a blob. A blob that may be stale is never shown as fresh.
func fromBlob(p blobcache.Part) livePart {
	if p.Err != nil || p.Existence != kv.Alive {
		return livePart{State: stateHidden}
	}
	show := livePart{State: stateFresh, Data: p.Body}
	if at := p.Fetched.UTC(); !at.IsZero() {
		show.At = &at
	}
	if p.Stale {
		show.State = stateLast
	}
	return show
}

func (st *site) countLive(found map[string]liveParts) {
	for _, parts := range found {
		for name, p := range parts.Parts {
			st.server.metrics.partShown(name, p.State)
		}
	}
}

// varying is the parameters of one part. A parameter that is not given is empty. It reports false where a pattern does not allow
// the value, so that the part can't be asked for, and names those that were given all the same.
func varying(l *catalog.Live, params map[string]string) (own map[string]string, refused []string, ok bool) {
	own, ok = map[string]string{}, true
	for name, pattern := range l.Vary {
		value, given := params[name]
		own[name] = value
		if !pattern.MatchString(value) {
			ok = false
			if given {
				refused = append(refused, name)
			}
		}
	}
	slices.Sort(refused)
	return own, refused, ok
}

// show is a part that an upstream answers: its last answer while that is fresh, else a new one, else the fallback.
func (p *livePool) show(ctx context.Context, v *admission.Visitor, l *catalog.Live, kind, id string, params map[string]string) livePart {
	own, refused, ok := varying(l, params)
	if !ok {
		part := fallback(l, nil)
		part.Refused = refused
		return part
	}
	key := liveKey(l, kind, id, own)
	last := p.last(key, l)
	if last != nil && time.Since(last.at) < l.Fresh {
		return last.as(stateFresh)
	}
	if now := p.ask(ctx, v, key, l, id, own); now != nil {
		return now.as(stateFresh)
	}
	return fallback(l, last)
}

// fallback is what a part shows that its upstream does not answer.
func fallback(l *catalog.Live, last *liveValue) livePart {
	switch {
	case l.Fallback.Mode == "last" && last != nil && time.Since(last.at) <= l.Keep:
		return last.as(stateLast)
	case l.Fallback.Mode == "value":
		return livePart{State: stateLast, Data: l.Fallback.Value}
	}
	return livePart{State: stateHidden}
}
