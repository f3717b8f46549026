package notify_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/notify"
	"vitrine/internal/poll"
	"vitrine/internal/sqltest"
)

// TestRowsOfARealPostgres proves that what happens to the rows of a real PostgreSQL, in Debezium's envelopes, becomes changes of their
// entities: a snapshot, rows that come, change, get another key and go, rows with the whole row before, large values that PostgreSQL does not
// log, and what is rolled back.
func TestRowsOfARealPostgres(t *testing.T) {
	for _, schemas := range []bool{false, true} {
		d := open(t, sources)
		js, err := jetstream.New(d.changes.Conn)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "DebeziumStream", Subjects: []string{"shop.*.*"}}); err != nil {
			t.Fatal(err)
		}
		s := servers.Postgres(t)
		s.Do("CREATE TABLE products (id int PRIMARY KEY, name text, price numeric(12,2), html text, updated_at timestamptz DEFAULT now())", "CREATE TABLE carts (id int PRIMARY KEY)",
			"ALTER TABLE products ALTER html SET STORAGE EXTERNAL", "INSERT INTO products VALUES (1, 'one', 1.5, repeat('x', 10000)), (2, 'two', -0.01, NULL)")
		var bodies strings.Builder // written before NATS has the message that the test waits for
		z := sqltest.Debezium{Prefix: "shop", Schemas: schemas, Publish: func(subject string, body []byte) error {
			bodies.Write(body)
			_, err := js.Publish(t.Context(), subject, body)
			return err
		}}
		stopRows := z.Follow(t, s, "products")
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- notify.New(*d.cfg).Follow(ctx, d.conn) }()
		for _, step := range []struct {
			do   []string
			want []string
		}{
			{nil, []string{"change.refresh.sku.all.1", "change.refresh.sku.all.2"}},
			{[]string{"INSERT INTO products VALUES (3, 'three', 3, NULL)"}, []string{"change.normal.sku.all.3"}},
			{[]string{"UPDATE products SET price = 2 WHERE id = 1"}, []string{"change.normal.sku.all.1"}},
			{[]string{"UPDATE products SET id = 4 WHERE id = 3"}, []string{"change.normal.sku.all.3", "change.normal.sku.all.4"}},
			{[]string{"BEGIN; UPDATE products SET price = 7 WHERE id = 2; ROLLBACK", "INSERT INTO carts VALUES (9)", "DELETE FROM products WHERE id = 4"}, []string{"change.normal.sku.all.4"}},
			{[]string{"ALTER TABLE products REPLICA IDENTITY FULL", "UPDATE products SET name = 'new' WHERE id = 2"}, []string{"change.normal.sku.all.2"}},
			{[]string{"BEGIN; UPDATE products SET price = price + 1 WHERE id = 2; DELETE FROM products WHERE id = 1; COMMIT"}, []string{"change.normal.sku.all.1", "change.normal.sku.all.2"}},
		} {
			s.Do(step.do...)
			var got []string
			poll.Until(t, strings.Join(step.want, " "), func() bool {
				got = append(got, d.published()...)
				slices.Sort(got)
				got = slices.Compact(got) // a message may come twice
				return len(got) >= len(step.want)
			})
			if diff := cmp.Diff(step.want, got); diff != "" {
				t.Errorf("%s:\n%s", step.do, diff)
			}
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		stopRows()
		for _, part := range []string{`"html":"` + sqltest.Unavailable + `"`, `"snapshot":"last"`, `"price":"AMg="`, `"price":"/w=="`, `"op":"d"`} { // 2.00 and -0.01 of a numeric
			if !strings.Contains(bodies.String(), part) {
				t.Errorf("no envelope has %s", part)
			}
		}
	}
}
