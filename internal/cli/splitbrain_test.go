package cli_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"vitrine/internal/long"
	"vitrine/internal/redistest"
)

// TestWritesToAnOldMaster cuts a master off from its sentinels and its replica, but not from some workers, which go on writing to
// it while others write to the master that was elected. What the old one has taken is lost when it becomes a replica. One audit must
// find all that is wrong then.
func TestWritesToAnOldMaster(t *testing.T) {
	long.Only(t)
	t.Parallel()
	d := redistest.Divide(t)
	s := newShop(t)
	fill(s, 400)
	dir, file := t.TempDir(), catalogFor(t, shopCatalog, s.URL)
	v := up(t, filepath.Join(dir, "up"), "--redis", d.URL, "--catalog", file)
	v.refreshAll()
	v.fresh(s)

	d.Cut()
	for _, name := range []string{"heterog", "syncer"} {
		role(t, name, v.NATS, filepath.Join(dir, name), "--redis", d.Beyond)
	}
	conn := v.dial()
	for round := range 3 {
		for i, id := range s.IDs() {
			if i%3 == round {
				s.Put(id, func(p *product) { p.Title, p.Brand = fmt.Sprint("edited ", round), fmt.Sprint(10+i%3) })
				announce(t, conn, "all", id)
			}
		}
	}
	eventually(t, func() string {
		if left, err := conn.Left(t.Context()); err != nil || left > 0 {
			return fmt.Sprintf("%d changes are not done, %v", left, err)
		}
		return ""
	})
	t.Logf("%d of 400 entities are wrong at the new master", len(storeDiffers(t, s, openRedis(t, d.URL), file)))

	d.Heal()
	v.auditOf(0, "--sample", "100000")
	s.holds(t, openRedis(t, d.URL), file)
	v.fresh(s)
}
