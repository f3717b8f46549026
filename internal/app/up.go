package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/control"
	"vitrine/internal/item"
	"vitrine/internal/redact"
	"vitrine/internal/refresh"
	"vitrine/internal/rows"
)

type upCommand struct {
	Dir   string `help:"Folder for all state." default:"./vitrine-data"`
	HTTP  string `name:"http" help:"Listen address of the pages." default:"127.0.0.1:8080" placeholder:"ADDR"`
	Admin string `help:"Listen address of health, metrics and explain." default:"127.0.0.1:8081" placeholder:"ADDR"`
	NATS  string `name:"nats" help:"Listen address of the embedded NATS, or the nats:// URL of an outside one." default:"127.0.0.1:4222" placeholder:"ADDR|URL"`
	controlFlag
	secretFlag
	Redis   string   `help:"Redis for records and blobs; without it bbolt holds everything." placeholder:"URL"`
	Catalog string   `help:"Your shop; without it, the demo." placeholder:"FILE" type:"existingfile"`
	Serve   []string `help:"Serve a file of rows as an upstream, named in the catalog as serve:NAME. Repeatable." placeholder:"NAME=FILE[:ID_FIELD]" sep:"none"`
	Disk    string   `help:"What the local bbolt file keeps when there is a Redis: every announced blob (mirror), or what was read (reads)." enum:"mirror,reads" default:"mirror"`
	Shop    string   `help:"Listen address of the demo's back office and upstreams; another port is taken where this one is in use." default:"127.0.0.1:8082" placeholder:"ADDR"`
	Lang    string   `help:"Language of the demo." enum:"en,zh" default:"en"`
	pageFlags
}

func (upCommand) Help() string {
	return `Examples:
  vitrine up
  vitrine up --catalog shop.yaml --serve products=products.jsonl:sku
  vitrine up --catalog shop.yaml --redis redis://127.0.0.1:6379

With --catalog it starts empty: changes fill it, or: vitrine refresh --all`
}

// Run is vitrine up.
func (u *upCommand) Run(e *env) error {
	specs, err := u.specs()
	if err != nil {
		return err
	}
	n, err := newNode(e, u.Dir, "up", "", u.Secret)
	if err != nil {
		return err
	}
	defer n.close()
	if err := n.lockFolder(); err != nil {
		return err
	}
	if err := u.connect(n); err != nil {
		return err
	}
	if u.Redis != "" {
		err = n.useRedis(e.ctx, u.Redis, u.Redis, true)
	} else {
		err = n.useBolt(e.ctx)
	}
	if err != nil {
		return err
	}
	served := map[string]string{}
	if err := u.serveRows(n, specs, served); err != nil {
		return err
	}
	opt := detailOptions{HTTP: u.HTTP, Admin: u.Admin, Disk: u.Disk, Templates: u.templates(), Index: true, Pages: u.pageFlags}
	var demo *demoShop
	if u.Catalog == "" {
		if demo, err = u.openDemo(n, served); err != nil {
			return err
		}
		opt.Pictures = demo.shop.Pictures()
	}
	if err := n.tellServed(served); err != nil {
		return err
	}
	if err := u.pushCatalog(n); err != nil {
		return err
	}
	n.start(n.runHeterog)
	n.start(n.runSyncer)
	shown, err := n.addDetail(opt)
	if err != nil {
		return err
	}
	if demo != nil {
		demo.pages.Store(&shown.HTTP)
	}
	return n.run(e.ctx, func(ctx context.Context) error {
		if err := n.catalog.Wait(ctx); err != nil {
			return nil
		}
		fmt.Fprintf(e.stdout, "pages  %s/\nadmin  %s/\nnats   %s\n", shown.HTTP, shown.Admin, redact.Text(n.bus.URL()))
		if demo == nil {
			return nil
		}
		fmt.Fprintf(e.stdout, "shop   %s/   edit a product, break an upstream\n", demo.address)
		return n.walkLists(ctx)
	})
}

