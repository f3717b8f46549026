package trial_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"vitrine/internal/catalog"
	"vitrine/internal/trial"
	"vitrine/internal/upstream"
	"vitrine/templates"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shop is a catalog with each kind of upstream answer: REST, GraphQL, a batch, and a list of two pages.
const shop = `version: 1
upstreams:
  shop: { url: "%s", timeout: 5s }
entities:
  sku:
    list:
      from: shop
      get: /products?page={cursor}
      first: 1
      ids: '[.items[].sku]'
      next: 'if .more then $cursor + 1 else null end'
    dimensions:
      product:
        from: shop
        get: /products/{id}
        batch: /products?ids={ids}
        items: .items
        id_field: sku
        pick: '{title: .name, text: .overview, brand_id: .brand.id}'
        version: updated_at
        refs: { brand: brand_id }
        html: [text]
        require: [title]
      price:
        from: shop
        post: { path: /graphql, json: { query: "query($ids: [ID!]!) { prices(ids: $ids) { id amount } }", variables: { ids: "{ids}" } } }
        items: .data.prices
        absent: gone
        pick: '{amount}'
      stock:
        from: shop
        get: /stock/{id}
        gone: '.state == "deleted"'
        fails: '.error != null'
    blobs:
      item: { of: [product] }
      offer: { of: [price, stock], fold: '{price: .price, stock: {state: .stock.state}}' }
  brand:
    dimensions:
      brand:
        from: shop
        get: /brands/{id}
    blobs: { card: { of: [brand], fold: '{title: .brand.name}' } }
live:
  delivery: { from: shop, get: "/delivery/{id}", deadline: 5s }
pages:
  item:
    path: /item/{sku}.html
    blob: item
    overlay: [offer]
    with: { brand: card }
    live: [delivery]
    template: item.html
    rules:
      - { when: 'product.title == "none"', template: off.html }
poll:
  changed:
    from: shop
    kind: sku
    dimension: product
    get: /changes?since={since}&after={cursor}
    first: 0
    items: '[.changes[] | {id: .sku, version: .at}]'
    mark: '[.changes[].at] | max'
    since: '.[:10]'
    next: .after
`

// serveShop answers the requests of the catalog above.
func serveShop(w http.ResponseWriter, r *http.Request) {
	product := func(id string) map[string]any {
		return map[string]any{"sku": id, "name": "Article " + id, "overview": "<p>Fine</p>", "brand": map[string]any{"id": "b1"}, "updated_at": "2026-11-22T03:00:00Z"}
	}
	kind, id, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	var answer any
	switch {
	case kind == "products" && id != "":
		answer = product(id)
	case kind == "products" && r.URL.Query().Has("ids"):
		var items []any
		for id := range strings.SplitSeq(r.URL.Query().Get("ids"), ",") {
			items = append(items, product(id))
		}
		answer = map[string]any{"items": items}
	case kind == "products" && r.URL.Query().Get("page") == "2":
		answer = map[string]any{"items": []any{product("3")}, "more": false}
	case kind == "products" && !strings.Contains(r.URL.RawQuery, "p"):
		answer = map[string]any{"items": []any{}}
	case kind == "products":
		answer = map[string]any{"items": []any{product("1"), product("2")}, "more": true}
	case kind == "changes" && len(r.URL.Query().Get("since")) == len("2026-11-22"):
		answer = map[string]any{"changes": []any{map[string]any{"sku": "1", "at": "2026-11-22T03:00:00Z", "id": nil, "day": "2026-11-22T00:00:00Z"}}, "after": nil}
	case kind == "graphql":
		answer = prices(r)
	case kind == "stock" && id != "":
		answer = map[string]any{"state": "in", "error": nil}
	case kind == "brands" && id == "b1":
		answer = map[string]any{"name": "Brand"}
	case kind == "delivery":
		answer = map[string]any{"text": "tomorrow"}
	default:
		w.WriteHeader(http.StatusNotFound)
		answer = map[string]any{"error": "no route " + r.URL.Path}
	}
	json.NewEncoder(w).Encode(answer)
}

// prices is a GraphQL server with the fields id and amount of prices.
func prices(r *http.Request) any {
	var q struct {
		Query     string
		Variables struct{ IDs []string }
	}
	json.NewDecoder(r.Body).Decode(&q)
	if !strings.Contains(q.Query, "{ id amount }") || !strings.Contains(q.Query, "prices(ids: $ids)") {
		return map[string]any{"errors": []any{map[string]any{"message": "unknown field in " + q.Query}}}
	}
	var all []any
	for _, id := range q.Variables.IDs {
		all = append(all, map[string]any{"id": id, "amount": 5})
	}
	return map[string]any{"data": map[string]any{"prices": all}}
}

