package templates_test

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
)

// odd is the page of a product unlike those of the demo.
type odd struct {
	name     string
	page     map[string]any
	template string         // "" for item.html
	live     map[string]any // parts that /live answers; nil for those of the page
	desc     string         // what /desc answers
}

type (
	object = map[string]any
	array  = []any
)

// numbered formats the numbers from 1 to n.
func numbered(n int, format string) (all array) {
	for i := range n {
		all = append(all, fmt.Sprintf(format, i+1))
	}
	return all
}

const (
	longWord = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
	longURL  = "https://shop.example/a/very/long/address/without/any/place/to/break/it/0123456789abcdef0123456789abcdef0123456789abcdef"
	arabic   = "مصباح مكتبي قابل للتعديل مع قاعدة خشبية"
	chinese  = "可调节亮度的北欧风格实木底座台灯适合书房卧室床头阅读使用三档色温触控开关"
)

// change makes an odd product from an ordinary one by replacing the given members.
func change(name string, members ...object) odd {
	page := object{
		"sku": "1",
		"product": object{"title": "Lamp Halo", "brief": "A lamp for the desk", "images": array{"/pic/800x800/1", "/pic/800x800/2"},
			"options": array{object{"name": "Colour", "value": "Red"}}, "html": template.HTML("<p>It shines.</p>")},
		"specs": array{object{"group": "Size", "rows": array{object{"name": "Width", "value": "12 cm"}, object{"name": "Height", "value": "40 cm"}}}},
		"price": object{"amount": "19.90", "currency": "EUR"}, "stock": object{"state": "in", "quantity": "12"},
		"path":  array{object{"title": "Home", "url": "/"}, object{"title": "Lamps", "url": "/lamps"}},
		"brand": object{"title": "Acme", "logo": "/pic/60x60/3"}, "shop": object{"title": "Acme's shop"},
		"promotions":  array{object{"title": "Two for one"}},
		"siblings":    array{sibling("2", "Colour", "Blue"), sibling("3", "Colour", "Green")},
		"recommended": array{card("4", "Lamp Moon"), card("5", "Lamp Sun")},
		"Site":        object{"Lang": "en", "Name": "Vitrine", "Currency": "EUR"},
		"Page": object{"ID": "1", "Kind": "sku", "Path": "/item/" + name, "Gen": "1", "Live": array{"offer", "delivery"}, "Overlay": array{"offer"},
			"Pages": object{"item": "/item/" + name, "desc": "/desc/" + name}},
	}
	o := odd{name: name, page: page, desc: "<p>A description.</p>"}
	for _, more := range members {
		for name, value := range more {
			before, both := page[name].(object)
			if after, ok := value.(object); ok && both {
				for member, v := range after {
					before[member] = v
				}
				continue
			}
			if page[name] = value; value == nil {
				delete(page, name)
			}
		}
	}
	return o
}

func sibling(id, option, value string) object {
	return object{"sku": id, "URL": "/item/" + id, "product": object{"title": "Sibling " + id, "images": array{"/pic/200x200/s" + id}, "options": array{object{"name": option, "value": value}}}}
}

func card(id, title string) object {
	return object{"sku": id, "URL": "/item/" + id, "product": object{"title": title, "images": array{"/pic/200x200/c" + id}}}
}

func product(member string, value any) object { return object{"product": object{member: value}} }

func price(currency, amount, list string) object {
	return object{"price": object{"amount": amount, "currency": currency, "list": list}}
}

func promotions(titles ...any) object {
	var all array
	for _, title := range titles {
		all = append(all, object{"title": title})
	}
	return object{"promotions": all}
}

func specs(n int, name, value string) object {
	var rows array
	for i := range n {
		rows = append(rows, object{"name": fmt.Sprint(name, " ", i), "value": fmt.Sprint(value, " ", i)})
	}
	return object{"specs": array{object{"group": "All", "rows": rows}}}
}

func siblings(n int, value string) object {
	var all array
	for i := range n {
		all = append(all, sibling(fmt.Sprint(i+2), "Colour", fmt.Sprint(value, " ", i)))
	}
	return object{"siblings": all}
}

func crumbs(n int, title string) object {
	var all array
	for i := range n {
		all = append(all, object{"title": fmt.Sprint(title, " ", i), "url": "/"})
	}
	return object{"path": all}
}

func markup(text string) object { return product("html", template.HTML(text)) }

func site(lang, currency string) object {
	return object{"Site": object{"Lang": lang, "Currency": currency}}
}

func hidden(o odd) odd {
	o.live = object{"offer": object{"state": "hidden"}, "delivery": object{"state": "hidden"}}
	return o
}

// delivered gives an odd product a delivery part in the answer of /live.
func delivered(o odd, text string, areas ...string) odd {
	var all array
	for _, area := range areas {
		all = append(all, object{"id": area, "name": area})
	}
	o.live = object{"offer": object{"state": "fresh", "data": object{"price": o.page["price"], "stock": o.page["stock"], "promotions": o.page["promotions"]}},
		"delivery": object{"state": "fresh", "data": object{"text": text, "areas": all, "area": slices.Concat(areas, []string{""})[0]}}}
	return o
}

