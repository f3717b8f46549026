package templates_test

import (
	"fmt"
	"strings"
	"testing"

	"vitrine/internal/long"
)

// bought is a product with everything that people want to know before they buy.
func bought() odd {
	o := whole()
	o.name = "bought"
	o.page["Page"].(object)["Path"] = "/item/bought"
	o.page["price"].(object)["unit"] = object{"amount": "3.98", "per": "100 ml"}
	o.page["warranty"] = "3 years"
	o.page["questions"] = array{object{"question": "Does it shine?", "answer": "It does."}, object{"answer": "Nobody asked."}}
	o.page["Page"].(object)["Buy"] = object{"URL": "/cart", "Method": "post", "ID": "id", "Quantity": "quantity"}
	site := o.page["Site"].(object)
	site["Top"] = array{object{"Title": "Lamps", "URL": "/lamps"}}
	site["Bottom"] = array{object{"Title": "Imprint", "URL": "/imprint"}, object{"Title": "Contact", "URL": "/contact"}}
	return o
}

// TestWhatPeopleWantToKnow proves that a page shows what the catalog provides, and that it can be read and bought
// from without scripts.
func TestWhatPeopleWantToKnow(t *testing.T) {
	set, err := load(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := render(t, set, "item.html", bought().page)
	for _, want := range []string{
		`−33%</span>`, `€3.98</span> / 100 ml`, `★ 4.5 / 5 (12)`, `Shipping: €4.90`, `1 to 3 days on the way`, `<a href="/returns">30 days to return it</a>`, `Warranty: 3 years`,
		`<form class="order" action="/cart" method="post"`, `<input type="hidden" name="id" value="1">`, `Pre-order now</button>`,
		`<h3>Fine</h3>`, `It shines.`, `<summary>Does it shine?</summary><p>It does.</p>`, `<a href="/lamps">Lamps</a>`, `<a href="/imprint">Imprint</a>`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is missing in %s", want, got)
		}
	}
	if strings.Contains(got, "Nobody asked") {
		t.Error("an answer without a question is shown")
	}
	bare := render(t, set, "item.html", change("plain").page)
	for _, none := range []string{`class="order"`, `id="reviews"`, `class="questions"`, `class="rating"`, `class="unit"`, `<nav class="links"`, "−"} {
		if strings.Contains(bare, none) {
			t.Errorf("%s stands in the page of a product without it", none)
		}
	}
}

