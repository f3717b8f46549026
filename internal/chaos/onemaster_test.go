package chaos_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/bustest"
	"vitrine/internal/canary"
	"vitrine/internal/freeaddr"
	"vitrine/internal/long"
	"vitrine/internal/netcut"
	"vitrine/internal/redistest"
)

// oneMaster is three rooms with one master of Redis, a replica in each room, and one NATS: in the full form a cluster with a server in each room. Room
// north has the master. Room west can be cut off from the others.
type oneMaster struct {
	north, south, west *room

	redis   *redistest.Watched // the master, and the replicas of north and south
	cables  []*netcut.Cable    // from west to the other rooms, that to the master first
	cluster *bustest.Cluster   // nil in the short form
}

// newOneMaster starts the rooms by the files of docs/examples/rooms, and waits until each shows all of the shop.
func newOneMaster(t *testing.T, s *shop) *oneMaster {
	t.Helper()
	o := &oneMaster{redis: redistest.Watch(t, 2)}
	o.redis.Servers[1].Do("CONFIG", "SET", "replica-priority", 0) // north's: it is never elected, since it is lost with the master
	toMaster := netcut.New(t, o.redis.Master().Addr)
	o.cables = append(o.cables, toMaster)
	inWest := redistest.Single(t, "--replica-priority", "0", "--replica-serve-stale-data", "no", "--repl-timeout", "20")
	follow(inWest, toMaster.Addr)
	inWest.Do("ACL", "SETUSER", "default", "-replicaof", "-slaveof") // sentinels would have it follow the master past the cable

	upstreams := []*upstream{newUpstream(t, s), newUpstream(t, s)}
	dir := t.TempDir()
	catalog := filepath.Join(dir, "catalog.yaml")
	replicas := []*redistest.Server{o.redis.Servers[1], o.redis.Servers[2], inWest}
	var all []*room
	for i, nats := range o.startNATS(t) {
		name := []string{"north", "south", "west"}[i]
		all = append(all, &room{name: name, system: &system{t: t, binary: build(t), dir: filepath.Join(dir, name), catalog: catalog, shop: s,
			upstreams: upstreams, natsAddr: nats, url: o.redis.URL, redis: replicas[i : i+1]}})
	}
	o.north, o.south, o.west = all[0], all[1], all[2]
	o.north.writeCatalog()
	o.north.push()
	for _, r := range all {
		r.revision = o.north.revision
		config := o.configure(r)
		roles := []string{"heterog", "syncer", "detail"}
		if r == o.west {
			roles = roles[2:]
		}
		for _, role := range roles {
			r.launch(r.bare(role, role, "--config", config))
		}
		t.Cleanup(func() { r.keepLogs(t) })
	}
	o.south.conn = dialAs(t, "nats://"+o.south.natsAddr)
	o.north.refresh("--wait")
	for _, r := range all {
		r.allRight("filled")
	}
	return o
}

// follow makes a server a replica of that at an address.
func follow(s *redistest.Server, master string) {
	host, port, _ := strings.Cut(master, ":")
	s.Do("REPLICAOF", host, port)
}

