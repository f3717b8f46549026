package detail_test

import (
	"encoding/json"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"vitrine/detail"
	"vitrine/internal/catalog"
	demoshop "vitrine/internal/demo"
	"vitrine/templates"
)

// TestThePeerOfBenchColdFollowsTheTheme proves that the page of the peer that scripts/bench-cold races shows the text that the theme's
// page shows, which the script asks for before it races. The peer is run by what runs it there: nginx with its module for Lua.
func TestThePeerOfBenchColdFollowsTheTheme(t *testing.T) {
	dir := t.TempDir()
	nginx := nginxWithLua(t, dir)
	files, err := filepath.Glob("../templates/testdata/pages/demo-*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no pages of the demo", err)
	}
	s := openDemo(t)
	for i, file := range files {
		id := s.stock(t, file)
		twin := s.get(t, "/item/"+id+".json")
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), []byte(twin.body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := nginx.CombinedOutput(); err != nil {
		t.Fatalf("scripts/bench-cold.lua fails in nginx: %v\n%s", err, out)
	}
	for i, file := range files {
		peer, err := os.ReadFile(filepath.Join(dir, fmt.Sprint(i, ".html")))
		if err != nil {
			t.Fatal(err)
		}
		page := s.get(t, "/item/"+demoID(file)+".html")
		if diff := cmp.Diff(words(page.body), words(string(peer))); diff != "" {
			t.Errorf("%s: scripts/bench-cold.lua has to follow the theme, and must not become slower than that takes. -theme +peer:\n%s", file, diff)
		}
	}
}

// nginxWithLua returns the command that has the peer render the JSON in dir/0, dir/1 and so on into files of that name and .html.
func nginxWithLua(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		nginx = "/usr/sbin/nginx"
	}
	cjson, _ := filepath.Glob("/usr/lib/*/lua/5.1/cjson.so") // fails for a malformed pattern alone
	modules := "/usr/lib/nginx/modules/"
	for _, file := range append([]string{nginx, modules + "ndk_http_module.so", modules + "ngx_http_lua_module.so"}, cjson...) {
		if _, err := os.Stat(file); err != nil || len(cjson) == 0 {
			t.Skip("SKIPPED: whether scripts/bench-cold still works is not known without nginx-light, libnginx-mod-http-lua and lua-cjson")
		}
	}
	renderer, err := filepath.Abs("../scripts/bench-cold.lua")
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf(`
load_module %[1]sndk_http_module.so;
load_module %[1]sngx_http_lua_module.so;
daemon off; pid %[2]s/pid; error_log stderr;
events {}
http {
	lua_package_cpath "%[3]s/?.so;;";
	init_by_lua_block {
		local cjson, renderer = require "cjson", dofile("%[4]s")
		for i = 0, 1000 do
			local twin = io.open("%[2]s/" .. i)
			if not twin then os.exit(0) end
			local page = io.open("%[2]s/" .. i .. ".html", "w")
			page:write(renderer.page(cjson.decode(twin:read("*a"))))
			page:close()
		end
	}
}`, modules, dir, filepath.Dir(cjson[0]), renderer)
	if err := os.WriteFile(dir+"/nginx.conf", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return exec.CommandContext(t.Context(), nginx, "-c", dir+"/nginx.conf", "-p", dir, "-e", "stderr")
}

// openDemo opens a server of the demo's catalog and templates, without any article.
func openDemo(t *testing.T) *shop {
	t.Helper()
	const office = "http://127.0.0.1:8082"
	l, err := demoshop.ParseLang("en")
	if err != nil {
		t.Fatal(err)
	}
	cat, err := catalog.Parse(demoshop.Catalog(l, office), "demo.yaml", catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	slots := fstest.MapFS{}
	for name, text := range demoshop.Slots(office) {
		slots[name] = &fstest.MapFile{Data: []byte(text)}
	}
	set := theme(t, slots)
	return open(t, func(c *detail.Config) {
		c.Catalog = func() *catalog.Catalog { return cat }
		c.Templates = func() *templates.Set { return set }
	})
}

func demoID(file string) string {
	return strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "demo-"), ".json")
}

// stock stores the blobs of an article of the demo, whose JSON twin is in a file, and returns its id.
func (s *shop) stock(t *testing.T, file string) (id string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var twin map[string]json.RawMessage
	if err := json.Unmarshal(text, &twin); err != nil {
		t.Fatal(err)
	}
	id = demoID(file)
	blob := func(names ...string) string {
		members := map[string]json.RawMessage{}
		for _, name := range names {
			members[name] = twin[name]
		}
		body, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	refs := []string{"brand:" + s.card(t, "brand", twin["brand"])[0], "shop:" + s.card(t, "shop", twin["shop"])[0]}
	for _, list := range []string{"siblings", "recommended"} {
		refs = append(refs, list+"="+strings.Join(s.card(t, "sku", twin[list]), ","))
	}
	path := s.card(t, "category", twin["path"])
	refs = append(refs, "path:"+path[len(path)-1])
	s.redis.Put("sku:"+id, "item", 1, blob("product", "specs", "status"), refs...)
	s.redis.Put("sku:"+id, "offer", 1, blob("price", "promotions", "stock"))
	return id
}

// card stores the cards of what an article refers to, one or a list of them, and returns their ids.
func (s *shop) card(t *testing.T, kind string, what json.RawMessage) (ids []string) {
	t.Helper()
	if what[0] != '[' {
		what = slices.Concat([]byte("["), what, []byte("]"))
	}
	var cards []map[string]any
	if err := json.Unmarshal(what, &cards); err != nil {
		t.Fatal(err)
	}
	for _, card := range cards {
		id := card[kind].(string)
		delete(card, kind)
		body, err := json.Marshal(card)
		if err != nil {
			t.Fatal(err)
		}
		refs := []string{}
		if parent, ok := card["parent_id"].(string); ok {
			refs = append(refs, "parent:"+parent)
		}
		s.redis.Put(kind+":"+id, "card", 1, string(body), refs...)
		ids = append(ids, id)
	}
	return ids
}

// hidden matches what scripts/bench-cold takes out of a page before it compares the texts.
var hidden = regexp.MustCompile(`(?s)<script\b.*?</script>|<style\b.*?</style>|<!--.*?-->|<[^>]*>`)

// words returns the words that a page shows, sorted, as scripts/bench-cold compares them.
func words(page string) []string {
	return slices.Sorted(slices.Values(strings.Fields(html.UnescapeString(hidden.ReplaceAllString(page, " ")))))
}
