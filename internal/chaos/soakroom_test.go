package chaos_test

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"vitrine/internal/bustest"
	"vitrine/internal/freeaddr"
	"vitrine/internal/item"
	"vitrine/internal/netcut"
	"vitrine/internal/redistest"
)

// soakSize says how large a soak is.
type soakSize struct {
	products      int
	brokers       int           // of the NATS of the east: 1, or more in a cluster
	east, west    []string      // roles of the processes of each room
	visitors      int           // of each room
	pagesOfSecond int           // that each visitor asks for
	gap, longest  time.Duration // between two events, on average, and of each
}

// soakRoom is a room of a soak.
type soakRoom struct {
	*system
	other    *soakRoom
	cables   []*netcut.Cable // by which the other room reaches the servers of its NATS
	watched  *redistest.Watched
	shards   *redistest.Servers // with a replica of the first
	replica  *redistest.Replica
	doors    doors
	editor   *editor
	visitors []*soakVisitor
	injector *injector

	redisHurt sync.Mutex // held during a fault of the room's Redis: one at a time
	guests    int        // processes that were added; guarded by system.mu

	held     map[string]holding // by the room's NATS before the first fault
	stored   map[string]int     // by its Redis
	expected int                // processes that are gone and could not say so
	unheard  atomic.Int64       // edits that the room's HISTORY lacks
}

// newSoakRooms starts the rooms of a shop, and waits until each has all of it.
func newSoakRooms(t *testing.T, s *shop, seed uint64, size soakSize) []*soakRoom {
	t.Helper()
	binary, catalog := build(t), filepath.Join(t.TempDir(), "catalog.yaml")
	upstreams := []*upstream{newUpstream(t, s), newUpstream(t, s)}
	rooms := make([]*soakRoom, len(roomNames))
	for i, name := range roomNames {
		y := &system{t: t, binary: binary, dir: t.TempDir(), catalog: catalog, shop: s, upstreams: upstreams, room: name}
		e := &editor{shop: s, random: rand.New(rand.NewPCG(seed, uint64(2000+i))), late: map[item.Change]bool{},
			products: size.products, keeps: size.products / 2}
		rooms[i] = &soakRoom{system: y, editor: e}
	}
	first, second := rooms[0], rooms[1]
	first.other, second.other = second, first
	first.editor.fill()
	first.writeCatalog()
	first.startEast(size.brokers)
	second.startWest()
	config := writeRooms(t, rooms)
	for i, r := range rooms {
		t.Cleanup(func() { r.keepLogs(t) })
		r.editor.nats = r.natsURL()
		r.push()
		for _, role := range [][]string{size.east, size.west}[i] {
			r.join(role, config[i])
		}
		r.doors.visited = r.details()
		r.injector = newInjector(r.system)
		for n := range size.visitors {
			r.visitors = append(r.visitors, &soakVisitor{room: r, first: n * size.products / size.visitors, every: size.pagesOfSecond})
		}
	}
	for _, r := range rooms {
		if err := r.editor.announce(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range rooms {
		r.heal(t, r.editor)
	}
	if t.Failed() {
		t.FailNow()
	}
	return rooms
}

// startEast starts the NATS and the Redis of the first room.
func (r *soakRoom) startEast(brokers int) {
	if brokers == 1 {
		r.startAlone()
	} else {
		r.brokers = bustest.StartCluster(r.t, brokers, func(_ int, o *server.Options) { o.Cluster.NoAdvertise = true })
		for _, n := range r.brokers.Nodes {
			r.cables = append(r.cables, netcut.New(r.t, strings.TrimPrefix(n.URL, "nats://")))
		}
	}
	r.watched = redistest.Watch(r.t, 2, "--replica-serve-stale-data", "no")
	r.url = r.watched.URL
}

// startWest starts those of the second.
func (r *soakRoom) startWest() {
	r.startAlone()
	r.shards = redistest.Cluster(r.t, "--cluster-require-full-coverage", "no", "--cluster-allow-reads-when-down", "yes")
	r.replica = r.shards.Replica(0)
	r.url = r.shards.URL
	r.redis = r.shards.Nodes[1:]
}

// startAlone starts a NATS of one server.
func (r *soakRoom) startAlone() {
	r.natsAddr = freeaddr.Of(r.t)
	r.startNATS()
	r.t.Cleanup(r.stopNATS)
	r.cables = append(r.cables, netcut.New(r.t, r.natsAddr))
}

// writeRooms writes the config file of each room.
func writeRooms(t *testing.T, rooms []*soakRoom) (files []string) {
	t.Helper()
	text := "rooms:\n"
	for _, r := range rooms {
		var urls []string
		for _, c := range r.cables {
			urls = append(urls, "nats://"+c.Addr)
		}
		text += "  - " + r.room + "=" + strings.Join(urls, ",") + "\n"
	}
	for _, r := range rooms {
		file := filepath.Join(r.dir, r.room+".yaml")
		if err := os.WriteFile(file, []byte("room: "+r.room+"\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// join adds a process to the room.
func (r *soakRoom) join(role, config string) { r.add(role, r.flags(role, config)...) }

// flags are those of a role in the room.
func (r *soakRoom) flags(role, config string) []string {
	flags := []string{"--config", config}
	if role == "detail" && r.watched != nil {
		flags = append(flags, "--blobs.read", r.watched.Servers[1].URL)
	}
	return flags
}

// details are the processes that serve pages.
func (r *soakRoom) details() (all []*process) {
	for _, p := range r.processes {
		if p.args[0] == "detail" {
			all = append(all, p)
		}
	}
	return all
}

// guest makes a process that joins the room for a while.
func (r *soakRoom) guest(role string) *process {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.guests++
	return r.process(fmt.Sprintf("guest%d-%s", r.guests, role), role, r.flags(role, filepath.Join(r.dir, r.room+".yaml"))...)
}

// cut separates a room from the others.
func (r *soakRoom) cut() {
	for _, c := range r.cables {
		c.Cut()
	}
}

func (r *soakRoom) healCables() {
	for _, c := range r.cables {
		c.Heal()
	}
}

// doors are the servers of a room that visitors may ask, as a load balancer knows them.
type doors struct {
	mu      sync.Mutex // guards visited
	visited []*process

	hurting sync.Mutex // held while one of them is hurt: one at a time
}

func (d *doors) open(p *process) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.visited = append(d.visited, p)
}

func (d *doors) shut(p *process) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var rest []*process
	for _, other := range d.visited {
		if other != p {
			rest = append(rest, other)
		}
	}
	d.visited = rest
}

// from returns all servers, beginning with the nth.
func (d *doors) from(n int) []*process {
	d.mu.Lock()
	defer d.mu.Unlock()
	n %= len(d.visited)
	return slices.Concat(d.visited[n:], d.visited[:n])
}

// itemPath is the path of a product's page.
func itemPath(id string) string { return "/item/" + url.PathEscape(id) + ".html" }
