package canary_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vitrine/internal/canary"
)

func TestArgs(t *testing.T) {
	got := canary.Args([]string{"up", "--nats", "127.0.0.1:0", "--redis", "redis://h1:1,h2:2", "--http", "http://h:1", "nats://h:1", "nats://worker:***@h:1", "nats://u:p@h"})
	want := []string{"up", "--nats", "127.0.0.1:0", "--redis", "redis://default:canary%2Fredis%40x6zq@h1:1,h2:2", "--http", "http://h:1",
		"nats://worker:canary-nats-e41c@h:1", "nats://worker:canary-nats-e41c@h:1", "nats://u:p@h"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// complaints records the failures that a test reports.
type complaints struct {
	testing.TB
	said []string
}

func (c *complaints) Helper() {}

func (c *complaints) Errorf(format string, args ...any) {
	c.said = append(c.said, fmt.Sprintf(format, args...))
}

func TestSearch(t *testing.T) {
	for text, found := range map[string]bool{
		"":                                 false,
		"nats://worker:***@h, SHOP_CANARY": false,
		"nats://worker:canary-nats-e41c@h": true,
		"redis://default:canary%2Fredis%40x6zq@h": true,
		"AUTH default canary/redis@x6zq":          true,
		"@x6zq is what a cut leaves":              true,
		"Authorization: canary-shop-a95d":         true,
	} {
		c := &complaints{TB: t}
		canary.Search(c, "a log", text)
		if (len(c.said) > 0) != found {
			t.Errorf("in %q these secrets are found: %q", text, c.said)
		}
	}
}
