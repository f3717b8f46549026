package detail_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/client_golang/prometheus"

	"vitrine/detail"
	"vitrine/internal/poll"
	"vitrine/switches"
	"vitrine/templates"
)

const acceptsDCZ = "Accept-Encoding: gzip, deflate, br, zstd, dcb, dcz"

// dictionary is one offered by a page, as a browser sees it.
type dictionary struct {
	path, match string
	body        []byte
}

// has returns the header field of a visitor who has the dictionary.
func (d dictionary) has() string {
	sum := sha256.Sum256(d.body)
	return "Available-Dictionary: :" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

// offered fetches the dictionary that a page names.
func (s *shop) offered(t testing.TB, path string) dictionary {
	t.Helper()
	link := s.get(t, path).header.Get("Link")
	m := regexp.MustCompile(`^<(/dictionaries/[0-9a-f]{64})>; rel="compression-dictionary"$`).FindStringSubmatch(link)
	if m == nil {
		t.Fatalf("%s: Link: %q", path, link)
	}
	got := s.get(t, m[1])
	use := regexp.MustCompile(`^match="([^"]*)"$`).FindStringSubmatch(got.header.Get("Use-As-Dictionary"))
	if got.status != 200 || use == nil || !regexp.MustCompile(`^public, max-age=\d+, immutable$`).MatchString(got.header.Get("Cache-Control")) {
		t.Fatalf("the dictionary %s: status %d, header %v; want status 200, to be kept for ever", m[1], got.status, got.header)
	}
	d := dictionary{m[1], use[1], []byte(got.body)}
	if sum := sha256.Sum256(d.body); m[1] != fmt.Sprintf("/dictionaries/%x", sum) {
		t.Fatalf("%s is the address of what has the hash %x", m[1], sum)
	}
	return d
}

// decode decodes a dcz body with the Go library and with the zstd command, which skips the frame with the hash.
func (d dictionary) decode(t testing.TB, body string) string {
	t.Helper()
	sum := sha256.Sum256(d.body)
	magic := "\x5e\x2a\x4d\x18\x20\x00\x00\x00" + string(sum[:])
	if !strings.HasPrefix(body, magic) {
		t.Fatalf("%.60q does not begin with %q", body, magic)
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderDictRaw(0, d.body), zstd.WithDecoderMaxWindow(8<<20))
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	page, err := decoder.DecodeAll([]byte(body[len(magic):]), nil)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "dictionary")
	if err := os.WriteFile(file, d.body, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "zstd", "-d", "-c", "-D", file)
	cmd.Stdin = strings.NewReader(body)
	other, err := cmd.Output()
	if err != nil || !bytes.Equal(other, page) {
		t.Fatalf("zstd -d reads %d bytes, Go %d: %v", len(other), len(page), err)
	}
	return string(page)
}

// stocked fills a shop with n articles.
func stocked(s *shop, n int) {
	s.redis.Put("brand:9", "card", 1, `{"title":"Acme"}`)
	for i := 1; i <= n; i++ {
		s.redis.Put(fmt.Sprint("sku:", i), "item", uint64(i), fmt.Sprintf(`{"product":{"title":"Lamp %d","brief":"%s"}}`, i, strings.Repeat("bright ", i)), "brand:9")
		s.redis.Put(fmt.Sprint("sku:", i), "offer", uint64(i), fmt.Sprintf(`{"price":{"amount":%d}}`, 5+i))
	}
}

