package sqltest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// replication is a connection that follows a PostgreSQL database by logical replication with pgoutput, as change data capture does.
type replication struct {
	conn  *pgconn.PgConn
	flush uint64 // the position that was handled
}

// replicate follows all tables of the database from now on. It creates the publication.
func (s *Server) replicate(ctx context.Context, slot string) (*replication, error) {
	s.Do("CREATE PUBLICATION " + slot + " FOR ALL TABLES")
	conn, err := connect(ctx, s.Addr, s.Database, "&replication=database")
	if err != nil {
		return nil, err
	}
	r := &replication{conn: conn}
	if _, err := conn.Exec(ctx, "CREATE_REPLICATION_SLOT "+slot+" TEMPORARY LOGICAL pgoutput NOEXPORT_SNAPSHOT").ReadAll(); err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	conn.Frontend().SendQuery(&pgproto3.Query{String: fmt.Sprintf("START_REPLICATION SLOT %s LOGICAL 0/0 (proto_version '1', publication_names '%s')", slot, slot)})
	if err := conn.Frontend().Flush(); err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	for {
		message, err := conn.ReceiveMessage(ctx)
		switch message := message.(type) {
		case *pgproto3.CopyBothResponse:
			return r, nil
		case *pgproto3.ErrorResponse:
			err = errors.Join(err, errors.New(message.Message))
		}
		if err != nil {
			return nil, errors.Join(err, conn.Close(ctx))
		}
	}
}

// next returns the next message of pgoutput, and its position in the write-ahead log.
func (r *replication) next(ctx context.Context) (position uint64, message []byte, err error) {
	for {
		received, err := r.conn.ReceiveMessage(ctx)
		if err != nil {
			return 0, nil, err
		}
		data, ok := received.(*pgproto3.CopyData)
		if !ok {
			return 0, nil, fmt.Errorf("replication: %T", received)
		}
		switch in := (input{data.Data}); in.byte() {
		case 'w':
			position = in.uint64()
			in.take(16) // the end of the log, and the server's clock
			return position, in.rest, nil
		case 'k':
			r.flush = max(r.flush, in.uint64())
			if err := r.confirm(); err != nil {
				return 0, nil, err
			}
		}
	}
}

// confirm tells the server what was handled.
func (r *replication) confirm() error {
	status := []byte{'r'}
	for range 3 {
		status = binary.BigEndian.AppendUint64(status, r.flush)
	}
	status = binary.BigEndian.AppendUint64(status, uint64(time.Since(epoch()).Microseconds()))
	r.conn.Frontend().Send(&pgproto3.CopyData{Data: append(status, 0)})
	return r.conn.Frontend().Flush()
}

// epoch is the time from which PostgreSQL counts.
func epoch() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }

// input reads binary messages of PostgreSQL. A message that is too short panics, which fails the test.
type input struct{ rest []byte }

func (in *input) take(n int) []byte {
	part := in.rest[:n]
	in.rest = in.rest[n:]
	return part
}

func (in *input) byte() byte     { return in.take(1)[0] }
func (in *input) uint16() int    { return int(binary.BigEndian.Uint16(in.take(2))) }
func (in *input) uint32() uint32 { return binary.BigEndian.Uint32(in.take(4)) }
func (in *input) uint64() uint64 { return binary.BigEndian.Uint64(in.take(8)) }

func (in *input) text() string {
	for i, b := range in.rest {
		if b == 0 {
			return string(in.take(i + 1)[:i])
		}
	}
	panic("a text of PostgreSQL without an end")
}
