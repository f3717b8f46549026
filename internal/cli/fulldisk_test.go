package cli_test

import (
	"strings"
	"testing"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/long"
	"vitrine/internal/smalldisk"
)

// TestUpOnAFullDisk fills the disk of an up, which holds its store, NATS and all it keeps. Every page must be served as before, doctor
// and metrics must say what is wrong, and all must go on by itself once there is room.
func TestUpOnAFullDisk(t *testing.T) {
	long.Only(t)
	dir := smalldisk.Mount(t, "256m")
	s := newShop(t)
	fill(s, 40)
	v := up(t, dir, "--catalog", catalogFor(t, shopCatalog, s.URL))
	v.refreshAll()
	v.converged(s)

	free := smalldisk.Fill(t, dir)
	ids := s.IDs()
	conn := v.dial()
	notify := func() error {
		var changes []item.Change
		for _, id := range ids {
			changes = append(changes, item.Change{Lane: item.High, Entity: item.Entity{Kind: "sku", ID: id}, Dimension: "product"})
		}
		return conn.PublishChanges(t.Context(), changes, bus.PublishOptions{})
	}
	for i := 0; ; i++ { // until nothing more fits into what was reserved before
		s.Put(ids[i%len(ids)], func(p *product) { p.Title = strings.Repeat("long ", 20+i%50) })
		if err := notify(); err != nil {
			t.Logf("refused: %v", err)
			break
		}
	}
	for _, id := range ids {
		if p := v.get(id); p.Status != 200 {
			t.Errorf("%s answers %d while the disk is full", id, p.Status)
		}
	}
	eventually(t, func() string {
		_, _, body := fetch(t, v.Admin+"/metrics")
		if !strings.Contains(string(body), "vitrine_nats_stores 0") {
			return "metrics do not say that NATS stores nothing"
		}
		return ""
	})
	code, out, _ := vitrine(t, "doctor", "--nats", v.NATS, "--dir", dir)
	if code == 0 || !strings.Contains(out, "can't be written") {
		t.Errorf("doctor says of a full disk: %s", out)
	}
	if !strings.Contains(v.log(), "NATS can't write to its disk") {
		t.Errorf("the log does not say what is wrong")
	}

	free()
	for _, id := range ids {
		s.Put(id, func(p *product) { p.Title = "there is room" })
	}
	eventually(t, func() string {
		if err := notify(); err != nil {
			return err.Error()
		}
		return ""
	})
	v.converged(s)
}
