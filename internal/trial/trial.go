// Package trial tries a catalog out. It fetches a few real entities from the upstreams, and makes records, blobs and pages of the answers,
// as the workers would. It stores and announces nothing.
package trial

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/upstream"
	"vitrine/templates"
)

// Config configures Run. Everything but Entities and Rendered is required.
type Config struct {
	Catalog   *catalog.Catalog
	File      string // the catalog's file name, for messages
	Client    *upstream.Client
	Templates *templates.Set
	Entities  []item.Entity                      // entities to try, besides the first ones of each list
	Report    func(Finding)                      // called with each finding, in order, by the goroutine of Run
	Rendered  func(p *catalog.Page, body []byte) // called with each page that was rendered; defaults to nothing
}

// Finding is the result of one step. It is good unless Failed or Warning is set.
type Finding struct {
	What    string `json:"what"` // what was tried: token UPSTREAM, KIND, KIND.DIMENSION, KIND/BLOB, poll NAME, page NAME or live NAME
	Text    string `json:"text"` // what was found, or what is wrong and where
	Failed  bool   `json:"failed,omitempty"`
	Warning bool   `json:"warning,omitempty"` // it may be a mistake, or meant so
}

// sampled is the greatest number of entities of a kind that are tried. A member that all of them lack is reported.
const sampled = 8

// trial is the state of one Run.
type trial struct {
	Config
	failures int
	ids      map[string][]string // kind → ids to try
	records  map[kv.RecordKey]kv.Record
	doubted  map[string]bool // keys of the catalog, and what is no amount by them
}

// Run tries the tokens of upstreams, the lists, dimensions, blobs, polls, pages and live parts of the catalog. It goes on after a failure, and reports whether nothing
// failed; warnings are no failures. When ctx ends, what is left fails.
func Run(ctx context.Context, c Config) (sound bool) {
	t := &trial{Config: c, ids: map[string][]string{}, records: map[kv.RecordKey]kv.Record{}, doubted: map[string]bool{}}
	for _, e := range c.Entities {
		t.add(e)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Catalog.Upstreams)) {
		t.token(ctx, c.Catalog.Upstreams[name])
	}
	for _, name := range slices.Sorted(maps.Keys(c.Catalog.Kinds)) {
		if l := c.Catalog.Kinds[name].List; l != nil {
			t.list(ctx, c.Catalog.Kinds[name], l)
		}
	}
	for _, k := range t.inOrder() {
		t.kind(ctx, k)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Catalog.Polls)) {
		t.poll(ctx, c.Catalog.Polls[name])
	}
	for _, p := range c.Catalog.Pages {
		t.page(ctx, p)
	}
	return t.failures == 0
}

// add adds an entity to those to try, unless there are enough of its kind.
func (t *trial) add(e item.Entity) {
	if ids := t.ids[e.Kind]; len(ids) < sampled && !slices.Contains(ids, e.ID) {
		t.ids[e.Kind] = append(ids, e.ID)
	}
}

func (t *trial) pass(what, format string, args ...any) {
	t.Report(Finding{What: what, Text: fmt.Sprintf(format, args...)})
}

// fail reports a mistake, at a key of the catalog.
func (t *trial) fail(what string, path []string, hint, format string, args ...any) {
	t.failures++
	t.Report(Finding{What: what, Text: t.Catalog.Fault(t.File, path, hint, format, args...).Error(), Failed: true})
}

// warn reports a possible mistake, at a key of the catalog.
func (t *trial) warn(what string, path []string, hint, format string, args ...any) {
	t.Report(Finding{What: what, Text: t.Catalog.Fault(t.File, path, hint, format, args...).Error(), Warning: true})
}

// token gets the token of an upstream, if it has one.
func (t *trial) token(ctx context.Context, u *catalog.Upstream) {
	if u.Token == nil {
		return
	}
	if _, err := t.Client.Token(ctx, u); err != nil {
		t.fail("token "+u.Name, []string{"upstreams", u.Name, "token"}, "are the endpoint, the client and the secret right, and is this command told of the secret by --secret?", "%v", err)
		return
	}
	t.pass("token "+u.Name, "there is one, which the answers below accept or refuse")
}

// list reads the first page of a kind's list, and the second if there is one.
func (t *trial) list(ctx context.Context, k *catalog.Kind, l *catalog.List) {
	at := []string{"entities", k.Name, "list"}
	ids, next, err := t.Client.List(ctx, l, "")
	if err != nil {
		key, hint := why(l.From, err, "ids", fetchKey(l.Get))
		t.fail(k.Name, append(at, key), hint, "the list of %s: %v", k.Name, err)
		return
	}
	var bad []string
	for _, id := range ids {
		e, err := item.NewEntity(k.Name, id)
		if err != nil {
			bad = append(bad, id)
			continue
		}
		t.add(e)
	}
	switch {
	case len(ids) == 0:
		t.fail(k.Name, append(at, "ids"), "has the upstream anything, and does ids find it?", "the list of %s gives no id", k.Name)
		return
	case len(bad) > 0:
		t.fail(k.Name, append(at, "ids"), "an id is a text of 1 to 64 bytes, or a number", "the list of %s gives %d ids that can't be an entity's, such as %.80q", k.Name, len(bad), bad[0])
	case next == "":
		t.pass(k.Name, "its list has one page of %d ids", len(ids))
	}
	if next == "" {
		return
	}
	second, _, err := t.Client.List(ctx, l, next)
	switch {
	case err != nil:
		_, hint := why(l.From, err, "ids", "next")
		t.fail(k.Name, append(at, "next"), hint, "the second page of the list of %s, with the cursor %s: %v", k.Name, next, err)
	case slices.Equal(ids, second):
		t.fail(k.Name, append(at, "next"), "does the upstream know the parameter that {cursor} stands in?",
			"the second page of the list of %s, with the cursor %s, is the first again", k.Name, next)
	default:
		t.pass(k.Name, "its list has %d ids on the first page, %d on the second", len(ids), len(second))
	}
}

// inOrder returns the kinds, those with known ids first: their records may refer to entities of the others.
func (t *trial) inOrder() []*catalog.Kind {
	var known, others []*catalog.Kind
	for _, name := range slices.Sorted(maps.Keys(t.Catalog.Kinds)) {
		k := t.Catalog.Kinds[name]
		if k.Internal() {
			continue
		}
		if len(t.ids[name]) > 0 {
			known = append(known, k)
		} else {
			others = append(others, k)
		}
	}
	return append(known, others...)
}

// kind tries the dimensions and blobs of a kind.
func (t *trial) kind(ctx context.Context, k *catalog.Kind) {
	ids := t.ids[k.Name]
	if len(ids) == 0 {
		t.warn(k.Name, []string{"entities", k.Name}, "name one: --id "+k.Name+":ID", "nothing of %s is tried: neither a list nor a record that was tried gives an id of it", k.Name)
		return
	}
	for _, d := range k.Dimensions {
		t.dimension(ctx, d, ids)
	}
	for _, b := range k.Blobs {
		t.blob(b, item.Entity{Kind: k.Name, ID: ids[0]})
		t.amounts(b, ids)
	}
}
