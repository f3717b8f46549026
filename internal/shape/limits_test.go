package shape_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/long"
	"vitrine/internal/shape"
)

// endless holds programs that would run for ever, or fill the memory, without limits. Package jq ends them as it ends
// "a loop", and tests that itself, so that they run here in the full form only.
var endless = []string{"a recursion", "a long array", "an endless repeat", "a count"}

func TestProgramsAreBounded(t *testing.T) {
	for name, pick := range map[string]string{
		"a loop":                        `def f: f; f`,
		"a recursion":                   `def f: 1 + f; f`,
		"a long array":                  `[range(1e9)]`,
		"an endless repeat":             `[limit(1e9; repeat(1))]`,
		"a count":                       `reduce range(1e9) as $i (0; . + 1)`,
		"parts shared 2^40 times":       `reduce range(40) as $i (1; [., .])`,
		"members shared 2^40 times":     `reduce range(40) as $i (1; {a: ., b: .})`,
		"a tower of arrays":             `reduce range(1000) as $i (1; [.])`,
		"a tower of objects":            `reduce range(1000) as $i (1; {a: .})`,
		"an index far away":             `.[1e9] = 1`,
		"a long text":                   `"x" * 9000000`,
		"a text that escapes make long": `"\u0001" * 3000000`,
	} {
		t.Run(name, func(t *testing.T) {
			if slices.Contains(endless, name) {
				long.Only(t)
			}
			d := declare(t, `, pick: '`+pick+`'`, "").Dimensions[0]
			rec, _, err := shape.MakeRecord(d, []byte(`null`))
			if !errors.Is(err, item.ErrRefused) {
				t.Errorf("error %v, record of %d bytes", err, len(rec.Body))
			}
			if err != nil && !strings.HasPrefix(err.Error(), "sku.product: ") {
				t.Errorf("the error does not name the dimension: %v", err)
			}
		})
	}
}

func nested(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }

// TestTheDeepestRecordFolds proves that a record that is accepted can be folded, since the entity would stay dirty
// for ever otherwise.
func TestTheDeepestRecordFolds(t *testing.T) {
	k := declare(t, "", `, fold: '.'`)
	rec, _, err := shape.MakeRecord(k.Dimensions[0], []byte(nested(128)))
	if err != nil {
		t.Fatal(err)
	}
	alive := kv.Record{Value: kv.Value{Header: kv.Header{Existence: kv.Alive}, Body: rec.Body}}
	got, err := shape.Fold(k.Blobs[0], item.Entity{Kind: "sku", ID: "1"}, map[string]kv.Record{"product": alive})
	if want := `{"product":` + nested(128) + `}`; err != nil || string(got.Body) != want {
		t.Errorf("body %s, error %v", got.Body, err)
	}
	if _, _, err := shape.MakeRecord(k.Dimensions[0], []byte(nested(129))); !errors.Is(err, item.ErrRefused) {
		t.Errorf("129 levels: error %v", err)
	}
}

func BenchmarkMakeRecord(b *testing.B) {
	d := declare(b, `, pick: '{title: .name, images, price: .p.amount}', version: updated_at, require: [title]`, "").Dimensions[0]
	answer := []byte(`{"sku":"100012","name":"Watering can, 5 litres","updated_at":1700000000123,"p":{"amount":5.10,"currency":"EUR"},
		"images":["https://img.example/a.jpg","https://img.example/b.jpg","https://img.example/c.jpg"],
		"noise":"` + strings.Repeat("lorem ipsum ", 14) + `"}`)
	b.SetBytes(int64(len(answer)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := shape.MakeRecord(d, answer); err != nil {
			b.Fatal(err)
		}
	}
}
