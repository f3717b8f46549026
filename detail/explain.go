package detail

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"vitrine/detail/blobcache"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/switches"
)

// Explanation says what a page, or all blobs of an entity, would be served from now.
type Explanation struct {
	Entity string    `json:"entity"`
	Page   string    `json:"page,omitempty"`
	Path   string    `json:"path,omitempty"`
	Status int       `json:"status,omitempty"` // of the page, by its rules
	Rule   string    `json:"rule,omitempty"`   // the condition that matched
	Parts  []Account `json:"parts"`

	Switches []switches.Value `json:"switches,omitempty"` // those that are not at their default here
}

// Account is the provenance of one part.
type Account struct {
	Part     string     `json:"part"` // KIND:ID/BLOB
	Role     string     `json:"role"` // own, overlay, inherited, with NAME, or blob
	Life     string     `json:"life"`
	Tier     string     `json:"tier,omitempty"`
	Origin   string     `json:"origin,omitempty"` // the tier from which a part in memory came
	Stale    bool       `json:"stale,omitempty"`
	Gen      uint64     `json:"gen"`
	Minimum  uint64     `json:"floor,omitempty"` // the highest gen that was announced
	Upstream string     `json:"upstream,omitempty"`
	Version  string     `json:"version,omitempty"`
	Fetched  *time.Time `json:"fetched,omitempty"`
	Event    *time.Time `json:"event,omitempty"`
	AgeMS    int64      `json:"age_ms,omitempty"` // since it was fetched
	Bytes    int        `json:"bytes,omitempty"`
	Claims   []string   `json:"claims,omitempty"` // of a slug: the ids that have had it, the first that has it now has it alone
	Error    string     `json:"error,omitempty"`
}

// Explain takes KIND:ID as people write it, or the path or URL of a page. It reads as for a visitor, through memory. Errors wrap
// item.ErrID or ErrName for what is no KIND:ID, ErrUnknown for a kind or path that the catalog has not, and ErrUnavailable before
// there is a catalog.
func (s *Server) Explain(ctx context.Context, target string) (Explanation, error) {
	x, err := s.explain(ctx, target)
	x.Switches = s.config.Switches.NotAtDefault()
	return x, err
}

func (s *Server) explain(ctx context.Context, target string) (Explanation, error) {
	st, err := s.current()
	if err != nil {
		return Explanation{}, err
	}
	if strings.HasPrefix(target, "/") || strings.Contains(target, "://") {
		return st.explainURL(ctx, target)
	}
	e, err := item.ParseEntity(target)
	if err != nil {
		return Explanation{}, err
	}
	kind := st.catalog.Kinds[e.Kind]
	if kind == nil {
		return Explanation{}, fmt.Errorf("%w: kind %q", item.ErrUnknown, e.Kind)
	}
	for _, p := range st.catalog.Pages {
		if p.Kind == kind {
			x := st.explainPage(ctx, p, e)
			return x, st.explainRest(ctx, &x, kind, e)
		}
	}
	x := Explanation{Entity: e.String(), Parts: []Account{}}
	return x, st.explainRest(ctx, &x, kind, e)
}

func (st *site) explainURL(ctx context.Context, target string) (Explanation, error) {
	u, err := url.Parse(target)
	if err != nil {
		return Explanation{}, fmt.Errorf("%w: %w", item.ErrUnknown, err)
	}
	a, err := st.findPage(item.OnePath(u.EscapedPath()))
	if err == nil && a.alone {
		a, err = st.resolve(ctx, a, blobcache.Policy{})
	}
	if err != nil {
		return Explanation{}, err
	}
	return st.explainPage(ctx, a.page, a.entity), nil
}

func (st *site) explainPage(ctx context.Context, p *catalog.Page, e item.Entity) Explanation {
	read := st.read(ctx, p, e, blobcache.Policy{})
	x := Explanation{Entity: e.String(), Page: p.Name, Path: read.pathOf(p), Status: 200}
	if err := read.life(); err != nil {
		x.Status = statusOf(err).code
	} else if rule := read.site.ruleOf(read); rule != nil {
		x.Rule = rule.When.Text
		x.Status = ruleStatus(rule)
	}
	x.Parts = append(x.Parts, st.account("own", read.own))
	for _, part := range read.overlays {
		x.Parts = append(x.Parts, st.account("overlay", part))
	}
	for _, part := range read.inherited {
		x.Parts = append(x.Parts, st.account("inherited", part))
	}
	for _, j := range read.joins {
		for _, part := range j.parts {
			x.Parts = append(x.Parts, st.account("with "+j.with.Ref.Name, part))
		}
	}
	for _, n := range read.named() {
		if n.slug != "" {
			x.Parts = append(x.Parts, st.account("slug", st.server.blobs.Read(ctx, []kv.BlobKey{indexKey(n.page, n.slug)}, blobcache.Policy{})[0]))
		}
	}
	return x
}

// explainRest adds the entity's blobs that its page does not name.
func (st *site) explainRest(ctx context.Context, x *Explanation, kind *catalog.Kind, e item.Entity) error {
	named := map[string]bool{}
	for _, a := range x.Parts {
		named[a.Part] = true
	}
	var keys []kv.BlobKey
	for _, b := range kind.Blobs {
		if key := (kv.BlobKey{Entity: e, Blob: b.Name}); !named[partName(key)] {
			keys = append(keys, key)
		}
	}
	for _, part := range st.server.blobs.Read(ctx, keys, blobcache.Policy{}) {
		x.Parts = append(x.Parts, st.account("blob", part))
	}
	return nil
}

// account is the provenance of a part that plays a role in a page.
func (st *site) account(role string, p blobcache.Part) Account {
	a := Account{
		Part: partName(p.Key), Role: role, Life: lifeName(p.Existence), Tier: p.Tier, Origin: p.Origin, Stale: p.Stale,
		Gen: p.Stamp, Minimum: st.server.blobs.Minimum(p.Key), Version: p.Version.String(), Bytes: len(p.Body),
	}
	for _, u := range st.catalog.Upstreams {
		if p.Existence != kv.Absent && u.Code == p.Source {
			a.Upstream = u.Name
		}
	}
	if !p.Fetched.IsZero() {
		at := p.Fetched.UTC()
		a.Fetched, a.AgeMS = &at, time.Since(at).Milliseconds()
	}
	if !p.Event.IsZero() {
		at := p.Event.UTC()
		a.Event = &at
	}
	if p.Key.Entity.Kind == catalog.SlugKind {
		a.Claims = claimsIn(p)
	}
	if p.Err != nil {
		a.Error = p.Err.Error()
	}
	return a
}

func partName(k kv.BlobKey) string { return k.Entity.String() + "/" + k.Blob }

func lifeName(l kv.Existence) string {
	switch l {
	case kv.Alive:
		return "alive"
	case kv.Gone:
		return "gone"
	case kv.Unknown:
		return "unknown"
	}
	return "absent"
}
