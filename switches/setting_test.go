package switches_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"vitrine/switches"
)

func TestReadSetting(t *testing.T) {
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	s, err := switches.ReadSetting([]byte(`{"value":"off","for":"30m","at":"1999-01-01T00:00:00Z","until":"1999-01-01T00:00:00Z"}`), "read.redis", "all", 7, at)
	if err != nil || !s.At.Equal(at) || s.Until == nil || !s.Until.Equal(at.Add(30*time.Minute)) || s.Revision != 7 || s.Name != "read.redis" {
		t.Errorf("when it ends follows from the store's time alone: %+v, %v", s, err)
	}
	for _, bad := range []string{`{"value":"off","for":"soon"}`, `{"value":"off","for":"-1s"}`, `{"value":"off","for":"99999h"}`, `off`} {
		if _, err := switches.ReadSetting([]byte(bad), "read.redis", "all", 7, at); !errors.Is(err, switches.ErrValue) {
			t.Errorf("the setting %s: error %v, want switches.ErrValue", bad, err)
		}
	}
}

// TestAClockThatIsOff proves that a process whose clock is an hour ahead treats a setting as expired only until it
// learns the store's time.
func TestAClockThatIsOff(t *testing.T) {
	p := switches.NewPanel(node)
	defer p.Close()
	store := time.Now().Add(-time.Hour)
	s, err := switches.ReadSetting([]byte(`{"value":"off","for":"30m"}`), "read.redis", "all", 1, store)
	if err != nil {
		t.Fatal(err)
	}
	p.Apply(s)
	if !p.On("read.redis") {
		t.Fatal("by its own clock, it has ended")
	}
	p.SetClock(func() time.Time { return store })
	if p.On("read.redis") {
		t.Error("by the store's, it has not")
	}
	store = store.Add(31 * time.Minute)
	p.Update()
	if !p.On("read.redis") {
		t.Error("it does not end")
	}
}

func TestAPersonIsAboveRules(t *testing.T) {
	p := switches.NewPanel(node)
	defer p.Close()
	throw := func() { p.Throw("crawler.budget", "0", "busy", time.Hour) }
	value := func() string { v, _ := p.InForce("crawler.budget"); return v }
	throw()
	if value() != "0" || !p.Free("crawler.budget") {
		t.Fatalf("the value is %q, want 0, set by the rule", value())
	}
	p.Apply(switches.Setting{Name: "crawler.budget", Scope: switches.All, Value: "100", Revision: 1})
	if value() != "100" || p.Free("crawler.budget") {
		t.Error("a person's setting, of a wider scope, does not stop a rule:", value())
	}
	p.Release()
	if value() != "100" || len(p.Settings()) != 1 {
		t.Error("what rules give back takes a person's setting along:", value())
	}
	p.Apply(switches.Setting{Name: "crawler.budget", Scope: switches.All, Revision: 2}) // withdrawn
	if value() != "100" || !p.Free("crawler.budget") || len(p.Settings()) != 0 {
		t.Error("a setting that was withdrawn says something:", value(), p.Settings())
	}
	if p.Apply(switches.Setting{Name: "crawler.budget", Scope: switches.All, Value: "7", Revision: 1}) {
		t.Error("an older setting comes back over one that was withdrawn")
	}
	throw()
	if value() != "0" {
		t.Errorf("the value is %q, want 0", value())
	}
}

func TestCheckScope(t *testing.T) {
	host := strings.Repeat("h", 64) // the longest host name on Linux
	for scope, good := range map[string]bool{
		"all": true, "role:detail": true, "role:front": true, "room:x": true, "node:" + host + "-heterog-872de599-2": true,
		"": false, "role:": false, "role:details": false, "All": false, "node:": false, "node:" + strings.Repeat("n", 200): false, "host:x": false,
	} {
		if err := switches.CheckScope(scope); (err == nil) != good {
			t.Errorf("CheckScope(%q) = %v, want a scope: %t", scope, err, good)
		}
	}
}
