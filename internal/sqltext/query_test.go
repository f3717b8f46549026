package sqltext_test

import (
	"errors"
	"strings"
	"testing"

	"vitrine/internal/sqltext"
)

// TestParse finds the parameter where the server would, and nowhere else.
func TestParse(t *testing.T) {
	for _, c := range []struct {
		dialect  sqltext.Dialect
		text     string
		numbered string
		marked   string // for three values
	}{
		{sqltext.Postgres, "SELECT * FROM p WHERE sku = ANY($1)", "SELECT * FROM p WHERE sku = ANY($1)", ""},
		{sqltext.Postgres, "select 1 where id > $cursor order by id;  -- $1", "select 1 where id > $1 order by id", ""},
		{sqltext.Postgres, "WITH x AS (TABLE p) SELECT '$1', \"$1\", $$ $1 ; $$, $a$ ' $a$, E'\\'$1' FROM x /* $1 /* ; */ */ WHERE a = $1 AND j ? 'k'", "", ""},
		{sqltext.Postgres, "SELECT 'it''s $2' WHERE 'a\\' = $1", "", ""},
		{sqltext.MySQL, "SELECT * FROM p WHERE sku IN ($1) OR old IN ($1)", "", "SELECT * FROM p WHERE sku IN (?, ?, ?) OR old IN (?, ?, ?)"},
		{sqltext.MySQL, "SELECT 'it\\'s ?', `$1`, \"?\\\"\" FROM p # $1 ;\n WHERE a = $1", "", "SELECT 'it\\'s ?', `$1`, \"?\\\"\" FROM p # $1 ;\n WHERE a = ?, ?, ?"},
		{sqltext.MySQL, "SELECT 5--1, $1 -- ?\n", "", "SELECT 5--1, ?, ?, ? -- ?\n"},
		{sqltext.MySQL, "((SELECT $1))", "", "((SELECT ?, ?, ?))"},
	} {
		q, err := sqltext.Parse(c.text, c.dialect)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if q.Params() != 1 && !strings.Contains(c.text, "old IN") {
			t.Errorf("%s: %d parameters, want one", c.text, q.Params())
		}
		if c.numbered != "" && q.Numbered() != c.numbered {
			t.Errorf("%s becomes %s", c.text, q.Numbered())
		}
		if c.marked != "" && q.Marked(3) != c.marked {
			t.Errorf("%s becomes %s", c.text, q.Marked(3))
		}
	}
}

// TestParseRefuses names what a query can't have.
func TestParseRefuses(t *testing.T) {
	for _, c := range []struct {
		dialect    sqltext.Dialect
		text, says string
	}{
		{sqltext.Postgres, "", "empty"},
		{sqltext.Postgres, " -- SELECT 1", "empty"},
		{sqltext.Postgres, "DELETE FROM p WHERE sku = $1", "begins with DELETE"},
		{sqltext.Postgres, "'x'", "begins with"},
		{sqltext.Postgres, "; SELECT 1", "begins with"},
		{sqltext.Postgres, "SELECT 1; DELETE FROM p", "second statement"},
		{sqltext.Postgres, "SELECT $2", "the parameter $2"},
		{sqltext.Postgres, "SELECT $since, $cursor", "either $since or $cursor"},
		{sqltext.Postgres, "SELECT $1, $since", "either $since or a cursor"},
		{sqltext.Postgres, "SELECT $10", "the parameter $10"},
		{sqltext.Postgres, "SELECT $id", "the parameter $id"},
		{sqltext.Postgres, "SELECT * INTO q FROM p", "INTO"},
		{sqltext.Postgres, "SELECT 'x", "does not end"},
		{sqltext.Postgres, "SELECT $$ x", "does not end"},
		{sqltext.Postgres, "SELECT /* /* */ 1", "does not end"},
		{sqltext.MySQL, "SELECT ?", "not ?"},
		{sqltext.MySQL, "SELECT 1 /*! INTO OUTFILE 'x' */", "would run"},
		{sqltext.MySQL, "SELECT 'x\\'", "does not end"},
	} {
		_, err := sqltext.Parse(c.text, c.dialect)
		if !errors.Is(err, sqltext.ErrQuery) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v, want %q", c.text, err, c.says)
		}
	}
}

// FuzzParse cuts any text into pieces that make it up again.
func FuzzParse(f *testing.F) {
	f.Add("SELECT '$1', $1 -- x", true)
	f.Add("SELECT `a`, E'\\'' /* */ ;", false)
	f.Fuzz(func(t *testing.T, text string, postgres bool) {
		d := sqltext.MySQL
		if postgres {
			d = sqltext.Postgres
		}
		q, err := sqltext.Parse(text, d)
		if err != nil {
			return
		}
		if again := strings.ReplaceAll(q.Numbered(), "$cursor", "$1"); !strings.HasPrefix(strings.ReplaceAll(text, "$cursor", "$1"), again) {
			t.Fatalf("%q became %q", text, again)
		}
	})
}
