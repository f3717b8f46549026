package detail

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/detail/admission"
	"vitrine/detail/blobcache"
	"vitrine/internal/catalog"
	"vitrine/internal/kv"
	"vitrine/switches"
	"vitrine/templates"
)

// Config of a Server. Catalog, Templates, Blobs.Tiers and Log are needed.
type Config struct {
	Catalog   func() *catalog.Catalog // the one in force; nil until the first arrives: 503
	Previous  func() *catalog.Catalog // the one before it, while blobs may not be built for it yet, or nil; nil: none ever
	Templates func() *templates.Set   // the one in force; nil until the first is loaded: 503
	StandIns  func() []*templates.Set // for pages on which the one in force fails, in order, the theme last; nil: none
	Blobs     blobcache.Config        // Switches and Log are the Server's
	Fallback  Fallback
	Live      Live
	Relations Relater         // nil: no /relations
	Announcer Announcer       // nil: nobody is told what is missing
	Index     IndexLister     // nil: no index at "/"
	Switches  *switches.Panel // nil: everything is on
	Access    *AccessLog      // nil: requests are not logged
	Log       *slog.Logger

	Registry   prometheus.Registerer // defaults to one of its own
	PageBytes  int64                 // of whole pages, ready to be sent. Defaults to 256 MiB
	Admission  admission.Config      // Switches and Log are the Server's
	NoFastPath bool                  // net/http answers every request, also for pages that are in memory
	Tags       Tags                  // which headers name a page's parts. Defaults to both
}

// Fallback says who is asked for a page that no tier has.
type Fallback struct {
	Fetcher blobcache.Fetcher // nil: nobody, and the page is not there
	Leases  blobcache.Leaser  // nil: no other server asks the same upstreams
}

// Live says who is asked for live parts.
type Live struct {
	Asker LiveAsker // nil: live parts of upstreams show their fallback
	Calls int       // in flight. Defaults to 256
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
	c.PageBytes = cmp.Or(c.PageBytes, 256<<20)
	c.Live.Calls = cmp.Or(c.Live.Calls, 256)
	if c.Previous == nil {
		c.Previous = func() *catalog.Catalog { return nil }
	}
	if c.StandIns == nil {
		c.StandIns = func() []*templates.Set { return nil }
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
		return errors.New("detail: Catalog, Templates and Log must be given")
	case c.PageBytes < 0 || c.Live.Calls < 0:
		return errors.New("a size is negative")
	}
	return c.Tags.validate()
}
