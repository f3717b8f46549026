package templates_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"vitrine/internal/hostile"
)

// TestHostilePrices renders a page for each hostile text as amount, as currency, and as each number of a price. The
// elements and attributes must be those of a page with an ordinary price, or with a negative one, which is none, and
// the structured data valid.
func TestHostilePrices(t *testing.T) {
	set, err := load(t, map[string]string{"ld.html": linkedPage})
	if err != nil {
		t.Fatal(err)
	}
	ordinary := skeleton(t, render(t, set, "item.html", priced("on request", "EUR", "on request")))
	negative := skeleton(t, render(t, set, "item.html", priced("-1", "EUR", "-1")))
	for _, x := range hostile.Texts() {
		for _, page := range []object{priced(x, x, x), priced(x, "EUR", "20"), priced("4.50", x, x)} {
			if got := skeleton(t, render(t, set, "item.html", page)); !slices.Equal(got, ordinary) && !slices.Equal(got, negative) {
				t.Errorf("%.100q as %.300v changes the page's elements: %s", x, page["price"], firstDifference(got, ordinary))
			}
			for _, fault := range faultsOfLinkedData(linkedOf(t, set, page)) {
				t.Errorf("%.100q as %.300v: %s", x, page["price"], fault)
			}
		}
	}
}

// priced is a page of a product with a price.
func priced(amount, currency, list string) object {
	page := change("priced", price(currency, amount, list), object{"Site": object{"Origin": "https://shop.example"}, "Page": object{"URL": "https://shop.example/item/1.html"}}).page
	page["price"].(object)["unit"] = object{"amount": "p" + amount, "per": "p" + currency}
	return page
}

// skeleton lists the elements of a page with their attributes' names. Of the structured data, which a page may have or not, it
// lists nothing.
func skeleton(t *testing.T, page string) (tags []string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type == html.TextNode || n.Type == html.ElementNode && slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Val == "application/ld+json" }) {
			continue
		}
		tag := fmt.Sprint(n.Type, " ", n.Data)
		for _, a := range n.Attr {
			tag += " " + a.Key
		}
		tags = append(tags, tag)
	}
	return tags
}

// firstDifference names the first element in which two skeletons differ.
func firstDifference(got, want []string) string {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Sprintf("%q in place of %q", got[i], want[i])
		}
	}
	return fmt.Sprintf("%d elements in place of %d", len(got), len(want))
}
