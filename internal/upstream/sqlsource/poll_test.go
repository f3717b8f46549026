package sqlsource_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vitrine/internal/catalog"
	"vitrine/internal/poller"
	"vitrine/internal/sqltest"
)

// TestPollOfChanges proves that a query with $since gives the rows that were changed after it, whatever type of time the
// column has, and that it is bound and no part of the query.
func TestPollOfChanges(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		server func(testing.TB) *sqltest.Server
		column string
	}{
		"timestamptz": {servers.Postgres, "timestamptz"},
		"timestamp":   {servers.Postgres, "timestamp"},
		"text":        {servers.Postgres, "text"},
		"datetime(6)": {servers.MariaDB, "datetime(6)"},
	} {
		t.Run(name, func(t *testing.T) {
			s := c.server(t)
			written := map[string]string{"text": "T"}[c.column]
			if written == "" {
				written = " "
			}
			s.Do(fmt.Sprintf("CREATE TABLE p (sku varchar(20) PRIMARY KEY, changed %s)", c.column),
				fmt.Sprintf("INSERT INTO p VALUES ('old', '2026-11-21%[1]s11:57:59'), ('new', '2026-11-21%[1]s11:58:01'), ('newest', '2026-11-22%[1]s11:00:00.5')", written))
			cat := polled(t, s, "SELECT sku FROM p WHERE sku = $1", "get: 'SELECT sku, changed FROM p WHERE changed > $since ORDER BY changed', items: '[.[].sku]', mark: '[.[].changed] | max'")
			tried, _, err := poller.Try(t.Context(), client(t, cat), cat, cat.Polls["changed"], noon)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"new", "newest"}, listed(tried)); diff != "" || tried.Mark == "" {
				t.Errorf("mark %s: %s", tried.Mark, diff)
			}
		})
	}
}

// TestPollOfAnOutbox proves that a poll by $cursor goes on after the last row's first column, as a list does.
func TestPollOfAnOutbox(t *testing.T) {
	s := servers.Postgres(t)
	s.Do("CREATE TABLE outbox (id bigint PRIMARY KEY, sku text)", "INSERT INTO outbox VALUES (9, 'a'), (10, 'b'), (11, 'c')")
	cat := polled(t, s, "SELECT sku FROM outbox WHERE sku = $1", "get: 'SELECT id, sku FROM outbox WHERE id > $cursor ORDER BY id LIMIT 2', items: '[.[].sku]'")
	tried, _, err := poller.Try(t.Context(), client(t, cat), cat, cat.Polls["changed"], time.Now())
	if err != nil || tried.Next != `"10"` {
		t.Fatalf("the next cursor is %s, %v", tried.Next, err)
	}
	if diff := cmp.Diff([]string{"a", "b"}, listed(tried)); diff != "" {
		t.Error(diff)
	}
}

// polled is a catalog over a database, with a query of one entity and the keys of a poll.
func polled(t *testing.T, s *sqltest.Server, one, keys string) *catalog.Catalog {
	t.Helper()
	src := fmt.Sprintf("version: 1\nupstreams: { db: { url: %q, password: \"env:DB_PASSWORD\", timeout: 20s } }\n"+
		"entities: { sku: { dimensions: { product: { from: db, id_field: sku, get: %s } }, blobs: { item: { of: [product] } } } }\n"+
		"pages: { item: { path: \"/item/{sku}.html\", blob: item, template: item.html } }\n"+
		"poll: { changed: { from: db, kind: sku, %s } }\n", s.URL, one, keys)
	cat, err := catalog.Parse([]byte(src), "shop.yaml", catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return cat
}

func listed(tried poller.Tried) (ids []string) {
	for _, it := range tried.Items {
		ids = append(ids, it.Change.Entity.ID)
	}
	return ids
}
