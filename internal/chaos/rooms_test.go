package chaos_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/freeaddr"
	"vitrine/internal/item"
	"vitrine/internal/long"
	"vitrine/internal/netcut"
	"vitrine/internal/redistest"
)

// room is a data centre: a system of separate roles with its own NATS and Redis, and the cable on which others reach it.
type room struct {
	*system
	name  string
	hub   *natsProcess // its NATS; nil for one that rooms share
	cable *netcut.Cable
	conn  *bus.Conn // of the systems of the shop that announce here
}

// newRooms starts rooms that are one shop, and waits until each has all of it.
func newRooms(t *testing.T, s *shop, names ...string) (all []*room) {
	t.Helper()
	binary := build(t)
	upstreams := []*upstream{newUpstream(t, s), newUpstream(t, s)}
	for _, name := range names {
		dir := t.TempDir()
		server := redistest.Single(t)
		y := &system{t: t, binary: binary, dir: dir, catalog: filepath.Join(dir, "catalog.yaml"), shop: s, natsAddr: freeaddr.Of(t),
			upstreams: upstreams, redis: []*redistest.Server{server}, url: server.URL}
		y.writeCatalog()
		hub := &natsProcess{t: t, dir: filepath.Join(dir, "nats"), addr: y.natsAddr}
		hub.start()
		t.Cleanup(hub.kill)
		t.Cleanup(func() { y.keepLogs(t) })
		all = append(all, &room{system: y, name: name, hub: hub, cable: netcut.New(t, y.natsAddr)})
	}
	for _, r := range all {
		r.push()
		config := r.configure(all)
		for _, role := range []string{"heterog", "syncer", "detail"} {
			r.add(role, "--config", config)
		}
		r.conn = dialAs(t, r.natsURL())
	}
	for _, r := range all {
		r.refresh("--wait")
		r.allRight("filled")
	}
	return all
}

// base is the address of the room's pages.
func (r *room) base() (address string) {
	for _, address = range r.pages() {
	}
	return address
}

// configure writes the room's config file.
func (r *room) configure(all []*room) (file string) {
	text := "room: " + r.name + "\nrooms:\n"
	for _, other := range all {
		text += "  - " + other.name + "=nats://" + other.cable.Addr + "\n"
	}
	file = filepath.Join(r.dir, r.name+".yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return file
}

// visitor asks for the pages of a room, one after another.
type visitor struct{ pages, stale, failed int }

// visit asks until ctx ends, with a pause between two pages.
func (v *visitor) visit(ctx context.Context, t *testing.T, r *room, pause time.Duration) {
	client := &http.Client{Timeout: time.Minute}
	defer client.CloseIdleConnections()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	base, ids := r.base(), r.shop.ids()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		address := base + "/item/" + url.PathEscape(ids[n%len(ids)]) + ".html"
		answer, err := client.Get(address)
		if err != nil {
			v.failed++
			t.Errorf("%s: %v", r.name, err)
			continue
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		v.pages++
		if answer.Header.Get("X-Vitrine-Stale") != "" {
			v.stale++
		}
		if err != nil || answer.StatusCode != http.StatusOK {
			v.failed++
			t.Errorf("%s: %s: status %d, %v: %.200s", r.name, address, answer.StatusCode, err, body)
		}
	}
}

// editRooms edits prices and titles until ctx ends, so many a second, and announces each in one of the rooms by turns. It returns how
// many were announced.
func editRooms(ctx context.Context, t *testing.T, s *shop, all []*room, rate int) (edits int) {
	random, ids, began := rand.New(rand.NewPCG(1, 2)), s.ids(), time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return edits
		case <-tick.C:
		}
		due := make([][]item.Change, len(all))
		for n := range int(time.Since(began).Seconds()*float64(rate)) - edits {
			id, dimension := ids[random.IntN(len(ids))], "price"
			if n%5 == 0 {
				dimension = "product"
			}
			s.put(id, func(p *product) {
				if dimension == "price" {
					p.Price++
				} else {
					p.Title = fmt.Sprintf("Thing %d", random.IntN(1e9))
				}
			})
			change := item.Change{Lane: item.Normal, Entity: item.Entity{Kind: "sku", ID: id}, Dimension: dimension}
			due[n%len(all)] = append(due[n%len(all)], change)
		}
		for i, changes := range due {
			if err := all[i].announce(context.WithoutCancel(ctx), changes); err != nil {
				t.Errorf("announce in %s: %v", all[i].name, err)
				return edits
			}
			edits += len(changes)
		}
	}
}

// announce announces changes in the room. A NATS that has just lost a server refuses them for a while; to repeat what it took is harmless.
func (r *room) announce(ctx context.Context, changes []item.Change) (err error) {
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(50 * time.Millisecond) {
		err = r.conn.PublishChanges(ctx, changes, bus.PublishOptions{Everywhere: true})
		if err == nil {
			break
		}
	}
	return err
}

