package cli_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestTheMachineWentDown proves that changes which were announced and then lost by a power cut are found by exactly
// one walk of the lists.
func TestTheMachineWentDown(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	fill(s, 20)
	dir := t.TempDir()
	args := []string{"--catalog", catalogFor(t, shopCatalog, s.URL)}
	v := up(t, dir, args...)
	v.refreshAll()
	mark := filepath.Join(dir, "running")
	if _, err := os.Stat(mark); err != nil {
		t.Fatalf("a running process leaves no mark: %v", err)
	}
	v.stop()
	if _, err := os.Stat(mark); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("a clean stop leaves its mark: %v", err)
	}
	for _, id := range s.IDs() {
		s.Put(id, func(p *product) { p.Title = "Announced in the last second before the power cut" })
	}
	if err := os.WriteFile(mark, []byte("another boot of the machine\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	v = up(t, dir, args...)
	for _, id := range s.IDs() {
		eventually(t, func() string { return v.differs(s, id) })
	}
	eventually(t, func() string {
		if boot, err := os.ReadFile(mark); err != nil || string(boot) == "another boot of the machine\n" {
			return "the loss is not settled"
		}
		return ""
	})
}
