package leftovers

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// The types of things that catalogs name.
const (
	Record = "record"
	Blob   = "blob"
	List   = "list"
)

// Name is a name in a catalog.
type Name struct {
	Kind string `json:"kind"`
	What string `json:"what"`
	Name string `json:"name"`         // of the dimension, the blob, or the ref
	Of   string `json:"of,omitempty"` // the kind that a ref refers to
}

func (n Name) String() string {
	if n.What == List {
		return fmt.Sprintf("list %s.%s of %s", n.Kind, n.Name, n.Of)
	}
	return fmt.Sprintf("%s %s.%s", n.What, n.Kind, n.Name)
}

func listName(l kv.Relation) Name { return Name{l.Kind, List, l.Ref, l.Target.Kind} }

// plan says until when names are needed.
type plan struct {
	head  uint64             // revision of the catalog it is based on
	until map[Name]time.Time // when a name left the last catalog that has it; zero for those in force
	began time.Time          // beginning of the history: a name that is not in it was in no catalog since then
	blind time.Time          // until when a catalog was in force that can't be read
}

// errNoHead is the error of a history that does not hold the catalog in force.
var errNoHead = fmt.Errorf("%w: no catalog is in force, or it can't be read here", item.ErrUnavailable)

func newPlan(eras []catalog.Era) (p plan, err error) {
	if len(eras) == 0 || eras[len(eras)-1].Catalog == nil {
		return p, errNoHead
	}
	p = plan{head: eras[len(eras)-1].Revision, until: map[Name]time.Time{}, began: eras[0].From}
	for _, era := range eras { // oldest first, so that the last catalog with a name decides
		if era.Catalog == nil {
			p.blind = era.Until
			continue
		}
		for _, n := range names(era.Catalog) {
			p.until[n] = era.Until
		}
	}
	return p, nil
}

// names lists all names in a catalog.
func names(c *catalog.Catalog) (all []Name) {
	for _, k := range c.Kinds {
		for _, d := range k.Dimensions {
			all = append(all, Name{k.Name, Record, d.Name, ""})
			for _, r := range d.Refs {
				all = append(all, Name{k.Name, List, r.Name, r.Kind.Name})
			}
		}
		for _, b := range k.Blobs {
			all = append(all, Name{k.Name, Blob, b.Name, ""})
		}
	}
	return all
}

// goes reports whether a name is a leftover, and from when on it is no longer needed.
func (p plan) goes(n Name, keep time.Duration) (at time.Time, left bool) {
	until, known := p.until[n]
	switch {
	case known && until.IsZero():
		return time.Time{}, false
	case !known:
		until = p.began
	}
	if p.blind.After(until) {
		until = p.blind
	}
	return until.Add(keep), true
}

// due reports whether anything may have become due between since and now.
func (p plan) due(since, now time.Time, keep time.Duration) bool {
	times := []time.Time{p.began.Add(keep), p.blind.Add(keep)}
	for n := range p.until {
		if at, left := p.goes(n, keep); left {
			times = append(times, at)
		}
	}
	return now.Sub(since) >= keep || slices.ContainsFunc(times, func(at time.Time) bool { return at.After(since) && !at.After(now) })
}

var (
	errMoved = errors.New("another catalog has come into force")
	errEnd   = errors.New("nothing more is removed") // ends this pass's removals
)
