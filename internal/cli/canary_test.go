package cli_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/canary"
	"vitrine/internal/redistest"
)

// The canaries are passwords that only the connections themselves may carry.
const (
	canaryNATS  = "canary-nats-7f31"
	canaryRedis = "canary/redis@q7zv" // with characters that people put into passwords
	canaryShop  = "canary-shop-51ad"  // set in the environment by TestMain
)

// cage collects everything that a program writes.
type cage struct {
	t        *testing.T
	canaries []string
	mu       sync.Mutex // guards seen
	seen     map[string]string
}

func (c *cage) put(where, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[where] += text
}

// search fails the test for each canary in the collected output, both verbatim and as a URL encodes it.
func (c *cage) search() {
	for where, text := range c.seen {
		for _, canary := range append(c.canaries, url.QueryEscape(canaryRedis)) {
			if i := strings.Index(text, canary); i >= 0 {
				c.t.Errorf("%s shows %q: …%s…", where, canary, text[max(0, i-200):min(len(text), i+60)])
			}
		}
	}
}

func (c *cage) command(args ...string) (code int) {
	code, out, errs := vitrine(c.t, args...)
	c.put("vitrine "+args[0]+" "+args[1], out+errs)
	return code
}

// lockedRoom is a room whose NATS, Redis and upstream each want a password.
type lockedRoom struct {
	*cage
	door                *lockedDoor
	server              *server.Server
	store               *redistest.Server
	nats, redis, secret string
	roles               map[string]*running
	shop                *shop
}

func openLockedRoom(t *testing.T) *lockedRoom {
	t.Helper()
	room := &lockedRoom{cage: &cage{t: t, canaries: []string{canaryNATS, canaryRedis, canaryShop, "q7zv"}, seen: map[string]string{}}, door: &lockedDoor{password: canaryNATS}, roles: map[string]*running{}}
	var err error
	room.server, err = server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true, CustomClientAuthentication: room.door})
	if err != nil {
		t.Fatal(err)
	}
	room.nats = "nats://worker:" + canaryNATS + "@" + startNATS(t, room.server)
	room.store = redistest.Single(t)
	room.store.Do("ACL", "SETUSER", "app", "on", ">"+canaryRedis, "~*", "&*", "+@all")
	room.redis = "redis://app:" + url.QueryEscape(canaryRedis) + "@" + room.store.Addr
	room.shop = newShop(t)
	fill(room.shop, 3)
	locked := lockedShop(t, room.shop.URL)
	room.secret = "SHOP_TOKEN=" + locked
	file := catalogFor(t, strings.Replace(shopCatalog, canary.ShopVariable, "SHOP_TOKEN", 1), locked)
	if code := room.command("catalog", "push", file, "--nats", room.nats); code != 0 {
		t.Fatal(room.seen)
	}
	for _, name := range []string{"heterog", "syncer", "detail"} {
		room.startRole(name)
	}
	return room
}

// startRole starts a role at its most verbose log level, and adds the token of its admin listener to the canaries.
func (room *lockedRoom) startRole(name string) {
	room.t.Helper()
	args := []string{"--redis", room.redis, "--log-level", "debug", "--log-format", "json", "--secret", room.secret}
	if name == "detail" {
		args = append(args, "--http", "127.0.0.1:0")
	}
	dir := room.t.TempDir()
	room.roles[name] = role(room.t, name, room.nats, dir, args...)
	room.canaries = append(room.canaries, room.token(name))
}

func (room *lockedRoom) token(name string) string {
	room.t.Helper()
	token, err := os.ReadFile(filepath.Join(room.roles[name].Dir, "admin.token"))
	if err != nil {
		room.t.Fatal(err)
	}
	return strings.TrimSpace(string(token))
}

// showAll requests everything that the processes show.
func (room *lockedRoom) showAll() {
	room.t.Helper()
	for name, v := range room.roles {
		for _, path := range []string{"/metrics", "/readyz", "/healthz", "/explain?what=sku:" + url.QueryEscape(oddID(0)), "/explain?what=x", "/entities", "/debug/pprof/", "/debug/pprof/cmdline"} {
			_, body := request(room.t, http.MethodGet, v.Admin+path, nil)
			room.put(path, body)
		}
		for _, path := range []string{"/audit", "/debug/pprof/goroutine?debug=2", "/debug/pprof/goroutine?debug=1"} {
			for _, token := range []string{room.token(name), "wrong"} {
				_, body := request(room.t, http.MethodPost, v.Admin+path, map[string]string{"Authorization": "Bearer " + token})
				room.put(path, body)
			}
		}
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			status, body := request(room.t, method, v.Admin+"/debug/pprof/cmdline", map[string]string{"Authorization": "Bearer " + room.token(name)})
			if status == http.StatusOK {
				room.t.Errorf("%s serves the flags of its process: %q", name, body)
			}
		}
	}
	pages := room.roles["detail"]
	for _, path := range []string{"/item/" + url.PathEscape(oddID(0)) + ".html", "/item/none.html", "/no/such/page", "/live/" + url.PathEscape(oddID(0)), "/item/%zz"} {
		if u, err := url.Parse(pages.Pages + path); err == nil {
			_, body := request(room.t, http.MethodGet, u.String(), nil)
			room.put("page "+path, body)
		}
	}
}

// doctor runs vitrine doctor on the room. format is --json or --json=false.
func (room *lockedRoom) doctor(format string) {
	room.command("doctor", "--nats", room.nats, "--redis", room.redis, "--secret", room.secret, "--dir", room.t.TempDir(), format)
}

