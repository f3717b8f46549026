package cli_test

import (
	"fmt"
	"testing"
)

const unfetchedCatalog = `
version: 1
upstreams: { numbers: { url: %q, timeout: 1s } }
entities: { sku: { dimensions: { number: { from: numbers, get: "/{id}" } }, blobs: { item: { of: [number] } } } }
pages: { item: { path: "/item/{sku}.html", blob: item, template: item.html } }
`

// TestPagesOfChangesThatCannotBeFetchedAreMarked proves that a page says that it may be old while a change of its article was announced and the upstream does not
// answer, that other pages do not, and that the mark is gone once the change is fetched.
func TestPagesOfChangesThatCannotBeFetchedAreMarked(t *testing.T) {
	t.Parallel()
	numbers := refusing(t)
	v := up(t, t.TempDir(), "--catalog", catalogFor(t, unfetchedCatalog, numbers.URL))
	conn := v.dial()
	for i := range 20 {
		announce(t, conn, "all", fmt.Sprint(i))
	}
	page := func(i int) (status int, marked bool) {
		t.Helper()
		status, header, _ := fetch(t, fmt.Sprintf("%s/item/%d.html", v.Pages, i))
		return status, header.Get("X-Vitrine-Stale") != ""
	}
	for i := range 20 {
		eventually(t, func() string {
			if status, marked := page(i); status != 200 || marked {
				return fmt.Sprintf("page %d: status %d, marked %t", i, status, marked)
			}
			return ""
		})
	}
	numbers.down()
	for i := range 10 {
		numbers.raise(fmt.Sprint(i))
		announce(t, conn, "number", fmt.Sprint(i))
	}
	for i := range 10 {
		eventually(t, func() string {
			if status, marked := page(i); status != 200 || !marked {
				return fmt.Sprintf("page %d, whose change waits: status %d, marked %t", i, status, marked)
			}
			return ""
		})
	}
	for i := 10; i < 20; i++ {
		if status, marked := page(i); status != 200 || marked {
			t.Errorf("page %d, of which nothing was announced: status %d, marked %t", i, status, marked)
		}
	}
	numbers.back()
	for i := range 20 {
		eventually(t, func() string {
			if status, marked := page(i); status != 200 || marked {
				return fmt.Sprintf("page %d, when all is fetched: status %d, marked %t", i, status, marked)
			}
			return ""
		})
	}
}
