package bus_test

import (
	"testing"

	"vitrine/internal/bus"
	"vitrine/internal/bustest"
	"vitrine/internal/long"
	"vitrine/internal/poll"
)

// TestALeaderThatIsCutOffIsNotBelieved cuts the server that leads BLOBS off from its cluster. While nothing is stored it takes itself for the leader: where
// announcements end there is not known all the same, and elsewhere it is.
func TestALeaderThatIsCutOffIsNotBelieved(t *testing.T) {
	t.Parallel()
	long.Only(t)
	cluster := bustest.StartCluster(t, 3, nil)
	dialCluster(t, cluster, 3)
	leader := cluster.Leader(bus.Blobs, "")
	own := dial(t, bus.Config{URL: cluster.Nodes[leader].URL})
	other := dial(t, bus.Config{URL: cluster.Nodes[(leader+1)%3].URL})
	if _, err := own.Announced(t.Context()); err != nil {
		t.Fatal(err)
	}
	cluster.Cut(leader)
	poll.Until(t, "the server that is cut off does not know where announcements end", func() bool {
		_, err := own.Announced(t.Context())
		return err != nil
	})
	poll.Until(t, "the others know", func() bool {
		_, err := other.Announced(t.Context())
		return err == nil
	})
	if _, err := own.Announced(t.Context()); err == nil {
		t.Error("the server that is cut off knows it again")
	}
}
