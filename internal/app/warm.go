package app

import (
	"context"
	"os"
	"path/filepath"
	"time"
	"vitrine/detail"
	"vitrine/internal/durable"
	"vitrine/internal/kv"
	"vitrine/internal/kv/boltkv"
)

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
	if err := durable.WriteFile(filepath.Join(n.dir, hotFile), detail.FormatKeys(server.Hot())); err != nil {
		n.log.Warn("which blobs are hot can't be noted", "error", err)
	}
}
