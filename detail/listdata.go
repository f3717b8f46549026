package detail

import (
	"cmp"
	"encoding/json"
	"strconv"

	"vitrine/internal/catalog"
	"vitrine/internal/view"
)

// listData is the data of a page that lists something, with what only templates see of the list: Items, Below, Orders and Numbers, and in
// Page the Title, the Number, and the addresses of the pages before and behind.
func (st *site) listData(data *pageData) (view.Value, error) {
	read := data.read
	l, base := read.listing, data.forTemplates()
	path := read.pathOf(read.page)
	at := func(number int) string {
		return path + listQuery{number, l.query.order}.encode(read.page.Lists)
	}
	page := view.Fields{
		{Name: "Title", Value: view.OfText(cmp.Or(textAt(read.own.Body, "title"), read.title()))},
		{Name: "Brief", Value: view.OfText(textAt(read.own.Body, "brief"))},
		{Name: "URL", Value: view.OfText(canonical(st.origin, path+listQuery{number: l.query.number}.encode(read.page.Lists)))},
	}
	if l.query != (listQuery{number: 1}) {
		page = append(page, view.Field{Name: "Alternates", Value: view.OfElements(nil)})
	}
	if n := l.query.number; n > 1 {
		page = append(page, view.Field{Name: "Number", Value: view.OfText(strconv.Itoa(n))}, view.Field{Name: "Prev", Value: view.OfText(at(n - 1))})
	}
	if l.query.number < l.count {
		page = append(page, view.Field{Name: "Next", Value: view.OfText(at(l.query.number + 1))})
	}
	if l.found.cut {
		page = append(page, view.Field{Name: "First", Value: view.OfText(strconv.Itoa(referringMost))})
	}
	cards, err := st.listCards(l)
	if err != nil {
		return view.Value{}, err
	}
	own := view.Fields{
		{Name: "Page", Value: view.OfMembers(view.Layers{view.OfMembers(page), base.Get("Page")})}, {Name: "Items", Value: view.Of(cards)},
		{Name: "Below", Value: st.listBelow(data, l)}, {Name: "Numbers", Value: view.Of(numbers(l.query.number, l.count, at))},
		{Name: "Orders", Value: listOrders(read.page.Lists, path, l)},
	}
	return view.OfMembers(view.Layers{view.OfMembers(own), base}), nil
}

// listCards are the cards of a list: the data of each page, and how many versions there are.
func (st *site) listCards(l *listing) ([]any, error) {
	cards := []any{}
	for i, one := range l.items {
		card, err := st.card(one)
		if err != nil {
			return nil, err
		}
		card["Early"] = i < indexEarly
		if n := len(one.variants); n > 0 {
			card["Versions"] = n + 1
		}
		cards = append(cards, card)
	}
	return cards, nil
}

// listBelow is what stands directly below the page's entity, each with its address.
func (st *site) listBelow(data *pageData, l *listing) view.Value {
	var below view.Elements
	for _, part := range l.below {
		root, err := data.root(part)
		if err != nil {
			continue // its blob is no JSON; its own page says so
		}
		id := view.Fields{{Name: part.Key.Entity.Kind, Value: view.OfText(part.Key.Entity.ID)}}
		one := view.Layers{root, view.OfMembers(id)}
		below = append(below, view.OfMembers(append(view.Layers{view.OfMembers(st.address(l.belowNames, one, data.read.page.Kind))}, one...)))
	}
	return view.OfElements(below)
}

// listOrders are the orders in which a visitor can have a list; none if there are too many to put in order.
func listOrders(lists *catalog.Listing, path string, l *listing) view.Value {
	var orders view.Elements
	for i, o := range lists.Orders {
		if l.found.ordered && len(lists.Orders) > 1 {
			orders = append(orders, view.OfMembers(view.Fields{{Name: "Name", Value: view.OfText(o.Name)}, {Name: "Current", Value: view.OfBool(i == l.query.order)},
				{Name: "URL", Value: view.OfText(path + listQuery{1, i}.encode(lists))}}))
		}
	}
	return view.OfElements(orders)
}

// splice adds to a page's JSON what is listed on it: items, each with the members of its own page's blobs, and page of pages.
func (l *listing) splice(o *object) {
	items := []byte{'['}
	for i, one := range l.items {
		if i > 0 {
			items = append(items, ',')
		}
		each := newObject(spliceSize(one.read.own))
		own := one.read.main()
		each.id(one.read.entity.Kind, one.read.entity.ID, own)
		for _, part := range own {
			each.members(part)
		}
		items = append(items, each.end()...)
	}
	o.member("items", nil, append(items, ']'))
	place, err := json.Marshal(map[string]int{"number": l.query.number, "of": l.count})
	if err == nil {
		o.member("page", nil, place)
	}
}
