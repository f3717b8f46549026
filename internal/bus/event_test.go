package bus_test

import (
	"bytes"
	"testing"
	"time"

	"vitrine/internal/bus"
)

func FuzzBodyTime(f *testing.F) {
	for _, seed := range []string{
		"", "{", "null", `{"specversion":"1.0","time":"2026-01-02T03:04:05Z"}`, `{"specversion":"1.0","time":7}`, `[{"time":""}]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if at, ok := bus.BodyTime(body); ok == at.IsZero() {
			t.Errorf("time %v of %q, ok %v", at, body, ok)
		}
	})
}

func TestBodyTime(t *testing.T) {
	t.Parallel()
	event := `{"specversion":"1.0","time":"2026-01-02T03:04:05Z"}`
	want := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if at, ok := bus.BodyTime([]byte(event)); !ok || !at.Equal(want) {
		t.Errorf("structured event: %v, %v", at, ok)
	}
	if _, ok := bus.BodyTime(append([]byte(event), bytes.Repeat([]byte(" "), 64<<10)...)); ok {
		t.Error("a body above the limit was read")
	}
}

func TestCheckVersion(t *testing.T) {
	t.Parallel()
	for version, ok := range map[string]bool{
		"2.12.0": true, "2.15.2": true, "3.0.0": true, "2.12.0-RC.1": true, "2.11.9": false, "1.99.0": false, "": false, "x.y": false,
	} {
		if err := bus.CheckVersion(version); (err == nil) != ok {
			t.Errorf("whether NATS %q is new enough: error %v, want %t", version, err, ok)
		}
	}
}
