package templates_test

import (
	"testing"

	"vitrine/templates"
)

// TestTheStartersPageHasTwoColumns proves that the page that template new begins with shows picture and facts side by side on a wide screen,
// and one below the other on a phone, and that a product without pictures has one column.
func TestTheStartersPageHasTwoColumns(t *testing.T) {
	dir := t.TempDir()
	if _, err := templates.Start(dir, false); err != nil {
		t.Fatal(err)
	}
	set, err := templates.LoadFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := standOf(t, set, []odd{change("plain"), change("no-picture", product("images", nil))})
	ctx := chrome(t)
	const box = `const box = (of) => document.querySelector(of).getBoundingClientRect(), picture = box(".gallery"), facts = box(".facts"); `
	for _, test := range []struct {
		page  string
		width int64
		want  string
	}{
		{"plain", 1280, `picture.right < facts.left && facts.top < picture.top + 50`},
		{"plain", 390, `picture.bottom < facts.top && picture.left === facts.left`},
		{"no-picture", 1280, `picture.height === 0 && facts.left < 100 && facts.width > 600`},
	} {
		open(t, ctx, s.URL+"/item/"+test.page, test.width, "light")
		if !eval[bool](t, ctx, `(() => { `+box+`return `+test.want+` })()`) {
			t.Errorf("%s, %d pixels: not so: %s: %s", test.page, test.width, test.want, eval[string](t, ctx, `(() => { `+box+`return JSON.stringify([picture, facts]) })()`))
		}
	}
}

// TestListsAreEven proves that in a list where some products have no picture, titles stand side by side all the same; that the list's heading
// keeps clear of the header; and that long words are hyphenated as the page's language does.
func TestListsAreEven(t *testing.T) {
	some := items(6, "Lamp")
	for _, i := range []int{1, 4} {
		some[i].(object)["product"] = object{}
	}
	none := items(2, "Lamp")
	for _, card := range none {
		card.(object)["product"] = object{}
	}
	s := newStand(t, []odd{listPage("some", object{"Items": some, "path": nil}), listPage("none", object{"Items": none, "path": nil})})
	ctx := chrome(t)
	for _, width := range []int64{390, 1280} {
		open(t, ctx, s.URL+"/item/some", width, "light")
		const uneven = `(() => {
  const cards = [...document.querySelectorAll(".card")].map((card) => [card.getBoundingClientRect().top, card.querySelector(".name").getBoundingClientRect().top]);
  return cards.filter(([card, name]) => Math.abs(name - card - (cards[0][1] - cards[0][0])) > 1).length;
})()`
		if n := eval[int](t, ctx, uneven); n != 0 {
			t.Errorf("%d pixels: %d titles of 6 are not where the others are", width, n)
		}
		if gap := eval[float64](t, ctx, `document.querySelector("h1").getBoundingClientRect().top - document.querySelector(".top").getBoundingClientRect().bottom`); gap < 12 {
			t.Errorf("%d pixels: %v between header and heading", width, gap)
		}
		if hyphens := eval[string](t, ctx, `["h1", ".name"].map((of) => getComputedStyle(document.querySelector(of)).hyphens).join()`); hyphens != "auto,auto" {
			t.Errorf("hyphens of headings and titles: %s", hyphens)
		}
	}
	open(t, ctx, s.URL+"/item/none", 390, "light")
	if height := eval[float64](t, ctx, `document.querySelector(".card").getBoundingClientRect().height`); height > 120 {
		t.Errorf("a list without any picture keeps places for them: cards are %v pixels high", height)
	}
}