func dialAs(t *testing.T, address string) *bus.Conn {
	t.Helper()
	conn, err := bus.Dial(t.Context(), bus.Config{URL: address, Name: "shop", Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// startNATS returns the address at which each room reaches NATS.
func (o *oneMaster) startNATS(t *testing.T) (addresses []string) {
	if long.Full() {
		o.cluster = bustest.StartCluster(t, 3, nil)
		for _, node := range o.cluster.Nodes {
			addresses = append(addresses, strings.TrimPrefix(node.URL, "nats://"))
		}
		return addresses
	}
	address := freeaddr.Of(t)
	server, err := bus.Embed(t.Context(), bus.EmbedConfig{Dir: t.TempDir(), Addr: address, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Shutdown)
	cable := netcut.New(t, address)
	o.cables = append(o.cables, cable)
	return []string{address, address, cable.Addr}
}

// configure writes a room's file: that of docs/examples/rooms with the addresses of this test.
func (o *oneMaster) configure(r *room) (file string) {
	t := r.t
	t.Helper()
	source, err := os.ReadFile("../../docs/examples/rooms/" + r.name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	number := map[string]int{"north": 1, "south": 2, "west": 3}[r.name]
	sentinels, _, _ := strings.Cut(strings.TrimPrefix(o.redis.URL, "redis+sentinel://"), "/")
	text := string(source)
	replace := map[string]string{
		fmt.Sprintf("10.%d.0.5:4222", number): r.natsAddr, fmt.Sprintf("10.%d.0.7:6379", number): r.redis[0].Addr, ":PASSWORD@": ":" + url.QueryEscape(canary.Redis) + "@",
	}
	if r == o.west {
		replace["redis.shop.internal:6379"] = o.cables[0].Addr
	} else {
		replace["10.1.0.8:26379,10.2.0.8:26379,10.3.0.8:26379"] = sentinels
	}
	for old, now := range replace {
		if !strings.Contains(text, old) {
			t.Fatalf("the file of room %s has no %s", r.name, old)
		}
		text = strings.ReplaceAll(text, old, now)
	}
	if err := os.MkdirAll(r.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(r.dir, r.name+".yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// cut cuts west off from the other rooms.
func (o *oneMaster) cut() {
	for _, c := range o.cables {
		c.Cut()
	}
	if o.cluster != nil {
		o.cluster.Cut(2)
	}
}

func (o *oneMaster) heal() {
	for _, c := range o.cables {
		c.Heal()
	}
	if o.cluster != nil {
		o.cluster.Heal(2)
	}
}

// loseNorth ends everything in room north at once, and has the other rooms go on as operators do: south's replica is elected by the sentinels that are left, and
// the name by which west reaches the master is led there.
func (o *oneMaster) loseNorth(t *testing.T) {
	t.Helper()
	for _, p := range o.north.processes {
		p.signal(syscall.SIGKILL)
	}
	o.redis.Sentinels[0].Stop()
	o.redis.Sentinels = o.redis.Sentinels[1:]
	o.redis.Servers[1].Stop()
	o.redis.Kill()
	if o.cluster != nil {
		o.cluster.Stop(0)
	}
	began := time.Now()
	master := o.redis.Elected()
	t.Logf("a new master %.1f s after the loss of room north", time.Since(began).Seconds())
	o.cables[0].Lead(master.Addr)
}

// TestRoomsOfOneMaster cuts a room off from the one that has the master of Redis, and then loses that room, while the shop is edited. No page may fail in a room that
// is there. The room that is cut off has to say that its pages may be old, from soon after the cut until it has caught up; and nothing older may stay.
func TestRoomsOfOneMaster(t *testing.T) {
	s := newFilledShop()
	o := newOneMaster(t, s)
	visitors := map[*room]*visitor{o.south: {}, o.west: {}}
	visiting, leave := context.WithCancel(t.Context())
	var people sync.WaitGroup
	for r, v := range visitors {
		people.Go(func() { v.visit(visiting, t, r, long.Pick(50*time.Millisecond, 10*time.Millisecond)) })
	}
	rate := long.Pick(50, 500)

	o.cut()
	o.edit(t, rate, long.Pick(2*time.Second, time.Minute))
	o.west.awaitMarks(true)
	o.heal()
	o.converge(t, "healing", o.north, o.south, o.west)
	o.west.awaitMarks(false)

	for _, r := range []*room{o.north, o.south, o.west} {
		if asked := fmt.Sprint(r.redis[0].Do("INFO", "commandstats")); !strings.Contains(asked, "cmdstat_mget") {
			t.Errorf("nobody has read from the replica of room %s", r.name)
		}
	}
	var editing sync.WaitGroup
	editing.Go(func() { o.edit(t, rate, long.Pick(2*time.Second, time.Minute)) })
	o.loseNorth(t)
	editing.Wait()
	o.converge(t, "the loss", o.south, o.west)
	leave()
	people.Wait()
	for r, v := range visitors {
		t.Logf("%s: %d pages, %d failed, %d marked stale", r.name, v.pages, v.failed, v.stale)
		r.allRight("after the loss of a room")
	}
}

// edit edits the shop for a while, and announces the edits in room south.
func (o *oneMaster) edit(t *testing.T, rate int, lasts time.Duration) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), lasts)
	defer stop()
	edits := editRooms(ctx, t, o.south.shop, []*room{o.south}, rate)
	t.Logf("%d edits in %s", edits, lasts)
}

// converge waits until rooms show the shop as it is.
func (o *oneMaster) converge(t *testing.T, after string, all ...*room) {
	t.Helper()
	began := time.Now()
	var converging sync.WaitGroup
	for _, r := range all {
		converging.Go(func() {
			took := r.converges(began)
			t.Logf("%s shows all %d products as they are %.1f s after %s", r.name, len(r.shop.ids()), took.Seconds(), after)
		})
	}
	converging.Wait()
}

// awaitMarks waits until every page of the room, or none, is marked stale.
func (r *room) awaitMarks(marked bool) {
	r.t.Helper()
	began := time.Now()
	for {
		wrong := r.marked(!marked)
		if wrong == "" {
			r.t.Logf("%s: all pages are marked stale: %t, %.1f s later", r.name, marked, time.Since(began).Seconds())
			return
		}
		if time.Since(began) > healsIn {
			r.t.Fatalf("%s: page %s: marked stale: %t", r.name, wrong, !marked)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// marked is the address of a page that is marked stale, or that is not; "" for none.
func (r *room) marked(marked bool) string {
	for _, id := range r.shop.ids() {
		address := r.base() + "/item/" + url.PathEscape(id) + ".html"
		answer, err := http.Get(address)
		if err != nil {
			return err.Error()
		}
		answer.Body.Close()
		if (answer.Header.Get("X-Vitrine-Stale") != "") == marked {
			return address
		}
	}
	return ""
}
