package cli

import (
	"errors"
	"fmt"

	"vitrine/internal/demo"
	"vitrine/internal/kv/boltkv"
	"vitrine/internal/node"
	"vitrine/internal/redact"
)

type upCommand struct {
	Dir   string `help:"Folder for all state." default:"./vitrine-data"`
	HTTP  string `name:"http" help:"Listen address of the pages." default:"127.0.0.1:8080" placeholder:"ADDR"`
	Admin string `help:"Listen address of health, metrics and explain." default:"127.0.0.1:8081" placeholder:"ADDR"`
	NATS  string `name:"nats" help:"Listen address of the embedded NATS, or the nats:// URL of an outside one." default:"127.0.0.1:4222" placeholder:"ADDR|URL"`
	natsAccess
	secretFlag
	Redis   string `help:"Redis for records and blobs; without it bbolt holds everything." placeholder:"URL"`
	Shards  int    `name:"store-shards" help:"Without --redis, the number of files of the store, 1 to 64. They write at the same time, and one that is damaged does not cost the others. Chosen once: a store keeps its number." default:"1" placeholder:"N"`
	Catalog string `help:"Your shop, put in force at each start; without it, the demo." placeholder:"FILE" type:"existingfile"`
	Disk    string `help:"With --redis, what the local bbolt file keeps: every announced blob (mirror), or what was read (reads)." enum:"mirror,reads" default:"mirror"`
	Shop    string `help:"Listen address of the demo's back office and upstreams; if it is in use, a free port is taken." default:"127.0.0.1:8082" placeholder:"ADDR"`
	Lang    string `help:"Language of the demo." enum:"en,zh" default:"en"`
	Reload  bool   `name:"live-reload" help:"With --catalog: an open page on this machine loads itself again when you save one of your templates, and says why one can't be used." default:"true" negatable:""`
	serveFlag
	pageFlags
	notifyFlags
}

// Validate is of both groups of flags, as that of detailCommand is.
func (u upCommand) Validate() error {
	return errors.Join(u.natsAccess.Validate(), u.pageFlags.Validate(), u.validShards())
}

func (u upCommand) validShards() error {
	switch {
	case u.Shards < 1 || u.Shards > boltkv.MaxShards:
		return fmt.Errorf("--store-shards %d: it must be between 1 and %d", u.Shards, boltkv.MaxShards)
	case u.Shards > 1 && u.Redis != "":
		return fmt.Errorf("--store-shards %d: with --redis there is no such store", u.Shards)
	}
	return nil
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
	secrets, err := u.secrets()
	if err != nil {
		return err
	}
	listener, err := u.listener()
	if err != nil {
		return err
	}
	lang, err := demo.ParseLang(u.Lang)
	if err != nil {
		return usageError{err}
	}
	up := node.Up{
		Config: e.process(u.Dir, "up", "", secrets), Pages: u.pages(u.HTTP, u.Admin, u.Disk),
		NATS: u.NATS, Access: u.access(), Redis: u.Redis, Shards: u.Shards, Catalog: u.Catalog, Serve: specs, Shop: u.Shop, Lang: lang, Notify: listener, NoReload: !u.Reload,
	}
	return up.Run(e.ctx, func(a node.Addresses) {
		fmt.Fprintf(e.stdout, "pages  %s/\nadmin  %s/\nnats   %s\n", a.Pages, a.Admin, redact.Text(a.NATS))
		printNotify(e.stdout, a)
		if a.Shop != "" {
			fmt.Fprintf(e.stdout, "shop   %s/   edit a product, break an upstream\n", a.Shop)
		}
	})
}
