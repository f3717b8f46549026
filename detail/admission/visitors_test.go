package admission_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"vitrine/detail/admission"
	"vitrine/internal/testlog"
)

// open makes a controller with the default bounds.
func open(t *testing.T, change ...func(*admission.Config)) *admission.Controller {
	t.Helper()
	c := admission.Config{Log: slog.New(slog.DiscardHandler)}
	for _, f := range change {
		f(&c)
	}
	controller, err := admission.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return controller
}

// request makes a request from a peer, with header fields given as "Name: value".
func request(t *testing.T, peer string, fields ...string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	r.RemoteAddr = peer
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Header.Add(name, value)
	}
	return r
}

// TestVisitorsBehindProxies proves that visitors behind a proxy are told apart by what trusted proxies report, and by
// nothing else.
func TestVisitorsBehindProxies(t *testing.T) {
	const pages = 250 // of which one visitor gets 100, and crawlers together some more
	named := func(list string) func(int) string {
		return func(i int) string {
			return "X-Forwarded-For: " + strings.ReplaceAll(list, "N", fmt.Sprint(i%250))
		}
	}
	for _, c := range []struct {
		name, peer, trusted string
		field               func(i int) string
		limited             bool
	}{
		{"a public proxy that is trusted", "198.51.100.7:4000", "198.51.100.0/24", named("203.0.113.N"), false},
		{"a carrier's proxy that is trusted", "100.64.0.7:4000", "10.0.0.0/8,100.64.0.0/10", named("203.0.113.N"), false},
		{"a carrier's proxy that is not: nobody", "100.64.0.7:4000", "", named("203.0.113.N"), false},
		{"a private proxy that is not: nobody", "10.0.0.7:4000", "", named("203.0.113.N"), false},
		{"a proxy on this machine", "127.0.0.1:4000", "", named("203.0.113.N"), false},
		{"two proxies, one behind the other", "127.0.0.1:4000", "198.51.100.7", named("203.0.113.N, 198.51.100.7"), false},
		{"IPv6 with a port", "[::1]:4000", "", named("[2001:db8:N::1]:80"), false},
		{"one visitor behind a trusted proxy", "127.0.0.1:4000", "", named("203.0.113.9"), true},
		{"one visitor that invents others", "127.0.0.1:4000", "", named("203.0.113.N, 203.0.113.9"), true},
		{"one visitor of IPv6 that moves within its network", "127.0.0.1:4000", "", named("2001:db8::N"), true},
		{"one public visitor that invents others", "203.0.113.9:4000", "", named("203.0.113.N"), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var list []string
			if c.trusted != "" {
				list = strings.Split(c.trusted, ",")
			}
			proxies, err := admission.ParseProxies(list)
			if err != nil {
				t.Fatal(err)
			}
			controller := open(t, func(a *admission.Config) { a.Proxies = proxies })
			refused := 0
			for i := range pages {
				permit, err := controller.Admit(request(t, c.peer, c.field(i)))
				if errors.Is(err, admission.ErrBusy) {
					refused++
					continue
				}
				permit.Release()
			}
			if limited := refused > 0; limited != c.limited {
				t.Errorf("%d of %d refused", refused, pages)
			}
		})
	}
}

func TestVisitor(t *testing.T) {
	controller := open(t)
	for _, c := range []struct{ name, peer, forwarded, want string }{
		{"a peer", "203.0.113.9:4000", "", "203.0.113.9"},
		{"the network of an IPv6 peer", "[2001:db8:1:2:3::4]:4000", "", "2001:db8:1:2::"},
		{"a mapped peer", "[::ffff:203.0.113.9]:4000", "", "203.0.113.9"},
		{"a peer of this network", "192.168.1.1:4000", "", "invalid IP"},
		{"behind a proxy here", "127.0.0.1:4000", "203.0.113.9", "203.0.113.9"},
		{"behind a proxy that says nonsense", "127.0.0.1:4000", "203.0.113.9, unknown", "invalid IP"},
		{"behind a proxy that says nothing", "127.0.0.1:4000", "", "invalid IP"},
		{"no address", "pipe", "", "invalid IP"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := request(t, c.peer)
			if c.forwarded != "" {
				r.Header.Set("X-Forwarded-For", c.forwarded)
			}
			if got := controller.Visitor(r).String(); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestParseProxies(t *testing.T) {
	for _, bad := range []string{"", "10.0.0.0/33", "proxy.example", "10.0.0.1:80", "10.0.0"} {
		if _, err := admission.ParseProxies([]string{"10.0.0.1", bad}); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", bad)) {
			t.Errorf("%q is taken for a proxy, or the error does not name it: %v", bad, err)
		}
	}
}

func TestAProxyThatIsNotTrustedIsLoggedOnce(t *testing.T) {
	out := &testlog.Buffer{}
	controller := open(t, func(c *admission.Config) { c.Log = slog.New(slog.NewJSONHandler(out, nil)) })
	for range 2 {
		controller.Visitor(request(t, "100.64.0.7:4000", "X-Forwarded-For: 203.0.113.9"))
	}
	if got := out.String(); strings.Count(got, "--trusted-proxy") != 1 || !strings.Contains(got, "100.64.0.7") {
		t.Errorf("the log does not name --trusted-proxy once, with the proxy's address: %s", got)
	}
}
