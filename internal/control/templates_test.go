package control_test

import (
	"errors"
	"testing"

	"vitrine/internal/control"
	"vitrine/internal/item"
)

// TestTwoPushersOfTemplates proves that a push is refused if another one came between its trial and itself, so that
// it replaces nothing unseen.
func TestTwoPushersOfTemplates(t *testing.T) {
	s := newSystem(t)
	bucket := s.conn.Bucket(control.TemplateBucket)
	for round := range 3 {
		head, err := control.HeadTemplates(t.Context(), s.conn)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := control.PushTemplates(t.Context(), s.conn, []byte("one"), head); err != nil {
			t.Fatalf("%v, error %v; want no error", round, err)
		}
		if _, err := control.PushTemplates(t.Context(), s.conn, []byte("other"), head); !errors.Is(err, item.ErrChanged) {
			t.Errorf("round %d: error %v, want item.ErrChanged", round, err)
		}
		now, err := bucket.Get(t.Context(), control.TemplateKey)
		if err != nil || string(now.Value) != "one" {
			t.Errorf("%d: %q is in force, %v", round, now.Value, err)
		}
		if round == 1 { // after a deletion the next push counts as the first again
			if err := bucket.Delete(t.Context(), control.TemplateKey); err != nil {
				t.Fatal(err)
			}
		}
	}
}
