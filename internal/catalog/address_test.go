package catalog_test

import (
	"net/url"
	"strings"
	"testing"

	"vitrine/internal/catalog"
	"vitrine/internal/slug"
)

func TestPathsWithASlug(t *testing.T) {
	from := catalog.Path{"title"}
	for _, tt := range []struct {
		path, id, slug, want string
	}{
		{"/p/{slug}-{sku}.html", "12", "tea", "/p/tea-12.html"},
		{"/p/{slug}-{sku}.html", "12", "", "/p/12.html"},
		{"/p/{slug}-{sku}.html", "12", "green-tea", "/p/green-tea-12.html"},
		{"/p/{slug}-{sku}.html", "MH01-XS", "hero-hoodie", "/p/hero-hoodie--MH01-XS.html"},
		{"/p/{slug}-{sku}.html", "MH01-XS", "", "/p/--MH01-XS.html"},
		{"/p/{slug}-{sku}.html", "--x", "tea", "/p/tea----x.html"},
		{"/p/{slug}_{sku}.html", "a_b", "tea-pot", "/p/tea-pot_a_b.html"},
		{"/p/{slug}_{sku}.html", "a_b", "", "/p/_a_b.html"},
		{"/p/{slug}/{sku}.html", "a/b", "tea", "/p/tea/a%2Fb.html"},
		{"/p/{slug}/{sku}.html", "12", "", "/p/12.html"},
		{"/p/{sku}/{slug}.html", "12", "茶", "/p/12/%E8%8C%B6.html"},
		{"/p/{sku}-{slug}.html", "a--", "tea-pot", "/p/a----tea-pot.html"},
		{"/p/{sku}-{slug}.html", "a-b", "", "/p/a-b--.html"},
		{"/p/{sku}_{slug}.html", "a_b", "tea", "/p/a_b_tea.html"},
		{"/{sku}-{slug}-x.html", "12049.1", "tea", "/12049.1-tea-x.html"},
		{"/märz/ب/{slug}-{sku}ö.html", "12", "tea", "/m%C3%A4rz/%D8%A8/tea-12%C3%B6.html"},
	} {
		t.Run(tt.want, func(t *testing.T) {
			p := pageAt(t, tt.path)
			p.Slug.From = from
			if got := p.Path(tt.id, tt.slug); got != tt.want {
				t.Fatalf("Path is %q", got)
			}
			isCut(t, p, tt.id, tt.slug)
		})
	}
}

