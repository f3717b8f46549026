package upstream_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/upstream"
)

const clientSecret = "canary-secret/51+x"

// guarded is a shop whose calls need a token, and the endpoint that gives it, on one server.
type guarded struct {
	calls, renewals atomic.Int64
	mu              sync.Mutex // guards valid
	valid           string
	grant           http.HandlerFunc // in place of the endpoint's usual answer; nil for that
}

func (g *guarded) set(token string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.valid = token
}

func (g *guarded) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/token" {
		n := g.renewals.Add(1)
		id, secret, _ := r.BasicAuth()
		if id, _ = url.QueryUnescape(id); id != "cl:ient" {
			http.Error(w, "who is "+id, http.StatusUnauthorized)
			return
		}
		if secret, _ = url.QueryUnescape(secret); secret != clientSecret || r.FormValue("grant_type") != "client_credentials" || r.FormValue("scope") != "read prices" || r.FormValue("audience") != "shop" {
			http.Error(w, fmt.Sprint("bad request ", r.Form), http.StatusBadRequest)
			return
		}
		if g.grant != nil {
			g.grant(w, r)
			return
		}
		g.set(fmt.Sprint("canary-token-", n))
		fmt.Fprintf(w, `{"access_token":"canary-token-%d","token_type":"Bearer","expires_in":3600}`, n)
		return
	}
	g.calls.Add(1)
	g.mu.Lock()
	defer g.mu.Unlock()
	if sent := r.Header.Get("Authorization"); sent != "Bearer "+g.valid {
		w.WriteHeader(http.StatusUnauthorized)
		io.WriteString(w, `{"error":"token `+sent+` refused"}`)
		return
	}
	io.WriteString(w, `{"a":1}`)
}

const endpointToken = `{ url: "SHOP/token", client: "cl:ient", secret: "env:SHOP_SECRET", scopes: [read, prices], params: { audience: shop } }`

// withToken makes a client, and a dimension whose upstream is at address and needs a token.
func withToken(t *testing.T, address, token string, allow ...string) (*upstream.Client, *catalog.Dimension, *bytes.Buffer) {
	t.Helper()
	src := fmt.Sprintf("version: 1\nupstreams: { shop: { url: %q, timeout: 20s, concurrency: 16, token: %s } }\n"+
		"entities: { sku: { dimensions: { product: { from: shop, get: \"/p/{id}\" } }, blobs: { item: { of: [product] } } } }\n"+
		"pages: { item: { path: \"/item/{sku}.html\", blob: item, template: item.html } }\n", address, strings.ReplaceAll(token, "SHOP/", address+"/"))
	cat, err := catalog.Parse([]byte(src), "shop.yaml", catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, secret := range allow {
		if !strings.Contains(secret, "=") {
			allow[i] = secret + "=" + address
		}
	}
	secrets, err := upstream.NewSecrets(allow, func(string) (string, bool) { return clientSecret, true })
	if err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	c := upstream.New(upstream.Config{Secrets: secrets, Log: slog.New(slog.NewTextHandler(&logged, nil))})
	t.Cleanup(c.Close)
	d, _ := cat.Dimension("sku", "product")
	return c, d, &logged
}

// TestATokenIsRenewedOnce proves that calls at the same time wait for one renewal, that a token is used again, and that one
// that the upstream refuses is renewed, and the call made again, before that counts as a failure.
func TestATokenIsRenewedOnce(t *testing.T) {
	g := &guarded{}
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	c, d, _ := withToken(t, server.URL, endpointToken, "SHOP_SECRET")
	fetch := func(when string, renewals int64) {
		t.Helper()
		for _, a := range c.Fetch(t.Context(), d, asks("1", "2", "3", "4", "5", "6", "7", "8")) {
			if a.Err != nil {
				t.Errorf("%s: %v", when, a.Err)
			}
		}
		if n := g.renewals.Load(); n != renewals {
			t.Errorf("%s: %d renewals, want %d", when, n, renewals)
		}
	}
	fetch("at first", 1)
	fetch("again", 1)
	g.set("revoked")
	fetch("after the token was revoked", 2)
}

// TestATokenEndpointThatFails proves that the upstream counts as away, whatever its token endpoint answers: never as one that
// refuses an article, let alone deletes it. No error and no line of the log tells a secret or a token.
func TestATokenEndpointThatFails(t *testing.T) {
	write := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); io.WriteString(w, body) }
	}
	for name, c := range map[string]struct {
		grant http.HandlerFunc
		says  string
	}{
		"not now":   {write(503, "come again"), "answered 503: come again"},
		"refused":   {write(400, `{"error":"invalid_client"}`), "invalid_client"},
		"not found": {write(404, "gone"), "answered 404: gone"},
		"HTML":      {write(200, "<html>log in</html>"), "no JSON object with access_token"},
		"no token":  {write(200, `{}`), "it is empty"},
		"an echo": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(400)
			fmt.Fprint(w, r.Header, clientSecret)
		}, "***"},
		"huge":           {write(200, `{"access_token":"canary-token-x","pad":"`+strings.Repeat("x", 1<<20)+`"}`), "more than 65536 bytes"},
		"with a line":    {write(200, `{"access_token":"canary-token\nX-Admin: yes"}`), "no header may have"},
		"trailing line":  {write(200, `{"access_token":"canary-token\n"}`), "blank or a line break"},
		"too long":       {write(200, `{"access_token":"canary-`+strings.Repeat("x", 20<<10)+`"}`), "more than 16384 bytes"},
		"another type":   {write(200, `{"access_token":"canary-token","token_type":"mac"}`), "only bearer"},
		"token in a 500": {write(500, `{"access_token":"canary-token"}`), "answered 500"},
		"redirected": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.2:1/thief?echo="+url.QueryEscape(clientSecret), http.StatusTemporaryRedirect)
		}, "answered 307"},
		"hanging up": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			g := &guarded{grant: c.grant}
			server := httptest.NewServer(g)
			t.Cleanup(server.Close)
			client, d, logged := withToken(t, server.URL, endpointToken, "SHOP_SECRET")
			first := client.Fetch(t.Context(), d, asks("1"))[0].Err
			if !errors.Is(first, item.ErrUnavailable) || errors.Is(first, item.ErrRefused) || !strings.Contains(first.Error(), "the token of shop, from "+server.URL+"/token") || !strings.Contains(first.Error(), c.says) {
				t.Errorf("it says %v, want %q", first, c.says)
			}
			for range 3 {
				if err := client.Fetch(t.Context(), d, asks("1"))[0].Err; !errors.Is(err, item.ErrUnavailable) {
					t.Error(err)
				}
			}
			client.Close()
			if n := g.calls.Load(); n != 0 {
				t.Errorf("%d calls without a token", n)
			}
			if told := first.Error() + logged.String(); strings.Contains(told, "canary") || !strings.Contains(logged.String(), "can't be renewed") {
				t.Error(told)
			}
		})
	}
}

