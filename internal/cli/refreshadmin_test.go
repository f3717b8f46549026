package cli_test

import (
	"strings"
	"testing"
)

// TestRefreshTakesNoOtherShopsEntities proves that a refresh announces nothing of what a process of another NATS has in its store, such as
// another shop's at the default admin address.
func TestRefreshTakesNoOtherShopsEntities(t *testing.T) {
	_, v := filledShop(t, 3)
	_, other := filledShop(t, 7)
	const refused = "none of the processes at --nats"

	code, out, stderr := vitrine(t, "refresh", "--all", "--kind", "sku", "--nats", v.NATS, "--admin", other.Admin)
	if code != 0 || !strings.Contains(out, "announced 3 entities") || !strings.Contains(stderr, refused) {
		t.Errorf("the store of another shop: code %d\n%s%s", code, out, stderr)
	}
	code, out, stderr = vitrine(t, "refresh", "--kind", "sku", "--where", "brand=1", "--nats", v.NATS, "--admin", other.Admin)
	if code != 1 || !strings.Contains(stderr, refused) || out != "" {
		t.Errorf("the relations of another shop: code %d\n%s%s", code, out, stderr)
	}
	code, out, stderr = vitrine(t, "refresh", "--all", "--kind", "sku", "--nats", v.NATS, "--admin", v.Admin)
	if code != 0 || !strings.Contains(out, "announced 3 entities") || stderr != "" {
		t.Errorf("its own store: code %d\n%s%s", code, out, stderr)
	}
}
