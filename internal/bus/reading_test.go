package bus_test

import (
	"testing"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/poll"
)

// TestReadingLeavesNoConsumer proves that whoever lists past changes or dead letters, to the end or not, leaves nothing behind in NATS: the
// dead letters are looked at every few seconds for ever.
func TestReadingLeavesNoConsumer(t *testing.T) {
	t.Parallel()
	c := connect(t)
	publish(t, c, change(item.Normal, "1"), change(item.Normal, "2"), change(item.Normal, "3"))
	for _, most := range []int{0, 1, 3} {
		_, past, err := c.Past(t.Context(), 0, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		read := 0
		for _, err := range past {
			if err != nil {
				t.Fatal(err)
			}
			read++
			if read >= most {
				break
			}
		}
	}
	if total, _, err := c.Past(t.Context(), 0, time.Now().Add(time.Hour)); err != nil || total != 0 {
		t.Fatalf("%d changes of the future, %v", total, err)
	}
	for _, err := range c.DeadLetters(t.Context(), "failed.>") {
		t.Fatalf("a dead letter, %v", err)
	}
	for _, name := range []string{bus.History, bus.Failed} {
		stream, err := bus.JetStream(c).Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		poll.Until(t, name+" has no consumer", func() bool {
			info, err := stream.Info(t.Context())
			return err == nil && info.State.Consumers == 0
		})
	}
}
