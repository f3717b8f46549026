package templates_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"vitrine/templates"
)

// These are the members that Google requires, and the forms that their values must have. Sources:
// https://developers.google.com/search/docs/appearance/structured-data/product-snippet, …/merchant-listing,
// …/product-variants, …/breadcrumb, …/return-policy, …/shipping-policy.
var (
	isAmount   = regexp.MustCompile(`^\d+(\.\d+)?$`)
	isCurrency = regexp.MustCompile(`^[A-Z]{3}$`)
	isCountry  = regexp.MustCompile(`^[A-Z]{2}$`)
	isWhole    = regexp.MustCompile(`^[1-9]\d*$`)
)

var enumerations = map[string][]string{
	"availability":         {"InStock", "OutOfStock", "PreOrder", "BackOrder", "Discontinued", "LimitedAvailability", "InStoreOnly", "OnlineOnly", "SoldOut", "PreSale"},
	"itemCondition":        {"NewCondition", "UsedCondition", "RefurbishedCondition", "DamagedCondition"},
	"priceType":            {"StrikethroughPrice", "ListPrice", "MSRP"},
	"returnFees":           {"FreeReturn", "ReturnFeesCustomerResponsibility", "ReturnShippingFees"},
	"returnMethod":         {"ReturnByMail", "ReturnInStore", "ReturnAtKiosk"},
	"returnPolicyCategory": {"MerchantReturnFiniteReturnWindow", "MerchantReturnNotPermitted", "MerchantReturnUnlimitedWindow"},
}

// required maps a type to its required members. Of names divided by | one is enough.
var required = map[string][]string{
	"Product":                {"name", "offers", "image"},
	"Offer":                  {"price", "priceCurrency"},
	"UnitPriceSpecification": {"price", "priceCurrency"},
	"AggregateRating":        {"ratingValue", "ratingCount|reviewCount"},
	"Review":                 {"author", "reviewRating"},
	"Rating":                 {"ratingValue"},
	"Person":                 {"name"}, "Brand": {"name"}, "Organization": {"name"},
	"ProductGroup":         {"name", "productGroupID", "hasVariant"},
	"BreadcrumbList":       {"itemListElement"},
	"ListItem":             {"position", "name"},
	"OfferShippingDetails": {"shippingDestination", "shippingRate"},
	"DefinedRegion":        {"addressCountry"}, "MonetaryAmount": {"value", "currency"},
	"ShippingDeliveryTime": {"transitTime"}, "QuantitativeValue": {"minValue", "maxValue", "unitCode"},
	"MerchantReturnPolicy": {"applicableCountry", "returnPolicyCategory"},
}

// faultsOfLinkedData lists the faults of a page's structured data.
func faultsOfLinkedData(document string) (faults []string) {
	var root map[string]any
	if err := json.Unmarshal([]byte(document), &root); err != nil {
		return []string{err.Error()}
	}
	if root["@context"] != "https://schema.org" {
		faults = append(faults, "no @context")
	}
	c := &checker{ids: map[string]bool{}}
	c.walk("", root["@graph"])
	for _, id := range c.refs {
		if !c.ids[id] {
			c.fault("", "nothing has the @id %s", id)
		}
	}
	return append(faults, c.faults...)
}

type checker struct {
	faults []string
	ids    map[string]bool // of things that are described
	refs   []string        // @ids that are only referred to
}

func (c *checker) fault(at, format string, args ...any) {
	c.faults = append(c.faults, strings.TrimPrefix(at+": ", ": ")+fmt.Sprintf(format, args...))
}

func (c *checker) walk(at string, v any) {
	switch v := v.(type) {
	case []any:
		if len(v) == 0 {
			c.fault(at, "an empty list")
		}
		for _, one := range v {
			c.walk(at, one)
		}
	case map[string]any:
		c.thing(at, v)
	case string:
		c.text(at, v)
	case nil:
		c.fault(at, "nothing")
	}
}

