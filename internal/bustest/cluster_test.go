package bustest_test

import (
	"testing"

	"go.uber.org/goleak"

	"vitrine/internal/bustest"
	"vitrine/internal/poll"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestClusterElectsAnother proves that a server that is cut off is none of the cluster until it is healed, and that one that is
// stopped comes back at the same address.
func TestClusterElectsAnother(t *testing.T) {
	c := bustest.StartCluster(t, 3, nil)
	cut := leader(c, -1)
	c.Cut(cut)
	poll.Until(t, "another leader", func() bool { return leader(c, cut) >= 0 })
	c.Heal(cut)
	c.Await()
	stopped := leader(c, -1)
	c.Stop(stopped)
	poll.Until(t, "another leader", func() bool { return leader(c, stopped) >= 0 })
	c.Start(stopped)
	c.Await()
	if got := c.Server(stopped).ClientURL(); got != c.Nodes[stopped].URL {
		t.Errorf("it is at %s, want %s", got, c.Nodes[stopped].URL)
	}
}

// leader is the number of a server that leads the cluster, of all but one; -1 for none.
func leader(c *bustest.Cluster, but int) int {
	for i := range c.Nodes {
		if s := c.Server(i); i != but && s != nil && s.JetStreamIsLeader() {
			return i
		}
	}
	return -1
}
