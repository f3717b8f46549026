package recipes_test

import (
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"
)

// medusaShop answers as /store/products and /store/products/{id} do. An id[] that holds several ids with commas is the id of none.
func medusaShop(products []object) http.Handler {
	refuse := func(w http.ResponseWriter, status int, kind, message string) {
		writeJSON(w, status, object{"type": kind, "message": message})
	}
	priced := func(r *http.Request) bool {
		q := r.URL.Query()
		return q.Get("fields") == "*variants.calculated_price,+variants.inventory_quantity" && q.Get("region_id") == "reg_YOURS"
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /store/products", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		found := []object{}
		for _, p := range products {
			switch {
			case q.Has("id[]") && !slices.Contains(q["id[]"], p["id"].(string)), q.Get("updated_at[$gt]") >= p["updated_at"].(string):
			case priced(r):
				found = append(found, p)
			default:
				found = append(found, object{"id": p["id"], "updated_at": p["updated_at"]})
			}
		}
		offset, _ := strconv.Atoi(q.Get("offset"))
		limit, _ := strconv.Atoi(q.Get("limit"))
		from := min(offset, len(found))
		writeJSON(w, http.StatusOK, object{"products": found[from:min(from+limit, len(found))], "count": len(found), "offset": offset, "limit": limit})
	})
	mux.HandleFunc("GET /store/products/{id}", func(w http.ResponseWriter, r *http.Request) {
		at := slices.IndexFunc(products, func(p object) bool { return p["id"] == r.PathValue("id") })
		switch {
		case !priced(r):
			refuse(w, http.StatusBadRequest, "invalid_data", "Missing required pricing context to calculate prices - region_id")
		case at < 0:
			refuse(w, http.StatusNotFound, "not_found", "Product with id: "+r.PathValue("id")+" was not found")
		default:
			writeJSON(w, http.StatusOK, object{"product": products[at]})
		}
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("x-publishable-api-key") != "pk" {
			refuse(w, http.StatusBadRequest, "not_allowed", "A valid publishable key is required to proceed with the request")
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// TestMedusa proves that the recipe makes a page of a product, polls for changed ones, and takes a revoked key for an outage.
func TestMedusa(t *testing.T) {
	shop := medusaShop(readRows(t, "testdata/medusa.json"))
	r := open(t, "medusa.yaml", "https://medusa.example", map[string]string{"MEDUSA_KEY": "pk"}, shop)
	pages := r.try()
	r.has(pages["item"], "Medusa Sweatshirt", "34.95", "49.50", "EUR", "/static/sweatshirt-front.png", "classic sweatshirt", "S, M", "Cotton")
	r.polls("changed", map[time.Time][]string{
		time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC): {"change.normal.sku.all.prod_01HBE2C9Z0WK5V6T7D8E9F0G2J"},
	})
	r.polls("all", map[time.Time][]string{
		time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC): {
			"change.normal.sku.product.prod_01HBE2C9Z0WK5V6T7D8E9F0G1H", "change.normal.sku.product.prod_01HBE2C9Z0WK5V6T7D8E9F0G2J",
		},
	})
	open(t, "medusa.yaml", "https://medusa.example", map[string]string{"MEDUSA_KEY": "revoked"}, shop).isDown("sku", "product", "prod_01HBE2C9Z0WK5V6T7D8E9F0G1H")
}
