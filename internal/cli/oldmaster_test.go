package cli_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"vitrine/internal/item"
	"vitrine/internal/long"
	"vitrine/internal/redistest"
)

// TestWritesToAnOldMaster cuts a master off from its sentinels and its replica, but not from some workers, which go on writing to it
// while others write to the master that was elected. What the old one has taken since is lost, and was acknowledged. All must be
// right at the new one while the two are apart, and stay so when the old one has become a replica. TestAnOldMasterTakesNothing is
// the short form.
func TestWritesToAnOldMaster(t *testing.T) {
	long.Only(t)
	t.Parallel()
	d := redistest.Divide(t)
	s := newShop(t)
	const n = 400
	fill(s, n)
	dir, file := t.TempDir(), catalogFor(t, shopCatalog, s.URL)
	v := up(t, filepath.Join(dir, "up"), "--redis", d.URL, "--catalog", file)
	var beyond []*running
	for _, name := range []string{"heterog", "syncer"} {
		beyond = append(beyond, role(t, name, v.NATS, filepath.Join(dir, name), "--redis", d.Old))
	}
	v.refreshAll()
	v.fresh(s)

	load := &editor{shop: s, random: rand.New(rand.NewPCG(1, 2)), products: n, late: map[item.Change]bool{}}
	stop := load.run(t, v.NATS)
	before := d.Written()
	d.Cut()
	d.Elected()
	for _, worker := range beyond {
		eventually(t, func() string {
			if status, _, body := fetch(t, worker.Admin+"/readyz"); status == 200 || !strings.Contains(string(body), "another master has taken over") {
				return fmt.Sprintf("a worker beside the old master says that it is ready: %d %s", status, body)
			}
			return ""
		})
	}
	stop()
	load.flush(t, v.NATS)
	lost := d.Written() - before
	if lost == 0 {
		t.Fatal("all was written to the new master, so that nothing is proved")
	}
	t.Logf("%d bytes of writes are lost with the old master", lost)
	s.holds(t, openRedis(t, d.URL), file)
	v.fresh(s)

	d.Heal()
	if out := v.auditOf(0, "--sample", "100000"); out.Stale+out.Dirty+out.Blobs > 0 {
		t.Errorf("after the old master is a replica: %+v", out)
	}
	s.holds(t, openRedis(t, d.URL), file)
	v.related(s)
	v.fresh(s)
	for _, worker := range beyond {
		if status, _, body := fetch(t, worker.Admin+"/readyz"); status == 200 {
			t.Errorf("a worker at a replica says that it is ready: %s", body)
		}
	}
}