func (c *checker) thing(at string, v map[string]any) {
	kind, _ := v["@type"].(string)
	id, _ := v["@id"].(string)
	if kind == "" {
		if id != "" {
			c.refs = append(c.refs, id)
		} else if v["url"] == nil || len(v) != 1 {
			c.fault(at, "a thing without a type")
		}
	} else if id != "" {
		c.ids[id] = true
	}
	if kind != "" && required[kind] == nil {
		c.fault(at, "an unknown type %s", kind)
	}
	for _, names := range required[kind] {
		if !slices.ContainsFunc(strings.Split(names, "|"), func(name string) bool { return v[name] != nil && v[name] != "" }) {
			c.fault(at, "a %s lacks %s", kind, names)
		}
	}
	if least, most := fmt.Sprint(v["minValue"]), fmt.Sprint(v["maxValue"]); kind == "QuantitativeValue" && (len(least) > len(most) || len(least) == len(most) && least > most) {
		c.fault(at, "from %s to %s", least, most)
	}
	if v["returnPolicyCategory"] == "https://schema.org/MerchantReturnFiniteReturnWindow" && v["merchantReturnDays"] == nil {
		c.fault(at, "a window of unknown days")
	}
	if countries, several := v["addressCountry"].([]any); several {
		c.fault(at, "a region of %d countries: validators want a text", len(countries))
	}
	for name, member := range v {
		c.walk(strings.TrimPrefix(at+"."+name, "."), member)
	}
}

func (c *checker) text(at, s string) {
	name := at[strings.LastIndex(at, ".")+1:]
	bad := false
	switch name {
	case "price", "value", "ratingValue", "bestRating":
		bad = !isAmount.MatchString(s)
	case "priceCurrency", "currency":
		bad = !isCurrency.MatchString(s)
	case "addressCountry", "applicableCountry":
		bad = !isCountry.MatchString(s)
	case "ratingCount", "reviewCount", "merchantReturnDays":
		bad = !isWhole.MatchString(s)
	case "url", "image", "item", "merchantReturnLink", "@id":
		u, err := url.Parse(s)
		bad = err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http"
	case "priceValidUntil", "availabilityStarts", "datePublished":
		_, err := time.Parse(time.DateOnly, s)
		bad = err != nil
	case "gtin":
		bad = !slices.Contains([]int{8, 12, 13, 14}, len(s))
	case "variesBy":
		bad = !slices.Contains([]string{"color", "size", "material", "pattern"}, strings.TrimPrefix(s, "https://schema.org/"))
	case "name", "sku":
		bad = strings.TrimSpace(s) == ""
	}
	if values, ok := enumerations[name]; ok {
		bad = !slices.Contains(values, strings.TrimPrefix(s, "https://schema.org/")) || !strings.HasPrefix(s, "https://schema.org/")
	}
	if bad {
		c.fault(at, "%q", s)
	}
}

// whole is a product with everything that a catalog can provide.
func whole() odd {
	return change("whole", object{
		"product": object{"title": "Lamp", "brief": "b", "images": array{"/a.png"}, "gtin": "4006381333931", "mpn": "L-1", "material": "Oak", "condition": "new",
			"options": array{object{"name": "Colour", "value": "Red"}, object{"name": "Größe", "value": "M", "property": "size"}}},
		"price": object{"amount": "19.90", "list": "29.90", "currency": "EUR", "until": "2027-01-31"}, "stock": object{"state": "preorder", "date": "2027-02-01"},
		"rating":  object{"value": "4.5", "count": "12"},
		"reviews": array{object{"author": "Ann", "rating": "5", "title": "Fine", "text": "It shines.", "date": "2026-10-01T10:00:00Z"}, object{"rating": "5"}},
		"siblings": array{object{"sku": "2", "URL": "/item/2.html", "product": object{"title": "Lamp, blue", "options": array{object{"name": "Colour", "value": "Blue"},
			object{"name": "Größe", "value": "M"}}}}},
		"Site": object{"Origin": "https://shop.example", "Shipping": object{"to": array{"DE", "AT"}, "price": "4.90", "handling": array{0, 1}, "transit": array{1, 3}},
			"Returns": object{"to": "DE", "days": 30, "free": true, "url": "/returns"}},
		"Page": object{"URL": "https://shop.example/item/1.html", "Path": "/item/1.html"},
	})
}

const linkedPage = `{{with jsonld .}}<script type="application/ld+json">{{.}}</script>{{end}}`

// linked renders a page's structured data, or returns "" if it has none.
func linked(t *testing.T, page any) string {
	t.Helper()
	set, err := load(t, map[string]string{"ld.html": linkedPage})
	if err != nil {
		t.Fatal(err)
	}
	return linkedOf(t, set, page)
}

// linkedOf is linked with a set in which linkedPage is ld.html.
func linkedOf(t *testing.T, set *templates.Set, page any) string {
	t.Helper()
	return strings.TrimSuffix(strings.TrimPrefix(render(t, set, "ld.html", page), `<script type="application/ld+json">`), "</script>")
}

