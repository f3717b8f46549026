package templates

import (
	"cmp"
	"slices"
	"strings"

	"vitrine/internal/locale"
	"vitrine/internal/view"
)

const maxReviews = 20 // greatest number of reviews in a Product

// productOf returns the Product of a page; nil if it lacks an offer or a picture: a product snippet needs an offer, a rating or a review,
// but a merchant listing needs the first two, and validators judge every Product as both.
// Source: https://developers.google.com/search/docs/appearance/structured-data/product-snippet and …/merchant-listing.
func productOf(page view.Value) view.Fields {
	offer, images := offerOf(page), pictures(page)
	if offer == nil || images == nil {
		return nil
	}
	product := thing("Product")
	if url := textAt(page, "Page", "URL"); url != "" {
		product = append(product, field("@id", url+"#product"), field("url", url))
	}
	product = append(product, field("name", textAt(page, "product", "title")), field("sku", textAt(page, "Page", "ID")))
	product = withText(product, "description", page.Get("product", "brief"))
	product = append(product, view.Field{Name: "image", Value: view.OfElements(images)})
	if brand := textAt(page, "brand", "title"); brand != "" {
		product = append(product, view.Field{Name: "brand", Value: named("Brand", brand)})
	}
	if gtin := textAt(page, "product", "gtin"); validGTIN(gtin) {
		product = append(product, field("gtin", gtin))
	}
	product = withText(product, "mpn", page.Get("product", "mpn"))
	for _, name := range variesBy {
		product = withValue(product, name, propertyOf(page, name))
	}
	product = withObject(product, "offers", offer)
	product = withObject(product, "aggregateRating", ratingOf(page))
	if reviews := reviewsOf(page); reviews != nil {
		product = append(product, view.Field{Name: "review", Value: view.OfElements(reviews)})
	}
	return product
}

func withValue(to view.Fields, name, value string) view.Fields {
	if value == "" {
		return to
	}
	return append(to, field(name, value))
}

func withObject(to view.Fields, name string, value view.Fields) view.Fields {
	if value == nil {
		return to
	}
	return append(to, view.Field{Name: name, Value: view.OfMembers(value)})
}

func textOfMember(in view.Fields, name string) string {
	v, _ := in.Member(name)
	return text(v)
}

func pictures(page view.Value) (urls view.Elements) {
	walk := list(page.Get("product", "images")).Walk()
	for image, ok := walk.Next(); ok; image, ok = walk.Next() {
		if url := absolute(page, view.OfText(src(image))); url != "" {
			urls = append(urls, view.OfText(url))
		}
	}
	return urls
}

// validGTIN reports whether s is a GTIN of 8, 12, 13 or 14 digits whose check digit is right. A wrong one makes the whole Product invalid.
func validGTIN(s string) bool {
	if !locale.Digits(s) || !slices.Contains([]int{8, 12, 13, 14}, len(s)) {
		return false
	}
	sum := 0
	for i, d := range s {
		weight := 1
		if (len(s)-i)%2 == 0 {
			weight = 3
		}
		sum += int(d-'0') * weight
	}
	return sum%10 == 0
}

// variesBy are the properties of schema.org by which the variants of a product may differ.
var variesBy = [...]string{"color", "size", "material", "pattern"}

// propertyOf returns the color, size, material or pattern of a product: its member of that name, or else the value of the option that stands
// for this property.
func propertyOf(page view.Value, name string) string {
	if s := textAt(page, "product", name); s != "" {
		return s
	}
	options := list(page.Get("product", "options")).Walk()
	for o, ok := options.Next(); ok; o, ok = options.Next() {
		if property(o) == name {
			return textAt(o, "value")
		}
	}
	return ""
}

// property returns the property of schema.org that an option stands for, by its member property, or else by its English name; "" for any
// other option.
func property(option view.Value) string {
	s := strings.ToLower(cmp.Or(textAt(option, "property"), textAt(option, "name")))
	if s == "colour" {
		return "color"
	}
	if slices.Contains(variesBy[:], s) {
		return s
	}
	return ""
}

// ratingOf returns the AggregateRating of a page; nil if nobody has rated, or if the value lies outside its scale.
func ratingOf(page view.Value) view.Fields {
	value, count := textAt(page, "rating", "value"), textAt(page, "rating", "count")
	best := cmp.Or(textAt(page, "rating", "best"), "5")
	if !rated(value, best) || !locale.Digits(count) || strings.Trim(count, "0") == "" {
		return nil
	}
	return append(thing("AggregateRating"), field("ratingValue", value), field("bestRating", best), field("ratingCount", count))
}

// rated reports whether value lies between 0 and best.
func rated(value, best string) bool {
	return decimal(value) && decimal(best) && !locale.Less(best, value)
}

func reviewsOf(page view.Value) (reviews view.Elements) {
	walk := list(page.Get("reviews")).Walk()
	for r, ok := walk.Next(); ok && len(reviews) < maxReviews; r, ok = walk.Next() {
		author, value, best := textAt(r, "author"), textAt(r, "rating"), cmp.Or(textAt(r, "best"), "5")
		if author == "" || !rated(value, best) {
			continue
		}
		review := append(thing("Review"), view.Field{Name: "author", Value: named("Person", author)},
			view.Field{Name: "reviewRating", Value: view.OfMembers(append(thing("Rating"), field("ratingValue", value), field("bestRating", best)))})
		review = withText(review, "name", r.Get("title"))
		review = withText(review, "reviewBody", r.Get("text"))
		review = withValue(review, "datePublished", day(r.Get("date")))
		reviews = append(reviews, view.OfMembers(review))
	}
	return reviews
}

// groupOf returns the ProductGroup of a product and of those siblings that differ from it in its options. It is nil if there are none, or if
// the site has no origin, since variants are identified by their addresses.
func groupOf(page view.Value) view.Fields {
	path, names := textAt(page, "Page", "Path"), optionNames(page)
	own := memberOf(page, names)
	members, _ := relatives(page, own, names, path)
	url := textAt(page, "Page", "URL")
	if len(members) < 2 || url == "" {
		return nil
	}
	variants := make(view.Elements, 0, len(members))
	for _, m := range members {
		if m.url == own.url {
			variants = append(variants, view.OfMembers(view.Fields{field("@id", url+"#product")}))
		} else if other := absolute(page, view.OfText(m.url)); other != "" {
			variants = append(variants, view.OfMembers(view.Fields{field("url", other)}))
		}
	}
	first := members[0].data
	id := cmp.Or(textAt(page, "product", "group"), textAt(first, textAt(page, "Page", "Kind")), textAt(page, "Page", "ID"))
	group := append(thing("ProductGroup"), field("@id", url+"#group"), field("productGroupID", id),
		field("name", cmp.Or(textAt(first, "product", "title"), textAt(page, "product", "title"))))
	var differ view.Elements
	options := list(page.Get("product", "options")).Walk()
	for o, ok := options.Next(); ok; o, ok = options.Next() {
		if p := property(o); p != "" {
			differ = append(differ, view.OfText("https://schema.org/"+p))
		}
	}
	if differ != nil {
		group = append(group, view.Field{Name: "variesBy", Value: view.OfElements(differ)})
	}
	return append(group, view.Field{Name: "hasVariant", Value: view.OfElements(variants)})
}
