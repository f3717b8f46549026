package detail_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vitrine/internal/kv"
	"vitrine/internal/poll"
)

func TestPageData(t *testing.T) {
	s := open(t)
	s.redis.Put("sku:1", "item", 12, `{"product":{"title":"Lamp","price":5.10,"big":12345678901234567890},"clash":"own"}`, "brand:8557", "siblings=2,3,4,5", "path:30")
	s.redis.Put("sku:1", "offer", 9, `{"price":{"amount":"5.10"},"clash":"overlay"}`)
	s.redis.Put("brand:8557", "card", 3, `{"title":"ACME"}`)
	s.redis.Put("sku:2", "item", 5, `{"product":{"title":"Two"}}`)
	s.redis.Put("sku:4", "item", 5, `{"product":{"title":"Four"},"sku":"its own"}`)
	s.redis.Put("sku:5", "item", 5, `{"product":{"title":"Five"}}`)
	s.redis.Put("category:30", "card", 1, `{"title":"Leaf"}`, "parent:20")
	s.redis.Put("category:20", "card", 1, `{"title":"Middle"}`, "parent:10")
	s.redis.Put("category:10", "card", 1, `{"title":"Root"}`, "parent:30")
	got := s.get(t, "/item/1.json")
	want := `{"sku":"1","product":{"title":"Lamp","price":5.10,"big":12345678901234567890},"clash":"own","price":{"amount":"5.10"},` +
		`"brand":{"brand":"8557","title":"ACME"},` +
		`"siblings":[{"sku":"2","product":{"title":"Two"}},{"product":{"title":"Four"},"sku":"its own"}],` +
		`"path":[{"category":"10","title":"Root"},{"category":"20","title":"Middle"},{"category":"30","title":"Leaf"}]}`
	if diff := cmp.Diff(want, got.body); diff != "" {
		t.Error(diff)
	}
	if n := s.redis.Reads(); n != 4 {
		t.Errorf("the page took %d batches, want 4: own, joins, and two steps up", n)
	}
	for name, want := range map[string]string{
		"X-Vitrine-Gen": "12", "X-Vitrine-Source": "redis", "X-Vitrine-Stale": "", "Vary": "Accept-Encoding, Available-Dictionary",
		"Cache-Tag":              "sku:1,brand:8557,sku:2,sku:3,sku:4,category:10,category:20,category:30",
		"Surrogate-Key":          "sku:1 brand:8557 sku:2 sku:3 sku:4 category:10 category:20 category:30",
		"Cache-Control":          "public, max-age=0, s-maxage=60, stale-while-revalidate=600, stale-if-error=86400",
		"Content-Type":           "application/json; charset=utf-8",
		"X-Content-Type-Options": "nosniff",
	} {
		if got := got.header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestMissingParts(t *testing.T) {
	s := open(t)
	s.redis.Put("sku:1", "item", 12, `{"product":{"title":"Lamp"}}`, "brand:9", "siblings=7", "path:30")
	if got := s.get(t, "/item/1.json").body; got != `{"sku":"1","product":{"title":"Lamp"},"siblings":[],"path":[]}` {
		t.Errorf("the page as JSON is %s", got)
	}
	if got := s.get(t, "/item/1.html"); got.status != 200 || !strings.Contains(got.body, "<h1>Lamp</h1>") {
		t.Errorf("/item/1.html: %+v; want status 200, a body with <h1>Lamp</h1>", got)
	}
}

// themeScripts is the number of "<script" in an item's page: site.js and the JSON-LD.
const themeScripts = 2

func TestOddIDs(t *testing.T) {
	s := open(t)
	for path, id := range map[string]string{
		"12049.1": "12049.1", "a%2Fb": "a/b", "two%20words": "two words", "%E4%B8%AD%E6%96%87": "中文", "%2525": "%25",
		"a%3Fb%23c": "a?b#c", "x.html": "x.html", "%22%3E%3Cscript%3E": `"><script>`, "a+b": "a+b", "...": "...", "q:r": "q:r",
	} {
		t.Run(id, func(t *testing.T) {
			body, err := json.Marshal(map[string]any{"product": map[string]any{"title": "T", "images": []string{"/a.png"}}, "price": map[string]string{"amount": "1"}})
			if err != nil {
				t.Fatal(err)
			}
			s.redis.Put("sku:"+id, "item", 1, string(body))
			got := s.get(t, "/item/"+path+".json")
			var data map[string]any
			if err := json.Unmarshal([]byte(got.body), &data); err != nil {
				t.Fatalf("error %v, %+v; want no error", err, got)
			}
			if got.status != 200 || data["sku"] != id {
				t.Errorf("as JSON: status %d, want 200 with the id %q: %v", got.status, data, id)
			}
			page := s.get(t, "/item/"+path+".html")
			if page.status != 200 || strings.Count(page.body, "<script") != themeScripts {
				t.Errorf("as HTML: status %d, want 200 with the theme's scripts alone: %s", page.status, page.body)
			}
			if tags := page.header.Get("Cache-Tag"); strings.ContainsAny(tags, "/ %<\"?") {
				t.Errorf("Cache-Tag %q", tags)
			}
		})
	}
}

func TestStatus(t *testing.T) {
	s := open(t)
	s.redis.Put("sku:1", "item", 1, `{"product":{"title":"Lamp"}}`)
	s.redis.Bury("sku:2", "item", 2, kv.Gone)
	s.redis.Bury("sku:3", "item", 3, kv.Unknown)
	for _, c := range []struct {
		method, path string
		status       int
		cache        string
	}{
		{"GET", "/item/9.html", 404, "public, max-age=5"},
		{"GET", "/item/3.json", 404, "public, max-age=5"},
		{"GET", "/item/2.html", 410, "public, max-age=5"},
		{"GET", "/item/.html", 400, "no-store"},
		{"GET", "/item/..html", 400, "no-store"},
		{"GET", "/item/%2E%2E.html", 400, "no-store"},
		{"GET", "/item/a%0D%0ASet-Cookie:x.html", 400, "no-store"},
		{"GET", "/item/%FF.json", 400, "no-store"},
		{"GET", "/item/" + strings.Repeat("a", 65) + ".html", 400, "no-store"},
		{"GET", "/item/1", 404, "public, max-age=5"},
		{"GET", "/nowhere", 404, "public, max-age=5"},
		{"GET", "/", 404, "public, max-age=5"},
		{"POST", "/item/1.html", 405, "no-store"},
		{"DELETE", "/nowhere", 405, "no-store"},
		{"GET", "/live?ids=" + strings.Repeat("a", 40<<10), 400, "no-store"},
	} {
		t.Run(c.method+" "+c.path[:min(len(c.path), 40)], func(t *testing.T) {
			got := s.do(t, c.method, c.path)
			if got.status != c.status || got.header.Get("Cache-Control") != c.cache {
				t.Errorf("%d, Cache-Control %q", got.status, got.header.Get("Cache-Control"))
			}
			if got.header.Get("Set-Cookie") != "" || got.header.Get("Content-Security-Policy") == "" {
				t.Errorf("header %v; want no Set-Cookie, a Content-Security-Policy", got.header)
			}
			if json.Valid([]byte(got.body)) != (strings.HasSuffix(c.path, ".json") || strings.HasPrefix(c.path, "/live")) {
				t.Errorf("JSON where HTML was expected, or the reverse: %s", got.body)
			}
		})
	}
	if got := s.do(t, "POST", "/item/1.html").header.Get("Allow"); got != "GET, HEAD" {
		t.Errorf("Allow %q", got)
	}
}

func TestRules(t *testing.T) {
	s := open(t)
	s.redis.Put("sku:1", "item", 1, `{"product":{"title":"V","kind":"virtual"}}`)
	s.redis.Put("sku:a/b?", "item", 1, `{"product":{"title":"G","market":"global"}}`)
	s.redis.Put("sku:5", "item", 1, `{"product":{"title":"Moved","market":"moved"}}`)
	s.redis.Put("sku:3", "item", 1, `{"product":{"title":"Off"},"status":{"state":"off"}}`)
	s.redis.Put("sku:4", "item", 1, `{"product":{"broken":"text"},"status":{"state":"off"}}`)
	for _, suffix := range []string{".html", ".json"} {
		t.Run("a redirect binds "+suffix, func(t *testing.T) {
			got := s.get(t, "/item/a%2Fb%3F"+suffix)
			if got.status != 302 || got.header.Get("Location") != "https://global.example/item/a%2Fb%3F.html" {
				t.Error(got.status, got.header.Get("Location"))
			}
		})
		t.Run("a redirect for good binds "+suffix, func(t *testing.T) {
			got := s.get(t, "/item/5"+suffix)
			if got.status != 301 || got.header.Get("Location") != "https://moved.example/5" {
				t.Error(got.status, got.header.Get("Location"))
			}
		})
		t.Run("a status binds "+suffix, func(t *testing.T) {
			if got := s.get(t, "/item/3"+suffix); got.status != 410 {
				t.Errorf("/item/3: status %d; want status 410", got.status)
			}
		})
	}
	t.Run("a template replaces the page's", func(t *testing.T) {
		if got := s.get(t, "/item/3.html"); !strings.Contains(got.body, "not on sale") {
			t.Errorf("/item/3.html: body %s; want a body with not on sale", got.body)
		}
	})
	t.Run("a rule that errors does not match", func(t *testing.T) {
		if got := s.get(t, "/item/4.html"); got.status != 410 {
			t.Errorf("/item/4.html: status %d; want status 410", got.status)
		}
	})
}

func TestETag(t *testing.T) {
	s := open(t)
	s.redis.Put("sku:1", "item", 1, `{"product":{"title":"Lamp"}}`, "brand:9")
	page, twin := s.get(t, "/item/1.html"), s.get(t, "/item/1.json")
	tag := page.header.Get("ETag")
	if !strings.HasPrefix(tag, `W/"`) || tag == twin.header.Get("ETag") {
		t.Fatalf("page %s, twin %s", tag, twin.header.Get("ETag"))
	}
	t.Run("is answered by 304", func(t *testing.T) {
		got := s.get(t, "/item/1.html", `If-None-Match: "x", `+strings.TrimPrefix(tag, "W/"))
		if got.status != 304 || got.body != "" || got.header.Get("ETag") != tag {
			t.Errorf("a request with the page's tag: %+v; want status 304 with the tag %s and no body", got, tag)
		}
	})
	t.Run("stays the same for the same parts", func(t *testing.T) {
		if again := s.get(t, "/item/1.html?utm=x"); again.header.Get("ETag") != tag || !again.fromMemory() {
			t.Errorf("an undeclared parameter makes another page: %v", again.header)
		}
	})
	t.Run("changes with a joined part", func(t *testing.T) {
		s.redis.Put("brand:9", "card", 4, `{"title":"New"}`)
		s.server.Announced(entity(t, "brand:9"), map[string]uint64{"card": 4})
		if got := s.get(t, "/item/1.html", "If-None-Match: "+tag); got.status != 200 {
			t.Errorf("/item/1.html: status %d; want status 200", got.status)
		}
	})
}

func TestCoding(t *testing.T) {
	s := open(t)
	s.redis.Put("sku:1", "item", 1, `{"product":{"title":"Lamp","brief":"`+strings.Repeat("long ", 500)+`"}}`)
	for accept, want := range map[string]string{
		"gzip": "gzip", "br, gzip;q=0.5": "br", "*": "gzip", "gzip;q=0": "", "gzip;q=0, *": "", "br": "br", "identity": "", "gzip;q=x": "", "GZIP": "gzip",
		"zstd": "zstd", "br;q=0.1, zstd;q=0.2, gzip;q=0.1": "zstd", "zstd;q=0, br;q=0, gzip": "gzip",
	} {
		t.Run(accept, func(t *testing.T) {
			got := s.get(t, "/item/1.html", "Accept-Encoding: "+accept)
			if got.header.Get("Content-Encoding") != want || !strings.Contains(got.body, "long long") {
				t.Errorf("Accept-Encoding %q gives %q, want %q", accept, got.header.Get("Content-Encoding"), want)
			}
		})
	}
	t.Run("a page in memory is sent in a coding that it is there in", func(t *testing.T) {
		for i, first := range []string{"gzip", "zstd", "br"} {
			id := i + 2
			s.redis.Put(fmt.Sprint("sku:", id), "item", 1, `{"product":{"title":"Lamp","brief":"`+strings.Repeat("short ", 500)+`"}}`)
			path := fmt.Sprintf("/item/%d.html", id)
			poll.Until(t, "the page is in memory", func() bool { return s.get(t, path, "Accept-Encoding: "+first).header.Get("X-Vitrine-Source") == "page" })
			kept := s.get(t, path, "Accept-Encoding: "+first)
			for range 100 { // more than until another one is tried
				got := s.get(t, path, "Accept-Encoding: gzip, deflate, br, zstd")
				if got.header.Get("X-Vitrine-Source") != "page" {
					continue // it left memory
				}
				got.header.Del("Date")
				kept.header.Del("Date")
				if diff := cmp.Diff(kept, got, cmp.AllowUnexported(response{})); diff != "" || kept.header.Get("Vary") != "Accept-Encoding, Available-Dictionary" {
					t.Fatalf("first asked for as %s: %s", first, diff)
				}
			}
		}
	})
	t.Run("a small body stays plain", func(t *testing.T) {
		if got := s.get(t, "/item/404.json", "Accept-Encoding: gzip"); got.header.Get("Content-Encoding") != "" {
			t.Errorf("/item/404.json: header %v; want no Content-Encoding", got.header)
		}
	})
	t.Run("HEAD has the headers of GET and no body", func(t *testing.T) {
		s.get(t, "/item/1.html", "Accept-Encoding: gzip")
		get := s.get(t, "/item/1.html", "Accept-Encoding: gzip")
		head := s.do(t, http.MethodHead, "/item/1.html", "Accept-Encoding: gzip")
		get.header.Del("Date")
		head.header.Del("Date")
		if diff := cmp.Diff(get.header, head.header); diff != "" || head.body != "" {
			t.Errorf("HEAD differs from GET: %s, body %q", diff, head.body)
		}
	})
}

func TestHostile(t *testing.T) {
	s := open(t)
	evil := `</title><script>alert(1)</script><img src=x onerror=alert(2)>" onmouseover="x`
	quoted, err := json.Marshal(evil)
	if err != nil {
		t.Fatal(err)
	}
	x := string(quoted)
	s.redis.Put("sku:1", "item", 1, `{"product":{"title":`+x+`,"brief":`+x+`,"images":[`+x+`,"javascript:alert(3)",{"url":`+x+`}],"options":[{"name":`+x+
		`,"value":`+x+`}],"html":"<p>clean</p>"},"specs":[{"group":`+x+`,"rows":[{"name":`+x+`,"value":`+x+`}]}],"status":{"html":`+x+`}}`, "brand:9", "path:30", "siblings=2")
	s.redis.Put("sku:1", "offer", 1, `{"price":{"amount":`+x+`,"list":`+x+`,"currency":`+x+`},"stock":{"state":`+x+`,"quantity":`+x+`}}`)
	s.redis.Put("brand:9", "card", 1, `{"title":`+x+`}`)
	s.redis.Put("category:30", "card", 1, `{"title":`+x+`}`)
	s.redis.Put("sku:2", "item", 1, `{"product":{"title":`+x+`}}`)
	t.Run("no field becomes markup", func(t *testing.T) {
		got := s.get(t, "/item/1.html")
		for _, bad := range []string{"<script>", "<img src=x", `>" onmouseover`, `src="javascript`} {
			if strings.Contains(got.body, bad) {
				t.Errorf("%s in %s", bad, got.body)
			}
		}
		if n := strings.Count(got.body, "<script"); n != themeScripts {
			t.Errorf("%d scripts in %s", n, got.body)
		}
		if got.status != 200 || !strings.Contains(got.body, "<p>clean</p>") {
			t.Errorf("%d: a cleaned field must come through: %s", got.status, got.body)
		}
	})
	t.Run("no type breaks a page", func(t *testing.T) {
		for i, v := range []string{`1`, `"text"`, `[]`, `{}`, `null`, `true`, `[[1],{"a":2},null]`} {
			id := string(rune('a' + i))
			s.redis.Put("sku:"+id, "item", 1, `{"product":{"title":`+v+`,"images":`+v+`,"options":`+v+`,"html":`+v+`},"specs":`+v+`,"status":`+v+`}`)
			s.redis.Put("sku:"+id, "offer", 1, `{"price":`+v+`,"stock":{"state":`+v+`}}`)
			if got := s.get(t, "/item/"+id+".html"); got.status != 200 {
				t.Errorf("with the text %s: status %d, header %s; want status 200", v, got.status, got.header)
			}
			s.redis.Put("sku:"+id, "item", 1, `{"product":`+v+`,"specs":[{"rows":`+v+`}]}`)
			s.server.Gap()
			if got := s.get(t, "/item/"+id+".html"); got.status != 200 {
				t.Errorf("with the text %s: status %d, header %s; want status 200", v, got.status, got.header)
			}
		}
	})
	t.Run("Host never enters a page", func(t *testing.T) {
		if got := s.get(t, "/item/1.html", "Host: evil.example", "X-Forwarded-Host: evil.example"); strings.Contains(got.body, "evil.example") {
			t.Errorf("/item/1.html: body %s; want a body without evil.example", got.body)
		}
	})
}
