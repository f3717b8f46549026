package cli_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestARefreshThatWaitsNamesFailedEntities proves that refresh --wait fails and names each entity that its upstream refused,
// with the reason. Earlier failures, and those of other entities, do not count.
func TestARefreshThatWaitsNamesFailedEntities(t *testing.T) {
	t.Parallel()
	v, conn, sick := queueShop(t, time.Minute)
	refresh := func(ids string, more ...string) (code int, out, stderr string) {
		return vitrine(t, append([]string{"refresh", "--kind", "sku", "--ids", ids, "--wait", "--nats", v.NATS, "--admin", v.Admin}, more...)...)
	}
	if code, out, stderr := refresh("a,b"); code != 0 || !strings.Contains(out, "announced 2 entities") || strings.Contains(stderr, "dead letter") {
		t.Fatalf("all is well: code %d: %s%s", code, out, stderr)
	}
	sick.refuses.Store(true)
	announce(t, conn, "stock", "other")
	eventually(t, func() string {
		if v.stats().Failed == 0 {
			return "nothing failed"
		}
		return ""
	})
	code, out, stderr := refresh("a,b", "--json")
	var done struct {
		Failed, Held int
		Failures     []struct{ Subject, Reason string }
	}
	if err := json.Unmarshal([]byte(out), &done); err != nil || code != 1 || done.Failed != 2 || done.Held != 0 || len(done.Failures) != 2 {
		t.Fatalf("code %d, %v: %s%s", code, err, out, stderr)
	}
	for _, f := range done.Failures {
		if !strings.HasPrefix(f.Subject, "change.refresh.sku.stock.") || !strings.Contains(f.Reason, "no JSON") {
			t.Errorf("%+v", f)
		}
	}
	if code, _, stderr := refresh("a"); code != 1 || !strings.Contains(stderr, "change.refresh.sku.stock.a") || !strings.Contains(stderr, "queue retry") || strings.Contains(stderr, "stock.b") {
		t.Errorf("code %d: %s", code, stderr)
	}
	sick.refuses.Store(false)
	if code, out, stderr := refresh("a,b"); code != 0 {
		t.Errorf("its upstream is well again: code %d: %s%s", code, out, stderr)
	}
}
