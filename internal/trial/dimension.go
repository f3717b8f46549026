package trial

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/shape"
	"vitrine/internal/upstream"
)

// dimension fetches entities as a worker does. If the dimension can be fetched both singly and in a batch, it compares the two.
func (t *trial) dimension(ctx context.Context, d *catalog.Dimension, ids []string) {
	what := d.Kind.Name + "." + d.Name
	asks := make([]upstream.Ask, len(ids))
	for i, id := range ids {
		asks[i].ID = id
	}
	answers := t.Client.Fetch(ctx, d, asks)
	bodies, gone := [][]byte{}, 0
	for i, a := range answers {
		v, refs, err := a.Value(d, kv.Record{})
		if err != nil {
			t.refused(d, a, ids[i], err)
			return
		}
		if v.Existence != kv.Alive {
			gone++
			continue
		}
		bodies = append(bodies, a.Body)
		e := item.Entity{Kind: d.Kind.Name, ID: ids[i]}
		t.records[kv.RecordKey{Entity: e, Dimension: d.Name}] = kv.Record{Value: v}
		for _, r := range d.Refs {
			for _, id := range refs[r.Name].IDs {
				t.add(item.Entity{Kind: r.Kind.Name, ID: id})
			}
		}
	}
	switch {
	case gone == len(ids):
		t.fail(what, t.keyOf(d, asking(d)), "is the path right, and the id of the right kind?", "its upstream knows none of the %d tried: %s", len(ids), strings.Join(ids, ", "))
		return
	case gone > 0:
		t.warn(what, t.keyOf(d, asking(d)), "", "its upstream does not know %d of the %d tried", gone, len(ids))
	}
	failures := t.failures
	if fetchForms(d) > 1 {
		t.compareForms(ctx, d, asks)
	}
	t.fields(d, bodies)
	if t.failures == failures {
		t.pass(what, "%d records, such as %.120s", len(bodies), t.records[t.firstOf(d, ids)].Body)
	}
}

// firstOf returns the key of the first of the ids that has a record.
func (t *trial) firstOf(d *catalog.Dimension, ids []string) (key kv.RecordKey) {
	for _, id := range ids {
		key = kv.RecordKey{Entity: item.Entity{Kind: d.Kind.Name, ID: id}, Dimension: d.Name}
		if _, there := t.records[key]; there {
			break
		}
	}
	return key
}

// keyOf returns the path in the catalog of a dimension, or of a key of it.
func (t *trial) keyOf(d *catalog.Dimension, keys ...string) []string {
	return append([]string{"entities", d.Kind.Name, "dimensions", d.Name}, keys...)
}

// asking returns the key of a dimension that says how it is fetched.
func asking(d *catalog.Dimension) string {
	switch {
	case d.Batch != "":
		return "batch"
	}
	return fetchKey(d.Get)
}

// fetchKey is the key of a request, which is a get unless that is "".
func fetchKey(get string) string {
	if get != "" {
		return "get"
	}
	return "post"
}

// fetchForms counts the ways in which a dimension can be fetched: get, batch and post.
func fetchForms(d *catalog.Dimension) (n int) {
	for _, there := range []bool{d.Get != "", d.Batch != "", d.Post != nil} {
		if there {
			n++
		}
	}
	return n
}

// refused reports an answer that cannot become a record, at the key of the catalog that it fails on.
func (t *trial) refused(d *catalog.Dimension, a upstream.Answer, id string, err error) {
	key, hint := why(d.From, err, "items", asking(d))
	if a.Err == nil && a.Status == upstream.OK {
		key, hint = t.refusing(d, a.Body)
	}
	t.fail(d.Kind.Name+"."+d.Name, t.keyOf(d, key), hint, "%s: %v", id, err)
}

// refusing returns the key of a dimension that the answer fails on, and a hint.
func (t *trial) refusing(d *catalog.Dimension, body []byte) (key, hint string) {
	record := body
	if d.Gone != nil {
		if _, err := shape.Truth(d.Gone, body); err != nil {
			return "gone", tryJQ
		}
	}
	if d.Pick != nil {
		picked, err := shape.Run(d.Pick, body)
		if err != nil {
			return "pick", tryJQ
		}
		record = picked
	}
	if v, there := shape.Lookup(body, d.Version); len(d.Version) > 0 && (!there || v.Type != gjson.String && v.Type != gjson.Number) {
		return "version", guess(body, d.Version)
	} else if len(d.Version) > 0 {
		if _, err := item.NewVersion(v.String()); err != nil {
			return "version", "a version is a whole number of up to 20 digits, or a time of RFC 3339; leave it out if there is none"
		}
	}
	for _, p := range d.Require {
		if v, there := shape.Lookup(record, p); !there || v.Type == gjson.Null {
			return "require", cmp.Or(guess(record, p), missed(d, body), "has each of the ids this member? Leave out of require what may be missing")
		}
	}
	return asking(d), "is it too large, or does it go against what docs/catalog.md says of dimensions?"
}

// missed is a hint for a member that pick takes and an answer does not have.
func missed(d *catalog.Dimension, body []byte) string {
	if d.Pick == nil {
		return ""
	}
	for _, taken := range d.Pick.Takes() {
		if !has(body, taken.Path) {
			return "pick takes ." + strings.Join(taken.Path, ".") + ": " + guess(body, taken.Path)
		}
	}
	return ""
}

