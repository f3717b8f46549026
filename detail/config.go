package detail

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/internal/catalog"
	"vitrine/internal/kv"
	"vitrine/switches"
	"vitrine/templates"
)

// Config of a Server. Catalog, Templates, Tiers and Log are needed.
type Config struct {
	Catalog   func() *catalog.Catalog // the one in force; nil until the first arrives: 503
	Previous  func() *catalog.Catalog // the one before it, while blobs may not be built for it yet, or nil; nil: none ever
	Templates func() *templates.Set   // the one in force; nil until the first is loaded: 503
	StandIns  func() []*templates.Set // for pages on which the one in force fails, in order, the theme last; nil: none
	Tiers     []Tier                  // after the local cache, in order; the first is the truth
	Hears     func() bool             // reports whether announcements arrive now; nil: they do
	Relations Relater                 // nil: no /relations
	Live      LiveAsker               // nil: live parts of upstreams show their fallback
	Source    Fetcher                 // nil: a page that no tier has is not there
	Leases    Leaser                  // nil: no other server asks the same upstreams
	Announcer Announcer               // nil: nobody is told what is missing
	Index     IndexLister             // nil: no index at "/"
	Switches  *switches.Panel         // nil: everything is on
	Access    *AccessLog              // nil: requests are not logged
	Proxies   []netip.Prefix          // besides loopback, who is believed about whom it asks for
	Log       *slog.Logger

	NoFastPath   bool                  // net/http answers every request, also for pages that are in memory
	Registry     prometheus.Registerer // defaults to one of its own
	LocalBytes   int64                 // of the local cache. Defaults to 256 MiB
	PageBytes    int64                 // of whole pages, ready to be sent. Defaults to 256 MiB
	TTL          time.Duration         // of a local entry, ±20 %. Defaults to 60 s
	ReadDeadline time.Duration         // for one batch through all tiers. Defaults to 2 s
	LiveCalls    int                   // calls of live parts in flight. Defaults to 256
	Connections  int                   // open at once. Defaults to what the limit of open files allows, 20,000 at most
	Tags         Tags                  // which headers name a page's parts. Defaults to both
}

// Relater lists what refers to an entity; kv.Relater has it.
type Relater interface {
	Related(ctx context.Context, of kv.Relation, cursor string, limit int) (ids []string, next string, err error)
}

// LiveAsker asks the upstream of a live part; *upstream.Client is one. The answer is valid JSON.
type LiveAsker interface {
	Live(ctx context.Context, l *catalog.Live, id string, params map[string]string) (json.RawMessage, error)
}

// IndexLister lists the blobs that there are; kv.BlobScanner has it.
type IndexLister interface {
	ScanBlobs(ctx context.Context, cursor string, limit int) ([]kv.BlobKey, string, error)
}

func (c Config) withDefaults() Config {
	c.LocalBytes = cmp.Or(c.LocalBytes, 256<<20)
	c.PageBytes = cmp.Or(c.PageBytes, 256<<20)
	c.TTL = cmp.Or(c.TTL, time.Minute)
	c.ReadDeadline = cmp.Or(c.ReadDeadline, 2*time.Second)
	c.LiveCalls = cmp.Or(c.LiveCalls, 256)
	if c.Previous == nil {
		c.Previous = func() *catalog.Catalog { return nil }
	}
	if c.StandIns == nil {
		c.StandIns = func() []*templates.Set { return nil }
	}
	if c.Hears == nil {
		c.Hears = func() bool { return true }
	}
	c.Tags = cmp.Or(c.Tags, TagsBoth)
	if c.Registry == nil {
		c.Registry = prometheus.NewRegistry()
	}
	tiers := make([]Tier, len(c.Tiers))
	for i, t := range c.Tiers {
		if t.Name != recordsTier && (i == len(c.Tiers)-1 || c.Tiers[i+1].Name == recordsTier) {
			t.Timeout = cmp.Or(t.Timeout, time.Second) // no copy comes after it, so patience costs less than an error
		}
		t.Timeout = cmp.Or(t.Timeout, 100*time.Millisecond)
		t.Concurrency = cmp.Or(t.Concurrency, 128)
		tiers[i] = t
	}
	c.Tiers = tiers
	return c
}

func (c Config) validate() error {
	switch {
	case c.Catalog == nil || c.Templates == nil || c.Log == nil:
		return errors.New("detail: Catalog, Templates and Log must be given")
	case len(c.Tiers) == 0:
		return errors.New("detail: no tier to read blobs from")
	case c.LocalBytes < 0 || c.PageBytes < 0 || c.TTL < 0 || c.ReadDeadline < 0 || c.LiveCalls < 0 || c.Connections < 0:
		return errors.New("detail: a size or a time is negative")
	}
	for _, t := range c.Tiers {
		if t.Name == "" || t.Blobs == nil || t.Timeout < 0 || t.Concurrency < 0 {
			return errors.New("detail: tier " + t.Name + ": Name and Blobs must be given, Timeout and Concurrency not negative")
		}
	}
	return c.Tags.validate()
}
