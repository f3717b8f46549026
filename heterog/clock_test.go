package heterog_test

import (
	"errors"
	"testing"
	"time"

	"vitrine/heterog"
	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/upstream"
)

// TestAClockThatIsOff proves that a worker goes by the clock of NATS where a time is compared with one that somebody else has noted:
// it looks again at what a lagging replica may have said, and doubts and believes older answers, as if its own clock were right.
func TestAClockThatIsOff(t *testing.T) {
	for name, off := range map[string]time.Duration{"ahead": 10 * time.Minute, "behind": -10 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.config.Ahead = func() time.Duration { return -off }
			b.config.Patience = 2 * time.Minute
			b.worker = heterog.New(b.config)
			now := time.Now().Add(-off) // as NATS has it

			b.upstream.answer("1", upstream.Answer{Status: upstream.OK, Body: []byte(`{"amount":1}`), At: time.Now().Add(-time.Hour)})
			b.must(change(item.Refresh, "price", "1"))
			if fetched := b.record("price", "1").Fetched; now.Add(-time.Hour).Sub(fetched).Abs() > time.Minute {
				t.Errorf("the record was fetched at %s, an hour before %s", fetched, now)
			}
			merged := change(item.Normal, "price", "1")
			merged.Published = now.Add(time.Minute) // so that a slow machine makes it no older
			merged.Merged = true
			b.upstream.say("1", `{"amount":2}`)
			if !looks(b.handle(merged)) {
				t.Error("nobody looks again at what may have come from a replica that lags")
			}

			b.upstream.say("2", `{"v":7,"title":"new"}`)
			b.must(change(item.Normal, "product", "2"))
			b.upstream.say("2", `{"v":6,"title":"old"}`)
			doubted := change(item.Normal, "product", "2")
			doubted.Doubt = bus.Doubt{Version: "7", Since: now, Answers: 10}
			if err := b.handle(doubted)[0]; !errors.Is(err, item.ErrBehind) {
				t.Errorf("an older answer is believed at once: %v", err)
			}
			doubted.Doubt.Since = now.Add(-3 * time.Minute)
			if err := b.handle(doubted)[0]; errors.Is(err, item.ErrBehind) {
				t.Errorf("an older answer is not believed after the time of patience: %v", err)
			}
		})
	}
}