func described(o odd, desc string) odd {
	o.desc = desc
	return o
}

// told adds everything that people want to know before they buy, and makes the product buyable. Members that the
// product has already stay.
func told(o odd) odd {
	for name, value := range (object{
		"rating": object{"value": "4.5", "count": "12"}, "warranty": "3 years", "shipping": object{"price": "4.90", "transit": array{"1", "3"}}, "returns": object{"days": "30", "url": "/returns"},
		"questions": array{object{"question": "Does it shine?", "answer": "It does."}},
		"reviews":   array{object{"author": "A. Turing", "title": "Fine", "text": "It shines.", "rating": "5", "date": "2026-10-01"}},
	}) {
		if o.page[name] == nil {
			o.page[name] = value
		}
	}
	if price := o.page["price"].(object); price["unit"] == nil {
		price["unit"] = object{"amount": "3.98", "per": "100 ml"}
	}
	o.page["Page"].(object)["Buy"] = object{"URL": "/cart", "Method": "post", "ID": "id", "Quantity": "quantity"}
	return o
}

func soldOut(sibling object) object {
	sibling["stock"] = object{"state": "out"}
	return sibling
}

func links(n int, title string) (all array) {
	for i := range n {
		all = append(all, object{"Title": fmt.Sprint(title, " ", i+1), "URL": "/"})
	}
	return all
}