// pageAt returns the page of a catalog that has it at a path.
func pageAt(t testing.TB, path string) *catalog.Page {
	t.Helper()
	src := strings.Replace(whole, "path: /item/{sku}.html", "slug: product.title\n    path: "+path, 1)
	c, err := catalog.Parse([]byte(src), "shop.yaml", catalog.Options{Serve: map[string]string{"rows": "http://127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Page("item")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// isCut fails the test unless the paths of a page and of its twin are cut into the id and the slug that they were made of.
func isCut(t testing.TB, p *catalog.Page, id, slug string) {
	t.Helper()
	for path, isTwin := range map[string]bool{p.Path(id, slug): false, p.TwinPath(id, slug): true} {
		rest, ok := strings.CutPrefix(path, p.Prefix)
		rawID, rawSlug, twin, cut := p.Cut(rest)
		gotID, err := url.PathUnescape(rawID)
		gotSlug, err2 := url.PathUnescape(rawSlug)
		if !ok || !cut || err != nil || err2 != nil || gotID != id || gotSlug != slug || twin != isTwin {
			t.Fatalf("%q is cut into %q, %q, %t, %t", path, rawID, rawSlug, twin, cut)
		}
	}
}

// FuzzPathsWithASlug proves that the id and the slug of any path are found again, whatever an id is.
func FuzzPathsWithASlug(f *testing.F) {
	var pages []*catalog.Page
	for _, path := range []string{"/p/{slug}-{sku}.html", "/p/{sku}-{slug}.html", "/p/{slug}_{sku}.html", "/p/{sku}_{slug}.html", "/p/{slug}/{sku}.html", "/p/{sku}/{slug}.html"} {
		pages = append(pages, pageAt(f, path))
	}
	for _, id := range []string{"1", "MH01-XS", "-", "--", "_", "a_", "_-", "%2F", "..."} {
		f.Add(id, "Green Tea")
		f.Add(id, "")
	}
	f.Fuzz(func(t *testing.T, id, text string) {
		if id == "" {
			return
		}
		for _, p := range pages {
			isCut(t, p, id, slug.Of(text))
		}
	})
}

// TestHyphensBehindASlugAreItsOwn covers two hyphens behind a slug that stands alone, with no id behind them: it is no spelling of the slug,
// and answers 301 as all others do.
func TestHyphensBehindASlugAreItsOwn(t *testing.T) {
	p := pageAt(t, "/p/{slug}.html\n    kind: sku")
	for step, want := range map[string][2]string{
		"green-tea": {"", "green-tea"}, "green-tea--": {"", "green-tea--"}, "--": {"", "--"}, "green-tea--12": {"12", "green-tea"}, "--12": {"12", ""},
	} {
		id, slug, _, ok := p.Cut(step + p.Suffix)
		if got := [2]string{id, slug}; !ok || got != want {
			t.Errorf("%q is cut into %q, want %q", step, got, want)
		}
	}
}

// TestFaultsOfPathsAreTold proves that a path which could be another's is refused, with the place and what to do.
func TestFaultsOfPathsAreTold(t *testing.T) {
	for _, tt := range []struct{ page, says string }{
		{"path: /p/{slug}-{sku}.html", "lacks slug"},
		{"path: /item/{sku}.html\n    slug: product.title", "no {slug} in its path"},
		{"path: /p/{slug}{sku}.html\n    slug: product.title", "one of - _ / must stand between"},
		{"path: /p/{slug}-p-{sku}.html\n    slug: product.title", "one of - _ / must stand between"},
		{"path: /p/{slug}-{slug}.html\n    slug: product.title", "must hold one {kind}"},
		{"path: /p/{brand}-{sku}.html\n    slug: product.title", "must hold one {kind}"},
		{"path: /{slug}/{sku}.html\n    slug: product.title", "any other path"},
		{"path: /p-{slug}-{sku}.html\n    slug: product.title", "must begin a segment"},
		{"path: /p/{slug}-{sku}.html\n    slug: product title", "is no path"},
		{"path: /p/{slug}-{sku}.html\n    slug: product.title\n    former: /desc/{sku}.html", "have the same path"},
		{"path: /p/{sku}.html\n    former: [\"/p/{sku}.html\"]", "has this path now"},
		{"path: /p/{sku}.html\n    former: /b/{brand}.html", "is that of a brand"},
		{"path: /p/{sku}.html\n    former: /live/{sku}.html", "Vitrine's own"},
		{"path: /a/{slug}/{sku}.html\n    slug: product.title\n    former: /old/{slug}/{sku}.html", ""},
		{"path: /p/{slug}.html\n    slug: product.title", "no key kind that says whose slug"},
		{"path: /p/{slug}.html\n    kind: sku", "lacks slug"},
		{"path: /p/{slug}.html\n    kind: nothing\n    slug: product.title", "names no kind: {nothing}"},
		{"path: /p/{slug}-{sku}.html\n    kind: brand\n    slug: product.title", "is one of kind brand"},
		{"path: /p/{sku}.html\n    former: /old/{slug}.html", "must hold the id"},
		{"path: /desc/{slug}.html\n    kind: sku\n    slug: product.title", "have the same path"},
		{"path: /p/{slug}.html\n    kind: sku\n    slug: product.title\n    former: \"/p/{slug}-{sku}.html\"", "has this path now"},
		{"path: /p/{slug}.html\n    kind: sku\n    slug: product.title\n    former: [\"/item/{sku}.html\", \"/old/{slug}-{sku}.html\"]", ""},
		{"path: /{slug}.html\n    kind: sku\n    slug: product.title", ""},
	} {
		t.Run(tt.page, func(t *testing.T) {
			src := strings.Replace(whole, "path: /item/{sku}.html", tt.page, 1)
			_, err := catalog.Parse([]byte(src), "shop.yaml", catalog.Options{Serve: map[string]string{"rows": "http://127.0.0.1:1"}})
			switch {
			case tt.says == "" && err != nil:
				t.Error(err)
			case tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "shop.yaml:")):
				t.Errorf("got %v, want %q", err, tt.says)
			}
		})
	}
	own := strings.NewReplacer("path: /item/{sku}.html", "path: /p/{slug}.html\n    kind: sku\n    slug: product.title", "  brand:\n    list", "  slug:\n    dimensions: { slug: { from: products, get: \"/s/{id}\" } }\n  brand:\n    list").Replace(whole)
	if _, err := catalog.Parse([]byte(own), "shop.yaml", catalog.Options{Serve: map[string]string{"rows": "http://127.0.0.1:1"}}); err == nil {
		t.Error("a kind slug of the shop's own is taken")
	}
	inherits := strings.Replace(namedAlone, "item: { of: [product] }", "item: { of: [product], inherit: { brand: card } }", 1)
	if _, err := catalog.Parse([]byte(inherits), "shop.yaml", catalog.Options{}); err != nil {
		t.Errorf("a slug alone of a blob that inherits: %v", err)
	}
	parse(t, namedAlone)
	src := strings.Replace(whole, "path: /item/{sku}.html", "path: /p/{slug}-{sku}.html\n    slug: produkt.title", 1)
	if c := parse(t, src); !strings.Contains(c.Mistakes.Error(), "did you mean product") {
		t.Errorf("mistakes: %v", c.Mistakes)
	}
}

// TestSlugsAlone proves that the path of a slug alone, and that of a slug and an id, are cut into what they were made of.
func TestSlugsAlone(t *testing.T) {
	p := pageAt(t, "/p/{slug}.html\n    kind: sku")
	for _, tt := range []struct{ id, slug, want string }{
		{"", "green-tea", "/p/green-tea.html"},
		{"", "茶", "/p/%E8%8C%B6.html"},
		{"12", "green-tea", "/p/green-tea--12.html"},
		{"-12", "tea", "/p/tea---12.html"},
		{"a--b", "tea", "/p/tea--a--b.html"},
		{"a/b", "tea", "/p/tea--a%2Fb.html"},
	} {
		if got := p.Path(tt.id, tt.slug); got != tt.want {
			t.Errorf("Path is %q, want %q", got, tt.want)
		}
		isCut(t, p, tt.id, tt.slug)
	}
	if got := p.Path("12", ""); got != "/p/sku--12.html" {
		t.Errorf("without a slug the path is %q", got)
	}
	b := p.Slug.Index
	if !b.Kind.Internal() || b.Kind.Name != catalog.SlugKind || b.Name != "item" || !b.Of[0].Internal() || p.Kind.Internal() {
		t.Errorf("the index is %+v", b)
	}
}

const namedAlone = `
version: 1
upstreams: { shop: { url: "http://127.0.0.1:9" } }
entities:
  sku: { dimensions: { product: { from: shop, get: "/p/{id}", refs: { brand: brand_id } } }, blobs: { item: { of: [product] } } }
  brand: { dimensions: { brand: { from: shop, get: "/b/{id}" } }, blobs: { card: { of: [brand] } } }
pages: { item: { path: "/p/{slug}.html", kind: sku, slug: product.title, blob: item, template: item.html } }
`