// mistake is one edit of a sound catalog. What is reported must have a hint, and the line of the edit, or the first line after it or before it
// that begins with at if that is set.
type mistake struct{ old, new, says, at string }

// mistakes are typical of people who write a catalog.
var mistakes = []mistake{
	// Found in the file alone.
	{`pick: '{title: .name,`, `pik: '{title: .name,`, "did you mean pick?", ""},
	{"        get: /stock/{id}", "        get: /stock/{sku}", "unknown placeholder {sku}", ""},
	{"get: /stock/{id}", "get: stock/{id}", "must be a path that begins with one slash", ""},
	{`ids: "{ids}" } }`, `ids: "ids" } }`, `json must hold exactly one of "{id}" and "{ids}"`, ""},
	{"first: 1", "first: [1]", "first can't be a list", ""},
	{"of: [price, stock]", "of: [price, stocks]", "did you mean stock?", ""},
	{"overlay: [offer]", "overlay: [ofer]", "did you mean offer?", ""},
	{"with: { brand: card }", "with: { brands: card }", "did you mean brand?", ""},
	{"'{amount}'", "'{amount'", "is no jq", ""},
	{"live: [delivery]", "live: [deliveries]", "there is no live part", ""},
	// Names that do not exist, or exist twice.
	{"template: item.html", "template: itm.html", "did you mean item.html?", ""},
	{"template: off.html", "template: of.html", "did you mean off.html?", ""},
	{"refs: { brand: brand_id }", "refs: { brand: brandid }", "did you mean brand_id?", ""},
	{"html: [text]", "html: [texts]", "did you mean text?", ""},
	{"require: [title]", "require: [name]", "which pick does not give", ""},
	{"overlay: [offer]", "overlay: [offer, item]", `two members "product"`, ""},
	{"stock: {state: .stock.state}}", "brand: .stock}", `two members "brand"`, "with"},
	{`when: 'product.title ==`, `when: 'product.kind ==`, "gives no member \"kind\"", ""},
	// Found by asking the upstream.
	{"get: /products?page={cursor}", "get: /product?page={cursor}", "answered 404", ""},
	{"page={cursor}", "p={cursor}", "is the first again", "next"},
	{"ids: '[.items[].sku]'", "ids: '[.items[].id]'", "among its ids", ""},
	{"batch: /products?ids={ids}", "batch: /products?id={ids}", "are left out of a batch", ""},
	{"        get: /products/{id}", "        get: /product/{id}", "get and batch give different records", ""},
	{"items: .items", "items: .products", "must be an array or an object", ""},
	{"id_field: sku", "id_field: skus", "are left out of a batch", "batch"},
	{"version: updated_at", "version: .updatedAt", "did you mean updated_at?", ""},
	{"title: .name", "title: .names", "title is required, and missing", "require"},
	{"text: .overview", "text: .overviews", "did you mean overview?", ""},
	{"brand_id: .brand.id", "brand_id: .brand.idd", "did you mean id?", ""},
	{"{ id amount }", "{ id amounts }", "unknown field in", ""},
	{"items: .data.prices", "items: .data.price", "must be an array or an object", ""},
	{"get: /stock/{id}", "get: /stocks/{id}", "answered 404", "fails"},
	{"fails: '.error != null'", "fails: '.error == null'", "says not now", ""},
	{"'{amount}'", `'{amount: "$\(.amount)"}'`, `price.amount of sku:1 is "$5", not a number`, ""},
	{"'{amount}'", `'{amount: "", id}'`, `price.amount of sku:1 is ""`, ""},
	{"'{amount}'", `'{amount: (if .id == "2" then .nett else .amount end)}'`, "price.amount of sku:2 is null", ""},
	{"'{amount}'", `'{amount, list: "7,50"}'`, `price.list of sku:1 is "7,50"`, ""},
	{"fold: '{price: .price,", `fold: '{price: {amount: "\(.price.amount) EUR"},`, `is "5 EUR", not a number`, ""},
	{"get: /brands/{id}", "get: /brand/{id}", "knows none of the", ""},
	{"fold: '{title: .brand.name}'", "fold: '.brand.name'", "not an object", ""},
	{`get: "/delivery/{id}"`, `get: "/deliver/{id}"`, "answered 404", ""},
	{"get: /changes?", "get: /changed?", "answered 404", ""},
	{"since: '.[:10]'", "since: '.[:19]'", "answered 404", "get: /changes"},
	{"since: '.[:10]'", "since: '. + 1'", "cannot add", ""},
	{"[.changes[] | {id: .sku, version: .at}]", ".changes[0]", "items gives", ""},
	{"{id: .sku, version", "{id, version", "1 items can't be announced", ""},
	{"version: .at}", "version: .day}", "would be announced each time", ""},
	{"[.changes[].at] | max", "[.changes[].time] | max", "so that each poll asks for the same", ""},
	{"[.changes[].at] | max", "[.changes[].at]", "neither a text nor a number", ""},
	{"next: .after", "next: .changes", "next", ""},
}

