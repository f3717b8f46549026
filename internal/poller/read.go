package poller

import (
	"fmt"

	"vitrine/internal/catalog"
	"vitrine/internal/upstream"
)

// page is what one page of a poll gives.
type page struct {
	items      []listed
	refused    int    // items that can't be announced
	first      error  // why the first of these can't
	mark, next string // "" for none
}

// keyError is an answer that a key of the poll can't be read from.
type keyError struct {
	key string
	error
}

func (e keyError) Unwrap() error { return e.error }

// read reads an answer. Its errors are keyErrors.
func read(cat *catalog.Catalog, p *catalog.Poll, answer upstream.Page) (r page, err error) {
	given, err := answer.Read(p.Items)
	if err != nil {
		return page{}, keyError{"items", err}
	}
	r.items, r.refused, r.first, err = itemsOf(cat, p, given)
	if err != nil {
		return page{}, keyError{"items", answer.Refused(err)}
	}
	if p.Mark != nil {
		out, err := answer.Read(p.Mark)
		if err != nil {
			return page{}, keyError{"mark", err}
		}
		r.mark, err = markOf(out)
		if err != nil {
			return page{}, keyError{"mark", answer.Refused(fmt.Errorf("mark: %w", err))}
		}
	}
	r.next, err = answer.Next(p.List.Next)
	if err != nil {
		return page{}, keyError{"next", err}
	}
	return r, nil
}
