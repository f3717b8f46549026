package trial

import (
	"strings"

	"github.com/tidwall/gjson"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/locale"
	"vitrine/internal/shape"
)

// struck is the list price, which most items have not.
const struck = "list"

// amounts warns of prices of a blob that are not the decimal numbers that the theme reads.
func (t *trial) amounts(b *catalog.Blob, ids []string) {
	for _, path := range []catalog.Path{{"price", "amount"}, {"price", struck}} {
		for _, id := range ids {
			if t.amount(b, item.Entity{Kind: b.Kind.Name, ID: id}, path) {
				break
			}
		}
	}
}

// amount warns if the value at a path of an entity's blob is no amount, and reports whether it is none. A dimension of several blobs is
// named once.
func (t *trial) amount(b *catalog.Blob, e item.Entity, path catalog.Path) (wrong bool) {
	v, err := shape.Fold(b, e, t.recordsOf(b, e))
	if err != nil || v.Existence != kv.Alive {
		return false // blob has reported it, or there is no page
	}
	value, there := shape.Lookup(v.Body, path)
	if !there || isAmount(value) || path[1] == struck && isEmpty(value) {
		return false
	}
	what, at := t.giver(b, e, path, value)
	if key := strings.Join(at, ".") + " " + path.String(); !t.doubted[key] {
		t.doubted[key] = true
		t.warn(what, at, `give a decimal number such as 11.37 or "11.37", the currency by its own member, and leave price out where there is none`,
			"%s of %s is %.80s, not a number of 0 or more: %s", path, e, value.Raw, shown(path, value))
	}
	return true
}

// giver returns what gives a value of a blob, and its path in the catalog: the dimension whose record has the same value, or else the fold.
func (t *trial) giver(b *catalog.Blob, e item.Entity, path catalog.Path, value gjson.Result) (what string, at []string) {
	for _, d := range b.Of {
		record := t.records[kv.RecordKey{Entity: e, Dimension: d.Name}]
		given, there := shape.Lookup(record.Body, path[1:])
		if !there || given.Raw != value.Raw {
			continue
		}
		if d.Pick != nil {
			return d.Kind.Name + "." + d.Name, t.keyOf(d, "pick")
		}
		return d.Kind.Name + "." + d.Name, t.keyOf(d, asking(d))
	}
	return b.Kind.Name + "/" + b.Name, []string{"entities", b.Kind.Name, "blobs", b.Name, "fold"}
}

// isAmount reports whether a value is a decimal number of 0 or more, be it a number or a text.
func isAmount(v gjson.Result) bool {
	return locale.Decimal(written(v)) && !strings.HasPrefix(written(v), "-")
}

func isEmpty(v gjson.Result) bool {
	return v.Type == gjson.Null || v.Type == gjson.String && v.Str == ""
}

// written is the text of a value: its digits as they are given, and never a float.
func written(v gjson.Result) string {
	if v.Type == gjson.String {
		return v.Str
	}
	return v.Raw
}

// shown says what the theme makes of a value that is no amount.
func shown(path catalog.Path, v gjson.Result) string {
	switch {
	case path[1] == struck:
		return "the theme strikes no price through"
	case v.Type == gjson.String && v.Str != "" && !locale.Decimal(v.Str):
		return "the theme shows it as it stands, and search engines get no price"
	}
	return "the theme shows no price"
}
