package node

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/detail"
	"vitrine/detail/admission"
	"vitrine/detail/blobcache"
	"vitrine/internal/bus"
	"vitrine/internal/control"
	"vitrine/internal/handover"
	"vitrine/internal/item"
	"vitrine/internal/metrics"
	"vitrine/internal/mirror"
	"vitrine/templates"
)

// Pages configures the serving of pages.
type Pages struct {
	HTTP, Admin string // listen addresses
	Disk        string // what the server's own file keeps: mirror or reads
	Templates   string // the shop's folder; "" for the theme alone
	Replica     string // URL of a Redis that blobs are read from, if it differs from the one they are written to

	AccessLog      string   // file to append to, - for Config.Output, "" for none
	TrustedProxies []string // networks and addresses
	CacheTags      string
	MaxConnections int           // 0 means what the limit of open files allows
	BlobMemory     int           // MiB; 0 is the default
	PageMemory     int           // the same
	FormerPages    time.Duration // how long after a change pages may be answered in their last form; 0 for never
	ShutdownDelay  time.Duration // between "not ready" and the closed listener
	FastPath       bool
	Index          bool // list all products at /

	others   []string      // rooms that this one hears
	origin   func() string // of absolute addresses where the catalog names none; nil for none
	reload   bool          // open pages follow the shop's own templates
	pictures http.Handler  // of the demo, under /pictures/; nil for none
}

// addDetail has a process serve pages: from the store, or behind a Redis from a bbolt file of its own, too.
func (n *process) addDetail(opt Pages) (Addresses, error) {
	proxies, err := admission.ParseProxies(opt.TrustedProxies)
	if err != nil {
		return Addresses{}, err
	}
	loader, err := n.openTemplates(opt.Templates)
	if err != nil {
		return Addresses{}, err
	}
	copies, err := n.openCopies(opt)
	if err != nil {
		return Addresses{}, err
	}
	hearing, behind := n.newHearing(opt.others), newUnfetched(n.bus.Unfetched, n.log)
	cfg := detail.Config{
		Catalog: n.catalog.Catalog, Previous: n.catalog.Previous, Templates: loader.Set, FallbackTemplates: loader.Fallbacks,
		Blobs: blobcache.Config{
			Tiers: append(copies.tiers, blobcache.FromRecords(n.records, n.catalog.Catalog, n.catalog.Previous)),
			Hears: n.hears, Behind: behind.of, Bytes: int64(opt.BlobMemory) << 20,
		},
		Fallback: detail.Fallback{Fetcher: n.upstream}, Live: detail.Live{Asker: n.upstream},
		Relations: n.records, Announcer: missed{n}, Heard: func() bool { return hearing.Complete() && !behind.countless() }, Log: n.log, Registry: n.metrics, Switches: n.switches,
		Admission: admission.Config{Proxies: proxies, Connections: opt.MaxConnections}, NoFastPath: !opt.FastPath, Tags: detail.Tags(opt.CacheTags),
		PageBytes: int64(opt.PageMemory) << 20, FormerPages: cmp.Or(opt.FormerPages, -1),
		Lister: n.blobs, Index: opt.Index, Origin: opt.origin,
	}
	if opt.reload {
		cfg.LiveReload = loader
	}
	cfg.Fallback.Leases, _ = n.records.(blobcache.Leaser)
	cfg.Access, err = n.openAccessLog(opt.AccessLog)
	if err != nil {
		return Addresses{}, err
	}
	server, err := detail.New(cfg)
	if err != nil {
		return Addresses{}, err
	}
	n.onClose(func() error { server.Close(); return nil })
	if g := newGarbage(); g != nil {
		n.start(g.Run)
	}
	warmer := mirror.NewWarmer(server, n.dir, n.log)
	warmer.Warm(n.ctx, copies.warm)
	n.start(warmer.Run)
	n.start(metrics.NewLoad(n.metrics, "detail", server.Occupancy).Run)
	pages := newPageWarmer(n, server)
	n.start(pages.Run)
	behind.begun = server.Doubted
	n.start(hearing.Run)
	n.start(behind.run)
	n.start(func(ctx context.Context) error { return n.followBlobs(ctx, server, copies.mirror, pages.followed) })
	if copies.from != nil {
		pages.warm.Store(true) // its visitors are here already
	}
	return n.listenDetail(server, warmer, pages, opt, copies)
}

// openTemplates loads the shop's folder, and follows it and the templates that are pushed in its place.
func (n *process) openTemplates(dir string) (*templates.Loader, error) {
	loader, err := templates.Open(dir, n.dir, n.log)
	if err != nil {
		return nil, err
	}
	n.start(loader.Run)
	n.start(control.NewTemplateFollower(control.TemplateFollowerConfig{
		Conn: n.bus, Templates: loader, Dir: n.dir, OnAck: n.presence.Acknowledge, Log: n.log,
	}).Run)
	n.templates = loader
	n.warnOfUntranslated(loader.Set())
	n.gauge("vitrine_templates_broken", "1 while the templates as they stand can't be loaded and older ones are in force.",
		func() bool { return loader.Broken() != "" })
	return loader, nil
}

