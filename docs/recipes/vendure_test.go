package recipes_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// vendureShop answers the queries of the recipe as /admin-api does. Each login ends the session before.
type vendureShop struct {
	variants []object

	mu     sync.Mutex // guards logins
	logins int
}

func (s *vendureShop) token() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprint("session-", s.logins)
}

// forget ends the session.
func (s *vendureShop) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logins++
}

func (s *vendureShop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Query     string
		Variables struct {
			User, Password, Since string
			Skip                  int
			IDs                   []string
		}
	}
	err := json.NewDecoder(r.Body).Decode(&asked)
	v := asked.Variables
	switch {
	case err != nil || r.URL.Path != "/admin-api/" && r.URL.Path != "/admin-api":
		writeJSON(w, http.StatusBadRequest, object{"errors": []object{{"message": "Bad request"}}})
	case strings.Contains(asked.Query, "login("):
		if v.User != `super"admin` || v.Password != `back\slash` {
			writeJSON(w, http.StatusOK, object{"data": object{"login": object{"__typename": "InvalidCredentialsError"}}})
			return
		}
		s.forget()
		w.Header().Set("vendure-auth-token", s.token())
		writeJSON(w, http.StatusOK, object{"data": object{"login": object{"__typename": "CurrentUser"}}})
	case r.Header.Get("Authorization") != "Bearer "+s.token():
		writeJSON(w, http.StatusOK, object{"errors": []object{{"message": "You are not currently authorized to perform this action", "path": []string{"productVariants"}, "extensions": object{"code": "FORBIDDEN"}}}, "data": nil})
	case strings.Contains(asked.Query, " products("):
		items := []any{}
		if product := s.variants[0]["product"].(object); product["updatedAt"].(string) > v.Since && v.Skip == 0 {
			items = append(items, product)
		}
		writeJSON(w, http.StatusOK, object{"data": object{"products": object{"items": items, "totalItems": len(items)}}})
	default:
		found := slices.DeleteFunc(slices.Clone(s.variants), func(row object) bool {
			return v.IDs != nil && !slices.Contains(v.IDs, row["id"].(string)) || row["updatedAt"].(string) <= v.Since
		})
		writeJSON(w, http.StatusOK, object{"data": object{"productVariants": object{"items": found[min(v.Skip, len(found)):], "totalItems": len(found)}}})
	}
}

// TestVendure proves that the recipe makes a page of a variant, with the choice among all, polls for what was edited, and
// that a session which has ended is replaced, though Vendure says so with status 200.
func TestVendure(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is needed for vendure-token")
	}
	t.Setenv("VENDURE_USER", `super"admin`)
	t.Setenv("VENDURE_PASSWORD", `back\slash`)
	shop := &vendureShop{variants: readRows(t, "testdata/vendure.json")}
	r := open(t, "vendure.yaml", "https://vendure.example", nil, shop)
	pages := r.try()
	r.has(pages["item"], "Laptop", "€1,558.80", "EUR", "/assets/preview/71/laptop__preview.jpg", "<em>seventh-generation</em>", "13 inch", "15 inch")
	shop.forget()
	nine := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	r.polls("variants", map[time.Time][]string{nine: {"change.normal.sku.all.2"}})
	r.polls("products", map[time.Time][]string{nine: {"change.normal.sku.product.1", "change.normal.sku.product.2"}})
	r.polls("all", map[time.Time][]string{nine: {"change.normal.sku.product.1", "change.normal.sku.product.2"}})
	t.Setenv("VENDURE_PASSWORD", "wrong")
	open(t, "vendure.yaml", "https://vendure.example", nil, shop).isDown("sku", "product", "1")
}
