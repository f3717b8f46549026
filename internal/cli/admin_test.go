package cli_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vitrine/internal/canary"
	"vitrine/internal/node"
)

// request sends one request to an admin listener, with the given header fields.
func request(t *testing.T, method, address string, header map[string]string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		if name == "Host" {
			r.Host = value
		}
		r.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	canary.Search(t, address, fmt.Sprint(res.Header, string(b)))
	return res.StatusCode, string(b)
}

func TestTheAdminListener(t *testing.T) {
	t.Parallel()
	v := up(t, t.TempDir(), "--catalog", catalogFor(t, shopCatalog, newShop(t).URL))
	path := filepath.Join(v.Dir, "admin.token")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read the token: %v %v", info.Mode(), err)
	}
	token := strings.TrimSpace(string(text))
	dear := []string{"/audit?sample=0", "/leftovers", "/rehearse?sample=1&set=read.redis=off", "/debug/pprof/profile?seconds=1",
		"/debug/pprof/trace?seconds=1", "/debug/pprof/heap", "/debug/pprof/goroutine?debug=2"}
	t.Run("what costs is no GET", func(t *testing.T) {
		for _, path := range dear {
			if status, body := request(t, "GET", v.Admin+path, map[string]string{"Authorization": "Bearer " + token}); status != 405 {
				t.Errorf("GET %s: %d %.80s", path, status, body)
			}
		}
	})
	t.Run("what costs wants the token", func(t *testing.T) {
		for _, path := range dear {
			for _, with := range []string{"", "Bearer", "Bearer " + strings.ToUpper(token), "Basic " + token} {
				if status, body := request(t, "POST", v.Admin+path, map[string]string{"Authorization": with}); status != 401 || !strings.Contains(body, "admin.token") {
					t.Errorf("POST %s with %q: %d %.80s", path, with, status, body)
				}
			}
			if status, body := request(t, "POST", v.Admin+path, map[string]string{"Authorization": "Bearer " + token}); status != 200 {
				t.Errorf("POST %s with the token: %d %.80s", path, status, body)
			}
		}
	})
	t.Run("a page elsewhere reaches nothing", func(t *testing.T) {
		for _, site := range []string{"cross-site", "same-site"} {
			for _, path := range []string{"/explain?what=sku:1", "/entities", "/metrics", "/debug/pprof/", "/rehearsal?path=/item/1.html"} {
				if status, _ := request(t, "GET", v.Admin+path, map[string]string{"Sec-Fetch-Site": site}); status != 403 {
					t.Errorf("%s, %s: %d", path, site, status)
				}
			}
		}
		if status, _ := request(t, "GET", v.Admin+"/entities", map[string]string{"Sec-Fetch-Site": "none"}); status != 200 {
			t.Errorf("typed in by hand: %d", status)
		}
	})
	t.Run("who watches may use a name, nobody else", func(t *testing.T) {
		says(t, v.Admin, "/readyz", http.StatusOK, "ready")
		for path, want := range map[string]int{"/metrics": 200, "/healthz": 200, "/readyz": 200, "/entities": 421, "/debug/pprof/": 421, "/assets/site.css": 421} {
			if status, _ := request(t, "GET", v.Admin+path, map[string]string{"Host": "vitrine.internal:8081"}); status != want {
				t.Errorf("%s: %d, want %d", path, status, want)
			}
		}
	})
	t.Run("a rehearsal's address is good as it is only", func(t *testing.T) {
		link := node.RehearsalLink(token, "/rehearsal", "/item/"+oddID(0)+".html", map[string]string{"read.redis": "off"})
		if status, body := request(t, "GET", v.Admin+link, nil); status != 200 || !strings.Contains(body, "/rehearsal/page?") {
			t.Errorf("%d %s", status, body)
		}
		for _, bad := range []string{strings.Replace(link, "off", "on", 1), link + "0", strings.Replace(link, "/rehearsal?", "/rehearsal/page?", 1), link[:strings.Index(link, "&signature")],
			link + "&set=" + url.QueryEscape("read.bolt=off")} {
			if status, _ := request(t, "GET", v.Admin+bad, nil); status != 403 {
				t.Errorf("%s: %d", bad, status)
			}
		}
	})
	t.Run("commands find the token", func(t *testing.T) {
		if code, _, errs := vitrine(t, "audit", "--sample", "0", "--admin", v.Admin, "--token", token); code != 0 {
			t.Error(code, errs)
		}
		if code, _, errs := vitrine(t, "audit", "--sample", "0", "--admin", v.Admin, "--dir", t.TempDir()); code != 1 || !strings.Contains(errs, "VITRINE_TOKEN") {
			t.Error(code, errs)
		}
		if code, _, errs := vitrine(t, "audit", "--sample", "0", "--admin", v.Admin, "--dir", v.Dir, "--token", "wrong"); code != 1 || !strings.Contains(errs, "admin.token") {
			t.Error(code, errs)
		}
	})
	t.Run("one that others could read is replaced at the next start", func(t *testing.T) {
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		if next, err := node.OpenToken(v.Dir); err != nil || next == token {
			t.Error(next, err)
		}
		if again, err := node.OpenToken(v.Dir); err != nil || len(again) != 64 {
			t.Error(again, err)
		}
	})
}
