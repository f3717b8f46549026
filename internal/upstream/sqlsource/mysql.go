package sqlsource

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"vitrine/internal/item"
	"vitrine/internal/sqltext"
)

// mysqlConn is a connection to MySQL or MariaDB. Each query is prepared by the server, and its parameters are sent apart from it.
type mysqlConn struct {
	conn  serverConn
	meter *meter
	last  time.Time
}

// serverConn is what the driver's connections can do.
type serverConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.QueryerContext
	driver.ExecerContext
	driver.Validator
}

func (s *Source) connectMySQL(ctx context.Context, password string) (session, error) {
	config := mysql.NewConfig()
	config.Net, config.Addr, config.DBName = "tcp", net.JoinHostPort(s.at.host, s.at.port), s.at.name
	config.User, config.Passwd = s.User, password
	config.Logger = &mysql.NopLogger{} // what fails is returned as well
	config.CheckConnLiveness = false
	config.TLS, config.AllowFallbackToPlaintext = s.at.security()
	m := &mysqlConn{last: time.Now()}
	config.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := s.Dialer.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		m.meter = &meter{Conn: conn}
		return m.meter, nil
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	conn, err := connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	m.conn = conn.(serverConn)
	if err := m.prepare(ctx, s.Timeout*9/10); err != nil {
		m.close()
		return nil, err
	}
	return m, nil
}

// prepare sets the limit of time, which MariaDB and MySQL name differently, and the zone of times.
func (m *mysqlConn) prepare(ctx context.Context, limit time.Duration) error {
	rows, err := m.conn.QueryContext(ctx, "SELECT VERSION()", nil)
	if err != nil {
		return err
	}
	version := make([]driver.Value, 1)
	err = rows.Next(version)
	_ = rows.Close()
	if err != nil {
		return err
	}
	set := fmt.Sprintf("SET SESSION time_zone = '+00:00', max_execution_time = %d", max(limit.Milliseconds(), 1))
	if text, _ := version[0].([]byte); strings.Contains(string(text), "MariaDB") {
		set = fmt.Sprintf("SET SESSION time_zone = '+00:00', max_statement_time = %.3f", max(limit.Seconds(), 0.001))
	}
	_, err = m.conn.ExecContext(ctx, set, nil)
	return err
}

func (m *mysqlConn) broken() bool    { return !m.conn.IsValid() }
func (m *mysqlConn) used() time.Time { return m.last }
func (m *mysqlConn) close()          { _ = m.conn.Close() }

func (m *mysqlConn) query(ctx context.Context, q Query, into *collector) error {
	m.last = time.Now()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	parsed, err := sqltext.Parse(q.Text, sqltext.MySQL)
	if err != nil {
		return fmt.Errorf("%w: %w", item.ErrUnavailable, err)
	}
	m.meter.allow(2*q.Limit + reply)
	tx, err := m.conn.BeginTx(ctx, driver.TxOptions{ReadOnly: true})
	if err != nil {
		return m.failed(ctx, q, err)
	}
	err = m.run(ctx, stop, parsed, q, into)
	if !m.broken() {
		err = errors.Join(err, tx.Rollback()) // nothing was written
	}
	if err != nil {
		return m.failed(ctx, q, err)
	}
	return nil
}

// run prepares and runs a query within its transaction.
func (m *mysqlConn) run(ctx context.Context, stop func(), parsed sqltext.Query, q Query, into *collector) error {
	stmt, err := m.conn.PrepareContext(ctx, parsed.Marked(max(len(q.IDs), 1)))
	if err != nil {
		return err
	}
	defer stmt.Close()
	var args []driver.NamedValue
	for range parsed.Params() {
		for _, id := range q.IDs {
			args = append(args, driver.NamedValue{Ordinal: len(args) + 1, Value: id})
		}
		if len(q.IDs) == 0 {
			args = append(args, driver.NamedValue{Ordinal: len(args) + 1, Value: ""})
		}
	}
	rows, err := stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
	if err != nil {
		return err
	}
	err = readRows(rows, into)
	if err != nil {
		stop() // the rest of the rows is not waited for
	}
	return errors.Join(err, rows.Close())
}

func readRows(rows driver.Rows, into *collector) error {
	names := rows.Columns()
	typed := rows.(driver.RowsColumnTypeDatabaseTypeName)
	columns := make([]column, len(names))
	for i, name := range names {
		kind := typed.ColumnTypeDatabaseTypeName(i)
		columns[i] = column{name: name, form: formOf(kind), kind: kind}
	}
	if err := into.start(columns); err != nil {
		return err
	}
	row, values := make([]driver.Value, len(names)), make([][]byte, len(names))
	for {
		err := rows.Next(row)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for i, v := range row {
			values[i] = written(v)
			if columns[i].form == moment && strings.HasPrefix(string(values[i]), "0000-00-00") {
				values[i] = nil // MySQL's way to say that there is none
			}
		}
		if err := into.row(values); err != nil {
			return err
		}
	}
}

// formOf is what becomes of a column of a type.
func formOf(kind string) form {
	switch kind {
	case "DECIMAL", "DOUBLE", "FLOAT", "YEAR", "TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT",
		"UNSIGNED TINYINT", "UNSIGNED SMALLINT", "UNSIGNED MEDIUMINT", "UNSIGNED INT", "UNSIGNED BIGINT":
		return number
	case "JSON":
		return object
	case "DATETIME", "TIMESTAMP":
		return moment
	case "BIT", "BINARY", "VARBINARY", "TINYBLOB", "BLOB", "MEDIUMBLOB", "LONGBLOB", "GEOMETRY", "VECTOR":
		return binary
	}
	return text
}

// written is a value as text; nil for NULL.
func written(v driver.Value) []byte {
	switch v := v.(type) {
	case nil:
		return nil
	case []byte:
		return v
	case string:
		return []byte(v)
	case int64:
		return strconv.AppendInt(nil, v, 10)
	case uint64:
		return strconv.AppendUint(nil, v, 10)
	case float32:
		return strconv.AppendFloat(nil, float64(v), 'g', -1, 32)
	case float64:
		return strconv.AppendFloat(nil, v, 'g', -1, 64)
	}
	return fmt.Append(nil, v)
}

// failed classifies an error of the server or the connection, and quotes the server's own words.
func (m *mysqlConn) failed(ctx context.Context, q Query, err error) error {
	var said *mysql.MySQLError
	switch {
	case errors.Is(err, item.ErrRefused) || errors.Is(err, item.ErrUnavailable):
		return err
	case m.meter.exceeded():
		return (&collector{query: q}).tooLarge()
	case errors.As(err, &said) && (strings.HasPrefix(string(said.SQLState[:]), "22") || string(said.SQLState[:]) == "21000"):
		return refused("%s (%d)", said.Message, said.Number)
	case errors.As(err, &said):
		return fmt.Errorf("%w: %s (%d)", item.ErrUnavailable, said.Message, said.Number)
	case ctx.Err() != nil:
		return fmt.Errorf("%w: no answer: %w", item.ErrUnavailable, context.Cause(ctx))
	}
	return fmt.Errorf("%w: %w", item.ErrUnavailable, err)
}