// commands runs every command that prints something about a room.
func (room *lockedRoom) commands(format string) {
	room.doctor(format)
	room.command("switch", "nodes", "--nats", room.nats, format)
	room.command("queue", "failed", "--nats", room.nats, format)
	room.command("queue", "stats", "--nats", room.nats, format)
	room.command("explain", "sku:"+oddID(0), "--admin", room.roles["detail"].Admin, format)
	room.command("audit", "--admin", room.roles["syncer"].Admin, "--token", room.token("syncer"), format)
	room.command("audit", "--admin", room.roles["syncer"].Admin, "--token", room.token("heterog"), format)
}

// storeNATS adds everything that NATS stores to the cage: presence, catalogs, queues, marks.
func (room *lockedRoom) storeNATS() {
	room.t.Helper()
	conn, err := nats.Connect(room.nats)
	if err != nil {
		room.t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		room.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(room.t.Context(), patience)
	defer cancel()
	streams := js.ListStreams(ctx)
	messages := 0
	for info := range streams.Info() {
		stream, err := js.Stream(ctx, info.Config.Name)
		if err != nil {
			room.t.Fatal(err)
		}
		for seq := info.State.FirstSeq; seq <= info.State.LastSeq && info.State.Msgs > 0; seq++ {
			m, err := stream.GetMsg(ctx, seq)
			if err != nil {
				continue // acknowledged or overwritten since
			}
			messages++
			room.put("stream "+info.Config.Name, fmt.Sprint(m.Subject, m.Header, string(m.Data), "\n"))
		}
	}
	if streams.Err() != nil || messages == 0 {
		room.t.Fatal("nothing was seen in NATS: ", streams.Err())
	}
}

// TestNoPasswordIsShown proves that no output holds a password: while a room works with debug logs, while its upstream
// echoes requests, after each password in turn became wrong, and when every server is gone.
func TestNoPasswordIsShown(t *testing.T) {
	t.Parallel()
	room := openLockedRoom(t)
	if code := room.command("refresh", "--all", "--wait", "--nats", room.nats, "--redis", room.redis, "--secret", room.secret); code != 0 {
		t.Fatal(room.seen)
	}
	room.roles["detail"].converged(room.shop)
	conn := room.roles["detail"].dial()
	announce(t, conn, "all", echoes)
	eventually(t, func() string {
		if code, out, _ := vitrine(t, "queue", "failed", "--nats", room.nats); code != 0 || !strings.Contains(out, echoes) {
			return "the redirect has not failed"
		}
		return ""
	})
	room.showAll()
	room.commands("--json=false")
	room.commands("--json")
	room.storeNATS()
	if out := room.seen["vitrine doctor --nats"]; !strings.Contains(out, "worker:***@") || !strings.Contains(out, "app:***@") {
		t.Errorf("doctor names no addresses, so that nothing is proved: %s", out)
	}
	room.store.Do("ACL", "SETUSER", "app", "resetpass", ">another")
	room.door.shut()
	for _, conn := range connections(t, room.server) {
		_ = room.server.DisconnectClientByID(conn)
	}
	eventually(t, func() string {
		for name, v := range room.roles {
			if !strings.Contains(v.log(), "disconnected from NATS") {
				return name + " has not noticed"
			}
		}
		return ""
	})
	room.showAll()
	room.commands("--json")
	room.store.Stop()
	room.showAll()
	room.doctor("--json=false")
	for _, bad := range []string{"redis://app:" + canaryRedis + "@" + room.store.Addr, "redis://app:" + canaryRedis + "\x01@h", "redis:" + canaryRedis} {
		room.command("doctor", "--nats", "nats://user:"+canaryNATS+"%zz@h", "--redis", bad)
		room.command("doctor", "--nats", "nats://"+canaryNATS+"%zz@h", "--redis", bad)
		room.command("syncer", "--admin", "127.0.0.1:0", "--redis", bad, "--dir", t.TempDir(), "--nats", "nats://"+canaryNATS+"%zz@h")
	}
	for name, v := range room.roles {
		room.put("the log of "+name, v.log())
	}
	room.search()
}

// lockedDoor authenticates clients of NATS: those with the password, until it is closed, and nobody after that.
type lockedDoor struct {
	password string
	mu       sync.Mutex // guards closed
	closed   bool
}

func (d *lockedDoor) Check(c server.ClientAuthentication) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.closed && c.GetOpts().Password == d.password
}

func (d *lockedDoor) shut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
}

func connections(t *testing.T, s *server.Server) (ids []uint64) {
	t.Helper()
	connz, err := s.Connz(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range connz.Conns {
		ids = append(ids, c.Cid)
	}
	return ids
}

// echoes is the path segment that lockedShop answers with a redirect that repeats the token.
const echoes = "echo"

// lockedShop forwards to a shop the requests that carry the token.
func lockedShop(t *testing.T, shop string) string {
	t.Helper()
	u, err := url.Parse(shop)
	if err != nil {
		t.Fatal(err)
	}
	through := httputil.NewSingleHostReverseProxy(u)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != canaryShop {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if strings.HasSuffix(r.URL.Path, "/"+echoes) {
			http.Redirect(w, r, "http://elsewhere.invalid/?echo="+r.Header.Get("Authorization"), http.StatusFound)
			return
		}
		through.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}