// serve serves a shop, and gives what a trial needs to ask it.
func serve(t *testing.T) (url string, client *upstream.Client, set *templates.Set) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(serveShop))
	t.Cleanup(server.Close)
	client = upstream.New(upstream.Config{})
	t.Cleanup(func() { client.Close() })
	set, err := templates.LoadFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return server.URL, client, set
}

// TestMistakesAreNamed proves that each mistake is reported with its line, by a trial over a running upstream.
func TestMistakesAreNamed(t *testing.T) {
	url, client, set := serve(t)
	sound := fmt.Sprintf(shop, url)
	t.Run("none", func(t *testing.T) {
		if found := tell(t, client, set, sound); len(found) > 0 {
			t.Errorf("of a sound catalog: %s", strings.Join(found, "\n"))
		}
	})
	if len(mistakes) < 28 {
		t.Errorf("only %d mistakes", len(mistakes))
	}
	for _, m := range mistakes {
		t.Run(m.new, func(t *testing.T) {
			at := strings.Index(sound, m.old)
			if at < 0 {
				t.Fatalf("%q is not in the catalog", m.old)
			}
			src := sound[:at] + m.new + sound[at+len(m.old):]
			found := tell(t, client, set, src)
			want := fmt.Sprintf("shop.yaml:%d:", lineOf(t, src, at+strings.Index(m.old+"x", strings.TrimSpace(m.old)), m.at))
			named := slices.ContainsFunc(found, func(f string) bool {
				_, hint, _ := strings.Cut(f, "\n  hint: ")
				return strings.Contains(f, m.says) && strings.HasPrefix(f, want) && hint != ""
			})
			if !named {
				t.Errorf("want %q at %s, with a hint:\n%s", m.says, want, strings.Join(found, "\n"))
			}
		})
	}
}

// TestAListOfOnePageHasNoSecond proves that a list of one page is not asked for a second one, whatever is wrong with its ids.
func TestAListOfOnePageHasNoSecond(t *testing.T) {
	url, client, set := serve(t)
	src := strings.NewReplacer("'[.items[].sku]'", `'["..", "1"]'`, "'if .more then $cursor + 1 else null end'", "'null'").Replace(fmt.Sprintf(shop, url))
	found := strings.Join(tell(t, client, set, src), "\n")
	if !strings.Contains(found, "1 ids that can't be an entity's") || strings.Contains(found, "second page") {
		t.Error(found)
	}
}

// lineOf is the number of the line of a position in a text, or of the nearest line that begins with at, if that is set.
func lineOf(t *testing.T, text string, position int, at string) int {
	t.Helper()
	edited := 1 + strings.Count(text[:position], "\n")
	if at == "" {
		return edited
	}
	nearest := 0
	for i, line := range strings.Split(text, "\n") {
		number := i + 1
		if strings.HasPrefix(strings.TrimSpace(line), at) && (nearest == 0 || max(number-edited, edited-number) < max(nearest-edited, edited-nearest)) {
			nearest = number
		}
	}
	if nearest == 0 {
		t.Fatalf("no line begins with %q", at)
	}
	return nearest
}

// tell returns everything that catalog check --try reports about a catalog.
func tell(t *testing.T, client *upstream.Client, set *templates.Set, src string) (found []string) {
	t.Helper()
	cat, err := catalog.Parse([]byte(src), "shop.yaml", catalog.Options{})
	if err != nil {
		return []string{err.Error()}
	}
	for _, m := range append(cat.MissingTemplates("shop.yaml", set.Pages(), set.Has), cat.Mistakes...) {
		found = append(found, m.Error())
	}
	trial.Run(t.Context(), trial.Config{Catalog: cat, File: "shop.yaml", Client: client, Templates: set, Report: func(f trial.Finding) {
		if f.Failed || f.Warning {
			found = append(found, f.Text)
		}
	}})
	return found
}

// TestAnUpstreamThatIsDownIsNamed proves that an upstream that is down is reported as such.
func TestAnUpstreamThatIsDownIsNamed(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, "back at noon")
	}))
	defer server.Close()
	client := upstream.New(upstream.Config{})
	defer client.Close()
	set, err := templates.LoadFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	found := strings.Join(tell(t, client, set, fmt.Sprintf(shop, server.URL)), "\n")
	for _, want := range []string{"answered 503: back at noon", "nothing of sku is tried", "--id sku:ID"} {
		if !strings.Contains(found, want) {
			t.Errorf("%q is not in\n%s", want, found)
		}
	}
}
