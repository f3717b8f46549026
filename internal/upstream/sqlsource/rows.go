package sqlsource

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"vitrine/internal/item"
)

// column is a column of an answer.
type column struct {
	name string
	form form
	list bool   // an array of Postgres, whose elements have the form
	kind string // the server's name of the type, for messages about binary ones
}

// collector makes JSON of rows as they come.
type collector struct {
	query   Query
	columns []column
	names   [][]byte // as members of JSON
	id      int      // the column that has the id
	rows    []Row
	size    int64
}

// start takes the columns of an answer. Errors wrap item.ErrUnavailable, since the query is wrong, and not the rows.
func (c *collector) start(columns []column) error {
	c.columns = columns
	c.rows = nil
	seen := map[string]bool{}
	for _, col := range columns {
		switch {
		case seen[col.name]:
			return fmt.Errorf("%w: the query gives two columns %q: name one of them otherwise, by AS", item.ErrUnavailable, col.name)
		case col.form == binary:
			return fmt.Errorf("%w: the column %q is binary (%s): leave it out, or encode it in the query, such as encode(%[2]s, 'base64') or TO_BASE64(%[2]s)", item.ErrUnavailable, col.name, col.kind)
		}
		seen[col.name] = true
		c.names = append(c.names, appendText(nil, col.name))
	}
	if c.query.ID == "" && len(columns) > 0 {
		return nil
	}
	c.id = slices.IndexFunc(columns, func(col column) bool { return col.name == c.query.ID })
	if c.id < 0 {
		var names []string
		for name := range seen {
			names = append(names, name)
		}
		slices.Sort(names)
		return fmt.Errorf("%w: the query gives no column %q, which would tell whose row it is: select the id as well, and name its column by id_field; it gives %s",
			item.ErrUnavailable, c.query.ID, item.Clip(strings.Join(names, ", "), 200))
	}
	return nil
}

// row takes the values of a row, each as the server writes it; nil is NULL. Errors wrap item.ErrRefused.
func (c *collector) row(values [][]byte) error {
	if values[c.id] == nil {
		return refused("a row has no id: its column %q is NULL", c.columns[c.id].name)
	}
	doc := make([]byte, 0, 256)
	doc = append(doc, '{')
	for i, v := range values {
		if i > 0 {
			doc = append(doc, ',')
		}
		doc = append(append(doc, c.names[i]...), ':')
		var err error
		doc, err = appendValue(doc, c.columns[i], v)
		if err != nil {
			return refused("the row of %.64q: column %q: %w", values[c.id], c.columns[i].name, err)
		}
	}
	doc = append(doc, '}')
	c.size += int64(len(doc))
	if c.size > c.query.Limit {
		return c.tooLarge()
	}
	c.rows = append(c.rows, Row{ID: string(bytes.Clone(values[c.id])), JSON: doc})
	return nil
}

// tooLarge is the error for rows that exceed the limit.
func (c *collector) tooLarge() error {
	return refused("%w: more than %d bytes", ErrSize, c.query.Limit)
}