// warnOfUntranslated logs the texts that pages will say in English, for want of words in the catalog's language.
func (n *process) warnOfUntranslated(set *templates.Set) {
	cat := n.catalog.Catalog()
	if cat == nil {
		return
	}
	if missing := set.Untranslated(cat.Site.Lang); len(missing) > 0 {
		n.log.Warn("the templates have texts without words in the site's language: pages say them in English; vitrine template eject --words LANG writes them down to be translated",
			"lang", cat.Site.Lang, "texts", len(missing), "such_as", strings.Join(missing[:min(3, len(missing))], " | "))
	}
}

// copies are the stores from which a detail server reads blobs.
type copies struct {
	tiers  []blobcache.Tier
	warm   mirror.Source         // the store that memory is warmed from
	own    *mirror.File          // nil if the store itself is a file
	mirror *blobcache.Mirror     // copies Redis to the own file; nil for none
	from   *handover.Predecessor // the process that had the file until now; nil for none
}

// openCopies opens the own file of a server behind a Redis. A running server of the same folder releases it.
func (n *process) openCopies(opt Pages) (c copies, err error) {
	if n.store != nil {
		metrics.NewFile(n.metrics, "store", n.store)
		return copies{tiers: []blobcache.Tier{{Name: "bolt", Blobs: n.blobs}}, warm: n.store}, nil
	}
	c.from, err = handover.TakeOver(n.dir, map[string]string{"--http": opt.HTTP, "--admin": opt.Admin})
	if err != nil {
		return c, err
	}
	if c.from != nil {
		n.onClose(func() error { c.from.Close(); return nil })
	}
	c.own = mirror.Open(n.ctx, n.dir, n.log)
	n.onClose(c.own.Release)
	metrics.NewFile(n.metrics, "mirror", c.own)
	c.warm = c.own
	redis := blobcache.Tier{Name: "redis", Blobs: n.blobs}
	if opt.Replica != "" {
		redis.Replica, err = n.openReplica(n.ctx, opt.Replica)
		if err != nil {
			return c, err
		}
	}
	c.tiers = []blobcache.Tier{redis, {Name: "bolt", Blobs: c.own}}
	if opt.Disk == "mirror" {
		c.mirror, err = blobcache.NewMirror(blobcache.MirrorConfig{Catalog: n.catalog.Catalog, From: n.blobs, To: c.own, Log: n.log})
		if err != nil {
			return c, err
		}
		n.start(c.mirror.Run)
		n.gauge("vitrine_mirror_behind", "1 while something that was announced is not in this server's own file yet.", c.mirror.Behind)
		held := c.mirror
		n.start(metrics.NewMirror(n.metrics, func() bool { return n.hears() && !held.Behind() }).Run)
		n.start(n.mirrorSweeper(c.own).Run)
	}
	n.start(func(ctx context.Context) error { return c.own.Run(ctx, c.reopened) })
	return c, nil
}

// reopened has everything copied again, since the file lacks what was announced meanwhile.
func (c copies) reopened() {
	if c.mirror != nil {
		c.mirror.Gap()
	}
}

// gauge registers a metric that is 1 or 0.
func (n *process) gauge(name, help string, is func() bool) {
	n.metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
		if is() {
			return 1
		}
		return 0
	}))
}

// missed announces what readers found missing.
type missed struct{ *process }

// Announce requests an entity in the high lane.
func (m missed) Announce(ctx context.Context, e item.Entity) error {
	return m.ask(ctx, item.High, []item.Entity{e})
}

// ask publishes a change of all dimensions for each entity.
func (n *process) ask(ctx context.Context, lane item.Lane, entities []item.Entity) error {
	changes := make([]item.Change, len(entities))
	for i, e := range entities {
		changes[i] = item.Change{Lane: lane, Entity: e, Dimension: item.All}
	}
	return n.bus.PublishChanges(ctx, changes, bus.PublishOptions{Event: time.Now()})
}

// withPictures serves pictures. It does not use ServeMux, which would redirect unusual paths before the pages' own
// rules see them.
func withPictures(pictures, pages http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/pictures/") {
			pictures.ServeHTTP(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	})
}

func notifyServer(server *detail.Server, a bus.Announcement) {
	server.Announced(a.Entity, a.Gens)
	if a.Doubt {
		server.Doubted(a.Entity)
	}
}

// followBlobs passes announcements to the caches and the mirror. The mirror stores the position up to which it is
// complete, and a restarted server continues from there. It calls began once announcements are followed.
func (n *process) followBlobs(ctx context.Context, server *detail.Server, mirror *blobcache.Mirror, began func()) error {
	if mirror == nil {
		caches := func(list []bus.Announcement, at bus.Position) {
			began()
			for _, a := range list {
				notifyServer(server, a)
			}
			n.hearing.Followed(at)
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
	n.hearing.Followed(from)
	took := func(list []bus.Announcement, at bus.Position) {
		began()
		defer n.hearing.Followed(at)
		reached, _ := json.Marshal(at)
		if len(list) == 0 {
			mirror.Reached(reached)
		}
		for i, a := range list {
			notifyServer(server, a)
			upTo := saved
			if i == len(list)-1 {
				upTo = reached // complete only after the last one of the list
			}
			mirror.Announced(a.Entity, a.Gens, upTo)
			if a.Doubt {
				mirror.Doubted(a.Entity, upTo)
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
