package bus_test

import (
	"testing"
	"time"

	"vitrine/internal/bus"
)

// TestEmbedSyncs: a power cut must not cost the embedded server more than a second of what it acked.
func TestEmbedSyncs(t *testing.T) {
	t.Parallel()
	s, err := bus.Embed(t.Context(), bus.EmbedConfig{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Shutdown()
	if every := bus.SyncInterval(s); every > time.Second {
		t.Errorf("what was acked reaches the disk within %s", every)
	}
}
