package sqlsource

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"vitrine/internal/item"
	"vitrine/internal/sqltext"
)

// postgres is a connection to PostgreSQL.
//
// Each query goes with its transaction in one round trip: BEGIN READ ONLY, the limit of time, the query, COMMIT. The type of the
// parameter is asked for before the first run of a query. It tells which ids can't be in the column at all, and whether a batch is
// compared with an array: WHERE sku IN ($1) would otherwise be true of no row, and read as if the upstream knew none of the ids.
type postgres struct {
	conn   *pgconn.PgConn
	source *Source
	meter  *meter
	last   time.Time
}

// reply is what a message may have beside its rows: names, notices, errors.
const reply = 64 << 10

func (s *Source) connectPostgres(ctx context.Context, password string) (session, error) {
	// Everything is set here, so that neither the variables PG… of this process nor its ~/.pgpass reach an upstream.
	config, err := pgconn.ParseConfig("host=localhost port=5432 sslmode=disable passfile=/dev/null")
	if err != nil {
		return nil, fmt.Errorf("a variable PG… of this process is not understood: %w", err)
	}
	port, err := strconv.ParseUint(s.at.port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("port %q: %w", s.at.port, err)
	}
	config.Host, config.Port, config.Database = s.at.host, uint16(port), s.at.name
	config.User, config.Password = s.User, password
	config.RuntimeParams = map[string]string{"application_name": "vitrine", "client_encoding": "UTF8", "timezone": "UTC", "datestyle": "ISO"}
	config.ValidateConnect, config.AfterConnect = nil, nil
	config.LookupFunc = net.DefaultResolver.LookupHost
	config.Fallbacks = nil
	secured, plain := s.at.security()
	config.TLSConfig = secured
	if secured != nil && plain {
		config.Fallbacks = []*pgconn.FallbackConfig{{Host: config.Host, Port: config.Port}}
	}
	var m *meter
	config.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := s.Dialer.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		m = &meter{Conn: conn}
		return m, nil
	}
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	return &postgres{conn, s, m, time.Now()}, nil
}

func (p *postgres) broken() bool    { return p.conn.IsClosed() }
func (p *postgres) used() time.Time { return p.last }

// close says goodbye, and does not wait for an answer.
func (p *postgres) close() {
	if p.conn.IsClosed() {
		return // its pgconn closes it
	}
	conn := p.conn.Conn()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	p.conn.Frontend().Send(&pgproto3.Terminate{})
	_ = p.conn.Frontend().Flush()
	_ = conn.Close()
}

func (p *postgres) query(ctx context.Context, q Query, into *collector) error {
	p.last = time.Now()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	parsed, err := sqltext.Parse(q.Text, sqltext.Postgres)
	if err != nil {
		return fmt.Errorf("%w: %w", item.ErrUnavailable, err)
	}
	text := parsed.Numbered()
	p.conn.Frontend().SetMaxBodyLen(int(2*q.Limit) + reply)
	p.meter.allow(2*q.Limit + reply)
	var values [][]byte
	var types []uint32
	if parsed.Params() > 0 {
		kind, err := p.parameter(ctx, text)
		if err != nil {
			return p.failed(ctx, q, text, err)
		}
		value, err := kind.value(q)
		if err != nil || value == nil {
			return err
		}
		values, types = [][]byte{value}, []uint32{uint32(kind)}
	}
	batch := &pgconn.Batch{}
	batch.ExecParams("BEGIN READ ONLY", nil, nil, nil, nil)
	batch.ExecParams("SET LOCAL statement_timeout = "+strconv.FormatInt(max(p.source.Timeout.Milliseconds()*9/10, 1), 10), nil, nil, nil, nil)
	batch.ExecParams(text, values, types, nil, nil)
	batch.ExecParams("COMMIT", nil, nil, nil, nil)
	results := p.conn.ExecBatch(ctx, batch)
	for results.NextResult() {
		if err := read(results.ResultReader(), into); err != nil {
			stop() // the rest of the rows is not waited for
			_ = results.Close()
			return err
		}
	}
	if err := results.Close(); err != nil {
		p.source.forget(text)
		return p.failed(ctx, q, text, err)
	}
	return nil
}

// read takes the rows of one statement. Those of the transaction have none.
func read(r *pgconn.ResultReader, into *collector) error {
	fields := r.FieldDescriptions()
	if len(fields) == 0 {
		return nil
	}
	columns := make([]column, len(fields))
	for i, f := range fields {
		columns[i] = columnOf(f.Name, f.DataTypeOID)
	}
	if err := into.start(columns); err != nil {
		return err
	}
	for r.NextRow() {
		values := r.Values()
		for i, f := range fields {
			if f.DataTypeOID == oidChar && values[i] != nil {
				values[i] = []byte(strings.TrimRight(string(values[i]), " ")) // char(n) is filled up with spaces, which mean nothing
			}
		}
		if err := into.row(values); err != nil {
			return err
		}
	}
	return nil // what the reader failed with, its results say
}

// parameter is the type of a query's parameter. It is asked for once, and again after an error, since the table may have changed.
func (p *postgres) parameter(ctx context.Context, text string) (oid, error) {
	p.source.mu.Lock()
	known, ok := p.source.parameter[text]
	p.source.mu.Unlock()
	if ok {
		return oid(known), nil
	}
	described, err := p.conn.Prepare(ctx, "", text, nil)
	if err != nil {
		return 0, err
	}
	if len(described.ParamOIDs) != 1 {
		return 0, fmt.Errorf("the query has %d parameters", len(described.ParamOIDs))
	}
	p.source.mu.Lock()
	p.source.parameter[text] = described.ParamOIDs[0]
	p.source.mu.Unlock()
	return oid(described.ParamOIDs[0]), nil
}

// forget has the type of a query's parameter asked for again.
func (s *Source) forget(text string) {
	s.mu.Lock()
	delete(s.parameter, text)
	s.mu.Unlock()
}

// failed classifies an error of the server or the connection, and quotes the server's own words.
func (p *postgres) failed(ctx context.Context, q Query, text string, err error) error {
	var long *pgproto3.ExceededMaxBodyLenErr
	if errors.As(err, &long) || p.meter.exceeded() {
		return (&collector{query: q}).tooLarge()
	}
	var said *pgconn.PgError
	if !errors.As(err, &said) {
		return fmt.Errorf("%w: %w", item.ErrUnavailable, err)
	}
	if !p.conn.IsClosed() && p.conn.TxStatus() != 'I' {
		_ = p.conn.Exec(ctx, "ROLLBACK").Close() // if it fails, the connection is closed
	}
	words := fmt.Sprintf("%s (%s)", said.Message, said.Code)
	if said.Detail != "" {
		words += "; " + said.Detail
	}
	if at := []rune(text); said.Position > 0 && int(said.Position) <= len(at) {
		words += fmt.Sprintf("; at %q", string(at[said.Position-1:min(len(at), int(said.Position)+30)]))
	}
	if said.Hint != "" {
		words += "; hint: " + said.Hint
	}
	switch {
	case strings.HasPrefix(said.Code, "22") || said.Code == "21000":
		return refused("%s", words)
	case said.Code == "42883" && q.Batch:
		words += "; a column of any type is compared with the ids by = ANY($1), without a cast, or with one to an array of its own type, such as = ANY($1::int[])"
	}
	return fmt.Errorf("%w: %s", item.ErrUnavailable, words)
}
