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
	hotFile  = "hot"           // in the server's folder: the blobs that were in memory, a line each
	hotEvery = 5 * time.Minute // it is written, and when the process ends
	warmScan = 100_000         // blobs that are warmed where nobody wrote which are hot
)

// Source is a store that memory is warmed from.
type Source interface {
	kv.BlobGetter
	kv.BlobScanner
}

// Memory is a server's memory of blobs.
type Memory interface {
	// Hot lists what is in it.
	Hot() []kv.BlobKey
	// Warm fills it from a store, whose name as a tier it is told, and gives how many blobs it has read.
	Warm(ctx context.Context, tier string, from kv.BlobGetter, keys []kv.BlobKey) (n int, err error)
}

// Warmer fills memory at the start with what was there before, and notes that for the next start.
type Warmer struct {
	memory Memory
	file   string
	log    *slog.Logger
}

// NewWarmer makes a warmer that keeps its note in a server's folder.
func NewWarmer(memory Memory, dir string, log *slog.Logger) *Warmer {
	return &Warmer{memory: memory, file: filepath.Join(dir, hotFile), log: log}
}

// Warm fills memory from a store: with what was noted, and where nothing was, with the first that it lists.
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

// Run notes from time to time, and at the end, which blobs are in memory.
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

// Note writes which blobs are in memory.
func (w *Warmer) Note() {
	if err := durable.WriteFile(w.file, formatKeys(w.memory.Hot())); err != nil {
		w.log.Warn("which blobs are hot can't be noted", "error", err)
	}
}

// formatKeys writes keys as text, one a line; parseKeys reads it. Lines that it can't read are left out.
func formatKeys(keys []kv.BlobKey) []byte {
	var b []byte
	for _, key := range keys {
		b = append(append(append(append(b, key.Entity.Token()...), '/'), key.Blob...), '\n')
	}
	return b
}

// parseKeys reads what formatKeys wrote.
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
