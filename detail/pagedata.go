package detail

import (
	"fmt"
	"net/http"
	"slices"

	"vitrine/detail/blobcache"
	"vitrine/internal/catalog"
	"vitrine/internal/kv"
	"vitrine/internal/shape"
	"vitrine/internal/view"
)

// pageData is what the JSON twin of a page says, read in the JSON of the page's parts where that stands: rules look at it, and then,
// with what only templates see, the page's template. Its members are those that splice writes.
type pageData struct {
	site *site
	read *reading
	docs []pageDoc
	data view.Value
	refs []reference // by position in read.joins
}

// pageDoc is the index of a part.
type pageDoc struct {
	*view.Doc
	part blobcache.Part
}

// reference is what a page has under the name of a ref. Each entity is an object of three layers: its address, which is empty until a
// template needs it; the entity's blob; its id.
type reference struct {
	there    bool
	value    view.Value
	entities []view.Layers
}

// data indexes the parts of a page. The caller frees it.
func (st *site) data(read *reading) (*pageData, error) {
	p := &pageData{site: st, read: read, refs: make([]reference, len(read.joins))}
	if err := p.index(); err != nil {
		p.free()
		return nil, fmt.Errorf("decode %s: %w", read.entity, err)
	}
	return p, nil
}

func (p *pageData) free() {
	for _, doc := range p.docs {
		p.site.server.reader.Free(doc.Doc)
	}
	p.docs = nil
}

func (p *pageData) index() error {
	var own view.Layers
	for i := -1; i < len(p.read.overlays); i++ {
		part := p.read.own
		if i >= 0 {
			part = p.read.overlays[i]
		}
		if !shows(part) {
			continue
		}
		root, err := p.root(part)
		if err != nil {
			return err
		}
		own = append(own, root)
	}
	named := make(view.Fields, 0, len(p.read.joins))
	for i, j := range p.read.joins {
		if err := p.join(i, own); err != nil {
			return err
		}
		if p.refs[i].there {
			named = append(named, view.Field{Name: j.with.Ref.Name, Value: p.refs[i].value})
		}
	}
	id := view.Fields{{Name: p.read.entity.Kind, Value: view.OfText(p.read.entity.ID)}}
	p.data = view.OfMembers(append(append(view.Layers{view.OfMembers(named)}, own...), view.OfMembers(id)))
	return nil
}

// shows reports whether a part is on its page.
func shows(part blobcache.Part) bool { return part.Existence == kv.Alive && part.Err == nil }

func (p *pageData) root(part blobcache.Part) (view.Value, error) {
	doc, err := p.site.server.reader.Index(part.Body)
	if err != nil {
		return view.Value{}, fmt.Errorf("%s: %w", part.Key, err)
	}
	p.docs = append(p.docs, pageDoc{doc, part})
	return doc.Root(), nil
}

// join reads what stands under the name of a ref: where the page's own blobs have a member of that name, that. Missing parts are left
// out, and a member that has none is not there at all; a list whose ref is there but whose parts are missing is empty.
func (p *pageData) join(i int, own view.Layers) error {
	j, to := p.read.joins[i], &p.refs[i]
	if member, ok := own.Member(j.with.Ref.Name); ok {
		to.adopt(member)
		return nil
	}
	to.entities = make([]view.Layers, 0, len(j.parts))
	for _, part := range j.parts {
		if !shows(part) {
			continue
		}
		root, err := p.root(part)
		if err != nil {
			return err
		}
		id := view.Fields{{Name: part.Key.Entity.Kind, Value: view.OfText(part.Key.Entity.ID)}}
		to.entities = append(to.entities, view.Layers{{}, root, view.OfMembers(id)})
	}
	switch {
	case j.list && len(j.parts) > 0:
		list := make(view.Elements, len(to.entities))
		for i, entity := range to.entities {
			list[i] = view.OfMembers(entity)
		}
		to.there, to.value = true, view.OfElements(list)
	case !j.list && len(to.entities) > 0:
		to.there, to.value = true, view.OfMembers(to.entities[0])
	}
	return nil
}

// adopt has a member of the page's own blobs stand for what a ref names. What is no object there has no address.
func (to *reference) adopt(member view.Value) {
	object := func(v view.Value) view.Value {
		if v.Kind() != view.Object {
			return v
		}
		to.entities = append(to.entities, view.Layers{{}, v})
		return view.OfMembers(to.entities[len(to.entities)-1])
	}
	to.there = true
	if member.Kind() != view.List {
		to.value = object(member)
		return
	}
	list := make(view.Elements, 0, member.Len())
	walk := member.Walk()
	for element, ok := walk.Next(); ok; element, ok = walk.Next() {
		list = append(list, object(element))
	}
	to.value = view.OfElements(list)
}

// forTemplates is the data with HTML where the catalog says so, the addresses of what the page refers to, and the facts of site and page,
// whose names can't clash since they begin with a capital.
func (p *pageData) forTemplates() view.Value {
	for _, doc := range p.docs {
		if b, err := p.site.catalog.Blob(doc.part.Key.Entity.Kind, doc.part.Key.Blob); err == nil {
			doc.markHTML(b)
		}
	}
	for i, j := range p.read.joins {
		for _, entity := range p.refs[i].entities {
			entity[0] = view.OfMembers(p.site.address(p.read.names, entity, j.with.Ref.Kind))
		}
	}
	facts := view.Fields{{Name: "Site", Value: p.site.facts}, {Name: "Page", Value: p.site.pageFacts(p)}}
	return view.OfMembers(view.Layers{view.OfMembers(facts), p.data})
}

// address is the path of the page of what a page refers to, the first of its kind, if it has one that answers 200 or leads elsewhere:
// what is off the shelf is no choice. The rules see the joined blob alone. The name begins with a capital, so that it clashes with no
// data.
func (st *site) address(of *names, entity view.Layers, kind *catalog.Kind) view.Fields {
	id, _ := entity.Member(kind.Name)
	i := slices.IndexFunc(st.catalog.Pages, func(p *catalog.Page) bool { return p.Kind == kind })
	if i < 0 || id.Kind() != view.String {
		return nil
	}
	p := st.catalog.Pages[i]
	if rule := st.match(p, view.OfMembers(entity)); ruleStatus(rule) >= http.StatusBadRequest {
		return nil
	}
	return view.Fields{{Name: "URL", Value: view.OfText(of.path(p, id.Text(), slugOf(p, view.OfMembers(entity))))}}
}

// markHTML makes HTML of what the catalog calls so in the records that a part was folded from. Each part is marked by itself, so that no
// other part's member of the same name is taken for HTML.
//
// Records were cleaned on the way in, if they have the shape of this catalog and program. A part of another shape is cleaned here; what
// can't be cleaned stays text. Of a blob with a fold, that part may have no marks yet: its fields are then looked for under the members
// of their dimensions, too. shape.Inherit has marked and cleaned a blob that inherits.
func (d pageDoc) markHTML(b *catalog.Blob) {
	var clean func(text string) (string, bool)
	if d.part.Shape != b.Shape {
		clean = cleaned
	}
	if b.Fold != nil || len(b.Inherit) > 0 {
		d.MarkHTMLAt(d.part.HTML, clean)
		if clean == nil {
			return
		}
	}
	for _, dimension := range b.Of {
		for _, path := range dimension.HTML {
			d.Root().MarkHTML(append(catalog.Path{dimension.Name}, path...), clean)
		}
	}
}

func cleaned(text string) (string, bool) {
	text, err := shape.Clean(text)
	return text, err == nil
}
