package mirror

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"vitrine/internal/durable"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

const (
	hotFile  = "hot"           // in the server's folder: the blobs that were in memory, one per line
	hotEvery = 5 * time.Minute // how often it is written, besides at the end of the process
	warmScan = 100_000         // how many blobs are warmed without a list of hot ones
)

// Source is a store from which memory is warmed.
type Source interface {
	kv.BlobGetter
	kv.BlobScanner
}

// Memory is a server's memory of blobs.
type Memory interface {
	// Hot lists the blobs in memory.
	Hot() []kv.BlobKey
	// Warm fills memory from a store, whose tier has the given name. n is how many blobs it has read.
	Warm(ctx context.Context, tier string, from kv.BlobGetter, keys []kv.BlobKey) (n int, err error)
}

// Warmer fills memory at the start with what it held before, and stores that list for the next start.
type Warmer struct {
	memory Memory
	file   string
	log    *slog.Logger
}

// NewWarmer creates a warmer whose list is in a server's folder.
func NewWarmer(memory Memory, dir string, log *slog.Logger) *Warmer {
	return &Warmer{memory: memory, file: filepath.Join(dir, hotFile), log: log}
}

// Warm fills memory from a store with the listed blobs, or without a list with the first that the store scans.
func (w *Warmer) Warm(ctx context.Context, from Source) {
	text, err := os.ReadFile(w.file)
	keys := parseKeys(text)
	for cursor := ""; err != nil && len(keys) < warmScan; {
		var more []kv.BlobKey
		var failed error
		more, cursor, failed = from.ScanBlobs(ctx, cursor, 1000)
		if failed != nil || cursor == "" {
			keys = append(keys, more...)
			break
		}
		keys = append(keys, more...)
	}
	began := time.Now()
	warmed, err := w.memory.Warm(ctx, "bolt", from, keys)
	switch {
	case err != nil:
		w.log.Warn("memory is not warm", "blobs", warmed, "error", err)
	case warmed > 0:
		w.log.Info("memory is warm", "blobs", warmed, "took", time.Since(began).Round(time.Millisecond))
	}
}

// Run writes the list at intervals, and at the end.
func (w *Warmer) Run(ctx context.Context) error {
	tick := time.NewTicker(hotEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
		w.Note()
	}
	return nil
}

// Note writes the list of the blobs in memory.
func (w *Warmer) Note() {
	if err := durable.WriteFile(w.file, formatKeys(w.memory.Hot())); err != nil {
		w.log.Warn("which blobs are hot can't be noted", "error", err)
	}
}

// formatKeys writes keys as text, one per line.
func formatKeys(keys []kv.BlobKey) []byte {
	var b []byte
	for _, key := range keys {
		b = append(append(append(append(b, key.Entity.Token()...), '/'), key.Blob...), '\n')
	}
	return b
}

// parseKeys reads what formatKeys wrote. It skips invalid lines.
func parseKeys(text []byte) (keys []kv.BlobKey) {
	for line := range strings.Lines(string(text)) {
		token, blob, ok := strings.Cut(strings.TrimSpace(line), "/")
		e, err := item.ParseToken(token)
		if ok && err == nil && item.CheckName(blob) == nil {
			keys = append(keys, kv.BlobKey{Entity: e, Blob: blob})
		}
	}
	return keys
}
