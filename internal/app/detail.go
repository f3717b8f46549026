package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/detail"
	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/kv/boltkv"
	"vitrine/templates"
)

// detailOptions are what differs between up and a detail server of its own.
type detailOptions struct {
	HTTP, Admin string
	Disk        string       // mirror or reads
	Templates   string       // the shop's folder; "" for the theme alone
	Index       bool         // list all pages at /
	Pictures    http.Handler // of the demo, under /pictures/; nil for none
}

// shown are the addresses that a detail server listens on.
type shown struct{ HTTP, Admin string }

// addDetail has a node serve pages: from the store, and behind a Redis from a bbolt file of its own.
func (n *node) addDetail(opt detailOptions) (shown, error) {
	folder, err := templates.OpenFolder(opt.Templates, n.log)
	if err != nil {
		return shown{}, err
	}
	n.start(folder.Run)
	n.metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "vitrine_templates_broken", Help: "1 while the templates as they stand can't be loaded and older ones are in force.",
	}, func() float64 { return boolGauge(folder.Broken() != "") }))
	tiers := []detail.Tier{{Name: "bolt", Blobs: n.blobs}}
	var mirror *detail.Mirror
	if n.store == nil {
		own, err := boltkv.Open(n.env.ctx, filepath.Join(n.dir, "mirror.db"), boltkv.Options{Log: n.log})
		if err != nil {
			return shown{}, fmt.Errorf("open this server's own file: %w", err)
		}
		n.onClose(own.Close)
		tiers = []detail.Tier{{Name: "redis", Blobs: n.blobs}, {Name: "bolt", Blobs: own}}
		if opt.Disk == "mirror" {
			if mirror, err = detail.NewMirror(detail.MirrorConfig{From: n.blobs, To: own, Log: n.log}); err != nil {
				return shown{}, err
			}
			n.start(mirror.Run)
			n.metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "vitrine_mirror_behind", Help: "1 while something that was announced is not in this server's own file yet.",
			}, func() float64 { return boolGauge(mirror.Behind()) }))
		}
	}
	tiers = append(tiers, detail.FromRecords(n.catalog.Catalog, n.records))
	cfg := detail.Config{
		Catalog: n.catalog.Catalog, Templates: folder.Set,
		Tiers: tiers, Relations: n.records, Live: n.upstream, Log: n.log, Registry: n.metrics, Switches: n.switches,
	}
	cfg.Source, cfg.Announcer = n.upstream, missed{n.bus}
	cfg.Leases, _ = n.records.(detail.Leaser)
	if opt.Index {
		cfg.Index = n.blobs
	}
	server, err := detail.New(cfg)
	if err != nil {
		return shown{}, err
	}
	n.onClose(func() error { server.Close(); return nil })
	n.start(func(ctx context.Context) error { return n.followBlobs(ctx, server, mirror) })
	return n.listenDetail(server, opt)
}

func (n *node) listenDetail(server *detail.Server, opt detailOptions) (s shown, err error) {
	handler := server.Handler()
	if opt.Pictures != nil {
		handler = withPictures(opt.Pictures, handler)
	}
	l, err := net.Listen("tcp", opt.HTTP)
	if err != nil {
		return s, fmt.Errorf("listen for --http: %w", err)
	}
	web := detail.NewHTTPServer(handler, n.log)
	n.start(func(ctx context.Context) error { return serve(ctx, web, func() error { return server.Serve(web, l) }) })
	s.HTTP = "http://" + l.Addr().String()
	n.pages = s.HTTP
	a := &admin{node: n, ready: server.Ready, explain: func(ctx context.Context, what string) (any, error) { return server.Explain(ctx, what) }}
	s.Admin, err = n.listen("--admin", opt.Admin, a.server())
	return s, err
}

// missed announces what readers miss.
type missed struct{ bus *bus.Conn }

// Announce publishes a change of all dimensions at the head of the line.
func (m missed) Announce(ctx context.Context, e item.Entity) error {
	change := item.Change{Lane: item.High, Entity: e, Dimension: item.All}
	return m.bus.PublishChanges(ctx, []item.Change{change}, bus.PublishOptions{Event: time.Now()})
}

// withPictures is no ServeMux, which would redirect odd paths before the pages' own rules see them.
func withPictures(pictures, pages http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/pictures/") {
			pictures.ServeHTTP(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	})
}

// followBlobs hands announcements to the caches and the mirror. The mirror remembers the position up to
// which it is complete, and a restarted server goes on from there.
func (n *node) followBlobs(ctx context.Context, server *detail.Server, mirror *detail.Mirror) error {
	if mirror == nil {
		caches := func(list []bus.Announcement, _ bus.Position) {
			for _, a := range list {
				server.Announced(a.Entity, a.Gens)
			}
		}
		return n.bus.FollowBlobs(ctx, bus.Position{}, caches, server.Gap)
	}
	var from bus.Position
	saved, err := mirror.Position(ctx)
	if err == nil && saved != nil {
		err = json.Unmarshal(saved, &from)
	}
	if err != nil {
		n.log.Warn("the mirror's position can't be read: everything is copied anew", "error", err)
	}
	took := func(list []bus.Announcement, at bus.Position) {
		reached, _ := json.Marshal(at)
		for i, a := range list {
			server.Announced(a.Entity, a.Gens)
			if i < len(list)-1 {
				mirror.Announced(a.Entity, a.Gens, saved)
			} else {
				mirror.Announced(a.Entity, a.Gens, reached) // complete only with the last of the list
			}
		}
		saved = reached
	}
	gap := func() {
		server.Gap()
		mirror.Gap()
	}
	return n.bus.FollowBlobs(ctx, from, took, gap)
}

func boolGauge(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
