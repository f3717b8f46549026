// Package sqltext reads the SQL of a catalog: one query that reads, with one parameter. It finds where the parameter stands, as the
// server would, so that what a query is run with is bound and never becomes part of its text.
package sqltext

import (
	"errors"
	"fmt"
	"strings"
)

// Dialect is the SQL of one kind of server.
type Dialect string

// The dialects. MySQL's is MariaDB's, too.
const (
	Postgres Dialect = "postgres"
	MySQL    Dialect = "mysql"
)

// Query is a query, cut where its parameter stands.
type Query struct {
	pieces []string
	since  bool
}

// ErrQuery is wrapped by the errors of Parse.
var ErrQuery = errors.New("no query that reads")

// Parse reads one query. Its parameter is written $1, or $cursor or $since in the query of a list, as often as it is needed.
//
// The text is checked only as far as its words tell. That nothing is written is the work of the read-only transaction that a query
// runs in, and of the rights of the upstream's user.
func Parse(text string, d Dialect) (Query, error) {
	s := scanner{text: text, dialect: d}
	for s.at < len(s.text) {
		if err := s.step(); err != nil {
			return Query{}, fmt.Errorf("%w: %w", ErrQuery, err)
		}
	}
	if !s.begun {
		return Query{}, fmt.Errorf("%w: it is empty", ErrQuery)
	}
	end := len(s.text)
	if s.ended > 0 {
		end = s.ended
	}
	return Query{append(s.pieces, s.text[s.cut:end]), s.since}, nil
}

// Params returns how often the parameter is used.
func (q Query) Params() int { return len(q.pieces) - 1 }

// Since reports whether the parameter is $since: a mark, after which what is asked for was changed.
func (q Query) Since() bool { return q.since }

// Numbered returns the query for Postgres, whose parameter is $1.
func (q Query) Numbered() string { return strings.Join(q.pieces, "$1") }

// Marked returns the query for MySQL, with n question marks for each use of the parameter: IN ($1) becomes IN (?, ?, ?).
func (q Query) Marked(n int) string {
	return strings.Join(q.pieces, strings.TrimSuffix(strings.Repeat("?, ", n), ", "))
}
