package templates

import (
	"cmp"
	"strings"

	"vitrine/internal/locale"
	"vitrine/internal/view"
)

// offerOf returns the Offer of a page; nil if its price is not a number, is negative, or has no currency of ISO 4217.
func offerOf(page view.Value) view.Fields {
	amount, currency := textAt(page, "price", "amount"), currencyOf(page)
	if !decimal(amount) || currency == "" {
		return nil
	}
	o := append(thing("Offer"), field("price", amount), field("priceCurrency", currency))
	o = withText(o, "url", page.Get("Page", "URL"))
	o = withValue(o, "priceValidUntil", day(page.Get("price", "until")))
	if list, _, ok := reduction(page.Get("price", "list"), page.Get("price", "amount")); ok {
		struck := append(thing("UnitPriceSpecification"), field("priceType", "https://schema.org/StrikethroughPrice"), field("price", list), field("priceCurrency", currency))
		o = withObject(o, "priceSpecification", struck)
	}
	if kind := availability(page); kind != "" {
		o = append(o, field("availability", "https://schema.org/"+kind))
	}
	o = withValue(o, "availabilityStarts", cmp.Or(day(page.Get("stock", "date")), day(page.Get("stock", "state"))))
	if kind := condition(textAt(page, "product", "condition")); kind != "" {
		o = append(o, field("itemCondition", "https://schema.org/"+kind))
	}
	if seller := textAt(page, "shop", "title"); seller != "" {
		o = append(o, view.Field{Name: "seller", Value: named("Organization", seller)})
	}
	o = withObject(o, "shippingDetails", shippingOf(page, currency))
	return withObject(o, "hasMerchantReturnPolicy", returnsOf(page))
}

// currencyOf returns the code of the page's currency; "" for what has not the form of ISO 4217, which machines refuse.
func currencyOf(page view.Value) string {
	code := strings.ToUpper(cmp.Or(textAt(page, "price", "currency"), textAt(page, "Site", "Currency")))
	if !locale.Code(code) {
		return ""
	}
	return code
}

func availability(page view.Value) string {
	switch textAt(page, "status", "state") {
	case "off": // the product may come back
		return "OutOfStock"
	case "discontinued":
		return "Discontinued"
	}
	switch textAt(page, "stock", "state") {
	case "in":
		return "InStock"
	case "low":
		return "LimitedAvailability"
	case "out":
		return "OutOfStock"
	case "preorder":
		return "PreOrder"
	case "backorder":
		return "BackOrder"
	}
	if day(page.Get("stock", "state")) != "" {
		return "BackOrder"
	}
	return ""
}

func condition(state string) string {
	switch state {
	case "new":
		return "NewCondition"
	case "used":
		return "UsedCondition"
	case "refurbished":
		return "RefurbishedCondition"
	case "damaged":
		return "DamagedCondition"
	}
	return ""
}

// fromPageOrSite returns a member of the page's data, or, if there is none, what the catalog declares for the whole site.
func fromPageOrSite(page view.Value, name, ofSite string) view.Value {
	if v := page.Get(name); v.Kind() == view.Object {
		return v
	}
	return page.Get("Site", ofSite)
}

// shippingOf returns the OfferShippingDetails of a page; nil without a country and a price, which Google requires.
func shippingOf(page view.Value, currency string) view.Fields {
	shipping := fromPageOrSite(page, "shipping", "Shipping")
	price := textAt(shipping, "price")
	var regions view.Elements
	walk := list(shipping.Get("to")).Walk()
	for code, ok := walk.Next(); ok; code, ok = walk.Next() {
		if s := text(code); country(s) {
			regions = append(regions, view.OfMembers(append(thing("DefinedRegion"), field("addressCountry", s))))
		}
	}
	if regions == nil || !decimal(price) {
		return nil
	}
	details := append(thing("OfferShippingDetails"),
		view.Field{Name: "shippingDestination", Value: view.OfElements(regions)},
		view.Field{Name: "shippingRate", Value: view.OfMembers(append(thing("MonetaryAmount"), field("value", price), field("currency", currency)))})
	transit := daysOf(shipping.Get("transit"))
	if transit == nil {
		return details
	}
	times := thing("ShippingDeliveryTime")
	times = withObject(times, "handlingTime", daysOf(shipping.Get("handling")))
	return withObject(details, "deliveryTime", withObject(times, "transitTime", transit))
}

// daysOf returns a range of days, written as in [1, 3]; nil for anything else.
func daysOf(v view.Value) view.Fields {
	if v.Kind() != view.List || v.Len() != 2 {
		return nil
	}
	walk := v.Walk()
	least, _ := walk.Next()
	most, _ := walk.Next()
	if !locale.Digits(text(least)) || !locale.Digits(text(most)) {
		return nil
	}
	return append(thing("QuantitativeValue"), field("minValue", text(least)), field("maxValue", text(most)), field("unitCode", "DAY"))
}

func returnsOf(page view.Value) view.Fields {
	returns := fromPageOrSite(page, "returns", "Returns")
	to, days := textAt(returns, "to"), textAt(returns, "days")
	if !country(to) || !locale.Digits(days) {
		return nil
	}
	policy := append(thing("MerchantReturnPolicy"), field("applicableCountry", to))
	if strings.Trim(days, "0") == "" {
		return append(policy, field("returnPolicyCategory", "https://schema.org/MerchantReturnNotPermitted"))
	}
	fees := "ReturnFeesCustomerResponsibility"
	if free := returns.Get("free"); free.Kind() == view.Bool && text(free) == "true" {
		fees = "FreeReturn"
	}
	policy = append(policy, field("returnPolicyCategory", "https://schema.org/MerchantReturnFiniteReturnWindow"), field("merchantReturnDays", days),
		field("returnMethod", "https://schema.org/ReturnByMail"), field("returnFees", "https://schema.org/"+fees))
	return withValue(policy, "merchantReturnLink", absolute(page, returns.Get("url")))
}

// country reports whether s is a country as ISO 3166-1 writes it, with two capitals.
func country(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z'
}
