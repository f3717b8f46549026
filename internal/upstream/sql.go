package upstream

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/sqltext"
	"vitrine/internal/upstream/sqlsource"
)

// A query is a call like any other: it takes a place, the breaker counts it, and its rows become the answer that an upstream would give
// by HTTP. No row is a 404; the rows of a batch are an object keyed by id.

// query is what a database is asked.
type query struct {
	sqlsource.Query
	many bool // the rows of an id are an array
}

// source is the source of an upstream, and the upstream that it was made of.
type source struct {
	*sqlsource.Source
	of catalog.Upstream
}

// selects makes the request a query.
func (r *request) selects(text string, q sqlsource.Query, many bool) {
	r.path = strings.Join(strings.Fields(text), " ")
	q.Text = text
	q.Limit = r.limit
	r.sql = query{q, many}
}

// named says whose query failed. The error has its class.
func (r request) named(err error) error { return fmt.Errorf("%s %.200s: %w", r.from.Name, r.path, err) }

// selectsPage makes the request the query of a list's page.
func (r *request) selectsPage(text string, cursor any) {
	q := sqlsource.Query{IDs: []string{""}, First: cursor == nil}
	if cursor != nil {
		q.IDs[0] = fmt.Sprint(cursor)
	}
	r.selects(text, q, false)
}

// moment writes a mark that is a time as the server reads it: MySQL knows neither the T nor the Z of RFC 3339. The session's
// zone is UTC.
func moment(d sqltext.Dialect, mark any) any {
	text, ok := mark.(string)
	at, err := time.Parse(time.RFC3339Nano, text)
	if d != sqltext.MySQL || !ok || err != nil {
		return mark
	}
	return at.UTC().Format("2006-01-02 15:04:05.999999")
}

// query runs the query of a request.
func (c *Client) query(ctx context.Context, r request) (res response, err error) {
	s, err := c.source(r.from)
	if err != nil {
		return res, r.named(err)
	}
	res.refused = map[string]error{}
	rows, err := bisect(ctx, s, r, r.sql.Query, res.refused)
	if err != nil {
		return res, r.named(err)
	}
	res.at = time.Now()
	res.status = http.StatusOK
	if r.sql.ID == "" {
		docs := make([]json.RawMessage, len(rows))
		for i, row := range rows {
			docs[i] = row.JSON
			res.firsts = append(res.firsts, row.ID)
		}
		res.body = join(docs)
		return res, nil
	}
	found := r.group(rows, res.refused)
	if r.sql.Batch {
		res.body = byID(found)
		return res, nil
	}
	id := r.sql.IDs[0]
	body, there := found[id]
	switch {
	case res.refused[id] != nil:
		return res, res.refused[id]
	case !there:
		res.status = http.StatusNotFound
	}
	res.body = body
	return res, nil
}

// bisect runs a query. If some of its ids, or their rows, make the server fail, it finds out which, so that the others are answered.
func bisect(ctx context.Context, s *sqlsource.Source, r request, q sqlsource.Query, refused map[string]error) ([]sqlsource.Row, error) {
	rows, err := s.Rows(ctx, q)
	switch {
	case err == nil || !sqlsource.OfData(err) || !q.Batch:
		return rows, err
	case len(q.IDs) == 1:
		refused[q.IDs[0]] = r.named(err)
		return nil, nil
	}
	half, rest := q, q
	half.IDs, rest.IDs = q.IDs[:len(q.IDs)/2], q.IDs[len(q.IDs)/2:]
	each := q.Limit / int64(len(q.IDs))
	half.Limit, rest.Limit = each*int64(len(half.IDs)), each*int64(len(rest.IDs))
	rows, err = bisect(ctx, s, r, half, refused)
	if err != nil {
		return nil, err
	}
	more, err := bisect(ctx, s, r, rest, refused)
	return append(rows, more...), err
}

// group gathers the rows of each id that was asked for. A server may compare otherwise than by bytes, and give the row of abc for ABC:
// that is a row of another entity. An id with two rows where there should be one is refused.
func (r request) group(rows []sqlsource.Row, refused map[string]error) map[string]json.RawMessage {
	of := make(map[string][]json.RawMessage, len(r.sql.IDs))
	for _, id := range r.sql.IDs {
		of[id] = nil
	}
	for _, row := range rows {
		if _, asked := of[row.ID]; asked {
			of[row.ID] = append(of[row.ID], row.JSON)
		}
	}
	found := make(map[string]json.RawMessage, len(of))
	for id, docs := range of {
		switch {
		case len(docs) == 0:
		case r.sql.many:
			found[id] = join(docs)
		case len(docs) > 1:
			refused[id] = r.named(fmt.Errorf("%w: the query gives %d rows for %.64q: make one of them in the query, or say rows: many", item.ErrRefused, len(docs), id))
		default:
			found[id] = docs[0]
		}
	}
	return found
}

// join makes an array of documents.
func join(docs []json.RawMessage) []byte {
	out := []byte{'['}
	for i, doc := range docs {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, doc...)
	}
	return append(out, ']')
}

// byID makes an object of documents. What they say stays as it is written, as in a single answer.
func byID(docs map[string]json.RawMessage) []byte {
	out := []byte{'{'}
	for id, doc := range docs {
		if len(out) > 1 {
			out = append(out, ',')
		}
		key, _ := json.Marshal(id) // a text always marshals
		out = append(append(append(out, key...), ':'), doc...)
	}
	return append(out, '}')
}

// after is the cursor that leads past the rows of a page: the last of their ids. A page without rows is the last.
func after(firsts []string) string {
	if len(firsts) == 0 {
		return ""
	}
	next, _ := json.Marshal(firsts[len(firsts)-1]) // a text always marshals
	return string(next)
}

// Ping connects to a database. It is not limited by places or breakers.
func (c *Client) Ping(ctx context.Context, u *catalog.Upstream) error {
	r := request{from: u, limit: 1 << 10}
	r.selects("SELECT 1", sqlsource.Query{}, false)
	s, err := c.source(u)
	if err == nil {
		_, err = s.Rows(ctx, r.sql.Query)
	}
	if err != nil {
		return c.concealed(u, err)
	}
	return nil
}

// source gives the source of an upstream. A catalog with another address or user begins a new one.
func (c *Client) source(u *catalog.Upstream) (*sqlsource.Source, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.sources[u.Name]
	if s != nil && s.of.URL == u.URL && s.of.User == u.User && s.of.Password == u.Password && s.of.Timeout == u.Timeout {
		return s.Source, nil
	}
	if s != nil {
		s.Close()
	}
	made, err := sqlsource.New(sqlsource.Config{Dialect: u.SQL, URL: u.URL, User: u.User, Timeout: u.Timeout, Dialer: c.dialer,
		Password: func() (string, error) { return c.Secrets.password(u) }})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", item.ErrUnavailable, err)
	}
	c.sources[u.Name] = &source{made, *u}
	return made, nil
}

// closeSources closes the connections to databases.
func (c *Client) closeSources() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, s := range c.sources {
		s.Close()
		delete(c.sources, name)
	}
}
