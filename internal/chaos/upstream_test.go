package chaos_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"vitrine/internal/canary"
)

// upstream is one of the shop's systems. It answers over HTTP unless a fault is on.
type upstream struct {
	URL   string
	shop  *shop
	fault atomic.Pointer[fault]

	closing sync.Mutex // held while it refuses connections
	mu      sync.Mutex // guards server
	server  *http.Server
}

func newUpstream(t *testing.T, s *shop) *upstream {
	t.Helper()
	u := &upstream{shop: s}
	u.URL = "http://" + u.listen(t, "127.0.0.1:0")
	t.Cleanup(u.close)
	return u
}

// listen serves at an address and returns the address.
func (u *upstream) listen(t *testing.T, addr string) string {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Errorf("an upstream can't come back: %v", err)
		return ""
	}
	server := &http.Server{Handler: u}
	go server.Serve(l)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.server = server
	return l.Addr().String()
}

func (u *upstream) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.server.Close()
}

// fault is how an upstream treats the processes of a room, or of all rooms if room is "".
type fault struct{ name, room string }

// hurt switches a fault on until heal is called. Connections are refused to all rooms alike.
func (u *upstream) hurt(t *testing.T, name, room string) (heal func()) {
	if name == "upstream refuses" {
		u.closing.Lock()
		u.close()
		return func() {
			u.listen(t, u.URL[len("http://"):])
			u.closing.Unlock()
		}
	}
	f := &fault{name, room}
	u.fault.Store(f)
	return func() { u.fault.CompareAndSwap(f, nil) }
}

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sent := r.Header.Get("Authorization") // a careless system quotes it in its errors
	fault := ""
	if f := u.fault.Load(); f != nil && (f.room == "" || sent == canary.Shop+f.room) {
		fault = f.name
	}
	switch fault {
	case "upstream hangs":
		<-r.Context().Done()
	case "upstream answers 503":
		http.Error(w, "deploying "+sent, http.StatusServiceUnavailable)
	case "upstream limits":
		w.Header().Set("Retry-After", "1")
		http.Error(w, "slow down, "+sent, http.StatusTooManyRequests)
	case "upstream resets":
		if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
			conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
		}
	case "upstream answers errors as 200": // only for a batch; for a single entity it would be accepted as a wrong answer for good
		if !strings.Contains(r.URL.RawQuery, "ids=") {
			http.Error(w, "backend unavailable", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, fmt.Sprintf(`{"errors":[{"message":"backend unavailable to %s"}]}`, sent))
	default:
		u.shop.serve(w, r, fault == "upstream lags")
	}
}
