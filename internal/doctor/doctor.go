// Package doctor tries what a room stands on: the disk, NATS, the other rooms, the stores, the catalog, its secrets and its upstreams.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/control"
	"vitrine/internal/item"
	"vitrine/internal/redact"
)

// Config says what is tried.
type Config struct {
	Dir     string            // the process's own folder
	NATS    string            // URL
	Access  bus.Config        // how to log in to NATS; its URL, Name and Log are not looked at
	Records string            // URL of the Redis of the records; "" for a room without one
	Blobs   string            // URL of the Redis of the blobs
	Room    string            // this room's name
	Rooms   map[string]string // URL of the NATS of each room of the shop, by name; empty if there is only one
	Replica string            // URL of what detail servers read blobs from; "" for that of Blobs
	Catalog string            // a file; "" for the catalog in force
	Secrets []string          // NAME=ORIGIN, as upstream.NewSecrets reads them
	Log     *slog.Logger
	Report  func(Finding) // called with each finding, in order

	Templates string        // the folder of the templates that pages name; need not exist
	Entities  []item.Entity // to try, besides the first ones of each list
}

// Finding is what became of one check. Its text shows no password, and nothing that drives a terminal.
type Finding struct {
	What    string `json:"what"`
	OK      bool   `json:"ok"`
	Warning bool   `json:"warning,omitempty"` // OK, and still to be looked at
	Text    string `json:"text"`
}

// checkRun is one run of the checks.
type checkRun struct {
	Config
	failed bool
}

// Run makes all checks, however many fail, and reports whether all were passed.
func Run(ctx context.Context, cfg Config) (healthy bool) {
	x := &checkRun{Config: cfg}
	x.report("disk", x.Dir+" can be written", writable(x.Dir))
	conn, err := x.checkNATS(ctx)
	x.report("nats", x.NATS+" has JetStream and is new enough", err)
	if conn != nil {
		defer conn.Close()
		x.report("changes", "NATS stores a change", conn.CheckStores(ctx))
		text, err := conn.CheckHistory(ctx)
		x.report("history", text, err)
		x.checkReplicas(ctx, conn)
		x.checkClocks(ctx, conn)
		x.checkRooms(ctx, conn)
	}
	x.checkStores(ctx, conn)
	cat, from, err := x.loadCatalog(ctx, conn)
	x.report("catalog", from+" is sound", err)
	if cat != nil {
		if cat.Site.Origin == "" {
			x.warn("origin", "the catalog's site.origin is not set: pages have no canonical address and no pictures for machines, and there is neither robots.txt nor a sitemap")
		}
		for _, m := range cat.Mistakes {
			x.report("catalog", "", m)
		}
		set, err := x.templates(ctx, conn)
		if err != nil {
			x.report("templates", "", err)
			set = nil
		}
		x.checkUpstreams(ctx, cat, set)
		x.checkSources(ctx, conn, cat)
	}
	return !x.failed
}

// report records the finding of one check: good, or err if that is not nil.
func (x *checkRun) report(what, good string, err error) {
	f := Finding{What: what, OK: err == nil, Text: good}
	if err != nil {
		x.failed = true
		f.Text = err.Error()
	}
	x.record(f)
}

// warn records a finding that is no failure, and that is probably not intended.
func (x *checkRun) warn(what, text string) {
	x.record(Finding{What: what, OK: true, Warning: true, Text: text})
}

func (x *checkRun) record(f Finding) {
	f.Text = redact.Shown(f.Text) // addresses may hold passwords, and what upstreams answer anything
	x.Report(f)
}

// writable makes, fills and removes a file in dir, or in the nearest folder above it that exists.
func writable(dir string) error {
	for _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist); _, err = os.Stat(dir) {
		dir = filepath.Dir(filepath.Clean(dir))
	}
	f, err := os.CreateTemp(dir, ".vitrine-doctor-*")
	if err != nil {
		return fmt.Errorf("--dir can't be written: %w", err)
	}
	_, err = f.Write(make([]byte, 64<<10)) // a full disk still takes an empty file
	if err := errors.Join(err, f.Close(), os.Remove(f.Name())); err != nil {
		return fmt.Errorf("--dir can't be written: %w", err)
	}
	return nil
}

// checkNATS returns a connection that the caller closes, or the reason why there is none.
func (x *checkRun) checkNATS(ctx context.Context) (*bus.Conn, error) {
	cfg := x.Access
	cfg.URL = x.NATS
	cfg.Name = "vitrine doctor"
	cfg.Log = x.Log
	conn, err := bus.Dial(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("%w; is it running, and is --nats right?", err)
	}
	if err := conn.Check(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// loadCatalog reads the catalog from the file, or from NATS. conn is nil where NATS can't be asked.
func (x *checkRun) loadCatalog(ctx context.Context, conn *bus.Conn) (cat *catalog.Catalog, from string, err error) {
	if x.Catalog != "" {
		src, err := os.ReadFile(x.Catalog)
		if err != nil {
			return nil, x.Catalog, err
		}
		cat, err := catalog.Parse(src, x.Catalog, catalog.Options{})
		return cat, x.Catalog, err
	}
	if conn == nil {
		return nil, "", errors.New("not looked at without NATS; or name a file: --catalog FILE")
	}
	cat, err = control.Load(ctx, conn)
	return cat, "the one in force", err
}
