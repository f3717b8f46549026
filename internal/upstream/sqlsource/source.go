package sqlsource

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/sqltext"
)

// Config configures a Source.
type Config struct {
	Dialect  sqltext.Dialect
	URL      string                 // scheme://host:port/database?sslmode=…, without a login
	User     string                 // required
	Password func() (string, error) // called for each connection; defaults to none
	Timeout  time.Duration          // of a query, on the server; required
	Dialer   *net.Dialer            // defaults to one without limits
	Idle     time.Duration          // after which an unused connection is closed when another one is used. Defaults to 1 min
}

// Query is a query with what it is asked for.
type Query struct {
	Text  string
	IDs   []string // that $1 stands for: one, or several if Batch; for a list, the cursor
	First bool     // of a list: there is no cursor yet, so that $1 stands for the least value of its type
	Batch bool
	ID    string // name of the column that has a row's id; "" for the first one
	Limit int64  // bytes of all rows as JSON
}

// Row is a row.
type Row struct {
	ID   string
	JSON []byte // an object, its members in the order of the columns
}

// ErrSize is wrapped, beside item.ErrRefused, if the rows exceed the limit.
var ErrSize = errors.New("answer too large")

// dataError is an error that a row or a parameter caused, so that the query may succeed for others.
type dataError struct{ error }

func (e dataError) Unwrap() error { return e.error }

// OfData reports whether an error concerns the ids that were asked for, or their rows, and not the query.
func OfData(err error) bool {
	var data dataError
	return errors.As(err, &data)
}

// refused makes an error about data. It wraps item.ErrRefused.
func refused(format string, args ...any) error {
	return dataError{fmt.Errorf("%w: %w", item.ErrRefused, fmt.Errorf(format, args...))}
}

// Source runs the queries of one upstream. It is safe for concurrent use.
type Source struct {
	Config
	at database

	mu        sync.Mutex // guards all below
	idle      []session  // the one used last is the last
	parameter map[string]uint32
	closed    bool
}

// database is where a database is.
type database struct {
	host, port, name string
	tls              string // sslmode
}

// session is a connection to a server.
type session interface {
	// query gives the rows to into. After an error the session may be broken.
	query(ctx context.Context, q Query, into *collector) error
	broken() bool
	close()
	used() time.Time
}

// New makes a source. It connects when it is asked. Errors name what is wrong with the configuration.
func New(c Config) (*Source, error) {
	c.Idle = cmp.Or(c.Idle, time.Minute)
	c.Dialer = cmp.Or(c.Dialer, &net.Dialer{})
	if c.Password == nil {
		c.Password = func() (string, error) { return "", nil }
	}
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, fmt.Errorf("read the URL of a database: %w", err)
	}
	at := database{host: u.Hostname(), port: u.Port(), name: strings.Trim(u.Path, "/"), tls: cmp.Or(u.Query().Get("sslmode"), "prefer")}
	return &Source{Config: c, at: at, parameter: map[string]uint32{}}, nil
}

// Close closes all idle connections. One that is in use is closed when its query has ended.
func (s *Source) Close() {
	s.mu.Lock()
	idle := s.idle
	s.idle = nil
	s.closed = true
	s.mu.Unlock()
	for _, c := range idle {
		c.close()
	}
}

// Rows runs a query. Errors wrap item.ErrUnavailable or item.ErrRefused.
func (s *Source) Rows(ctx context.Context, q Query) ([]Row, error) {
	for {
		session, kept, err := s.take(ctx)
		if err != nil {
			return nil, err
		}
		into := &collector{query: q}
		err = session.query(ctx, q, into)
		stale := kept && session.broken() && ctx.Err() == nil && !errors.Is(err, item.ErrRefused)
		s.give(session)
		switch {
		case err == nil:
			return into.rows, nil
		case stale && into.columns == nil: // the server was restarted since: nothing was read, so it may be asked again
			s.drop()
			continue
		}
		return nil, err
	}
}

// take gives an idle session, or makes one. kept reports that it was idle.
func (s *Source) take(ctx context.Context) (c session, kept bool, err error) {
	s.mu.Lock()
	if n := len(s.idle); n > 0 {
		c = s.idle[n-1]
		s.idle = s.idle[:n-1]
	}
	s.mu.Unlock()
	if c != nil {
		return c, true, nil
	}
	password, err := s.Password()
	if err != nil {
		return nil, false, err
	}
	if s.Dialect == sqltext.Postgres {
		c, err = s.connectPostgres(ctx, password)
	} else {
		c, err = s.connectMySQL(ctx, password)
	}
	if err != nil {
		return nil, false, fmt.Errorf("%w: connect to %s: %w", item.ErrUnavailable, net.JoinHostPort(s.at.host, s.at.port), err)
	}
	return c, false, nil
}

// give keeps a session for the next query, unless it is broken, and closes those that were not used for long.
func (s *Source) give(c session) {
	s.mu.Lock()
	keep := !c.broken() && !s.closed
	if keep {
		s.idle = append(s.idle, c)
	}
	var old []session
	for len(s.idle) > 0 && time.Since(s.idle[0].used()) > s.Idle {
		old = append(old, s.idle[0])
		s.idle = s.idle[1:]
	}
	s.mu.Unlock()
	if !keep {
		c.close()
	}
	for _, c := range old {
		c.close()
	}
}

// drop closes all idle sessions: the server that they were connected to is gone.
func (s *Source) drop() {
	s.mu.Lock()
	idle := s.idle
	s.idle = nil
	s.mu.Unlock()
	for _, c := range idle {
		c.close()
	}
}
