package trial

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"vitrine/detail"
	"vitrine/detail/blobcache"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/shape"
	"vitrine/templates"
)

// patience is how long a page may take. All its data is in memory already.
const patience = 30 * time.Second

// page renders a page of the first entity of its kind, with a detail server that reads the fetched records.
func (t *trial) page(ctx context.Context, p *catalog.Page) {
	what, at := "page "+p.Name, []string{"pages", p.Name, "template"}
	if len(t.ids[p.Kind.Name]) == 0 {
		return // kind has reported it
	}
	id := t.ids[p.Kind.Name][0]
	t.inherited(ctx, p, id)
	t.live(ctx, p, id)
	t.slug(ctx, p, id)
	var said bytes.Buffer
	server, err := detail.New(detail.Config{
		Catalog: func() *catalog.Catalog { return t.Catalog }, Templates: func() *templates.Set { return t.Templates },
		Blobs: blobcache.Config{Bytes: 4 << 20, Tiers: []blobcache.Tier{{Name: "trial", Blobs: t, Timeout: patience}}, ReadDeadline: patience},
		Log:   slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelWarn})), PageBytes: 1 << 20,
	})
	if err != nil {
		t.fail(what, at, "", "%v", err)
		return
	}
	defer server.Close()
	path, err := server.PagePath(ctx, p, id)
	if err != nil {
		t.fail(what, at, "", "%v", err)
		return
	}
	status, body := server.Get(ctx, path)
	switch {
	case status >= 500 || status == http.StatusNotFound:
		t.fail(what, at, "", "%s answers %d: %s", path, status, strings.TrimSpace(said.String()))
	case status == http.StatusGone || status >= 300:
		t.warn(what, at, "", "%s answers %d", path, status)
	default:
		t.pass(what, "%s has %d bytes", path, len(body))
		if t.Rendered != nil {
			t.Rendered(p, body)
		}
	}
}

// slug warns of a page that is to be found by a slug alone, and has none.
func (t *trial) slug(ctx context.Context, p *catalog.Page, id string) {
	if !p.Alone() {
		return
	}
	blobs, err := t.Blobs(ctx, []kv.BlobKey{{Entity: item.Entity{Kind: p.Kind.Name, ID: id}, Blob: p.Blob.Name}})
	if err == nil && blobs[0].Existence == kv.Alive && shape.Slug(blobs[0].Body, p.Slug.From) == "" {
		t.warn("page "+p.Name, []string{"pages", p.Name, "slug"}, "name a text that each has", "%s:%s has no text at %s: the path of its page is %s", p.Kind.Name, id, p.Slug.From, p.Path(id, ""))
	}
}

// live fetches those live parts of a page that come from upstreams.
func (t *trial) live(ctx context.Context, p *catalog.Page, id string) {
	for _, l := range p.Live {
		if l.From == nil {
			continue
		}
		body, err := t.Client.Live(ctx, l, id, map[string]string{})
		what, at := "live "+l.Name, []string{"live", l.Name, "get"}
		switch {
		case err != nil && len(l.Vary) > 0:
			t.warn(what, at, "", "asked without parameters: %v", err)
		case err != nil:
			key, hint := why(l.From, err, "fails", "get")
			t.fail(what, []string{"live", l.Name, key}, hint, "%v", err)
		default:
			t.pass(what, "answers %.120s", body)
		}
	}
}

// Blobs folds the blobs of keys from the fetched records: a trial is the blob store of its own pages. A blob that cannot be folded is
// absent. It fails with an error that wraps that of catalog.Blob if the catalog does not have a blob.
func (t *trial) Blobs(_ context.Context, keys []kv.BlobKey) ([]kv.Blob, error) {
	blobs := make([]kv.Blob, len(keys))
	for i, key := range keys {
		b, err := t.Catalog.Blob(key.Entity.Kind, key.Blob)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", key.Entity, err)
		}
		v, err := shape.Fold(b, key.Entity, t.recordsOf(b, key.Entity))
		if err == nil && v.Existence == kv.Alive {
			v.Stamp = 1
			blobs[i].Value = v
		}
	}
	return blobs, nil
}
