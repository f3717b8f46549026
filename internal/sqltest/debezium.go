package sqltest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Unavailable is what Debezium writes in place of a large value that did not change, and that PostgreSQL does not log therefore.
const Unavailable = "__debezium_unavailable_value"

// Debezium stands for a Debezium Server with the PostgreSQL connector and the NATS JetStream sink. It follows the database by logical
// replication, as Debezium does with pgoutput, and publishes an envelope for each row that changes, of the form that its documentation gives:
// https://debezium.io/documentation/reference/stable/connectors/postgresql.html#postgresql-events.
type Debezium struct {
	Prefix  string                                  // topic.prefix: the subject of a table is PREFIX.SCHEMA.TABLE
	Schemas bool                                    // value.converter.schemas.enable: envelopes come as {schema, payload}
	Publish func(subject string, body []byte) error // an error fails the test

	server *Server
}

// Follow publishes the rows of some tables as a snapshot, and then each change, until the test ends or stop is called. Tables need no
// schema.
func (z Debezium) Follow(t testing.TB, s *Server, tables ...string) (stop func()) {
	t.Helper()
	z.server = s
	ctx, cancel := context.WithCancel(context.Background())
	r, err := s.replicate(ctx, "debezium")
	if err != nil {
		t.Fatalf("follow %s: %v", s.Database, err)
	}
	for _, table := range tables {
		if err := z.snapshot(ctx, table); err != nil {
			t.Fatalf("snapshot of %s: %v", table, err)
		}
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d := decoder{relations: map[uint32]*relation{}}
		for {
			lsn, message, err := r.next(ctx)
			if err == nil {
				err = z.publishAll(d.decode(lsn, message))
			}
			if err != nil && ctx.Err() == nil {
				t.Errorf("follow %s: %v", s.Database, err)
			}
			if err != nil {
				return
			}
		}
	}()
	stop = func() {
		cancel()
		<-ended
		closing, done := context.WithTimeout(context.Background(), limit)
		defer done()
		_ = r.conn.Close(closing) // the connection is broken off by cancel
	}
	t.Cleanup(stop)
	return stop
}

func (z Debezium) publishAll(changes []rowChange) error {
	for _, c := range changes {
		for _, e := range z.envelopes(c) {
			if err := z.publish(c.of, e); err != nil {
				return err
			}
		}
	}
	return nil
}

// snapshot publishes the rows of a table.
func (z Debezium) snapshot(ctx context.Context, table string) error {
	conn, err := connect(ctx, z.server.Addr, z.server.Database, "")
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	results, err := conn.Exec(ctx, "SELECT * FROM "+table).ReadAll()
	if err != nil {
		return err
	}
	of := &relation{schema: "public", table: table}
	for _, f := range results[0].FieldDescriptions {
		of.columns = append(of.columns, column{name: f.Name, oid: f.DataTypeOID})
	}
	for i, fields := range results[0].Rows {
		c := rowChange{op: 'r', of: of, committed: time.Now()}
		for _, text := range fields {
			c.after = append(c.after, value{text: string(text), null: text == nil})
		}
		e := z.envelope(c, "r", nil, c.after)
		e["source"].(object)["snapshot"] = map[bool]string{true: "last", false: "true"}[i == len(results[0].Rows)-1]
		if err := z.publish(of, e); err != nil {
			return err
		}
	}
	return nil
}

type object = map[string]any

// envelopes are the events of a change. A row whose key changed is deleted under the old key and created under the new one; the tombstone
// between them has no body, and is not published by this sink.
func (z Debezium) envelopes(c rowChange) []object {
	switch {
	case c.op == 'I':
		return []object{z.envelope(c, "c", nil, c.after)}
	case c.op == 'U' && c.keyOnly:
		return []object{z.envelope(c, "d", c.before, nil), z.envelope(c, "c", nil, c.after)}
	case c.op == 'U':
		return []object{z.envelope(c, "u", c.before, c.after)}
	case c.op == 'D':
		return []object{z.envelope(c, "d", c.before, nil)}
	}
	return []object{z.envelope(c, "t", nil, nil)}
}

func (z Debezium) envelope(c rowChange, op string, before, after []value) object {
	now := time.Now()
	at := strconv.FormatUint(c.lsn, 10)
	return object{
		"before": c.of.row(before, c.keyOnly), "after": c.of.row(after, false),
		"source": object{
			"version": "3.0.0.Final", "connector": "postgresql", "name": z.Prefix, "ts_ms": c.committed.UnixMilli(), "ts_us": c.committed.UnixMicro(), "ts_ns": c.committed.UnixNano(),
			"snapshot": "false", "db": z.server.Database, "sequence": fmt.Sprintf("[%q,%q]", at, at), "schema": c.of.schema, "table": c.of.table, "txId": c.xid, "lsn": c.lsn, "xmin": nil,
		},
		"transaction": nil, "op": op, "ts_ms": now.UnixMilli(), "ts_us": now.UnixMicro(), "ts_ns": now.UnixNano(),
	}
}

func (z Debezium) publish(of *relation, e object) error {
	if z.Schemas {
		e = object{"schema": object{"type": "struct", "optional": false, "name": z.Prefix + "." + of.schema + "." + of.table + ".Envelope", "version": 2}, "payload": e}
	}
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return z.Publish(strings.Join([]string{z.Prefix, of.schema, of.table}, "."), body)
}

// row is a row as Debezium writes it; null for none. Of a row of which the key alone is known, the other columns are null.
func (r *relation) row(values []value, keyOnly bool) any {
	if values == nil {
		return nil
	}
	row := object{}
	for i, c := range r.columns {
		switch v := values[i]; {
		case v.null, keyOnly && !c.key:
			row[c.name] = nil
		case v.unchanged:
			row[c.name] = Unavailable
		default:
			row[c.name] = c.debezium(v.text)
		}
	}
	return row
}

// debezium converts a value from PostgreSQL's text form into what Debezium writes by default: numeric as the bytes of its digits, times with
// a zone as text, JSON as text. Arrays are left in PostgreSQL's form.
func (c column) debezium(text string) any {
	const boolean, int8, int2, int4, float4, float8, timestamptz, numeric = 16, 20, 21, 23, 700, 701, 1184, 1700
	switch c.oid {
	case boolean:
		return text == "t"
	case int2, int4, int8, float4, float8:
		return json.Number(text)
	case timestamptz:
		at, err := time.Parse("2006-01-02 15:04:05.999999-07", text)
		if err != nil {
			return text
		}
		return at.UTC().Format("2006-01-02T15:04:05.000000Z")
	case numeric:
		return base64.StdEncoding.EncodeToString(signed(strings.Replace(text, ".", "", 1)))
	}
	return text
}

// signed is a whole number as big-endian bytes in two's complement.
func signed(digits string) []byte {
	n, ok := new(big.Int).SetString(digits, 10)
	if !ok {
		return nil
	}
	size := n.BitLen()/8 + 1
	if n.Sign() < 0 {
		n.Add(n, new(big.Int).Lsh(big.NewInt(1), uint(size*8)))
	}
	return n.FillBytes(make([]byte, size))
}