// TestPagesAreSentWithADictionary proves that a visitor who has one page gets the others compressed against it, and
// that all other visitors get them unchanged.
func TestPagesAreSentWithADictionary(t *testing.T) {
	s := open(t)
	stocked(s, 20)
	d := s.offered(t, "/item/1.html")
	if d.match != "/item/*.html" {
		t.Errorf("match=%q", d.match)
	}
	for i := 1; i <= 20; i++ {
		path := fmt.Sprintf("/item/%d.html", i)
		plain := s.get(t, path)
		zipped := s.get(t, path, "Accept-Encoding: gzip")
		for range 2 { // once made anew, once from memory
			got := s.get(t, path, acceptsDCZ, d.has())
			if got.header.Get("Content-Encoding") != "dcz" || got.header.Get("Vary") != "Accept-Encoding, Available-Dictionary" {
				t.Fatalf("%s: header %v; want Content-Encoding: dcz with its Vary", path, got.header)
			}
			if d.decode(t, got.body) != plain.body {
				t.Fatalf("%s: another page", path)
			}
			if i > 1 && len(got.body)*10 > len(zipped.body)*3 {
				t.Errorf("%s: %d bytes in place of %d", path, len(got.body), len(zipped.body))
			}
		}
		if again := s.get(t, path); again.body != plain.body || again.header.Get("Content-Encoding") != "" || again.header.Get("Link") != plain.header.Get("Link") {
			t.Errorf("%s: other visitors got %v", path, again.header)
		}
	}
	t.Run("HEAD, 304 and Range", func(t *testing.T) {
		got := s.get(t, "/item/2.html", acceptsDCZ, d.has())
		head := s.do(t, "HEAD", "/item/2.html", acceptsDCZ, d.has())
		for _, name := range []string{"Content-Encoding", "Content-Length", "ETag", "Vary", "Link"} {
			if head.header.Get(name) != got.header.Get(name) || head.body != "" {
				t.Errorf("HEAD: %s: %q, GET %q", name, head.header.Get(name), got.header.Get(name))
			}
		}
		// The tag is weak: it identifies the page, not its bytes.
		if tag := got.header.Get("ETag"); !strings.HasPrefix(tag, "W/") {
			t.Errorf("the strong tag %s for more than one coding", tag)
		}
		if same := s.get(t, "/item/2.html", acceptsDCZ, d.has(), "If-None-Match: "+got.header.Get("ETag")); same.status != 304 || same.body != "" {
			t.Errorf("%d with its own tag", same.status)
		}
		if part := s.get(t, "/item/2.html", acceptsDCZ, d.has(), "Range: bytes=0-9"); part.status != 200 || part.body != got.body {
			t.Errorf("%d and %d bytes for a range", part.status, len(part.body))
		}
	})
	t.Run("a twin has none", func(t *testing.T) {
		if got := s.get(t, "/item/2.json", acceptsDCZ, d.has()); got.header.Get("Link") != "" || got.header.Get("Content-Encoding") == "dcz" {
			t.Errorf("header %v; want neither a Link nor Content-Encoding: dcz", got.header)
		}
	})
}

// TestOnlyWhoHasTheDictionaryGetsIt proves that any header value other than the exact hash of a kept dictionary is
// ignored.
func TestOnlyWhoHasTheDictionaryGetsIt(t *testing.T) {
	s := open(t)
	stocked(s, 2)
	d := s.offered(t, "/item/1.html")
	name, value, _ := strings.Cut(d.has(), ": ")
	hash := strings.Trim(value, ":")
	other := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	for what, fields := range map[string][]string{
		"none":              {acceptsDCZ},
		"unknown":           {acceptsDCZ, name + ": :" + other + ":"},
		"twice":             {acceptsDCZ, d.has(), d.has()},
		"a list":            {acceptsDCZ, d.has() + ", :" + other + ":"},
		"with a parameter":  {acceptsDCZ, d.has() + ";a=1"},
		"without colons":    {acceptsDCZ, name + ": " + hash},
		"one colon":         {acceptsDCZ, name + ": :" + hash},
		"no base64":         {acceptsDCZ, name + ": :" + strings.Repeat("!", 44) + ":"},
		"bits left over":    {acceptsDCZ, name + ": :" + strings.Repeat("/", 43) + "=:"},
		"URL's base64":      {acceptsDCZ, name + ": :" + strings.NewReplacer("+", "-", "/", "_").Replace(hash[:42]) + "-=:"},
		"short":             {acceptsDCZ, name + ": :" + hash[:40] + ":"},
		"empty":             {acceptsDCZ, name + ": "},
		"in hex":            {acceptsDCZ, name + ": " + strings.TrimPrefix(d.path, "/dictionaries/")},
		"huge":              {acceptsDCZ, name + ": :" + strings.Repeat("A", 60_000) + ":"},
		"dcz refused":       {"Accept-Encoding: gzip, dcz;q=0", d.has()},
		"dcz not named":     {"Accept-Encoding: gzip, br, zstd, dcb", d.has()},
		"dcz wanted less":   {"Accept-Encoding: gzip, dcz;q=0.5", d.has()},
		"any coding":        {"Accept-Encoding: *", d.has()},
		"no coding":         {d.has()},
		"dcz with bad q":    {"Accept-Encoding: gzip, dcz;q=x", d.has()},
		"a longer name":     {"Accept-Encoding: gzip, dczz", d.has()},
		"NaN as its weight": {"Accept-Encoding: gzip, dcz;q=NaN", d.has()},
	} {
		got := s.get(t, "/item/2.html", fields...)
		if coding := got.header.Get("Content-Encoding"); got.status != 200 || coding == "dcz" {
			t.Errorf("%s: %d in %q", what, got.status, coding)
		}
	}
	for _, path := range []string{"/dictionaries/", "/dictionaries/x", strings.ToUpper(d.path), d.path + "0", d.path + "/x", "/dictionaries/" + strings.Repeat("0", 64)} {
		if got := s.get(t, path); got.status != 404 {
			t.Errorf("%s: status %d, want 404", path, got.status)
		}
	}
}

