package blobcache

import (
	"cmp"
	"errors"
	"log/slog"
	"sync"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/switches"
)

// Config configures a Cache. Tiers and Log are required.
type Config struct {
	Tiers        []Tier                 // asked after memory, in this order; the first is the truth
	Switches     *switches.Panel        // nil: every switch is on
	Behind       func(item.Entity) bool // reports whether what is stored of an entity is known to be old; nil: of none
	Hears        func() bool            // reports whether announcements arrive at present; nil: they do
	Bytes        int64                  // of memory for blobs. Defaults to 256 MiB
	TTL          time.Duration          // of an entry in memory, ±20 %. Defaults to 60 s
	ReadDeadline time.Duration          // for one batch through all tiers. Defaults to 2 s
	Log          *slog.Logger
}

func (c Config) withDefaults() Config {
	c.Bytes = cmp.Or(c.Bytes, 256<<20)
	c.TTL = cmp.Or(c.TTL, time.Minute)
	c.ReadDeadline = cmp.Or(c.ReadDeadline, 2*time.Second)
	if c.Behind == nil {
		c.Behind = func(item.Entity) bool { return false }
	}
	if c.Hears == nil {
		c.Hears = func() bool { return true }
	}
	tiers := make([]Tier, len(c.Tiers))
	for i, t := range c.Tiers {
		if t.Name != RecordsTier && (i == len(c.Tiers)-1 || c.Tiers[i+1].Name == RecordsTier) {
			t.Timeout = cmp.Or(t.Timeout, time.Second) // the last copy: waiting costs less than an error
		}
		t.Timeout = cmp.Or(t.Timeout, 100*time.Millisecond)
		t.Concurrency = cmp.Or(t.Concurrency, 128)
		tiers[i] = t
	}
	c.Tiers = tiers
	return c
}

func (c Config) validate() error {
	switch {
	case c.Log == nil:
		return errors.New("blob cache: Log must be given")
	case len(c.Tiers) == 0:
		return errors.New("blob cache: no tier to read blobs from")
	case c.Bytes < 0 || c.TTL < 0 || c.ReadDeadline < 0:
		return errors.New("blob cache: a size or a time is negative")
	}
	for _, t := range c.Tiers {
		if t.Name == "" || t.Blobs == nil || t.Timeout < 0 || t.Concurrency < 0 {
			return errors.New("blob cache: tier " + t.Name + ": Name and Blobs must be given, Timeout and Concurrency not negative")
		}
	}
	return nil
}

// Cache reads blobs through memory. However many pages want a key at once, it is read once. A Cache is safe for concurrent use.
type Cache struct {
	config  Config
	local   *local
	memory  *switches.Switch // off: memory is not used
	chain   *chain
	metrics *metrics

	mu      sync.Mutex // guards flights and closed
	flights map[kv.BlobKey]*flight
	closed  bool
	wait    sync.WaitGroup
}

// New makes a Cache; the caller closes it. It fails if the configuration lacks a required field, has a negative bound, or has
// a size that memory cannot be made with.
func New(c Config) (*Cache, error) {
	c = c.withDefaults()
	if err := c.validate(); err != nil {
		return nil, err
	}
	memory, err := newLocal(c.Bytes, c.TTL, c.Switches.Must(switches.TTLFactor), c.Hears)
	if err != nil {
		return nil, err
	}
	m := newMetrics()
	return &Cache{config: c, local: memory, memory: c.Switches.Must(switches.ReadLocal), metrics: m,
		chain: newChain(c.Tiers, c.Switches, m, c.Log), flights: map[kv.BlobKey]*flight{}}, nil
}

// Close waits until no read is under way, though no longer than two seconds for a tier that hangs. A later Read fails with
// item.ErrUnavailable at once for what is not in memory.
func (c *Cache) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.wait.Wait()
	c.chain.close()
	c.local.close()
}

// Announced notes that blobs of an entity were written; gens holds the generation of each blob by its name. Copies in memory of
// a lower generation are not served any more.
func (c *Cache) Announced(e item.Entity, gens map[string]uint64) {
	for blob, gen := range gens {
		c.local.announced(kv.BlobKey{Entity: e, Blob: blob}, gen, false)
	}
}

// Doubted notes that the named blobs of an entity may be newer than their last announcement. Copies in memory are read again.
func (c *Cache) Doubted(e item.Entity, blobs []string) {
	for _, blob := range blobs {
		c.local.announced(kv.BlobKey{Entity: e, Blob: blob}, 0, true)
	}
}

// Gap notes that announcements were lost. Every entry in memory is read again before it is served.
func (c *Cache) Gap() { c.local.epoch.Add(1) }

// Minimum returns the highest generation known to be announced for a key, 0 if none is known.
func (c *Cache) Minimum(key kv.BlobKey) uint64 { return c.local.minimums.of(key) }

// Reachable reports whether at least one tier has its breaker closed.
func (c *Cache) Reachable() bool { return c.chain.anyClosed() }
