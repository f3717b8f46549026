package chaos_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"vitrine/internal/canary"
	"vitrine/internal/long"
	"vitrine/internal/nginxtest"
)

// TestRoomsAreLost kills all of a room - its NATS, Redis, workers and detail servers - behind nginx and under visitors, while the shop is edited. The other room has to take
// every request, but for answers that were being sent. Then the room comes back without any of its files, is filled, and takes the visitors again.
func TestRoomsAreLost(t *testing.T) {
	long.Only(t)
	s := newShop()
	for n := range 1000 {
		s.put(oddID(n), func(p *product) {
			p.Title, p.Brand, p.Price, p.Stock = fmt.Sprintf("Thing %d", n), fmt.Sprint(n%7), 100+n, n
		})
		s.putBrand(fmt.Sprint(n%7), fmt.Sprintf("Brand %d", n%7))
	}
	all := newRooms(t, s, "east", "west")
	for _, r := range all {
		r.add("detail", "--config", filepath.Join(r.dir, r.name+".yaml"))
		r.allRight("with a second detail server")
	}
	east, west := all[0], all[1]
	front := nginxtest.StartRooms(t, east.addresses(), west.addresses())
	if out, err := east.command("switch", "set", "ttl.factor", "200", "--nats", "nats://"+east.natsAddr, "--wait", "30s", "--rooms", east.flag(all)); err != nil {
		t.Fatalf("set a switch in both rooms: %v\n%s", err, out)
	}

	var crowd crowd
	visiting, leave := context.WithCancel(t.Context())
	for n := range 4 {
		crowd.people.Go(func() { crowd.visit(visiting, t, front.URL, 250*n, s.ids()) })
	}
	editing, stop := context.WithCancel(t.Context())
	var edits sync.WaitGroup
	edits.Go(func() { editRooms(editing, t, s, []*room{west}, 100) })
	crowd.report(t, "both rooms", 5*time.Second)

	t.Log("room east is killed, and all its files are lost")
	east.lose()
	crowd.report(t, "without room east", 30*time.Second)

	came := time.Now()
	east.comeBack()
	t.Logf("room east was filled %.1f s after its return", time.Since(came).Seconds())
	crowd.report(t, "both rooms again", 10*time.Second)
	stop()
	edits.Wait()
	for _, r := range all {
		t.Logf("%s shows all %d products as they are %.1f s after the last edit", r.name, len(s.ids()), r.converges(time.Now()).Seconds())
		r.allRight("after the return")
	}
	leave()
	crowd.people.Wait()
	if failed := crowd.failed.Load(); failed > crowd.cut.Load() {
		t.Errorf("%d of %d pages failed, and only %d of them were being sent when the room was killed", failed, crowd.pages.Load(), crowd.cut.Load())
	}
	if out, err := east.command("switch", "get", "ttl.factor", "--nats", "nats://"+east.natsAddr); err != nil || !strings.Contains(string(out), "200") {
		t.Errorf("the room that came back has not the switch of the other one: %v\n%s", err, out)
	}
	log, err := os.ReadFile(filepath.Join(front.Dir, "vitrine.log"))
	if err != nil {
		t.Fatal(err)
	}
	last := log[len(log)-min(len(log), 20_000):]
	if !strings.Contains(string(last), "vitrine-east.sock") {
		t.Errorf("visitors do not go to the room that came back: %s", last)
	}
}

// addresses are those of the room's two detail servers.
func (r *room) addresses() (two [2]string) {
	n := 0
	for _, address := range r.pages() {
		two[n] = strings.TrimPrefix(address, "http://")
		n++
	}
	return two
}

// flag is the value of --rooms for a command in the room.
func (r *room) flag(all []*room) string {
	var named []string
	for _, other := range all {
		named = append(named, other.name+"=nats://"+other.cable.Addr)
	}
	return strings.Join(named, ",")
}

// lose kills all processes of the room at once, and removes all their files.
func (r *room) lose() {
	for _, p := range r.processes {
		p.signal(syscall.SIGKILL)
	}
	r.hub.lose()
	r.redis[0].Lose()
	for _, p := range r.processes {
		p.end(syscall.SIGKILL)
		if err := os.RemoveAll(filepath.Join(r.dir, p.name)); err != nil {
			r.t.Error(err)
		}
	}
}

// comeBack starts the room again, as docs/rooms.md says: detail servers last, when there is something to show.
func (r *room) comeBack() {
	r.t.Helper()
	r.hub.start()
	r.redis[0].Start()
	for _, p := range r.processes[:2] {
		if !p.start(r.t, r.binary) {
			r.t.Fatalf("%s does not start again: %s", p.name, p.ending())
		}
	}
	refresh := append([]string{"refresh", "--all", "--wait", "--nats", "nats://" + r.natsAddr, "--redis", r.url},
		canary.Secrets(r.upstreams[0].URL, r.upstreams[1].URL)...)
	for began := time.Now(); ; time.Sleep(200 * time.Millisecond) {
		out, err := r.command(refresh...)
		if err == nil {
			break
		}
		if time.Since(began) > healsIn {
			r.t.Fatalf("the room is not filled: %v\n%s", err, out)
		}
	}
	for _, p := range r.processes[2:] {
		if !p.start(r.t, r.binary) {
			r.t.Fatalf("%s does not start again: %s", p.name, p.ending())
		}
	}
}

// crowd is visitors in front of both rooms.
type crowd struct {
	people               sync.WaitGroup
	pages, failed, stale atomic.Int64
	cut                  atomic.Int64 // failed since the connection ended within an answer
}

// visit asks for pages, from the nth article on, until ctx ends: each as another visitor, since both nginx and the servers limit what one may ask.
func (c *crowd) visit(ctx context.Context, t *testing.T, base string, n int, ids []string) {
	client := &http.Client{Timeout: time.Minute}
	defer client.CloseIdleConnections()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		address := base + "/item/" + url.PathEscape(ids[n%len(ids)]) + ".html"
		r, err := http.NewRequest(http.MethodGet, address, nil)
		if err != nil {
			t.Error(err)
			return
		}
		r.Header.Set("X-Forwarded-For", fmt.Sprintf("203.0.113.%d", n%250))
		answer, err := client.Do(r)
		c.pages.Add(1)
		if err != nil {
			c.failed.Add(1)
			t.Logf("%s: %v", address, err)
			continue
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.Header.Get("X-Vitrine-Stale") != "" {
			c.stale.Add(1)
		}
		if err != nil {
			c.cut.Add(1)
		}
		if err != nil || answer.StatusCode != http.StatusOK {
			c.failed.Add(1)
			t.Logf("%s: status %d, %v: %.200s", address, answer.StatusCode, err, body)
		}
	}
}

// report logs what visitors have seen in a while from now on.
func (c *crowd) report(t *testing.T, when string, lasts time.Duration) {
	pages, failed, stale := c.pages.Load(), c.failed.Load(), c.stale.Load()
	time.Sleep(lasts)
	t.Logf("%s: %d pages, %d failed, %d marked stale", when, c.pages.Load()-pages, c.failed.Load()-failed, c.stale.Load()-stale)
}
