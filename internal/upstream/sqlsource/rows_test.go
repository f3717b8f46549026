package sqlsource_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vitrine/internal/sqltest"
)

// dialect is one kind of server, with what its SQL writes otherwise.
type dialect struct {
	name   string
	server func(testing.TB) *sqltest.Server
	in     string // compares with a batch
}

func dialects() []dialect {
	return []dialect{{"postgres", servers.Postgres, "= ANY($1)"}, {"mariadb", servers.MariaDB, "IN ($1)"}}
}

// TestRows proves that one query for an id and one for a batch give the same records, that no row is a deletion, that of several
// ids each gets its own rows, and that ids are bound, whatever they are made of.
func TestRows(t *testing.T) {
	for _, d := range dialects() {
		t.Run(d.name, func(t *testing.T) {
			s := d.server(t)
			hostile := []string{`it's "odd"`, `a\b`, `{1,2}`, `'; DROP TABLE p; --`, `a,b`, `%_`, `NULL`, `$1`, `?`}
			s.Do("CREATE TABLE p (sku varchar(64) PRIMARY KEY, title varchar(64), price numeric(20,4))", "CREATE TABLE r (sku varchar(64), v int)",
				"INSERT INTO p VALUES ('A', 'Lamp & <b>', 12345678901234.5600), ('B', NULL, -0.5)", "INSERT INTO r VALUES ('A', 1), ('A', 2), ('B', 3)")
			for i, id := range hostile {
				id = strings.ReplaceAll(id, "'", "''")
				if d.name == "mariadb" {
					id = strings.ReplaceAll(id, `\`, `\\`)
				}
				s.Do(fmt.Sprintf("INSERT INTO p VALUES ('%s', 'odd %d', 1)", id, i))
			}
			cat := shop(t, s, "", fmt.Sprintf("get: 'SELECT sku, title, price FROM p WHERE sku = $1', batch: 'SELECT sku, title, price FROM p WHERE sku %s'", d.in))
			c := client(t, cat)
			a, b := `{"sku":"A","title":"Lamp & <b>","price":12345678901234.5600}`, `{"sku":"B","title":null,"price":-0.5000}`
			if got := fetch(t.Context(), t, c, cat, "A"); !cmp.Equal(got, []string{a}) {
				t.Errorf("of A: %s", got)
			}
			if got := fetch(t.Context(), t, c, cat, "B", "C", "A", "B", "a"); !cmp.Equal(got, []string{b, "gone", a, b, "gone"}) {
				t.Errorf("of a batch: %s", got)
			}
			for _, together := range []bool{false, true} {
				for i, id := range hostile {
					ids := []string{id}
					if together {
						ids = append(ids, hostile...)
					}
					wantWords(t, fetch(t.Context(), t, c, cat, ids...)[0], fmt.Sprintf(`"title":"odd %d"`, i))
				}
			}
			many := shop(t, s, "", fmt.Sprintf("rows: many, get: 'SELECT sku, v FROM r WHERE sku = $1 ORDER BY v', batch: 'SELECT sku, v FROM r WHERE sku %s ORDER BY v DESC', pick: 'map(.v)'", d.in))
			if got := fetch(t.Context(), t, c, many, "A", "B", "C"); !cmp.Equal(got, []string{"[2,1]", "[3]", "gone"}) {
				t.Errorf("of many rows: %s", got)
			}
			one := shop(t, s, "", fmt.Sprintf("batch: 'SELECT sku, v FROM r WHERE sku %s', absent: gone, pick: .v", d.in))
			got := fetch(t.Context(), t, c, one, "A", "B", "C")
			wantWords(t, got[0], "gives 2 rows", "rows: many")
			if !cmp.Equal(got[1:], []string{"3", "gone"}) {
				t.Errorf("beside an id with two rows: %s", got)
			}
		})
	}
}

// TestIntegerIDs proves that ids that a column can't hold are not there, and neither fail a batch nor meet another row.
func TestIntegerIDs(t *testing.T) {
	for _, d := range dialects() {
		t.Run(d.name, func(t *testing.T) {
			s := d.server(t)
			s.Do("CREATE TABLE p (sku int PRIMARY KEY, title varchar(64))", "INSERT INTO p VALUES (0, 'zero'), (42, 'x')")
			cat := shop(t, s, "", fmt.Sprintf("get: 'SELECT sku, title FROM p WHERE sku = $1', batch: 'SELECT sku, title FROM p WHERE sku %s', pick: .title", d.in))
			c := client(t, cat)
			want := []string{`"x"`, "gone", "gone", "gone", "gone"}
			ids := []string{"42", "042", "abc", "42abc", "99999999999999999999"}
			if got := fetch(t.Context(), t, c, cat, ids...); !cmp.Equal(got, want) {
				t.Errorf("of a batch: %s", got)
			}
			for i, id := range ids {
				if got := fetch(t.Context(), t, c, cat, id); got[0] != want[i] {
					t.Errorf("of %s: %s", id, got)
				}
			}
		})
	}
}

// TestTypes proves what becomes of the types of columns.
func TestTypes(t *testing.T) {
	t.Run("postgres", func(t *testing.T) {
		s := servers.Postgres(t)
		s.Do(`CREATE TYPE mood AS ENUM ('sad', 'ok')`, `CREATE TABLE p (sku char(8), "Größe ""x"" " text, b bool, n numeric, f float8, j json, jb jsonb, ts timestamptz, t timestamp, d date,
			i8 bigint, texts text[], nums numeric[], grid int[], u uuid, m mood)`,
			`INSERT INTO p VALUES ('A', E'a"\n\\ü', true, 'NaN', 1e300, '{"a": 1.50, "a2": [1, 2]}', '{"z": 100000000000000000001}', '2026-11-22 07:12:00.5+01', '2026-11-22 06:12', '2026-11-22',
			9223372036854775807, '{"a,b","c\"d",NULL,"NULL","x\\y",""}', '{1.10,NaN}', '{{1,2},{3,4}}', '0123abcd-0000-0000-0000-000000000001', 'ok')`,
			`INSERT INTO p (sku) VALUES ('B')`)
		cat := shop(t, s, "", "get: 'SELECT * FROM p WHERE sku = $1'")
		got := fetch(t.Context(), t, client(t, cat), cat, "A")
		want := `{"sku":"A","Größe \"x\" ":"a\"\n\\ü","b":true,"n":"NaN","f":1e+300,"j":{"a":1.50,"a2":[1,2]},"jb":{"z":100000000000000000001},` +
			`"ts":"2026-11-22T06:12:00.5Z","t":"2026-11-22T06:12:00Z","d":"2026-11-22","i8":9223372036854775807,"texts":["a,b","c\"d",null,"NULL","x\\y",""],` +
			`"nums":[1.10,"NaN"],"grid":[[1,2],[3,4]],"u":"0123abcd-0000-0000-0000-000000000001","m":"ok"}`
		if diff := cmp.Diff(want, got[0]); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("mariadb", func(t *testing.T) {
		s := servers.MariaDB(t)
		s.Do("CREATE TABLE p (sku char(8), `Größe \"x\"` text, b boolean, n decimal(30,10), f float, g double, ts timestamp(3) NULL, t datetime, z datetime, d date, i8 bigint unsigned, e enum('sad','ok'), h time, y year)",
			"SET SESSION time_zone = '+01:00', sql_mode = ''",
			"INSERT INTO p VALUES ('A', 'a\"\\n\\\\ü\\0', true, 12345678901234567890.5, 0.1, 1e300, '2026-11-22 07:12:00.5', '2026-11-22 06:12', '0000-00-00', '2026-11-22', 18446744073709551615, 'ok', '-01:02:03', 2026)")
		cat := shop(t, s, "", "get: 'SELECT * FROM p WHERE sku = $1'")
		got := fetch(t.Context(), t, client(t, cat), cat, "A")
		want := "{\"sku\":\"A\",\"Größe \\\"x\\\"\":\"a\\\"\\n\\\\ü\\u0000\",\"b\":1,\"n\":12345678901234567890.5000000000,\"f\":0.1,\"g\":1e+300," +
			"\"ts\":\"2026-11-22T06:12:00.500Z\",\"t\":\"2026-11-22T06:12:00Z\",\"z\":null,\"d\":\"2026-11-22\",\"i8\":18446744073709551615,\"e\":\"ok\",\"h\":\"-01:02:03\",\"y\":2026}"
		if diff := cmp.Diff(want, got[0]); diff != "" {
			t.Error(diff)
		}
	})
}