// TestARefusedTokenDoesNotStormItsEndpoint proves that an upstream that refuses every token is an outage, quoted without the
// token, and costs its token endpoint a few requests only.
func TestARefusedTokenDoesNotStormItsEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var renewals, calls int
		k := upstream.NewKeeper(t.Context(), func(context.Context) (string, time.Duration, error) {
			renewals++
			return fmt.Sprint("token-", renewals), time.Hour, nil
		})
		for range 600 { // ten a second, for a minute
			token, err := k.Current(t.Context())
			for err == nil && token != "" {
				calls++
				token, err = k.Replace(t.Context(), token)
			}
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if renewals < 4 || renewals > 12 || calls < 600 {
			t.Errorf("%d renewals for %d calls that were all refused", renewals, calls)
		}
	})
}

// TestATokenThatExpires proves that a token is renewed before it expires, and that one which lives for a second costs a
// request a second, however many calls there are. One whose endpoint fails is used to its end.
func TestATokenThatExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var issued time.Time
		var renewals int
		var failing error
		life := time.Second
		k := upstream.NewKeeper(t.Context(), func(context.Context) (string, time.Duration, error) {
			if failing != nil {
				return "", 0, failing
			}
			renewals++
			issued = time.Now()
			return fmt.Sprint("token-", renewals), life, nil
		})
		for range 1000 {
			_, err := k.Current(t.Context())
			synctest.Wait() // for a renewal that it has begun
			if err != nil || time.Since(issued) > life {
				t.Fatalf("a token of %s ago, error %v", time.Since(issued), err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		if renewals < 9 || renewals > 14 {
			t.Errorf("%d renewals in ten seconds", renewals)
		}
		life = time.Hour
		time.Sleep(time.Second)
		k.Current(t.Context())
		synctest.Wait()
		failing = fmt.Errorf("%w: away", item.ErrUnavailable)
		time.Sleep(59 * time.Minute)
		if _, err := k.Current(t.Context()); err != nil {
			t.Errorf("a minute before its end: %v", err)
		}
		time.Sleep(time.Minute)
		if _, err := k.Current(t.Context()); !errors.Is(err, item.ErrUnavailable) {
			t.Errorf("after its end: %v", err)
		}
		synctest.Wait()
		failing = nil
		time.Sleep(time.Minute)
		if _, err := k.Current(t.Context()); err != nil {
			t.Errorf("its endpoint is back, and it says %v", err)
		}
	})
}

// TestATokenOfAFile proves that a file is read again when somebody has replaced it, as Kubernetes does by a symbolic link.
func TestATokenOfAFile(t *testing.T) {
	g := &guarded{}
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	dir := t.TempDir()
	link := filepath.Join(dir, "token")
	place := func(text string) {
		t.Helper()
		file := filepath.Join(dir, "at-"+fmt.Sprint(len(text)))
		if err := errors.Join(os.WriteFile(file, []byte(text), 0o600), os.RemoveAll(link+".new"), os.Symlink(file, link+".new"), os.Rename(link+".new", link)); err != nil {
			t.Fatal(err)
		}
	}
	place("canary-one\n")
	g.set("canary-one")
	c, d, _ := withToken(t, server.URL, fmt.Sprintf("{ file: %q }", link), "file:"+link)
	fetch := func() error { return c.Fetch(t.Context(), d, asks("1"))[0].Err }
	if err := fetch(); err != nil {
		t.Fatal(err)
	}
	g.set("canary-two-longer")
	if err := fetch(); !errors.Is(err, item.ErrUnavailable) || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "answered 401") {
		t.Errorf("a token that is refused: %v", err)
	}
	place("canary-two-longer\n")
	if err := fetch(); err != nil {
		t.Errorf("after the file was replaced: %v", err)
	}
	for _, bad := range []string{"", "canary two words", "canary\nand another line", strings.Repeat("x", 100<<10)} {
		place(bad)
		if err := fetch(); !errors.Is(err, item.ErrUnavailable) || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "the file "+link) {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
	os.Remove(link)
	os.Mkdir(link, 0o700)
	if err := fetch(); !errors.Is(err, item.ErrUnavailable) || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("a directory: %v", err)
	}
}