func (u *upCommand) connect(n *node) error {
	cfg := bus.Config{URL: u.NATS, Control: u.Control, Name: "vitrine up", Log: n.log}
	if !strings.Contains(u.NATS, "://") {
		if err := n.markRunning(); err != nil {
			return err
		}
		server, err := bus.Embed(n.env.ctx, bus.EmbedConfig{Dir: filepath.Join(n.dir, "nats"), Addr: u.NATS, Log: n.log})
		if err != nil {
			return fmt.Errorf("start the embedded NATS: %w", err)
		}
		n.onClose(func() error { server.Shutdown(); return nil })
		cfg.URL, cfg.Server = server.URL(), server
	}
	if err := n.connect(n.env.ctx, cfg); err != nil || cfg.Server == nil {
		return err
	}
	return n.bus.Forget(n.env.ctx)
}

func (u *upCommand) specs() ([]rows.Spec, error) {
	var specs []rows.Spec
	for _, s := range u.Serve {
		spec, err := rows.ParseSpec(s)
		if err != nil {
			return nil, usageError{fmt.Errorf("--serve %s: %w", s, err)}
		}
		specs = append(specs, spec)
	}
	return specs, nil
}

// serveRows serves each file on a loopback port of its own, adds its address to served, and notifies the
// rows that differ when a file is rewritten.
func (u *upCommand) serveRows(n *node, specs []rows.Spec, served map[string]string) error {
	for _, spec := range specs {
		table, err := rows.Open(n.env.ctx, spec, n.log)
		if err != nil {
			return fmt.Errorf("--serve %s: %w", spec.Name, err)
		}
		server := &http.Server{Handler: table.Handler(), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute}
		if served[spec.Name], err = n.listen("--serve "+spec.Name, "127.0.0.1:0", server); err != nil {
			return err
		}
		n.start(func(ctx context.Context) error { return n.followRows(ctx, table) })
	}
	return nil
}

// tellServed tells every process what "serve:" in the catalog stands for.
func (n *node) tellServed(served map[string]string) error {
	value, err := json.Marshal(served)
	if err != nil {
		return err
	}
	if _, err := n.bus.Bucket(control.CatalogBucket).Put(n.env.ctx, control.ServeKey, value); err != nil {
		return fmt.Errorf("tell where files are served: %w", err)
	}
	return nil
}

// pushCatalog puts the file into the bucket, unless it is what stands there already.
func (u *upCommand) pushCatalog(n *node) error {
	src := u.demoCatalog()
	if u.Catalog != "" {
		var err error
		if src, err = os.ReadFile(u.Catalog); err != nil {
			return err
		}
		cat, err := catalog.Parse(src, u.Catalog, catalog.Options{})
		if err != nil {
			return err
		}
		n.secrets.Trust(cat)
	}
	_, err := control.PushCatalog(n.env.ctx, n.bus, src)
	return err
}

// templates is the folder beside the catalog file, which need not exist.
func (u *upCommand) templates() string {
	if u.Catalog == "" {
		return u.demoTemplates()
	}
	return filepath.Join(filepath.Dir(u.Catalog), "templates")
}

// walkLists announces all that the upstreams list, in the refresh lane.
func (n *node) walkLists(ctx context.Context) error {
	a := refresh.New(refresh.Config{Upstream: n.upstream, Bus: n.bus, Log: n.log, Lane: item.Refresh})
	for _, kind := range n.catalog.Catalog().Kinds {
		if kind.List != nil {
			n.walkList(ctx, a, kind)
		}
	}
	return nil
}

// walkList announces what one upstream lists, and tries again while it does not answer: on a busy machine the demo is as
// slow as everything else, and that ends nothing.
func (n *node) walkList(ctx context.Context, a *refresh.Announcer, kind *catalog.Kind) {
	for {
		err := a.List(ctx, kind)
		if err == nil || ctx.Err() != nil {
			return
		}
		n.log.Warn("what an upstream lists is not announced", "kind", kind.Name, "error", err)
		if !errors.Is(err, item.ErrUnavailable) {
			return
		}
		select {
		case <-time.After(walkAgain):
		case <-ctx.Done():
		}
	}
}

// walkAgain is the time until a list that failed is asked for again.
const walkAgain = 2 * time.Second

// mendNATS is what follows the loss of NATS's files: the catalog is put back. What waited is lost, which the agent of
// package lineage sees.
func (n *node) mendNATS(ctx context.Context) error {
	if n.catalog.Catalog() == nil {
		return nil
	}
	return n.catalog.PutBack(ctx)
}
