package templates

import (
	"encoding/json"
	"fmt"
	"html/template"

	"vitrine/internal/item"
)

// functions are what templates may call besides html/template's own.
//
//	text V            V as plain text; "" for nothing, for objects and lists
//	list V            V as a list: itself, one element, or none
//	get V "a" "b"     V.a.b, or nothing where a step is missing or no object
//	src V             a picture's address: V itself, or its url or src
//	segment V         V as one segment of a path, percent-encoded
//	money V "EUR" "de"  an amount with its currency
//	number V "de"     a number with grouped digits
//	asset "site.css"  the path of a static file
//	say . "In stock"  a text of the theme in the page's language
//	family .          the choices among a page's siblings
//	size V "width" 800  a picture's width or height, or the one given
//	absolute . V      an address with scheme and host, or ""
//	jsonld .          the page for machines, inside <script type="application/ld+json">
//	amounts .         how money writes amounts in this page: its Money, Group and Point
//	printf F ...      as in html/template, with widths of up to 3 digits
//
// Those of budget.bounded come on top.
func functions(asset func(string) string) template.FuncMap {
	return template.FuncMap{
		"text": text, "list": list, "get": get, "src": src, "money": money, "number": number, "asset": asset,
		"family": family, "size": size, "absolute": absolute, "jsonld": jsonLD, "amounts": amounts,
	}
}

func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case template.HTML:
		return string(v)
	case bool, int, int64, float64:
		return fmt.Sprint(v)
	}
	return ""
}

func list(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

func get(v any, steps ...string) any {
	for _, step := range steps {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[step]
	}
	return v
}

func src(v any) string {
	if s := text(v); s != "" {
		return s
	}
	if s := text(get(v, "url")); s != "" {
		return s
	}
	return text(get(v, "src"))
}

func segment(v any) string { return item.Escape(text(v)) }
