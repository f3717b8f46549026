package node_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vitrine/internal/node"
)

// peers answer as their function says, until it returns an error.
type peers func(ctx context.Context, answer func(body []byte) (done bool)) error

func (p peers) Request(ctx context.Context, _ string, f func([]byte) bool) error { return p(ctx, f) }

// TestAskingOthersForPagesIsBounded proves that a server that joins does not wait for ever for others that are silent or never stop to answer, and
// reads a bounded amount of what they say.
func TestAskingOthersForPagesIsBounded(t *testing.T) {
	honest := []byte("gzip,br /item/1.html\nidentity /item/2.html\n")
	many := []byte(strings.Repeat("gzip /item/1.html\n", 1<<20))
	hostile := "gzip" + strings.Repeat(",gzip", 1<<18) + " /item/1.html\nno path\n /\n\ngzip https://elsewhere.example/\n\x00\xff\n"
	silent := func(ctx context.Context, _ func([]byte) bool) error {
		<-ctx.Done()
		return ctx.Err()
	}
	endless := func(every time.Duration, body []byte) peers {
		return func(ctx context.Context, answer func([]byte) bool) error {
			for ctx.Err() == nil && !answer(body) {
				time.Sleep(every)
			}
			return ctx.Err()
		}
	}
	for _, c := range []struct {
		name   string
		peers  peers
		within time.Duration
		pages  int // at most
	}{
		{"nobody answers", silent, 2 * time.Second, 0},
		{"the connection is gone", func(context.Context, func([]byte) bool) error { return errors.New("closed") }, 0, 0},
		{"one answers", func(ctx context.Context, answer func([]byte) bool) error {
			answer(honest)
			return silent(ctx, answer)
		}, time.Second, 2},
		{"one answers again and again", endless(200*time.Millisecond, honest), 5 * time.Second, 2 * 26},
		{"a flood", endless(0, honest), 0, 2 * 1000},
		{"a flood of long answers", endless(time.Millisecond, many), 5 * time.Second, 1_200_000},
		{"nonsense", endless(100*time.Millisecond, []byte(hostile)), 5 * time.Second, 51},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			began := time.Now()
			pages := 0
			for _, list := range node.AskPeers(ctx, c.peers, slog.New(slog.DiscardHandler)) {
				pages += len(list)
				for _, page := range list {
					if len(page.Codings) > 4 || page.Path[0] != '/' {
						t.Fatalf("%s: %s in %d codings", c.name, page.Path, len(page.Codings))
					}
				}
			}
			if took := time.Since(began); took > c.within+200*time.Millisecond { // the last answer may be due when the time is up
				t.Errorf("%s: it takes %v", c.name, took)
			}
			if pages > c.pages || (c.pages == 2 && pages != 2) {
				t.Errorf("%s: %d pages", c.name, pages)
			}
		})
	}
}
