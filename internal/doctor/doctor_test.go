package doctor_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vitrine/internal/bustest"
	"vitrine/internal/doctor"
)

// TestDoctorWarnsOfASiteWithoutOrigin proves that a site without an origin, which search engines cannot index, is
// reported as a warning and not as a failure.
func TestDoctorWarnsOfASiteWithoutOrigin(t *testing.T) {
	server, _ := bustest.Start(t)
	for site, warns := range map[string]bool{"{ name: Shop }": true, "{ name: Shop, origin: \"https://shop.example\" }": false} {
		dir := t.TempDir()
		file := filepath.Join(dir, "shop.yaml")
		catalog := "version: 1\nsite: " + site + `
upstreams: { shop: { url: "http://127.0.0.1:9" } }
entities: { sku: { dimensions: { product: { from: shop, get: "/{id}" } }, blobs: { item: { of: [product] } } } }
pages: { item: { path: "/item/{sku}.html", blob: item, template: item.html } }
`
		if err := os.WriteFile(file, []byte(catalog), 0o600); err != nil {
			t.Fatal(err)
		}
		var origin []doctor.Finding
		doctor.Run(t.Context(), doctor.Config{Dir: dir, NATS: server.URL(), Catalog: file, Log: slog.New(slog.DiscardHandler), Report: func(f doctor.Finding) {
			switch {
			case f.What == "origin":
				origin = append(origin, f)
			case f.What == "catalog" && !f.OK:
				t.Error(f.Text)
			}
		}})
		if warned := len(origin) == 1 && origin[0].OK && origin[0].Warning && strings.Contains(origin[0].Text, "site.origin"); warned != warns || len(origin) > 1 {
			t.Errorf("the site %s: findings of its origin %+v, want a warning: %t", site, origin, warns)
		}
	}
}
