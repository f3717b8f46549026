package doctor_test

import (
	"log/slog"
	"strings"
	"testing"

	"vitrine/internal/bustest"
	"vitrine/internal/doctor"
)

// TestDoctorNamesClocksThatAreOff proves that doctor names the processes whose clock is off, and only those.
func TestDoctorNamesClocksThatAreOff(t *testing.T) {
	server, conn := bustest.Start(t)
	for key, report := range map[string]string{
		"right": `{"node":"shop-1","room":"local","role":"heterog"}`,
		"ahead": `{"node":"shop-2","room":"local","role":"syncer","clock_ahead_ns":600000000000}`,
		"late":  `{"node":"shop-3","room":"local","role":"detail","clock_ahead_ns":-3000000000}`,
	} {
		if _, err := conn.Bucket("nodes").Put(t.Context(), key, []byte(report)); err != nil {
			t.Fatal(err)
		}
	}
	var found []string
	doctor.Run(t.Context(), doctor.Config{
		Dir: t.TempDir(), NATS: server.URL(), Room: "local", Catalog: "no file", Log: slog.New(slog.DiscardHandler),
		Report: func(f doctor.Finding) {
			if f.What == "clocks" && f.Warning {
				found = append(found, f.Text)
			}
		},
	})
	if got := strings.Join(found, "\n"); len(found) != 2 ||
		!strings.Contains(got, "the clock of shop-2 is 10m0s ahead of NATS's") || !strings.Contains(got, "the clock of shop-3 is 3s behind NATS's") {
		t.Errorf("doctor says of clocks:\n%s", got)
	}
}
