package redistest

import (
	"strconv"
	"strings"
	"testing"

	"vitrine/internal/netcut"
)

// Divided is a master with a replica and three sentinels, from which the master can be cut off, while whoever has its own address goes on
// writing to it.
type Divided struct {
	URL string // redis+sentinel://… of the three
	Old string // redis://… of the master itself, which no cut concerns

	t       testing.TB
	cable   *netcut.Cable // between the master and all who name the sentinels
	watched *Watched
}

// Divide starts the servers, and waits until they know each other.
func Divide(t testing.TB) *Divided {
	t.Helper()
	master := Single(t, syncSoon...)
	d := &Divided{t: t, Old: master.URL, cable: netcut.New(t, master.Addr)}
	d.watched = watch(t, master, d.cable.Addr, 1)
	d.URL = d.watched.URL
	return d
}

// Cut cuts the master off, and has the sentinels notice that soon.
func (d *Divided) Cut() {
	d.t.Helper()
	d.cable.Break()
	for _, s := range d.watched.Sentinels {
		s.Do("SENTINEL", "SET", MasterName, "down-after-milliseconds", 500)
	}
}

// Elected waits until the replica is elected.
func (d *Divided) Elected() {
	d.t.Helper()
	d.watched.Elected()
}

// Written is how many bytes of writes the old master has taken.
func (d *Divided) Written() int {
	d.t.Helper()
	info, _ := d.watched.Servers[0].Do("INFO", "replication").(string)
	_, rest, _ := strings.Cut(info, "master_repl_offset:")
	text, _, _ := strings.Cut(rest, "\r")
	n, err := strconv.Atoi(text)
	if err != nil {
		d.t.Fatalf("how much has the master taken? %v", err)
	}
	return n
}

// Heal ends the cut, and waits until the old master is a replica of the new one.
func (d *Divided) Heal() {
	d.t.Helper()
	d.cable.Heal()
	d.watched.Servers[0].awaitLink()
}
