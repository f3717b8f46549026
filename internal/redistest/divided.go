package redistest

import (
	"strings"
	"testing"

	"vitrine/internal/netcut"
)

// Divided is a master with a replica and three sentinels, from which the master can be cut off together with a sentinel of its own.
type Divided struct {
	URL    string // redis+sentinel://… of the three
	Beyond string // of the one on the master's side; there is one from Cut on

	t       testing.TB
	cable   *netcut.Cable // between the master and all others
	watched *Watched
}

// Divide starts the servers, and waits until they know each other.
func Divide(t testing.TB) *Divided {
	t.Helper()
	master := Single(t, syncSoon...)
	d := &Divided{t: t, cable: netcut.New(t, master.Addr)}
	d.watched = watch(t, master, d.cable.Addr, 1)
	d.URL = d.watched.URL
	return d
}

// Cut cuts the master off, starts a sentinel on its side, and waits until the others have elected the replica. Who asks that sentinel
// goes on writing to the old master.
func (d *Divided) Cut() {
	d.t.Helper()
	d.cable.Cut()
	master := d.watched.master
	lonely := Sentinel(d.t, master.Addr)
	d.Beyond = "redis+sentinel://" + lonely.Addr + "/" + MasterName
	for _, s := range d.watched.Sentinels {
		s.Do("SENTINEL", "SET", MasterName, "down-after-milliseconds", 500)
	}
	d.watched.Elected()
}

// Heal ends the cut, and waits until the old master is a replica of the new one.
func (d *Divided) Heal() {
	d.t.Helper()
	d.cable.Heal()
	old := d.watched.Servers[0]
	if !pollFor(3*limit, func() bool {
		info, err := old.try("INFO", "replication")
		text, _ := info.(string)
		return err == nil && strings.Contains(text, "role:slave") && strings.Contains(text, "master_link_status:up")
	}) {
		d.t.Fatalf("the old master does not become a replica: %v", old.Do("INFO", "replication"))
	}
}
