package cli

import (
	"encoding/json"
	"fmt"
	"os"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/control"
	"vitrine/internal/redact"
	"vitrine/internal/trial"
)

type catalogCommand struct {
	Check    catalogCheck    `cmd:"" help:"Check a catalog file."`
	Push     catalogPush     `cmd:"" help:"Check a catalog file and put it in force."`
	Rollback catalogRollback `cmd:"" help:"Put an earlier revision in force again."`
	List     catalogList     `cmd:"" help:"List the revisions that NATS keeps."`

	Leftovers catalogLeftovers `cmd:"" help:"List records and blobs under names that the catalog in force does not have."`
}

type natsFlag struct {
	NATS string `name:"nats" help:"The system's NATS." default:"nats://127.0.0.1:4222" placeholder:"URL"`
	natsAccess
}

func (f natsFlag) dial(e *env, command string) (*bus.Conn, error) {
	conn, err := bus.Dial(e.ctx, f.config(f.NATS, command, e))
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	return conn, nil
}

type catalogCheck struct {
	templatesFlag
	File string `arg:"" help:"The catalog." type:"existingfile"`
	JSON bool   `name:"json" help:"Print JSON."`
	Try  bool   `help:"Ask the upstreams for a few real entities, and make records, blobs and pages of the answers."`
	triedFlag
	serveFlag
	secretFlag
}

func (catalogCheck) Help() string {
	return `Examples:
  vitrine catalog check shop.yaml
  vitrine catalog check shop.yaml --try --id brand:77
  vitrine catalog check shop.yaml --try --serve products=products.csv:sku`
}

// checked is the output of catalog check --json.
type checked struct {
	OK         bool     `json:"ok"`
	Kinds      []string `json:"kinds,omitempty"`
	Upstreams  int      `json:"upstreams,omitempty"`
	Dimensions int      `json:"dimensions,omitempty"`
	Pages      int      `json:"pages,omitempty"`
	Error      string   `json:"error,omitempty"`

	Tried []trial.Finding `json:"tried,omitempty"` // by --try
}

// Run is vitrine catalog check.
func (c *catalogCheck) Run(e *env) error {
	src, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	var options catalog.Options
	if c.Try {
		served, err := c.open(e)
		defer served.close()
		if err != nil {
			return err
		}
		options.Serve = served.addresses
	}
	cat, err := catalog.Parse(src, c.File, options)
	if err == nil {
		err = c.checkNames(e, nil, c.File, cat)
	}
	var out checked
	sound := err == nil
	if sound && c.Try {
		out.Tried, sound, err = c.try(e, cat)
	}
	tried := out.Tried
	if err != nil {
		out.Error = redact.Shown(err.Error())
	} else {
		out = checked{OK: sound, Tried: tried, Kinds: sortedKinds(cat), Upstreams: len(cat.Upstreams), Pages: len(cat.Pages)}
		for _, k := range cat.Kinds {
			if !k.Internal() {
				out.Dimensions += len(k.Dimensions)
			}
		}
	}
	switch {
	case c.JSON:
		if err := json.NewEncoder(e.stdout).Encode(out); err != nil {
			return err
		}
	case err != nil:
		fmt.Fprintln(e.stderr, redact.Shown(err.Error()))
	case !sound:
		fmt.Fprintf(e.stderr, "%s can be read, and its upstreams do not answer as it says\n", c.File)
	default:
		fmt.Fprintf(e.stdout, "%s is sound: %d kinds, %d dimensions from %d upstreams, %d pages\n",
			c.File, len(out.Kinds), out.Dimensions, out.Upstreams, out.Pages)
	}
	if err != nil || !sound {
		return errReported
	}
	return nil
}

func pushedCatalog(f natsFlag) pushed {
	return pushed{f, control.CatalogBucket, control.CatalogKey, "catalog"}
}

type catalogList struct {
	natsFlag
	JSON bool `name:"json" help:"Print one JSON object per line."`
}

// Run is vitrine catalog list.
func (c *catalogList) Run(e *env) error {
	return pushedCatalog(c.natsFlag).list(e, c.JSON)
}
