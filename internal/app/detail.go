package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/detail"
	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/boltkv"
	"vitrine/templates"
)

// detailOptions are what differs between up and a detail server of its own.
type detailOptions struct {
	HTTP, Admin string
	Disk        string       // mirror or reads
	Templates   string       // the shop's folder; "" for the theme alone
	Index       bool         // list all pages at /
	Replica     string       // URL of a Redis that blobs are read from, where it is another than that they are written to
	AccessLog   string       // file; "-" is standard output, "" is none
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
	n.start(func(ctx context.Context) error { return n.followTemplates(ctx, folder) })
	n.metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "vitrine_templates_broken", Help: "1 while the templates as they stand can't be loaded and older ones are in force.",
	}, func() float64 { return boolGauge(folder.Broken() != "") }))
	tiers, warm := []detail.Tier{{Name: "bolt", Blobs: n.blobs}}, warmable(n.store)
	var mirror *detail.Mirror
	var from *predecessor
	if n.store == nil {
		if from, err = takeOver(n.dir); err != nil {
			return shown{}, err
		}
		if from != nil {
			n.onClose(func() error { from.close(); return nil })
		}
		own := n.openOwnFile()
		tiers, warm = []detail.Tier{{Name: "redis", Blobs: n.blobs}, {Name: "bolt", Blobs: own}}, own
		if opt.Replica != "" {
			if tiers[0].Replica, err = n.openRedis(n.env.ctx, opt.Replica); err != nil {
				return shown{}, err
			}
		}
		n.own = own
		if opt.Disk == "mirror" {
			if mirror, err = detail.NewMirror(detail.MirrorConfig{From: n.blobs, To: own, Log: n.log}); err != nil {
				return shown{}, err
			}
			n.start(mirror.Run)
			n.metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "vitrine_mirror_behind", Help: "1 while something that was announced is not in this server's own file yet.",
			}, func() float64 { return boolGauge(mirror.Behind()) }))
		}
		n.start(func(ctx context.Context) error {
			return own.Run(ctx, func() {
				n.log.Info("this server's own file is open again")
				if mirror != nil {
					mirror.Gap()
				}
			})
		})
	}
	tiers = append(tiers, detail.FromRecords(n.catalog.Catalog, n.records))
	cfg := detail.Config{
		Catalog: n.catalog.Catalog, Templates: folder.Set,
		Tiers: tiers, Relations: n.records, Live: n.upstream, Log: n.log, Registry: n.metrics, Switches: n.switches,
	}
	if cfg.Access, err = n.openAccessLog(opt.AccessLog); err != nil {
		return shown{}, err
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
	n.warm(server, warm)
	n.start(func(ctx context.Context) error { return n.followBlobs(ctx, server, mirror) })
	return n.listenDetail(server, opt, from)
}

// openAccessLog opens the file to append to.
func (n *node) openAccessLog(path string) (*detail.AccessLog, error) {
	if path == "" {
		return nil, nil
	}
	var out io.Writer = n.env.stdout
	if path != "-" {
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
		if err != nil {
			return nil, fmt.Errorf("open --access-log: %w", err)
		}
		n.onClose(file.Close)
		out = file
	}
	log := detail.NewAccessLog(out, n.log)
	n.start(log.Run)
	return log, nil
}

// warmable is a store that memory is warmed from.
type warmable interface {
	kv.BlobGetter
	kv.BlobScanner
}

// openOwnFile opens a detail server's own file. Where that can't be, the server goes without, and tries again.
func (n *node) openOwnFile() *ownFile {
	own := &ownFile{open: func() (*boltkv.Store, error) {
		return boltkv.Open(n.env.ctx, filepath.Join(n.dir, "mirror.db"), boltkv.Options{Log: n.log})
	}}
	if err := own.take(); err != nil {
		n.log.Warn("this server's own file can't be opened; serving without it", "error", err)
	}
	n.onClose(own.release)
	return own
}

const (
	hotFile  = "hot"           // in --dir: the blobs that were in memory, a line each
	hotEvery = 5 * time.Minute // it is written, and when the process ends
	warmScan = 100_000         // blobs that are warmed where nobody wrote which are hot
)

