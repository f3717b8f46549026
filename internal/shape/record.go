package shape

import (
	"fmt"

	"github.com/tidwall/gjson"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// Record is what an upstream's answer for one entity becomes.
type Record struct {
	Body    []byte // JSON, compact
	Version item.Version
	Refs    kv.Refs
}

// MakeRecord checks, picks and cleans an answer. gone reports whether the answer means a deletion; the record then has
// a version only. Errors wrap item.ErrRefused or item.ErrVersion, and name the dimension and the reason.
func MakeRecord(d *catalog.Dimension, answer []byte) (rec Record, gone bool, err error) {
	rec, gone, err = makeRecord(d, answer)
	if err != nil {
		return Record{}, false, fmt.Errorf("%s.%s: %w", d.Kind.Name, d.Name, err)
	}
	return rec, gone, nil
}

func makeRecord(d *catalog.Dimension, answer []byte) (rec Record, gone bool, err error) {
	if d.Pick == nil && d.Gone == nil && len(d.HTML) == 0 {
		rec.Body, err = Compact(answer) // the fast path: nothing has to be decoded
	} else {
		rec.Body, gone, err = pick(d, answer)
	}
	if err != nil {
		return rec, false, err
	}
	rec.Version, err = versionOf(d, answer, gone)
	if err != nil || gone {
		return rec, gone, err
	}
	if string(rec.Body) == "null" {
		return rec, false, fmt.Errorf("%w: the record is null (for a record without members pick gives {})", item.ErrRefused)
	}
	for _, p := range d.Require {
		if v, ok := Lookup(rec.Body, p); !ok || v.Type == gjson.Null {
			return rec, false, fmt.Errorf("%w: %s is required, and missing", item.ErrRefused, p)
		}
	}
	rec.Refs = Refs(d, rec.Body)
	return rec, false, nil
}

func pick(d *catalog.Dimension, answer []byte) (body []byte, gone bool, err error) {
	v, err := decode(answer, maxDepth)
	if err != nil {
		return nil, false, err
	}
	if d.Gone != nil {
		gone, err = truth(d.Gone, v)
		if err != nil || gone {
			return nil, gone, err
		}
	}
	finish := func(v any) error {
		for _, p := range d.HTML {
			if err := cleanAt(v, p); err != nil {
				return err
			}
		}
		body, err = encode(v, maxDepth)
		return err
	}
	if d.Pick == nil {
		err = finish(v)
		return body, false, err
	}
	err = run(d.Pick, v, finish)
	return body, false, err
}

// versionOf reads the upstream's version. An answer that says "gone" may lack one.
func versionOf(d *catalog.Dimension, answer []byte, gone bool) (item.Version, error) {
	if len(d.Version) == 0 {
		return "", nil
	}
	v, ok := Lookup(answer, d.Version)
	if gone && (!ok || v.Type == gjson.Null) {
		return "", nil
	}
	if v.Type != gjson.String && v.Type != gjson.Number {
		return "", fmt.Errorf("%w: %w: %s is %.40q", item.ErrRefused, item.ErrVersion, d.Version, v.Raw)
	}
	text := v.Raw
	if v.Type == gjson.String {
		text = v.Str
	}
	version, err := item.NewVersion(text)
	if err != nil {
		return "", fmt.Errorf("%w: %s: %w", item.ErrRefused, d.Version, err)
	}
	return version, nil
}

// cleanAt cleans the HTML at a path, also within lists. Absent and null values stay.
func cleanAt(v any, p catalog.Path) error {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if err := cleanAt(e, p); err != nil {
				return err
			}
		}
	case map[string]any:
		child, ok := v[p[0]]
		if !ok || child == nil {
			return nil
		}
		if len(p) > 1 {
			return cleanAt(child, p[1:])
		}
		s, ok := child.(string)
		if !ok {
			return fmt.Errorf("%w: %s should be HTML, and is no text", item.ErrRefused, p)
		}
		clean, err := Clean(s)
		v[p[0]] = clean
		return err
	}
	return nil
}