// compareForms fetches the same entities singly and in a batch, and compares the records. Workers fetch singly what a batch lacks, so they would
// never notice a batch that returns nothing.
func (t *trial) compareForms(ctx context.Context, d *catalog.Dimension, asks []upstream.Ask) {
	what := d.Kind.Name + "." + d.Name
	one, many := *d, *d
	one.Batch = ""
	one.BatchMax = 1
	many.Get = ""
	many.Keep = true
	if d.Post != nil && d.Post.Batch {
		one.Post = nil
	} else {
		many.Post = nil
	}
	singles := t.Client.Fetch(ctx, &one, asks)
	batch := t.Client.Fetch(ctx, &many, asks)
	missing := 0
	var why error
	for i := range asks {
		single, _, err := singles[i].Value(d, kv.Record{})
		if err != nil {
			t.refused(d, singles[i], asks[i].ID, err)
			return
		}
		several, _, err := batch[i].Value(d, kv.Record{})
		switch {
		case err != nil && single.Existence != kv.Alive: // known in neither way
		case err != nil:
			missing++
			why = err
		case single.Existence != several.Existence || string(single.Body) != string(several.Body):
			t.warn(what, t.keyOf(d, "get"), "changes that come together are asked for by batch, a single one by get",
				"%s: get and batch give different records:\n  %.200s\n  %.200s", asks[i].ID, single.Body, several.Body)
			return
		}
	}
	if missing > 0 {
		t.fail(what, t.keyOf(d, asking(d)), "is id_field right, and items, and the parameter that {ids} stands in?",
			"%d of %d that are known singly are left out of a batch: %v", missing, len(asks), why)
	}
}

// fields reports the members that the catalog names and that none of the answers has.
func (t *trial) fields(d *catalog.Dimension, bodies [][]byte) {
	if d.Pick != nil {
		for _, taken := range d.Pick.Takes() {
			t.field(d, bodies, "pick", "pick takes ."+strings.Join(taken.Path, "."), "answers", taken.Path)
		}
		if d.Pick.Takes() == nil {
			t.nulls(d, bodies)
		}
	}
	records := make([][]byte, 0, len(bodies))
	for _, b := range bodies {
		rec, gone, err := shape.MakeRecord(d, b)
		if err == nil && !gone {
			records = append(records, rec.Body)
		}
	}
	for _, r := range d.Refs {
		t.field(d, records, "refs", "ref "+r.Name+" names "+r.Field.String(), "records", r.Field)
	}
	for _, p := range d.HTML {
		t.field(d, records, "html", "html names "+p.String(), "records", p)
	}
}

// field reports a path that none of the documents has. It is a mistake if a member has almost the same name, and otherwise a warning.
func (t *trial) field(d *catalog.Dimension, docs [][]byte, key, says, which string, p catalog.Path) {
	if len(docs) == 0 || slices.ContainsFunc(docs, func(doc []byte) bool { return has(doc, p) }) {
		return
	}
	what, at := d.Kind.Name+"."+d.Name, t.keyOf(d, key)
	hint := guess(docs[0], p)
	if strings.HasPrefix(hint, "did you mean") {
		t.fail(what, at, hint, "%s, which none of the %d %s tried has", says, len(docs), which)
		return
	}
	t.warn(what, at, hint, "%s, which none of the %d %s tried has", says, len(docs), which)
}

// nulls reports the members for which pick gives null in every record.
func (t *trial) nulls(d *catalog.Dimension, bodies [][]byte) {
	null := map[string]int{}
	for _, b := range bodies {
		if picked, err := shape.Run(d.Pick, b); err == nil {
			gjson.ParseBytes(picked).ForEach(func(key, value gjson.Result) bool {
				if value.Type == gjson.Null {
					null[key.Str]++
				}
				return true
			})
		}
	}
	for name, n := range null {
		if n == len(bodies) {
			t.warn(d.Kind.Name+"."+d.Name, t.keyOf(d, "pick"), "", "pick gives null for %s of all %d answers tried", name, n)
		}
	}
}

// has reports whether a document has a member at the path, or a null or a list on the way to it.
func has(doc []byte, p catalog.Path) bool {
	at := gjson.ParseBytes(doc)
	for i := range p {
		v, there := shape.Lookup(doc, p[:i+1])
		switch {
		case !there && at.IsArray():
			return true
		case !there:
			return false
		case v.Type == gjson.Null:
			return true
		}
		at = v
	}
	return true
}

// guess returns a hint for a path that a document lacks: the members that it has in place of the first missing one.
func guess(doc []byte, p catalog.Path) string {
	at := gjson.ParseBytes(doc)
	for i, step := range p {
		v, there := shape.Lookup(doc, p[:i+1])
		if there {
			at = v
			continue
		}
		var names []string
		at.ForEach(func(key, _ gjson.Result) bool {
			names = append(names, key.Str)
			return key.Type == gjson.String
		})
		return catalog.Guess("member", step, names)
	}
	return ""
}

// blob folds one blob of an entity, and reports the result.
func (t *trial) blob(b *catalog.Blob, e item.Entity) {
	v, err := shape.Fold(b, e, t.recordsOf(b, e))
	what, at := b.Kind.Name+"/"+b.Name, []string{"entities", b.Kind.Name, "blobs", b.Name, "fold"}
	switch {
	case err != nil:
		t.fail(what, at, "fold gives an object, such as {title: .product.title}, of one member for each dimension: its null if there is no record", "%s: %v", e, err)
	case v.Existence == kv.Alive:
		t.pass(what, "folded: %.120s", v.Body)
	}
}

func (t *trial) recordsOf(b *catalog.Blob, e item.Entity) map[string]kv.Record {
	records := map[string]kv.Record{}
	for _, d := range b.Of {
		records[d.Name] = t.records[kv.RecordKey{Entity: e, Dimension: d.Name}]
	}
	return records
}
