package templates_test

import (
	"fmt"
	"strings"
)

// listPage makes the page of a category from an ordinary one by replacing the given members.
func listPage(name string, members ...object) odd {
	o := change(name, append([]object{{"Items": items(7, "Lamp"), "Below": below(3, "Lamps"), "Orders": orders("title", "price"), "Numbers": numbers(3),
		"Page": object{"Title": "Lamps", "Live": nil, "Overlay": nil}, "recommended": nil}}, members...)...)
	o.template = "list.html"
	return o
}

func items(n int, title string) (all array) {
	for i := range n {
		card := card(fmt.Sprint(i+10), title)
		card["Title"], card["price"], card["Versions"] = title, object{"amount": "1234.50", "currency": "EUR"}, i
		all = append(all, card)
	}
	return all
}

func below(n int, title string) (all array) {
	for i := range n {
		all = append(all, object{"title": fmt.Sprint(title, " ", i+1), "URL": "/"})
	}
	return all
}

func orders(names ...string) (all array) {
	for i, name := range names {
		all = append(all, object{"Name": name, "Current": i == 0, "URL": "/"})
	}
	return all
}

func numbers(n int) (all array) {
	for i := range n {
		all = append(all, object{"Number": fmt.Sprint(i + 1), "Current": i == 0, "URL": "/"})
	}
	return all
}

// oddLists returns pages that list products, of categories unlike those of the demo.
func oddLists() []odd {
	bare := items(3, "Lamp")
	for _, card := range bare {
		card.(object)["product"], card.(object)["price"], card.(object)["Versions"] = object{}, nil, nil
	}
	dear := items(5, "Lamp")
	for _, card := range dear {
		card.(object)["price"] = object{"amount": strings.Repeat("123456789", 6) + ".00", "currency": "IRR"}
	}
	return []odd{
		listPage("list"),
		listPage("list-of-nothing", object{"Items": nil, "Below": nil, "Orders": nil, "Numbers": nil, "path": nil}),
		listPage("list-of-one", object{"Items": items(1, "Lamp"), "Numbers": nil}),
		listPage("list-long-words", object{"Items": items(5, longWord), "Below": below(4, longWord), "Orders": orders("title", longWord), "Page": object{"Title": longWord + longWord, "Brief": longURL}}),
		listPage("list-of-many", object{"Items": items(60, "A lamp with many words in its title"), "Below": below(64, "Lamps"), "Orders": orders(strings.Fields("title price newest size weight colour height width")...), "Numbers": numbers(167)}),
		listPage("list-without-pictures", object{"Items": bare}),
		listPage("list-huge-prices", object{"Items": dear}),
		listPage("list-arabic", site("ar", "KWD"), object{"Items": items(5, arabic), "Below": below(4, arabic), "Page": object{"Title": arabic}}),
		listPage("list-chinese", site("zh", "CNY"), object{"Items": items(5, chinese), "Below": below(4, chinese), "Page": object{"Title": chinese, "Number": "2", "First": "10000"}}),
	}
}