// TestManyOptions proves that all 300 values of an option are on the page, folded and with a search, and that those
// sold out are marked.
func TestManyOptions(t *testing.T) {
	set, err := load(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	o := change("many", siblings(300, "Colour number"))
	o.page["siblings"].(array)[7].(object)["stock"] = object{"state": "out"}
	got := render(t, set, "item.html", o.page)
	_, options, _ := strings.Cut(got, `<details><summary>301 to choose from</summary>`)
	options, _, closed := strings.Cut(options, "</details>")
	if n := strings.Count(options, "<li>"); n != 301 || !closed || !strings.Contains(options, "data-filter") {
		t.Errorf("%d values in %s", n, got)
	}
	if !strings.Contains(options, "Colour number 7 <small>Sold out</small>") || strings.Count(options, "<small>Sold out") != 1 {
		t.Error("what is sold out does not say so:", options)
	}
	if few := render(t, set, "item.html", change("few").page); strings.Contains(few, "data-filter") {
		t.Error("three values are folded")
	}
}

// TestAllOptionsAskAtOnce proves that the stock of all groups of options is asked for in one request: a group that named the address of
// the blobs itself would ask for itself.
func TestAllOptionsAskAtOnce(t *testing.T) {
	set, err := load(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := render(t, set, "item.html", whole().page)
	if groups, asking := strings.Count(got, `<div class="choice">`), strings.Count(got, "data-stocks="); groups != 2 || asking != 1 {
		t.Errorf("%d of %d groups ask in %s", asking, groups, got)
	}
}

// TestStockOfAnotherState proves that a state of stock other than available or sold out is shown in the page's
// language, and that the button's label fits it.
func TestStockOfAnotherState(t *testing.T) {
	set, err := load(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ lang, state, says, button string }{
		{"en", "preorder", "Pre-order", "<>Pre-order now"}, {"en", "backorder", "On back order", "<>Buy"}, {"en", "2027-01-15", "Available from 2027-01-15", "<>Buy"},
		{"en", "2027-01-15T10:00:00Z", "Available from 2027-01-15", "<>Buy"}, {"en", "out", "Out of stock", "< disabled>Buy"}, {"en", "ask <us>", "ask &lt;us&gt;", "<>Buy"},
		{"de", "preorder", "Vorbestellbar", "<>Jetzt vorbestellen"}, {"fr", "2027-01-15", "Disponible à partir du 2027-01-15", "<>Acheter"},
	} {
		page := told(change("state", site(c.lang, "EUR"), object{"stock": object{"state": c.state}})).page
		got := render(t, set, "item.html", page)
		_, says, _ := strings.Cut(got, `data-as="choice"`)
		_, says, _ = strings.Cut(says, ">")
		says, _, _ = strings.Cut(says, "</span>")
		_, button, _ := strings.Cut(got, `<button type="submit" data-live`)
		button, _, _ = strings.Cut(button, "</button>")
		disabled, label := "", button[strings.LastIndex(button, ">")+1:]
		if strings.HasSuffix(strings.TrimSuffix(button, label), " disabled>") {
			disabled = " disabled"
		}
		if button = "<" + disabled + ">" + label; says != c.says || button != c.button {
			t.Errorf("%s, %s: %q and %q, want %q and %q", c.lang, c.state, says, button, c.says, c.button)
		}
	}
}

// TestSiblingsOfTheFamily proves that choices are offered for variants that only the family's own entity lists.
func TestSiblingsOfTheFamily(t *testing.T) {
	set, err := load(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	page := change("family").page
	page["family"] = object{"siblings": page["siblings"]}
	delete(page, "siblings")
	got := render(t, set, "item.html", page)
	if want := render(t, set, "item.html", change("family").page); got != want || !strings.Contains(got, `<a href="/item/2" data-id="2">`) {
		t.Errorf("the page differs from the one of all data, or lacks the link to its sibling:\n%s", got)
	}
	own := sibling("1", "Colour", "Red")
	own["URL"] = page["Page"].(object)["Path"]
	page["family"] = object{"siblings": array{sibling("3", "Colour", "Green"), own, sibling("2", "Colour", "Blue")}}
	if got := render(t, set, "item.html", page); !inOrder(got, ">Green<", ">Red<", ">Blue<") {
		t.Error("the family's order is lost:", got)
	}
	page["siblings"] = array{sibling("9", "Colour", "Amber")}
	if got := render(t, set, "item.html", page); !strings.Contains(got, "Amber") || strings.Contains(got, "Blue") {
		t.Error("own siblings do not come first:", got)
	}
}

// inOrder reports whether parts occur in a text in this order.
func inOrder(text string, parts ...string) bool {
	for _, part := range parts {
		_, after, found := strings.Cut(text, part)
		if !found {
			return false
		}
		text = after
	}
	return true
}

func TestDiscount(t *testing.T) {
	set, err := load(t, map[string]string{"x.html": `{{discount .list .amount}}`})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][3]string{{"29.90", "19.90", "33"}, {"100", "99", "1"}, {"100", "99.01", ""}, {"100", "100", ""}, {"100", "101", ""}, {"10", "0", "100"}, {"100", "80", "20"},
		{"-5", "-10", ""}, {"x", "1", ""}, {"0", "0", ""}, {strings.Repeat("9", 60), "1", "99"}} {
		if got := render(t, set, "x.html", object{"list": c[0], "amount": c[1]}); got != c[2] && !(c[2] == "99" && got == "100") {
			t.Errorf("%s in place of %s: %q, want %q", c[1], c[0], got, c[2])
		}
	}
}

// TestWhatPeopleDo opens the page in a browser at four widths, and checks its layout and everything that needs the
// script.
func TestWhatPeopleDo(t *testing.T) {
	many := change("many", siblings(300, "Colour number"))
	many.page["Page"].(object)["Buy"] = bought().page["Page"].(object)["Buy"]
	s := newStand(t, []odd{bought(), many})
	ctx := chrome(t)
	for _, name := range []string{"bought", "many"} {
		for _, width := range long.Pick([]int64{390}, []int64{320, 390, 800, 1280}) {
			for _, scheme := range long.Pick([]string{"light"}, []string{"light", "dark"}) {
				open(t, ctx, s.URL+"/item/"+name, width, scheme)
				eval[bool](t, ctx, "scrollTo(0, document.body.scrollHeight), true")
				waitFor(t, ctx, `[...document.querySelectorAll("[data-card]")].every((card) => card.textContent)`)
				eval[bool](t, ctx, "scrollTo(0, 0), true")
				for _, fault := range eval[[]string](t, ctx, faultsOfLayout) {
					t.Errorf("%s, %d pixels, %s: %s", name, width, scheme, fault)
				}
				keepShot(t, ctx, fmt.Sprintf("%s-%d-%s", name, width, scheme))
			}
		}
	}
	if n := eval[int](t, ctx, `document.querySelector("details").open = true, document.querySelector("[data-filter]").value = "number 17",
		document.querySelector("[data-filter]").dispatchEvent(new Event("input", {bubbles: true})), [...document.querySelectorAll("details li")].filter((li) => !li.hidden).length`); n != 11 {
		t.Errorf("%d values are found, want 11", n)
	}
	waitFor(t, ctx, `[...document.querySelectorAll(".choice small")].map((small) => small.parentElement.getAttribute("href") + small.textContent).join() === "/item/8Sold out"`)
	waitFor(t, ctx, `document.querySelector(".recent a")?.getAttribute("href") === "/item/bought"`)
	eval[bool](t, ctx, `document.querySelector(".strip img").click(), true`)
	waitFor(t, ctx, `document.querySelector("dialog.zoom[open] img")`+` !== null`)
	eval[bool](t, ctx, `document.querySelector("dialog.zoom").click(), true`)
	waitFor(t, ctx, `document.querySelector("dialog.zoom") === null`)
	eval[bool](t, ctx, `document.querySelector(".strip").scrollTo({left: 99999, behavior: "instant"}), true`)
	waitFor(t, ctx, `document.querySelector(".count").textContent === "2 / 2"`)
}