// TestLinkedDataIsWhole proves that everything that the catalog provides is in the structured data, in the form that
// Google requires.
func TestLinkedDataIsWhole(t *testing.T) {
	got := linked(t, whole().page)
	if faults := faultsOfLinkedData(got); faults != nil {
		t.Errorf("the linked data break rules: %v\n%v", faults, got)
	}
	for _, want := range []string{
		`"gtin":"4006381333931"`, `"mpn":"L-1"`, `"color":"Red"`, `"size":"M"`, `"material":"Oak"`, `"priceValidUntil":"2027-01-31"`,
		`"availability":"https://schema.org/PreOrder"`, `"availabilityStarts":"2027-02-01"`, `"itemCondition":"https://schema.org/NewCondition"`,
		`"price":"29.90","priceCurrency":"EUR","priceType":"https://schema.org/StrikethroughPrice"`, `"ratingValue":"4.5"`, `"ratingCount":"12"`, `"reviewBody":"It shines."`,
		`"datePublished":"2026-10-01"`, `"shippingDestination":[{"@type":"DefinedRegion","addressCountry":"DE"},{"@type":"DefinedRegion","addressCountry":"AT"}]`, `"value":"4.90"`, `"maxValue":"3"`, `"merchantReturnDays":"30"`, `FreeReturn`,
		`"@type":"ProductGroup"`, `"variesBy":["https://schema.org/color","https://schema.org/size"]`,
		`"hasVariant":[{"@id":"https://shop.example/item/1.html#product"},{"url":"https://shop.example/item/2.html"}]`,
		`"isVariantOf":{"@id":"https://shop.example/item/1.html#group"}`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is missing in %s", want, got)
		}
	}
	if strings.Count(got, `"@type":"Review"`) != 1 {
		t.Error("a review without an author is told:", got)
	}
}

// TestLinkedDataOfOddProducts proves that the structured data is valid and truthful whatever the page's data.
func TestLinkedDataOfOddProducts(t *testing.T) {
	told := 0
	for _, o := range append(corpus(),
		change("no-gtin", product("gtin", "4006381333932")), change("currency-in-words", price("pounds", "1.50", "")), change("currency-in-small", price("eur", "1.50", "")), change("bad-condition", product("condition", "fine")),
		change("rating-of-nobody", object{"rating": object{"value": "5", "count": "0"}}), change("rating-too-high", object{"rating": object{"value": "11", "count": "3"}}),
		change("rating-of-ten", object{"rating": object{"value": "9.5", "best": "10", "count": "3"}}), change("reviews-in-words", object{"reviews": "many"}),
		change("shipping-nowhere", object{"shipping": object{"price": "1"}}), change("returns-never", object{"returns": object{"to": "DE", "days": "0"}}),
		change("until-then", object{"price": object{"until": "soon"}}), change("only-rated", object{"price": nil, "rating": object{"value": "4", "count": "2"}}),
	) {
		o.page["Site"].(object)["Origin"] = "https://shop.example"
		o.page["Page"].(object)["URL"] = "https://shop.example/item/" + o.name
		document := linked(t, o.page)
		if document == "" {
			continue
		}
		told++
		for _, fault := range faultsOfLinkedData(document) {
			t.Errorf("%s: %s in %s", o.name, fault, document)
		}
	}
	if told < 70 {
		t.Errorf("only %d products are told to machines", told)
	}
}

// TestFaultsOfLinkedData proves that the checker finds each kind of fault.
func TestFaultsOfLinkedData(t *testing.T) {
	good := linked(t, whole().page)
	for _, c := range [][2]string{
		{`"price":"19.90"`, `"price":"1,90"`}, {`"price":"19.90"`, `"price":"-19.90"`}, {`"priceCurrency":"EUR"`, `"priceCurrency":"€"`}, {`"PreOrder`, `"preorder`},
		{`schema.org/PreOrder`, `schema.org/preorder`}, {`"2027-01-31"`, `"31.1.2027"`}, {`"ratingCount":"12"`, `"ratingCount":"0"`}, {`"author":`, `"writer":`},
		{`"https://shop.example/a.png"`, `"/a.png"`}, {`"productGroupID"`, `"group"`}, {`"isVariantOf":{"@id":"https://shop.example/item/1.html#group"}`, `"isVariantOf":{"@id":"https://x.example"}`},
		{`"maxValue":"3"`, `"maxValue":"0"`}, {`"merchantReturnDays":"30",`, ``}, {`"name":"Lamp"`, `"name":""`},
	} {
		bad := strings.ReplaceAll(good, c[0], c[1])
		if bad != good && faultsOfLinkedData(bad) == nil {
			t.Errorf("%s in place of %s is not found", c[1], c[0])
		}
	}
}