// corpus returns the odd products.
func corpus() []odd {
	none := object{"product": object{"brief": nil, "options": nil, "html": nil, "images": nil}, "specs": nil, "price": nil, "stock": nil, "path": nil, "brand": nil,
		"shop": nil, "promotions": nil, "siblings": nil, "recommended": nil}
	wide := strings.Repeat("<td>cell with words</td>", 20)
	return append([]odd{
		change("plain"),
		change("long-promotion", promotions(strings.Repeat("Twenty per cent off all lamps ", 6))),
		change("two-promotions", promotions("Free delivery from 49", "Three years of warranty")),
		change("rupees", price("INR", "129999.00", "149999.00")),
		change("no-picture", product("images", nil)),
		change("no-price", object{"price": nil}),
		hidden(change("live-hidden")),
		change("nothing-at-all", none),
	}, []odd{
		change("long-word", product("title", longWord+longWord), product("brief", longWord)),
		change("long-title", product("title", strings.Repeat("A lamp with many words ", 20))),
		change("long-address", product("brief", longURL)),
		change("long-brand", object{"brand": object{"title": longWord}}),
		change("long-shop", object{"shop": object{"title": longWord}}),
		change("long-site", object{"Site": object{"Name": longWord}}),
		change("short", product("title", "A"), product("brief", nil)),
		change("no-title", product("title", nil)),
		change("no-stock", object{"stock": nil}),
		change("no-offer", object{"price": nil, "stock": nil, "promotions": nil}),
		hidden(change("no-offer-hidden", object{"price": nil, "stock": nil, "promotions": nil})),
		change("no-description", product("html", nil)),
		described(change("empty-description"), ""),
		change("no-specs", object{"specs": nil}),
		change("empty-specs", object{"specs": array{object{"group": "Empty", "rows": array{}}, object{}}}),
		change("specs-of-nothing", object{"specs": array{object{"rows": array{object{"name": "", "value": ""}}}}}),
		change("200-specs", specs(200, "Property", "value")),
		change("long-specs", specs(8, longWord, longURL)),
		change("many-groups", object{"specs": array{specs(3, "a", "b")["specs"].(array)[0], specs(3, "c", "d")["specs"].(array)[0], specs(3, "e", "f")["specs"].(array)[0]}}),
		change("one-picture", product("images", array{"/pic/800x800/1"})),
		change("60-pictures", product("images", numbered(60, "/pic/800x800/%d"))),
		change("tall-pictures", product("images", array{"/pic/200x3000/1", "/pic/200x3000/2"})),
		change("wide-pictures", product("images", array{"/pic/4000x100/1", "/pic/4000x100/2"})),
		change("tiny-picture", product("images", array{"/pic/1x1/1"})),
		change("lost-pictures", product("images", array{"/nothing/1", "/nothing/2"})),
		change("12-promotions", promotions(numbered(12, "Promotion number %d of the week")...)),
		change("promotion-word", promotions(longWord)),
		change("300-options", siblings(120, "Colour number")),
		change("long-options", siblings(6, longWord)),
		change("options-without-values", object{"siblings": array{card("7", "Other one"), card("8", longWord)}}),
		change("only-child", object{"siblings": nil}),
		change("yen", price("JPY", "499", ""), site("ja", "JPY")),
		change("dinars", price("KWD", "18.518", "20.000")),
		change("dollars", price("USD", "1.50", "")),
		change("rials", price("IRR", "123456789012345", "223456789012345")),
		change("unknown-currency", price("XTS", "12", "15")),
		change("no-currency", object{"price": object{"amount": "12", "currency": nil}, "Site": object{"Currency": ""}}),
		change("huge-price", price("EUR", strings.Repeat("123456789", 6)+".00", "")),
		change("price-in-words", price("EUR", "on request", "")),
		change("list-not-higher", price("EUR", "19.90", "19.90")),
		change("negative-price", price("EUR", "-5.00", "")),
		change("negative-stock", object{"stock": object{"state": "in", "quantity": "-3"}}),
		change("low-stock", object{"stock": object{"state": "low", "quantity": "2"}}),
		change("sold-out", object{"stock": object{"state": "out", "quantity": nil}}),
		change("preorder", object{"stock": object{"state": "preorder", "quantity": nil}}),
		change("backorder", object{"stock": object{"state": "backorder", "quantity": nil}}),
		change("stock-from-a-day", object{"stock": object{"state": "2027-01-15", "quantity": nil}}),
		change("stock-in-words", object{"stock": object{"state": "Ask " + longWord, "quantity": nil}}),
		change("much-stock", object{"stock": object{"state": "in", "quantity": "123456789012345678901234567890123456789012345678901234567890"}}),
		change("chinese", site("zh", "CNY"), product("title", chinese+chinese), product("brief", chinese), price("CNY", "311.90", "399.00")),
		change("arabic", site("ar", "KWD"), product("title", arabic), product("brief", arabic), price("KWD", "18.518", "20.500")),
		change("german", site("de", "EUR"), product("title", "Schreibtischleuchtenbefestigungsschraube"), price("EUR", "1234567.89", "2234567.89")),
		change("french", site("fr", "EUR"), product("title", "Lampe de bureau réglable à intensité variable"), price("EUR", "1234.50", "1499.90"), object{"stock": object{"state": "2027-01-15", "quantity": nil}}),
		change("spanish", site("es", "EUR"), object{"stock": object{"state": "backorder", "quantity": nil}}),
		change("swiss", site("de-CH", "CHF"), price("CHF", "1234.50", "")),
		told(change("told")),
		told(change("told-in-german", site("de", "EUR"))),
		told(change("told-in-french", site("fr", "EUR"))),
		told(change("told-in-arabic", site("ar", "KWD"))),
		told(change("told-at-length", object{"warranty": longWord, "rating": object{"value": "4.5", "count": "123456789012345678901234567890"},
			"questions": array{object{"question": longWord, "answer": longURL}}, "reviews": array{object{"author": longWord, "title": longWord, "text": longURL, "rating": "5"}}})),
		told(change("told-by-half", object{"rating": object{"value": "4"}, "questions": array{object{"question": "Does it shine?"}}, "reviews": array{object{"rating": "5"}}, "price": object{"unit": nil}})),
		told(change("sold-out-form", object{"stock": object{"state": "out", "quantity": nil}})),
		told(change("preorder-form", object{"stock": object{"state": "preorder", "quantity": nil}})),
		told(change("huge-price-form", price("EUR", strings.Repeat("123456789", 6)+".00", ""))),
		change("many-options", siblings(300, "Colour number")),
		change("sold-out-options", object{"siblings": array{soldOut(sibling("2", "Colour", "Blue")), soldOut(sibling("3", "Colour", longWord))}}),
		change("many-links", object{"Site": object{"Top": links(20, "Department"), "Bottom": links(30, "Service")}}),
		change("long-links", object{"Site": object{"Top": links(3, longWord), "Bottom": links(3, longWord)}}),
		change("12-crumbs", crumbs(12, "Category")),
		change("long-crumbs", crumbs(8, longWord)),
		change("crumb-without-title", object{"path": array{object{"url": "/"}}}),
		change("wide-table", markup("<table><tr>"+wide+"</tr><tr>"+wide+"</tr></table>")),
		change("wide-pre", markup("<pre>"+strings.Repeat("preformatted text ", 30)+"</pre>")),
		change("wide-picture", markup(`<p><img src="/pic/3000x200/9" width="3000" height="200" alt=""></p>`)),
		change("long-html", markup("<h2>"+longWord+"</h2><p>"+longURL+"</p><ul><li>"+longWord+"</li></ul>")),
		described(change("wide-description"), "<table><tr>"+wide+"</tr></table><pre>"+strings.Repeat("preformatted ", 60)+"</pre>"),
		change("12-recommended", object{"recommended": array{card("11", longWord), card("12", "Lamp"), card("13", strings.Repeat("words of a title ", 12)), card("14", "L"), card("15", "M"), card("16", "N")}}),
		change("recommended-nothing", object{"recommended": array{object{"sku": "9"}}}),
		delivered(change("delivery"), "Tomorrow before noon", "Berlin", "Hamburg"),
		delivered(change("long-delivery"), strings.Repeat("It comes on a day of next week ", 6), longWord, longWord+longWord),
		delivered(change("delivery-nowhere"), ""),
		change("emoji", product("title", strings.Repeat("👩‍👩‍👧‍👦🇩🇪", 40))),
		change("marks", product("title", "Z̸̢̢̛͇̱͇̐͑̚a̷̢̛l̵̨̈́g̴̡̛o "+strings.Repeat("e\u0301\u0302\u0303", 30))),
	}...)
}
