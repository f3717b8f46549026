package recipes_test

import (
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

type object = map[string]any

// readRows reads a file of answers.
func readRows(t *testing.T, file string) (rows []object) {
	t.Helper()
	src, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(src, &rows)
	}
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // fails when the client has left
}

// wooShop answers as /wp-json/wc/v3/products and /wp-json/wc/v3/products/{id} do.
func wooShop(rows []object) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /wp-json/wc/v3/products", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		perPage, _ := strconv.Atoi(q.Get("per_page"))
		page, _ := strconv.Atoi(q.Get("page"))
		if perPage > 100 || q.Has("page") && page < 1 {
			writeJSON(w, http.StatusBadRequest, object{"code": "rest_invalid_param", "message": "Invalid parameter(s)", "data": object{"status": 400}})
			return
		}
		found := []object{}
		for _, row := range rows {
			id := strconv.Itoa(int(row["id"].(float64)))
			after := q.Get("modified_after")
			switch {
			case q.Has("include") && !slices.Contains(strings.Split(q.Get("include"), ","), id),
				q.Get("status") == "publish" && row["status"] != "publish",
				after != "" && q.Get("dates_are_gmt") == "true" && row["date_modified_gmt"].(string) <= after:
			default:
				found = append(found, row)
			}
		}
		from := min(max(page-1, 0)*perPage, len(found))
		writeJSON(w, http.StatusOK, found[from:min(from+perPage, len(found))])
	})
	mux.HandleFunc("GET /wp-json/wc/v3/products/{id}", func(w http.ResponseWriter, r *http.Request) {
		for _, row := range rows {
			if strconv.Itoa(int(row["id"].(float64))) == r.PathValue("id") {
				writeJSON(w, http.StatusOK, row)
				return
			}
		}
		writeJSON(w, http.StatusNotFound, object{"code": "woocommerce_rest_product_invalid_id", "message": "Invalid ID.", "data": object{"status": 404}})
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if key, secret, ok := r.BasicAuth(); !ok || key != "ck" || secret != "cs" {
			writeJSON(w, http.StatusUnauthorized, object{"code": "woocommerce_rest_cannot_view", "message": "Sorry, you cannot list resources.", "data": object{"status": 401}})
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// TestWooCommerce proves that the recipe makes a page of a product, and polls for changed ones.
func TestWooCommerce(t *testing.T) {
	rows := readRows(t, "testdata/woocommerce.json")
	r := open(t, "woocommerce.yaml", "https://woo.example", map[string]string{"WOO_AUTHORIZATION": "Basic Y2s6Y3M="}, wooShop(rows))
	pages := r.try()
	r.has(pages["item"], "Oak chair", "89.00", "119.00", "/uploads/oak-1.jpg", "Solid oak", "<strong>by hand</strong>")
	r.has(pages["desc"], "Seat height 45 cm")
	r.polls("changed", map[time.Time][]string{
		time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC):  {"change.normal.sku.all.102"},
		time.Date(2026, 11, 20, 9, 10, 0, 0, time.UTC): {"change.normal.sku.all.102"}, // again, within the overlap
	})
}
