package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/detail"
	"vitrine/internal/bus"
	"vitrine/internal/kv/boltkv"
	"vitrine/templates"
)

// detailOptions are what differs between up and a detail server of its own.
type detailOptions struct {
	HTTP, Admin string
	Disk        string // mirror or reads
	Templates   fs.FS  // the shop's; nil for the theme alone
	Demo        bool   // list all pages at /
}

// shown are the addresses that a detail server listens on.
type shown struct{ HTTP, Admin string }

// addDetail has a node serve pages: from the store, and behind a Redis from a bbolt file of its own.
func (n *node) addDetail(opt detailOptions) (shown, error) {
	theme, err := templates.Theme()
	if err != nil {
		return shown{}, err
	}
	set, err := templates.Load(opt.Templates, theme)
	if err != nil {
		return shown{}, fmt.Errorf("load templates: %w", err)
	}
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
			}, func() float64 {
				if mirror.Behind() {
					return 1
				}
				return 0
			}))
		}
	}
	cfg := detail.Config{
		Catalog: n.catalog.Catalog, Templates: func() *templates.Set { return set },
		Tiers: tiers, Relations: n.records, Live: n.upstream, Log: n.log, Registry: n.metrics,
	}
	if opt.Demo {
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
	if s.HTTP, err = n.listen("--http", opt.HTTP, detail.NewHTTPServer(server.Handler(), n.log)); err != nil {
		return s, err
	}
	a := &admin{node: n, ready: server.Ready, explain: func(ctx context.Context, what string) (any, error) { return server.Explain(ctx, what) }}
	s.Admin, err = n.listen("--admin", opt.Admin, a.server())
	return s, err
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

// dirFS is a folder as a file system, nil for none.
func dirFS(dir string) fs.FS {
	if dir == "" {
		return nil
	}
	return os.DirFS(dir)
}
