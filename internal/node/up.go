package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/control"
	"vitrine/internal/demo"
	"vitrine/internal/item"
	"vitrine/internal/jsonl"
	"vitrine/internal/lease"
	"vitrine/internal/pause"
	"vitrine/internal/refresh"
)

// Up is everything that a shop needs, in one process.
type Up struct {
	Config
	Pages
	NATS    string     // listen address of the embedded NATS, or the nats:// URL of an outside one
	Access  bus.Config // how to log in to an outside NATS; its URL, Name and Log are not looked at
	Redis   string     // for records and blobs; "" for bbolt
	Shards  int        // files of the bbolt store; 0 is 1
	Catalog string     // a file; "" for the demo
	Serve   []jsonl.Spec
	Shop    string    // listen address of the demo's back office
	Lang    demo.Lang // of the demo
	Notify  Notify

	NoReload bool // open pages do not follow the shop's own templates
}

// Run runs everything until ctx ends. It calls started with the addresses once pages are served.
func (u *Up) Run(ctx context.Context, started func(Addresses)) error {
	n, err := newProcess(ctx, u.Config)
	if err != nil {
		return err
	}
	defer n.close()
	if err := u.open(n); err != nil {
		return err
	}
	served := map[string]string{}
	if err := u.serveRows(n, served); err != nil {
		return err
	}
	opt := u.Pages
	opt.Templates = u.templates()
	opt.Index, opt.origin, opt.reload = true, n.address, u.Catalog != "" && !u.NoReload
	var shop *demoShop
	if u.Catalog == "" {
		shop, err = u.openDemo(n, served)
		if err != nil {
			return err
		}
		opt.pictures = shop.shop.Pictures()
	}
	if err := n.notifyServed(served); err != nil {
		return err
	}
	if err := u.pushCatalog(n, shop, served); err != nil {
		return err
	}
	n.measureQueues("heterog", "syncer")
	n.start(func(ctx context.Context) error { return n.runHeterog(ctx, nil) })
	n.start(n.runSyncer)
	shown, err := n.addDetail(opt)
	if err != nil {
		return err
	}
	shown.Notify, err = n.addNotify(u.Notify)
	if err != nil {
		return err
	}
	if shop != nil {
		shop.pages.Store(&shown.Pages)
	}
	return n.run(ctx, func(ctx context.Context) error {
		if err := n.catalog.Wait(ctx); err != nil {
			return nil
		}
		shown.NATS = n.bus.URL()
		if shop == nil {
			started(shown)
			return nil
		}
		shown.Shop = shop.address
		started(shown)
		return n.walkLists(ctx)
	})
}

// open locks the folder, and opens NATS and the store.
func (u *Up) open(n *process) error {
	if err := n.lockFolder(); err != nil {
		return err
	}
	if err := u.connect(n); err != nil {
		return err
	}
	if u.Redis != "" {
		return n.useRedis(n.ctx, u.Redis, u.Redis, true)
	}
	return n.useBolt(n.ctx, max(1, u.Shards))
}

func (u *Up) connect(n *process) error {
	cfg := u.Access
	cfg.URL = u.NATS
	cfg.Name = "vitrine up"
	cfg.Log = n.log
	if !strings.Contains(u.NATS, "://") {
		if err := n.markRunning(); err != nil {
			return err
		}
		server, err := bus.Embed(n.ctx, bus.EmbedConfig{Dir: filepath.Join(n.dir, "nats"), Addr: u.NATS, Log: n.log})
		if err != nil {
			return fmt.Errorf("--nats: %w", err)
		}
		n.onClose(func() error { server.Shutdown(); return nil })
		cfg.URL = server.URL()
		cfg.Server = server
	}
	if err := n.connect(n.ctx, cfg); err != nil || cfg.Server == nil {
		return err
	}
	if err := n.bus.Forget(n.ctx); err != nil {
		return err
	}
	return lease.Forget(n.ctx, n.bus.Bucket(MarksBucket))
}

// serveRows serves each file on a loopback port of its own, adds its address to served, and announces the rows that
// differ when a file is rewritten.
func (u *Up) serveRows(n *process, served map[string]string) error {
	for _, spec := range u.Serve {
		table, err := jsonl.Open(n.ctx, spec, n.log)
		if err != nil {
			return err
		}
		server := &http.Server{Handler: table.Handler(), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute,
			ErrorLog: slog.NewLogLogger(n.log.Handler(), slog.LevelWarn)}
		served[spec.Name], err = n.listen("--serve "+spec.Name, "127.0.0.1:0", server)
		if err != nil {
			return err
		}
		n.start(func(ctx context.Context) error { return n.followRows(ctx, table) })
	}
	return nil
}

// notifyServed sends all processes the addresses behind "serve:" in the catalog.
func (n *process) notifyServed(served map[string]string) error {
	value, err := json.Marshal(served)
	if err != nil {
		return err
	}
	if _, err := n.bus.Bucket(control.CatalogBucket).Put(n.ctx, control.ServeKey, value); err != nil {
		return fmt.Errorf("announce where files are served: %w", err)
	}
	return nil
}

// pushCatalog puts the file, or without one the demo's catalog, into the bucket, unless the bucket has the same.
func (u *Up) pushCatalog(n *process, shop *demoShop, served map[string]string) error {
	if shop != nil {
		_, err := control.PushCatalog(n.ctx, n.bus, demo.Catalog(u.Lang, shop.address))
		return err
	}
	src, err := os.ReadFile(u.Catalog)
	if err != nil {
		return err
	}
	cat, err := catalog.Parse(src, u.Catalog, catalog.Options{Serve: served})
	if err != nil {
		return err
	}
	n.secrets.Trust(cat)
	_, err = control.PushCatalog(n.ctx, n.bus, src)
	return err
}

// templates is the folder beside the catalog file, which need not exist.
func (u *Up) templates() string {
	if u.Catalog == "" {
		return u.demoTemplates()
	}
	return filepath.Join(filepath.Dir(u.Catalog), "templates")
}

// walkLists announces all that the upstreams list, in the refresh lane.
func (n *process) walkLists(ctx context.Context) error {
	a := refresh.New(refresh.Config{Upstream: n.upstream, Bus: n.bus, Log: n.log, Lane: item.Refresh})
	for _, kind := range n.catalog.Catalog().Kinds {
		if kind.List != nil {
			n.walkList(ctx, a, kind)
		}
	}
	return nil
}

// walkList announces what one upstream lists, and tries again while it does not answer: on a busy machine the demo's
// upstreams may be too slow at first.
func (n *process) walkList(ctx context.Context, a *refresh.Announcer, kind *catalog.Kind) {
	for {
		err := a.List(ctx, kind)
		if err == nil || ctx.Err() != nil {
			return
		}
		n.log.Warn("what an upstream lists is not announced", "kind", kind.Name, "error", err)
		if !errors.Is(err, item.ErrUnavailable) {
			return
		}
		_ = pause.For(ctx, walkAgain)
	}
}

// walkAgain is the pause after a failed list.
const walkAgain = 2 * time.Second

// mendNATS puts the catalog back after NATS lost its files. The lost changes are noticed by the agent of package
// lineage.
func (n *process) mendNATS(ctx context.Context) error {
	if n.catalog.Catalog() == nil {
		return nil
	}
	return n.catalog.PutBack(ctx)
}
