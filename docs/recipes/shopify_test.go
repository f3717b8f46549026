package recipes_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// shopifyShop answers the queries of the recipe as /admin/api/2025-07/graphql.json does: productVariants with pages of one, and nodes,
// which has null for an id that is not there.
func shopifyShop(variants []object) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Shopify-Access-Token") != "shpat" || r.URL.Path != "/admin/api/2025-07/graphql.json" || r.Method != http.MethodPost {
			writeJSON(w, http.StatusUnauthorized, object{"errors": "[API] Invalid API key or access token (unrecognized login or wrong password)"})
			return
		}
		var asked struct {
			Query     string
			Variables struct {
				After *string
				IDs   []string
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			writeJSON(w, http.StatusBadRequest, object{"errors": err.Error()})
			return
		}
		id := func(v object) string { return v["id"].(string) }
		if strings.Contains(asked.Query, "nodes(ids: $ids)") {
			nodes := make([]any, len(asked.Variables.IDs))
			for i, gid := range asked.Variables.IDs {
				at := slices.IndexFunc(variants, func(v object) bool { return id(v) == gid })
				if at >= 0 {
					nodes[i] = variants[at]
				}
			}
			writeJSON(w, http.StatusOK, object{"data": object{"nodes": nodes}})
			return
		}
		from := 0
		if asked.Variables.After != nil {
			from = 1 + slices.IndexFunc(variants, func(v object) bool { return "after "+id(v) == *asked.Variables.After })
		}
		page := variants[from:min(from+1, len(variants))]
		info := object{"hasNextPage": from+1 < len(variants), "endCursor": nil}
		if len(page) > 0 {
			info["endCursor"] = "after " + id(page[0])
		}
		writeJSON(w, http.StatusOK, object{"data": object{"productVariants": object{"nodes": page, "pageInfo": info}}})
	})
}

// TestShopify proves that the recipe makes a page of a variant, and polls for all of them with their versions.
func TestShopify(t *testing.T) {
	rows := readRows(t, "testdata/shopify.json")
	r := open(t, "shopify.yaml", "https://your-shop.myshopify.com", map[string]string{"SHOPIFY_TOKEN": "shpat"}, shopifyShop(rows))
	pages := r.try()
	r.has(pages["item"], "Rain jacket", "Fjord", "129.00", "159.00", "https://cdn.shopify.com/s/files/1/jacket.jpg", "<em>every</em>", "Blue")
	r.polls("variants", map[time.Time][]string{
		time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC): {"change.normal.sku.offer.4001", "change.normal.sku.offer.4002", "change.normal.sku.product.4001", "change.normal.sku.product.4002"},
	})
}
