package doctor_test

import (
	"log/slog"
	"strings"
	"testing"

	"vitrine/internal/bustest"
	"vitrine/internal/doctor"
)

// TestDoctorLooksAtRooms proves that doctor finds rooms whose names or addresses are mixed up, and one that does not answer.
func TestDoctorLooksAtRooms(t *testing.T) {
	east, _ := bustest.Start(t)
	west, _ := bustest.Start(t)
	both := map[string]string{"east": east.URL(), "west": west.URL()}
	for name, tt := range map[string]struct {
		room  string
		rooms map[string]string
		want  []string
	}{
		"sound":            {"east", both, []string{"good: east is this room", "good: west answers at " + west.URL()}},
		"a wrong name":     {"west", both, []string{"bad: east: its NATS, " + east.URL() + ", is that of --nats", "bad: west is this room by --room, but"}},
		"no name":          {"local", both, []string{"bad: --room local is none of --rooms", "bad: east: its NATS", "good: west"}},
		"no NATS":          {"east", map[string]string{"east": east.URL(), "west": "nats://127.0.0.1:1"}, []string{"good: east", "bad: west: ", "waits there until it answers"}},
		"there is but one": {"east", nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var found []string
			doctor.Run(t.Context(), doctor.Config{
				Dir: t.TempDir(), NATS: east.URL(), Room: tt.room, Rooms: tt.rooms, Catalog: "no file", Log: slog.New(slog.DiscardHandler),
				Report: func(f doctor.Finding) {
					switch {
					case f.What != "rooms":
					case f.OK:
						found = append(found, "good: "+f.Text)
					default:
						found = append(found, "bad: "+f.Text)
					}
				},
			})
			got := strings.Join(found, "\n")
			for _, w := range tt.want {
				if !strings.Contains(got, w) {
					t.Errorf("%s\nlacks %q", got, w)
				}
			}
			if tt.want == nil && got != "" {
				t.Errorf("of a shop of one room: %s", got)
			}
		})
	}
}
