package bus_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"vitrine/internal/bus"
	"vitrine/internal/item"
)

// TestGuardSeesAHalfRemovedStream covers a race within NATS: a consumer may write its state while the files of its
// stream are being removed, and so create the stream's folder again.
func TestGuardSeesAHalfRemovedStream(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := dial(t, bus.Config{Server: embed(t, dir, "")})
	publish(t, c, change(item.High, "1"))
	folder := filepath.Join(dir, "jetstream", "$G", "streams", bus.Changes)
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(folder, "obs", "consumer"), 0o700); err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	lost := make(chan struct{}, 1)
	ended := make(chan error, 1)
	go func() {
		ended <- c.Guard(ctx, func(context.Context) error { // called again if it fails
			select {
			case lost <- struct{}{}:
			default:
			}
			return nil
		})
	}()
	receive(t, "the loss noticed", lost)
	cancel()
	if err := receive(t, "the end of Guard", ended); err != nil {
		t.Error(err)
	}
	if n := left(t, c); n != 0 {
		t.Errorf("%d changes left in a stream made anew", n)
	}
	publish(t, c, change(item.High, "2"))
	if n := left(t, c); n != 1 {
		t.Errorf("%d changes left, want 1", n)
	}
}
