package sqlsource_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/long"
	"vitrine/internal/poll"
	"vitrine/internal/upstream"
)

// TestNotNow proves that what keeps the server from answering is retried, says so in the server's words, and deletes nothing.
func TestNotNow(t *testing.T) {
	for _, d := range dialects() {
		t.Run(d.name, func(t *testing.T) {
			s := d.server(t)
			s.Do("CREATE TABLE p (sku varchar(64) PRIMARY KEY, title varchar(64))", "INSERT INTO p VALUES ('A', 'x')")
			sleep, denied := "pg_sleep(60)", "permission denied"
			if d.name == "mariadb" {
				sleep, denied = "SLEEP(60)", "denied"
			} else {
				s.Do("CREATE TABLE secret (sku text, title text)", "REVOKE ALL ON secret FROM reader")
			}
			for _, c := range []struct{ name, db, get, says string }{
				{"a missing column", "", "SELECT sku, titel FROM p WHERE sku = $1", "titel"},
				{"a missing table", "", "SELECT sku FROM nothing WHERE sku = $1", "nothing"},
				{"no id", "", "SELECT title FROM p WHERE sku = $1", `no column "sku"`},
				{"a column twice", "", "SELECT sku, title, title FROM p WHERE sku = $1", `two columns "title"`},
				{"a mistake", "", "SELECT sku FROM p WHERE WHERE sku = $1", "syntax"},
				{"a table of others", "", "SELECT sku FROM " + map[string]string{"postgres": "secret", "mariadb": "mysql.user"}[d.name] + " WHERE sku = $1", denied},
				{"a slow query", "timeout: 300ms", "SELECT sku, " + sleep + " AS s FROM p WHERE sku = $1", ""},
				{"a query that writes", "", map[string]string{"postgres": "WITH x AS (DELETE FROM p RETURNING sku) SELECT sku FROM x WHERE sku = $1",
					"mariadb": "WITH x AS (SELECT $1) DELETE FROM p"}[d.name], ""},
			} {
				if c.db == "" {
					c.db = "timeout: 20s"
				}
				cat := shopOf(t, fmt.Sprintf("{ url: %q, password: \"env:DB_PASSWORD\", %s }", s.URL, c.db), "", fmt.Sprintf("get: %q", c.get))
				got := fetch(t.Context(), t, client(t, cat), cat, "A")[0]
				if !unavailable(got) || !strings.Contains(got, c.says) {
					t.Errorf("%s: %s", c.name, got)
				}
			}
			cat := shop(t, s, "", "get: 'SELECT sku FROM p WHERE sku = $1'")
			for _, wrong := range []string{"canary-4712-wrong", ""} {
				got := fetch(t.Context(), t, clientWith(t, cat, wrong, nil), cat, "A")[0]
				if !unavailable(got) || strings.Contains(got, "canary") {
					t.Errorf("with a wrong password: %s", got)
				}
			}
			if got := fetch(t.Context(), t, client(t, cat), cat, "A")[0]; got != `{"sku":"A"}` {
				t.Errorf("after all that: %s", got)
			}
		})
	}
}

// unavailable reports whether an answer is an error that is worth another try.
func unavailable(got string) bool {
	return strings.HasPrefix(got, "error: ") && strings.Contains(got, ": "+item.ErrUnavailable.Error()+": ")
}

// TestReadOnly proves that a writer's rights are not used.
func TestReadOnly(t *testing.T) {
	s := servers.Postgres(t)
	s.Do("CREATE TABLE p (sku text)", "INSERT INTO p VALUES ('A')", "CREATE SEQUENCE q", "GRANT ALL ON ALL TABLES IN SCHEMA public TO reader", "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO reader",
		"CREATE FUNCTION wipe() RETURNS text LANGUAGE sql AS 'DELETE FROM p RETURNING sku'")
	for _, get := range []string{
		"SELECT sku, wipe() AS w FROM p WHERE sku = $1",
		"SELECT sku, nextval('q') AS n FROM p WHERE sku = $1",
		"SELECT sku, set_config('transaction_read_only', 'off', false) AS s, wipe() AS w FROM p WHERE sku = $1",
	} {
		cat := shop(t, s, "", fmt.Sprintf("get: %q", get))
		got := fetch(t.Context(), t, client(t, cat), cat, "A")[0]
		if !unavailable(got) || !strings.Contains(got, "read") {
			t.Errorf("%s: %s", get, got)
		}
	}
	cat := shop(t, s, "", "get: 'SELECT sku FROM p WHERE sku = $1'")
	if got := fetch(t.Context(), t, client(t, cat), cat, "A")[0]; got != `{"sku":"A"}` {
		t.Errorf("after all that: %s", got)
	}
}

// TestBadRows proves that a row that can't be used, or that makes the server fail, concerns its own id only.
func TestBadRows(t *testing.T) {
	s := servers.Postgres(t)
	s.Do("CREATE TABLE p (sku text PRIMARY KEY, n int, body text)", "INSERT INTO p SELECT 'S' || i, i, 'x' FROM generate_series(0, 19) i", fmt.Sprintf("UPDATE p SET body = repeat('x', %d) WHERE n = 7", long.Pick(25_000_000, 50_000_000)))
	cat := shop(t, s, "", "batch: 'SELECT sku, body, 100 / n AS part FROM p WHERE sku = ANY($1)', pick: .part, absent: gone")
	var ids []string
	for i := range 21 {
		ids = append(ids, fmt.Sprintf("S%d", i))
	}
	for i, got := range fetch(t.Context(), t, client(t, cat), cat, ids...) {
		switch want := fmt.Sprint(100 / max(i, 1)); {
		case i == 0:
			wantWords(t, got, item.ErrRefused.Error(), "division by zero")
		case i == 7:
			wantWords(t, got, item.ErrRefused.Error(), "more than 1048576 bytes")
		case i == 20 && got != "gone" || i < 20 && got != want:
			t.Errorf("S%d: %.200s", i, got)
		}
	}
	s.Do("CREATE TABLE pictures (sku text, picture bytea)", "INSERT INTO pictures VALUES ('A', '\\x00')")
	binary := shop(t, s, "", "get: 'SELECT * FROM pictures WHERE sku = $1'")
	wantWords(t, fetch(t.Context(), t, client(t, binary), binary, "A")[0], `"picture" is binary`, "encode(picture, 'base64')")
	in := shop(t, s, "", "batch: 'SELECT sku FROM p WHERE sku IN ($1)', absent: gone")
	wantWords(t, fetch(t.Context(), t, client(t, in), in, "S1", "S2")[0], item.ErrUnavailable.Error(), "= ANY($1)")
}

