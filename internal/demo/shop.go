package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"github.com/goccy/go-yaml"

	"vitrine/internal/item"
)

// Shop holds the demo's data, and serves its upstreams and pictures. It is safe for concurrent use.
type Shop struct {
	lang       Lang
	goods      *goods
	categories []row          // by id, from 1
	at         map[string]int // index into products, by id
	faults     faults

	mu       sync.RWMutex // guards the fields below
	products []*Product   // in the order of their ids; an edit replaces a product, and never changes it
	version  int64        // version of the last edit
	path     string       // path of the file of edits
}

// row is a category, a brand or a shop.
type row struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	About    string `json:"about,omitempty"`
	ParentID string `json:"parent_id,omitempty"`
	URL      string `json:"url,omitempty"`
	Logo     string `json:"logo,omitempty"`
}

// Edit holds what can be edited of a product. Price and List, the list price, are in cents. The file of edits maps ids to Edits.
type Edit struct {
	Title, Brief       string
	Price, List, Stock int64
	Off, Deleted       bool
	Version            int64
}

// ErrNoProduct is the error of an id that the shop never had.
var ErrNoProduct = errors.New("no such product")

// Open generates the shop in a language, and applies the edits stored in the folder dir. It creates the folder if it is missing. It fails
// with the error of the file system or of the JSON decoder.
func Open(dir string, l Lang) (*Shop, error) {
	g, err := readGoods()
	if err != nil {
		return nil, err
	}
	s := &Shop{lang: l, goods: g, at: map[string]int{}, version: 1, path: filepath.Join(dir, "edits-"+l.pick("en", "zh")+".json")}
	ids, err := s.readCategories()
	if err != nil {
		return nil, err
	}
	s.products = g.products(l, ids)
	for i, p := range s.products {
		s.at[p.ID] = i
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return s, s.load()
}

// readCategories numbers the categories, and returns their ids by name.
func (s *Shop) readCategories() (map[string]string, error) {
	ids := map[string]string{}
	for i, entry := range s.goods.Categories {
		b, err := yaml.Marshal(entry.Value)
		if err != nil {
			return nil, fmt.Errorf("goods.yaml: %w", err)
		}
		var c category
		if err := yaml.Unmarshal(b, &c); err != nil {
			return nil, fmt.Errorf("goods.yaml: %w", err)
		}
		id := strconv.Itoa(i + 1)
		ids[fmt.Sprint(entry.Key)] = id
		s.categories = append(s.categories, row{ID: id, Name: c.Name[s.lang], ParentID: ids[c.Parent], URL: "/#c" + id})
	}
	return ids, nil
}

// Products returns all products, deleted ones included, in the order of their ids. The products must not be modified.
func (s *Shop) Products() []*Product {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.products)
}

// Product returns a product, deleted or not, which must not be modified. If there is none, the error wraps ErrNoProduct.
func (s *Shop) Product(id string) (*Product, error) {
	i, ok := s.at[id]
	if !ok {
		return nil, fmt.Errorf("%w: %q", ErrNoProduct, id)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.products[i], nil
}

// Change edits a product, stores the edit, and returns the changes that an upstream would announce; none if edit changes nothing. If there
// is no such product, the error wraps ErrNoProduct. If the edit cannot be stored, Change fails with the error of the file system, and the
// product stays as it was.
func (s *Shop) Change(id string, edit func(*Edit)) ([]item.Change, error) {
	i, ok := s.at[id]
	if !ok {
		return nil, fmt.Errorf("%w: %q", ErrNoProduct, id)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.products[i].Edit
	after := before
	edit(&after)
	if after == before {
		return nil, nil
	}
	after.Version = s.version + 1
	old := s.products[i]
	s.products[i] = old.with(after)
	if err := s.save(); err != nil {
		s.products[i] = old
		return nil, err
	}
	s.version++
	return changes(id, before, after)
}

// changes returns a change for each dimension that an edit affects.
func changes(id string, before, after Edit) (all []item.Change, err error) {
	e, err := item.NewEntity("sku", id)
	if err != nil {
		return nil, err
	}
	announce := func(differs bool, dimension string) {
		if differs {
			all = append(all, item.Change{Lane: item.High, Entity: e, Dimension: dimension})
		}
	}
	if before.Deleted != after.Deleted {
		announce(true, item.All)
		return all, nil
	}
	announce(before.Title != after.Title || before.Brief != after.Brief, "product")
	announce(before.Price != after.Price || before.List != after.List, "price")
	announce(before.Stock != after.Stock, "stock")
	announce(before.Off != after.Off, "status")
	return all, nil
}

func (p *Product) with(e Edit) *Product {
	edited := *p
	edited.Edit = e
	return &edited
}

// save writes all edits to the file, atomically. The caller holds mu.
func (s *Shop) save() error {
	edits := map[string]Edit{}
	for _, p := range s.products {
		if p.Version > 1 {
			edits[p.ID] = p.Edit
		}
	}
	b, err := json.MarshalIndent(edits, "", " ")
	if err != nil {
		return err
	}
	temporary := s.path + ".new"
	if err := os.WriteFile(temporary, b, 0o644); err != nil {
		return fmt.Errorf("keep the edit: %w", err)
	}
	return os.Rename(temporary, s.path)
}

func (s *Shop) load() error {
	b, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var edits map[string]Edit
	if err := json.Unmarshal(b, &edits); err != nil {
		return fmt.Errorf("%s: %w (delete the file to begin anew)", s.path, err)
	}
	for id, e := range edits {
		if i, ok := s.at[id]; ok {
			s.products[i] = s.products[i].with(e)
			s.version = max(s.version, e.Version)
		}
	}
	return nil
}
