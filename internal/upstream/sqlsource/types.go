package sqlsource

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"vitrine/internal/item"
)

// oid is the number of a type of PostgreSQL. Those below are in every database.
type oid uint32

// The types that are treated otherwise than as text.
const (
	oidBool        = 16
	oidBytea       = 17
	oidInt8        = 20
	oidInt2        = 21
	oidInt4        = 23
	oidText        = 25
	oidOID         = 26
	oidJSON        = 114
	oidFloat4      = 700
	oidFloat8      = 701
	oidChar        = 1042
	oidVarchar     = 1043
	oidDate        = 1082
	oidTimestamp   = 1114
	oidTimestamptz = 1184
	oidNumeric     = 1700
	oidUUID        = 2950
	oidJSONB       = 3802
)

// elementOf maps an array type to the type of its elements.
func elementOf(array oid) (element oid, ok bool) {
	switch array {
	case 1000:
		return oidBool, true
	case 1001:
		return oidBytea, true
	case 1005:
		return oidInt2, true
	case 1007:
		return oidInt4, true
	case 1016:
		return oidInt8, true
	case 1009:
		return oidText, true
	case 1014:
		return oidChar, true
	case 1015:
		return oidVarchar, true
	case 1021:
		return oidFloat4, true
	case 1022:
		return oidFloat8, true
	case 1115:
		return oidTimestamp, true
	case 1182:
		return oidDate, true
	case 1185:
		return oidTimestamptz, true
	case 1231:
		return oidNumeric, true
	case 199:
		return oidJSON, true
	case 3807:
		return oidJSONB, true
	case 2951:
		return oidUUID, true
	}
	return 0, false
}

// columnOf is a column of an answer.
func columnOf(name string, t uint32) column {
	kind := oid(t)
	element, list := elementOf(kind)
	if list {
		kind = element
	}
	c := column{name: name, list: list}
	switch kind {
	case oidBool:
		c.form = boolean
	case oidBytea:
		c.form, c.kind = binary, "bytea"
	case oidInt2, oidInt4, oidInt8, oidOID, oidFloat4, oidFloat8, oidNumeric:
		c.form = number
	case oidJSON, oidJSONB:
		c.form = object
	case oidTimestamp, oidTimestamptz:
		c.form = moment
	}
	return c
}

// value is what the parameter is bound to, as Postgres writes it; nil if none of the ids can be in a column of its type.
func (t oid) value(q Query) ([]byte, error) {
	element, list := elementOf(t)
	switch {
	case q.ID == "" && q.First:
		return t.least(), nil
	case q.ID == "":
		return []byte(q.IDs[0]), nil
	case list && !q.Batch:
		return nil, fmt.Errorf("%w: the query of one id compares $1 with an array: write sku = $1", item.ErrUnavailable)
	case !list && q.Batch && t.scalar():
		return nil, fmt.Errorf("%w: the query of a batch compares $1 with a single value: write sku = ANY($1), not IN ($1)", item.ErrUnavailable)
	case !list:
		element = t
	}
	ids := slices.DeleteFunc(slices.Clone(q.IDs), func(id string) bool { return !element.holds(id) })
	switch {
	case len(ids) == 0:
		return nil, nil
	case q.Batch:
		return arrayOf(ids), nil
	}
	return []byte(ids[0]), nil
}

// scalar reports whether a type is certainly no array.
func (t oid) scalar() bool {
	return slices.Contains([]oid{oidInt2, oidInt4, oidInt8, oidOID, oidText, oidChar, oidVarchar, oidNumeric, oidUUID, oidFloat4, oidFloat8, oidDate, oidTimestamp, oidTimestamptz}, t)
}

// Forms of what Postgres would refuse, and fail a whole batch for.
var (
	uuidForm    = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	numericForm = regexp.MustCompile(`^-?[0-9]{1,64}(\.[0-9]{1,64})?$`)
)

// holds reports whether a column of this type can hold an id, as it is written.
func (t oid) holds(id string) bool {
	switch t {
	case oidInt2:
		return integer(id, 16)
	case oidInt4:
		return integer(id, 32)
	case oidInt8:
		return integer(id, 64)
	case oidUUID:
		return uuidForm.MatchString(id)
	case oidNumeric, oidFloat4, oidFloat8:
		return numericForm.MatchString(id)
	}
	return true
}

func integer(id string, bits int) bool {
	n, err := strconv.ParseInt(id, 10, bits)
	return err == nil && strconv.FormatInt(n, 10) == id
}

// least is below everything in a column of this type.
func (t oid) least() []byte {
	switch t {
	case oidInt2:
		return []byte("-32768")
	case oidInt4:
		return []byte("-2147483648")
	case oidInt8:
		return []byte("-9223372036854775808")
	case oidUUID:
		return []byte("00000000-0000-0000-0000-000000000000")
	case oidDate, oidTimestamp, oidTimestamptz, oidNumeric, oidFloat4, oidFloat8:
		return []byte("-infinity")
	}
	return []byte{}
}