// warm fills memory from a store with what was there before, and has that noted for the next start.
func (n *node) warm(server *detail.Server, from warmable) {
	n.start(func(ctx context.Context) error { return n.saveHot(ctx, server) })
	text, err := os.ReadFile(filepath.Join(n.dir, hotFile))
	keys := detail.ParseKeys(text)
	for cursor := ""; err != nil && len(keys) < warmScan; {
		var more []kv.BlobKey
		var failed error
		if more, cursor, failed = from.ScanBlobs(n.env.ctx, cursor, 1000); failed != nil || cursor == "" {
			keys = append(keys, more...)
			break
		}
		keys = append(keys, more...)
	}
	began := time.Now()
	warmed, err := server.Warm(n.env.ctx, "bolt", from, keys)
	switch {
	case err != nil:
		n.log.Warn("memory is not warm", "blobs", warmed, "error", err)
	case warmed > 0:
		n.log.Info("memory is warm", "blobs", warmed, "took", time.Since(began).Round(time.Millisecond))
	}
}

// saveHot writes from time to time, and at the end, which blobs are in memory.
func (n *node) saveHot(ctx context.Context, server *detail.Server) error {
	tick := time.NewTicker(hotEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
		n.writeHot(server)
	}
	return nil
}

func (n *node) writeHot(server *detail.Server) {
	if err := replaceFile(filepath.Join(n.dir, hotFile), detail.FormatKeys(server.Hot())); err != nil {
		n.log.Warn("which blobs are hot can't be noted", "error", err)
	}
}

func (n *node) listenDetail(server *detail.Server, opt detailOptions, from *predecessor) (s shown, err error) {
	handler := server.Handler()
	if opt.Pictures != nil {
		handler = withPictures(opt.Pictures, handler)
	}
	a := &admin{node: n, ready: server.Ready, pages: server, explain: func(ctx context.Context, what string) (any, error) { return server.Explain(ctx, what) }}
	pages, err := from.listen("--http", opt.HTTP)
	if err != nil {
		return s, err
	}
	admins, err := from.listen("--admin", opt.Admin)
	if err != nil {
		return s, err
	}
	web := detail.NewHTTPServer(handler, n.log)
	n.start(func(ctx context.Context) error { return servePages(ctx, server, web, pages, n.takenOver.Load) })
	n.start(func(ctx context.Context) error {
		back := a.server()
		return serve(ctx, back, func() error { return back.Serve(admins) })
	})
	s = shown{HTTP: "http://" + pages.Addr().String(), Admin: "http://" + admins.Addr().String()}
	n.pages = s.HTTP
	if n.own != nil {
		n.offerHandover(server, from, map[string]net.Listener{"--http": pages, "--admin": admins})
	}
	return s, nil
}

// offerHandover tells the process before this one that this one accepts, and lets another take over.
func (n *node) offerHandover(server *detail.Server, from *predecessor, listeners map[string]net.Listener) {
	h := &handover{path: filepath.Join(n.dir, handoverSocket), log: n.log, listeners: map[string]*net.TCPListener{}, order: []string{"--http", "--admin"}}
	for name, l := range listeners {
		h.listeners[name] = l.(*net.TCPListener) // net.Listen("tcp", …) gives nothing else
	}
	h.release = func() error {
		n.writeHot(server)
		return n.own.release()
	}
	h.regain = n.own.take
	n.start(func(ctx context.Context) error {
		if from != nil {
			if err := from.done(); err != nil {
				n.log.Warn("the server before this one was not told", "error", err)
			}
		}
		return h.Run(ctx, func() {
			n.log.Info("another process has taken over")
			n.takenOver.Store(true)
			n.stop()
		})
	})
}

const (
	drainTaken  = 5 * time.Second        // for visitors of a process that was taken over
	drainEnding = 500 * time.Millisecond // for those of one that ends for good
)

// servePages answers until ctx ends, and then drains.
func servePages(ctx context.Context, server *detail.Server, web *http.Server, l net.Listener, taken func() bool) error {
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(web, l) }()
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
	}
	patience := drainEnding
	if taken() {
		patience = drainTaken
	}
	short, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	err := server.Drain(short, web, l)
	<-stopped
	return err
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
		if len(list) == 0 {
			mirror.Reached(reached)
		}
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