// converges waits until each page of the room is right, and returns how long that took.
func (r *room) converges(began time.Time) time.Duration {
	base := r.base()
	for _, id := range r.shop.ids() {
		for {
			wrong := r.shop.pageDiffers(r.t, base, id, true)
			if wrong == "" {
				break
			}
			if time.Since(began) > healsIn {
				r.t.Errorf("page of %s in %s: %s", id, r.name, wrong)
				return time.Since(began)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	return time.Since(began)
}

// pushesEverywhere sets a switch in all rooms, and then while one of them can't be reached, which has to be said. That room has it once it
// can be reached again. With the addresses of the rooms exchanged nothing is set.
func pushesEverywhere(t *testing.T, all []*room) {
	t.Helper()
	east, west := all[0], all[1]
	set := func(value string, list ...*room) (out string, err error) {
		text, err := east.command("switch", "set", "ttl.factor", value, "--nats", east.natsURL(), "--wait", "30s",
			"--rooms", "east=nats://"+list[0].cable.Addr+",west=nats://"+list[1].cable.Addr)
		return string(text), err
	}
	out, err := set("100", west, east)
	if err == nil || !strings.Contains(out, "nothing was pushed") {
		t.Errorf("switch set where the addresses of the rooms are exchanged: %v\n%s", err, out)
	}
	out, err = set("200", east, west)
	if err != nil || !strings.Contains(out, "room west has it in force") || strings.Contains(out, "room east") {
		t.Errorf("switch set in all rooms: %v\n%s", err, out)
	}
	west.cable.Cut()
	out, err = set("300", east, west)
	if err == nil || !strings.Contains(out, "room west NOT REACHED") {
		t.Errorf("switch set where a room can't be reached: %v\n%s", err, out)
	}
	west.cable.Heal()
	for began := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		text, err := west.command("switch", "get", "ttl.factor", "--nats", west.natsURL())
		if err == nil && strings.Contains(string(text), "300") {
			break
		}
		if time.Since(began) > healsIn {
			t.Fatalf("the room that was away has not caught up: %v\n%s", err, text)
		}
	}
}

// newFilledShop is a shop of forty products, or a thousand in the full form.
func newFilledShop() *shop {
	s := newShop()
	for n := range long.Pick(40, 1000) {
		s.put(oddID(n), func(p *product) {
			p.Title, p.Brand, p.Price, p.Stock = fmt.Sprintf("Thing %d", n), fmt.Sprint(n%7), 100+n, n
		})
		s.putBrand(fmt.Sprint(n%7), fmt.Sprintf("Brand %d", n%7))
	}
	return s
}

// TestRoomsAreCutOff cuts two rooms off from each other while the shop is edited, and half of the edits are announced in each. No page
// may fail in either room. Each has to say that its pages may be old, until the cable is whole again and both show the shop as it is.
func TestRoomsAreCutOff(t *testing.T) {
	s := newFilledShop()
	all := newRooms(t, s, "east", "west")
	pushesEverywhere(t, all)
	rate, cut := long.Pick(100, 500), long.Pick(2*time.Second, time.Minute)
	visitors := make([]visitor, len(all))
	visiting, leave := context.WithCancel(t.Context())
	var people sync.WaitGroup
	for i, r := range all {
		people.Go(func() { visitors[i].visit(visiting, t, r, 10*time.Millisecond) })
	}
	for _, r := range all {
		r.cable.Cut()
	}
	editing, stop := context.WithTimeout(t.Context(), cut)
	began := time.Now()
	edits := editRooms(editing, t, s, all, rate)
	stop()
	t.Logf("cut off for %.1f s, under %.0f changes/s, half of them announced in each room", time.Since(began).Seconds(), float64(edits)/time.Since(began).Seconds())
	for _, r := range all {
		if long.Full() { // in the short form the cut is too short
			r.awaitMarks(true)
		}
	}
	for _, r := range all {
		r.cable.Heal()
	}
	healed := time.Now()
	var converging sync.WaitGroup
	for _, r := range all {
		converging.Go(func() {
			took := r.converges(healed)
			t.Logf("%s shows all %d products as they are %.1f s after healing", r.name, len(s.ids()), took.Seconds())
		})
	}
	converging.Wait()
	for _, r := range all {
		r.awaitMarks(false)
	}
	leave()
	people.Wait()
	for i, r := range all {
		t.Logf("%s: %d pages, %d failed, %d marked stale", r.name, visitors[i].pages, visitors[i].failed, visitors[i].stale)
		r.allRight("after the cut")
	}
}
