package bus_test

import (
	"testing"
	"time"

	"vitrine/internal/bus"
)

// TestEmbedSyncs proves that a power cut can cost the embedded server at most a second of acknowledged messages.
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
