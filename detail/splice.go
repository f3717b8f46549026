package detail

import (
	"encoding/json"
	"slices"

	"github.com/tidwall/gjson"

	"vitrine/detail/blobcache"
	"vitrine/internal/catalog"
	"vitrine/internal/kv"
	"vitrine/internal/shape"
)

// splice makes the page's data: one JSON object of the bytes of its parts, which are copied and not decoded. Its members are those of the page's blob, of the overlays in order, one for each "with", and the entity's id
// under its kind. Where two parts have a member of one name, that of the first part counts. Where one part has two, the
// last counts, as for any decoder of JSON.
func (p *reading) splice() []byte {
	o := newObject(spliceSize(p.own))
	own := p.main()
	o.id(p.entity.Kind, p.entity.ID, own)
	for _, part := range own {
		o.members(part)
	}
	for _, j := range p.joins {
		j.splice(o)
	}
	if p.listing != nil {
		p.listing.splice(o)
	}
	return o.end()
}

// spliceSize estimates the bytes of an object whose main part is p.
func spliceSize(p blobcache.Part) int { return 2*len(p.Body) + 1024 }

// splice adds the join's member: a list where the ref is a list, else an object. Missing parts are left out. An object without
// its part is left out; a list without its parts is empty, unless the ref itself is missing.
func (j join) splice(o *object) {
	alive := slices.DeleteFunc(slices.Clone(j.parts), func(p blobcache.Part) bool { return p.Existence != kv.Alive || p.Err != nil })
	switch {
	case j.list && len(j.parts) > 0:
		list := []byte{'['}
		for i, part := range alive {
			if i > 0 {
				list = append(list, ',')
			}
			list = append(list, joined(part)...)
		}
		o.member(j.with.Ref.Name, nil, append(list, ']'))
	case !j.list && len(alive) > 0:
		o.member(j.with.Ref.Name, nil, joined(alive[0]))
	}
}

// joined is one part of a join as an object: its members, and its id under its kind.
func joined(p blobcache.Part) []byte {
	o := newObject(spliceSize(p))
	o.id(p.Key.Entity.Kind, p.Key.Entity.ID, []blobcache.Part{p})
	o.members(p)
	return o.end()
}

// object writes a JSON object member by member.
type object struct {
	buf   []byte
	names []string
}

func newObject(size int) *object { return &object{buf: append(make([]byte, 0, size), '{')} }

// id writes the entity's id under its kind, unless a part has a member of that name.
func (o *object) id(kind, id string, parts []blobcache.Part) {
	for _, p := range parts {
		if _, ok := shape.Lookup(p.Body, catalog.Path{kind}); ok && p.Existence == kv.Alive {
			return
		}
	}
	quoted, err := json.Marshal(id)
	if err != nil {
		return // strings always marshal
	}
	o.member(kind, nil, quoted)
}

// members adds the members of a part that is alive.
func (o *object) members(p blobcache.Part) {
	if p.Existence != kv.Alive || p.Err != nil {
		return
	}
	type member struct{ name, quoted, value string }
	var members []member
	gjson.ParseBytes(p.Body).ForEach(func(name, value gjson.Result) bool {
		same := func(m member) bool { return m.name == name.Str }
		if i := slices.IndexFunc(members, same); i >= 0 {
			members[i].value = value.Raw
		} else {
			members = append(members, member{name.Str, name.Raw, value.Raw})
		}
		return true
	})
	for _, m := range members {
		o.member(m.name, []byte(m.quoted), []byte(m.value))
	}
}

// member adds one member, unless there is one of that name. quoted is the name as JSON; nil for a name of the catalog, which
// needs no escaping.
func (o *object) member(name string, quoted, value []byte) {
	if slices.Contains(o.names, name) {
		return
	}
	if len(o.names) > 0 {
		o.buf = append(o.buf, ',')
	}
	o.names = append(o.names, name)
	if quoted == nil {
		quoted = []byte(`"` + name + `"`)
	}
	o.buf = append(append(append(o.buf, quoted...), ':'), value...)
}

func (o *object) end() []byte { return append(o.buf, '}') }
