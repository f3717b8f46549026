package recipes_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// matches reports whether a row has what the filter groups of a search ask for, each by its first filter.
func matches(row object, q url.Values) bool {
	for group := range 3 {
		at := fmt.Sprintf("searchCriteria[filter_groups][%d][filters][0]", group)
		field := q.Get(at + "[field]")
		if field == "" {
			continue
		}
		has, want := fmt.Sprint(row[field]), q.Get(at+"[value]")
		switch cmp.Or(q.Get(at+"[condition_type]"), "eq") {
		case "eq":
			if has != want {
				return false
			}
		case "in":
			if !slices.Contains(strings.Split(want, ","), has) {
				return false
			}
		case "gteq":
			if has < want {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// magentoShop answers as /rest/default/V1/products and /graphql do. A page after the last one is the last one again.
func magentoShop(rows, indexed []object) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /rest/default/V1/products", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer token" {
			writeJSON(w, http.StatusUnauthorized, object{"message": "The consumer isn't authorized to access %resources.", "parameters": object{"resources": "Magento_Catalog::products"}})
			return
		}
		q := r.URL.Query()
		found := slices.DeleteFunc(slices.Clone(rows), func(row object) bool { return !matches(row, q) })
		size, _ := strconv.Atoi(q.Get("searchCriteria[pageSize]"))
		page, _ := strconv.Atoi(cmp.Or(q.Get("searchCriteria[currentPage]"), "1"))
		page = min(page, (len(found)+size-1)/size)
		from := max(page-1, 0) * size
		writeJSON(w, http.StatusOK, object{"items": found[from:min(from+size, len(found))], "search_criteria": object{"page_size": size, "current_page": page}, "total_count": len(found)})
	})
	mux.HandleFunc("POST /graphql", func(w http.ResponseWriter, r *http.Request) {
		var asked struct {
			Query     string
			Variables struct{ SKUs []string }
		}
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || r.Header.Get("Store") != "default" || !strings.Contains(asked.Query, "sku: { in: $skus }") {
			writeJSON(w, http.StatusOK, object{"errors": []object{{"message": "Syntax Error", "extensions": object{"category": "graphql"}}}})
			return
		}
		found := slices.DeleteFunc(slices.Clone(indexed), func(row object) bool { return !slices.Contains(asked.Variables.SKUs, row["sku"].(string)) })
		writeJSON(w, http.StatusOK, object{"data": object{"products": object{"items": found}}})
	})
	return mux
}

// TestMagento proves that the recipe makes a page of a configurable product, polls for changed ones, and that a refused token is an outage.
func TestMagento(t *testing.T) {
	shop := magentoShop(readRows(t, "testdata/magento.json"), readRows(t, "testdata/magento-graphql.json"))
	r := open(t, "magento.yaml", "https://magento.example", map[string]string{"MAGENTO_AUTHORIZATION": "Bearer token"}, shop)
	pages := r.try()
	r.has(pages["item"], "Chaz Kangeroo Hoodie", "41.60", "52.00", "/media/catalog/product/m/h/mh01-gray_main.jpg", "<strong>flatlock</strong>", "Black, Gray", "/p/chaz-kangeroo-hoodie-MH01.html")
	r.has(pages["desc"], "cold-weather training")
	nine := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	r.polls("changed", map[time.Time][]string{nine: {"change.normal.sku.all.24-MB01"}})
	r.polls("all", map[time.Time][]string{nine: {"change.normal.sku.product.24-MB01", "change.normal.sku.product.MH01"}})
	open(t, "magento.yaml", "https://magento.example", map[string]string{"MAGENTO_AUTHORIZATION": "Bearer expired"}, shop).isDown("sku", "product", "MH01")
}