// TestList walks a table by its ids, in pages, and by pages of jq.
func TestList(t *testing.T) {
	for _, d := range dialects() {
		t.Run(d.name, func(t *testing.T) {
			s := d.server(t)
			s.Do("CREATE TABLE p (id int PRIMARY KEY, sku varchar(64))", "INSERT INTO p VALUES (-3, 'a'), (1, 'b'), (2, 'c'), (30, 'd'), (31, 'e')")
			least := ""
			if d.name == "mariadb" {
				least = ", first: -2147483648" // MySQL takes an empty text for 0
			}
			for list, want := range map[string]string{
				"get: 'SELECT sku FROM p WHERE sku > $cursor ORDER BY sku LIMIT 2'":                                            "a b c d e",
				"get: 'SELECT id FROM p WHERE id > $cursor ORDER BY id LIMIT 2'" + least:                                       "-3 1 2 30 31",
				"get: 'SELECT sku FROM p ORDER BY id'":                                                                         "a b c d e",
				"get: 'SELECT sku, id FROM p WHERE id > $1 ORDER BY id LIMIT 2', first: 0, ids: 'map(.sku)', next: '.[-1].id'": "b c d e",
				"get: 'SELECT sku FROM p WHERE id > $1 ORDER BY id LIMIT 2', first: 30, ids: 'map(.sku)', next: 'empty'":       "e",
			} {
				cat := shop(t, s, list, "get: 'SELECT sku FROM p WHERE sku = $1'")
				ids, pages := walk(t, client(t, cat), cat.Kinds["sku"].List)
				if got := strings.Join(ids, " "); got != want || pages > 4 {
					t.Errorf("%s: %s, in %d pages", list, got, pages)
				}
			}
		})
	}
}

// TestRestart proves that while a server crashes and comes back, every entity is answered in the end, and none is taken for deleted.
func TestRestart(t *testing.T) {
	for _, d := range dialects() {
		t.Run(d.name, func(t *testing.T) {
			s := d.server(t)
			s.Do("CREATE TABLE p (sku varchar(64) PRIMARY KEY, title varchar(64))")
			const entities = 1000
			rows := make([]string, entities)
			for i := range rows {
				rows[i] = fmt.Sprintf("('S%d', 'title %d')", i, i)
			}
			s.Do("INSERT INTO p VALUES " + strings.Join(rows, ", "))
			cat := shop(t, s, "", fmt.Sprintf("get: 'SELECT sku, title FROM p WHERE sku = $1', batch: 'SELECT sku, title FROM p WHERE sku %s', pick: .title, batch_max: 10", d.in))
			asked := 0
			c := client(t, cat)
			dimension, err := cat.Dimension("sku", "product")
			if err != nil {
				t.Fatal(err)
			}
			todo, failed := make([]int, entities), 0
			for i := range todo {
				todo[i] = i
			}
			poll.Until(t, "every entity is answered", func() bool {
				next := todo
				todo = nil
				for len(next) > 0 {
					n := min(20, len(next))
					asks := make([]upstream.Ask, n)
					for k, i := range next[:n] {
						asks[k].ID = fmt.Sprintf("S%d", i)
					}
					for k, a := range c.Fetch(t.Context(), dimension, asks) {
						switch got := told(dimension, a); {
						case got == fmt.Sprintf(`"title %d"`, next[k]):
						case errors.Is(a.Err, item.ErrUnavailable):
							failed++
							todo = append(todo, next[k])
						default:
							t.Fatalf("S%d: %s", next[k], got)
						}
					}
					next = next[n:]
					asked += n
					if asked == 200 {
						s.Kill()
					}
				}
				s.Start()
				return len(todo) == 0
			})
			if failed == 0 {
				t.Error("nothing failed while the server was away")
			}
		})
	}
}

// TestIdleConnections proves that connections that a restart of the server has ended cost no answer.
func TestIdleConnections(t *testing.T) {
	s := servers.Postgres(t)
	s.Do("CREATE TABLE p (sku text)", "INSERT INTO p VALUES ('A')")
	cat := shop(t, s, "", "get: 'SELECT sku FROM p WHERE sku = $1'")
	c := client(t, cat)
	for range 2 {
		if got := fetch(t.Context(), t, c, cat, "A")[0]; got != `{"sku":"A"}` {
			t.Fatal(got)
		}
		s.Kill()
		s.Start()
	}
}

// TestCancelled proves that a query ends with the context of its caller.
func TestCancelled(t *testing.T) {
	s := servers.Postgres(t)
	s.Do("CREATE TABLE p (sku text)", "INSERT INTO p VALUES ('A')")
	cat := shop(t, s, "", "get: 'SELECT sku, pg_sleep(15) AS z FROM p WHERE sku = $1'")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if got := fetch(ctx, t, client(t, cat), cat, "A")[0]; !unavailable(got) {
		t.Error(got)
	}
}