// TestTheDictionaryBeforeIsKept proves that after a push the previous dictionary still serves its visitors, until the
// next push.
func TestTheDictionaryBeforeIsKept(t *testing.T) {
	sets := make([]*templates.Set, 3)
	for i := range sets {
		sets[i] = theme(t, fstest.MapFS{"foot.html": {Data: fmt.Appendf(nil, "<p>Edition %d</p></body></html>", i)}})
	}
	var now atomic.Pointer[templates.Set]
	now.Store(sets[0])
	s := open(t, func(c *detail.Config) { c.Templates = now.Load })
	stocked(s, 3)
	var all []dictionary
	for i := range sets {
		now.Store(sets[i])
		all = append(all, s.offered(t, "/item/1.html"))
		for j, d := range all {
			got := s.get(t, "/item/2.html", acceptsDCZ, d.has())
			switch coding := got.header.Get("Content-Encoding"); {
			case j < i-1 && coding == "dcz":
				t.Errorf("edition %d: the dictionary of edition %d is still kept", i, j)
			case j >= i-1 && (coding != "dcz" || d.decode(t, got.body) != s.get(t, "/item/2.html").body):
				t.Errorf("edition %d: %q for a visitor of edition %d", i, coding, j)
			}
		}
	}
	if all[0].path == all[1].path || s.get(t, all[1].path).status != 200 || s.get(t, all[0].path).status != 404 {
		t.Error("kept are others than the last two")
	}
}

// TestNoDictionaryWithoutCompression proves that the switch withdraws the offer of a dictionary too.
func TestNoDictionaryWithoutCompression(t *testing.T) {
	panel := switches.NewPanel(switches.Identity{Node: "n", Role: "detail"})
	defer panel.Close()
	set := func(value string, revision uint64) {
		panel.Apply(switches.Setting{Name: switches.Compression, Scope: switches.All, Value: value, Revision: revision})
	}
	s := open(t, func(c *detail.Config) { c.Switches = panel })
	stocked(s, 2)
	d := s.offered(t, "/item/1.html")
	set("off", 1)
	if got := s.get(t, "/item/2.html", acceptsDCZ, d.has()); got.header.Get("Content-Encoding") != "" || got.header.Get("Link") != "" {
		t.Errorf("header %v; want neither a Content-Encoding nor a Link", got.header)
	}
	set("normal", 2)
	if got := s.get(t, "/item/2.html", acceptsDCZ, d.has()); got.header.Get("Content-Encoding") != "dcz" {
		t.Errorf("header %v; want Content-Encoding: dcz", got.header)
	}
}

// TestFastPathSendsDictionaryPages proves that the fast path and net/http send the same to a visitor who has a
// dictionary, or claims to.
func TestFastPathSendsDictionaryPages(t *testing.T) {
	registry := prometheus.NewRegistry()
	tw := newTwins(t, func(c *detail.Config) { c.Registry = registry })
	s := &shop{url: "http://" + tw.plain, client: &http.Client{Transport: &http.Transport{DisableCompression: true}}}
	defer s.client.CloseIdleConnections()
	d := s.offered(t, "/item/1.html")
	poll.Until(t, "the page is in memory", func() bool {
		got := s.get(t, "/item/1.html", acceptsDCZ, d.has())
		return got.header.Get("Content-Encoding") == "dcz" && got.header.Get("X-Vitrine-Source") == "page"
	})
	own := with(acceptsDCZ + "\r\n" + d.has())
	before := counted(t, registry, "vitrine_detail_hot_total")
	poll.Until(t, "the fast path answers", func() bool { // net/http serves the requests until it is done with the one before
		tw.compare(t, []byte(own+own+own), nil)
		return counted(t, registry, "vitrine_detail_hot_total") > before
	})
	for _, fields := range []string{
		acceptsDCZ + "\r\n" + d.has() + "\r\n" + d.has(), acceptsDCZ + "\r\navailable-DICTIONARY:\t" + strings.TrimPrefix(d.has(), "Available-Dictionary: "),
		acceptsDCZ + "\r\nAvailable-Dictionary: :", acceptsDCZ + "\r\nAvailable-Dictionary:", acceptsDCZ + "\r\n" + d.has() + "\t",
		acceptsDCZ + "\r\n" + d.has() + "x", acceptsDCZ + "\r\n" + d.has() + "\r\nIf-None-Match: *", d.has(),
	} {
		tw.compare(t, []byte(plainGet+with(fields)+own+with(fields)), nil)
	}
}
