package leftovers

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// Config configures an Agent. All fields but the times are required.
type Config struct {
	Eras      func(context.Context) (eras []catalog.Era, now time.Time, err error)
	Agreed    func(context.Context) (bool, error) // every process that writes has the shapes of the catalog in force
	Settled   func(context.Context) (bool, error) // and all that they write was written under it
	Records   Records
	Blobs     Blobs
	Bus       Publisher
	Marks     *bus.Bucket // stores the time of the last sweep, and operators' requests
	Log       *slog.Logger
	OnRemoved func(what string, removed int) // called after each step

	Keep  time.Duration // how long a name is needed after its last catalog. Defaults to 24 h
	Every time.Duration // between checks whether something is due. Defaults to a minute
	Ask   time.Duration // between checks for a request. Defaults to 2 s
	Page  int           // keys read together. Defaults to 500
	Rest  time.Duration // rest after each page, as a multiple of the time that the page took. Defaults to 9
}

// Records is what an Agent needs of the records store.
type Records interface {
	kv.Scanner
	kv.StateReader
	kv.RecordReader
	kv.Remover
}

// Blobs is what an Agent needs of the blobs store.
type Blobs interface {
	kv.BlobScanner
	kv.BlobGetter
	kv.BlobRemover
}

// Publisher announces; *bus.Conn is one.
type Publisher interface {
	PublishSyncs(ctx context.Context, syncs []item.Change) error
}

func (c Config) withDefaults() Config {
	c.Keep = cmp.Or(c.Keep, 24*time.Hour)
	c.Every = cmp.Or(c.Every, time.Minute)
	c.Ask = cmp.Or(c.Ask, 2*time.Second)
	c.Page = cmp.Or(c.Page, 500)
	c.Rest = cmp.Or(c.Rest, 9)
	return c
}
