package detail

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/detail/admission"
	"vitrine/detail/blobcache"
	"vitrine/internal/catalog"
	"vitrine/internal/kv"
	"vitrine/switches"
	"vitrine/templates"
)

// Config of a Server. Catalog, Templates, Blobs.Tiers and Log must be given.
type Config struct {
	Catalog           func() *catalog.Catalog // the one in force; nil until the first arrives: 503
	Previous          func() *catalog.Catalog // the one before it, while blobs may not be built for the new one yet; else it gives nil. Defaults to nil always
	Templates         func() *templates.Set   // the set in force; nil until the first is loaded: 503
	FallbackTemplates func() []*templates.Set // sets for pages on which the one in force fails, in order, the theme last. Defaults to none
	Blobs             blobcache.Config        // Switches and Log are the Server's
	Fallback          Fallback
	Live              Live
	Relations         Relater         // nil: no /relations
	Announcer         Announcer       // nil: what is missing is not announced
	Heard             func() bool     // whether all has come that was announced until a moment ago: else every answer is marked stale. Defaults to true always
	Lister            BlobLister      // nil: neither an index nor a sitemap
	Index             bool            // whether "/" lists the products
	LiveReload        OwnTemplates    // open pages follow these templates while somebody writes them. nil: off
	Switches          *switches.Panel // nil: everything is on
	Origin            func() string   // of absolute addresses where the catalog names none, asked when a catalog comes into force. Defaults to none
	Access            *AccessLog      // nil: requests are not logged
	Log               *slog.Logger

	Registry  prometheus.Registerer // defaults to one of its own
	PageBytes int64                 // memory for rendered pages. Defaults to 256 MiB

	// FormerPages is how long after a change of the catalog, the templates or a switch kept pages are answered in their last form while
	// no processor is free to make them anew. Defaults to 30 s; negative: never.
	FormerPages time.Duration

	Admission  admission.Config // Switches and Log are the Server's
	NoFastPath bool             // net/http answers every request, also for pages in memory
	Tags       Tags             // which headers name a page's parts. Defaults to both
}

// Fallback says which upstreams a page comes from that no tier has.
type Fallback struct {
	Fetcher blobcache.Fetcher // nil: none, and the page is not found
	Leases  blobcache.Leaser  // nil: no other server asks the same upstreams
}

// Live says which upstreams live parts come from.
type Live struct {
	Asker LiveAsker // nil: live parts of upstreams show their fallback
	Calls int       // in flight. Defaults to 256
}

// Relater lists the ids of what refers to an entity, page by page; kv.Relater has it.
type Relater interface {
	Related(ctx context.Context, of kv.Relation, cursor string, limit int) (ids []string, next string, err error)
}

// LiveAsker asks the upstream of a live part; *upstream.Client is one. It gives valid JSON, or an error where there is none
// within ctx. params are those that the part varies by.
type LiveAsker interface {
	Live(ctx context.Context, l *catalog.Live, id string, params map[string]string) (json.RawMessage, error)
}

// BlobLister lists the blobs of a store page by page; kv.BlobScanner has it.
type BlobLister interface {
	ScanBlobs(ctx context.Context, cursor string, limit int) ([]kv.BlobKey, string, error)
}

func (c Config) withDefaults() Config {
	c.PageBytes = cmp.Or(c.PageBytes, 256<<20)
	c.FormerPages = cmp.Or(c.FormerPages, 30*time.Second)
	c.Live.Calls = cmp.Or(c.Live.Calls, 256)
	if c.Origin == nil {
		c.Origin = func() string { return "" }
	}
	if c.Heard == nil {
		c.Heard = func() bool { return true }
	}
	if c.Previous == nil {
		c.Previous = func() *catalog.Catalog { return nil }
	}
	if c.FallbackTemplates == nil {
		c.FallbackTemplates = func() []*templates.Set { return nil }
	}
	c.Tags = cmp.Or(c.Tags, TagsBoth)
	if c.Registry == nil {
		c.Registry = prometheus.NewRegistry()
	}
	c.Blobs.Switches, c.Blobs.Log = c.Switches, c.Log
	c.Admission.Switches, c.Admission.Log = c.Switches, c.Log
	return c
}

func (c Config) validate() error {
	switch {
	case c.Catalog == nil || c.Templates == nil || c.Log == nil:
		return errors.New("a Catalog, Templates and a Log must be given")
	case c.PageBytes < 0 || c.Live.Calls < 0:
		return errors.New("neither PageBytes nor Live.Calls may be negative")
	}
	return c.Tags.validate()
}
