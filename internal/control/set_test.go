package control_test

import (
	"strings"
	"testing"
	"time"

	"vitrine/internal/control"
	"vitrine/switches"
)

// TestNginxIsWaitedForLonger proves that a setting waits longer for nginx, whose reload is slow, than for other
// processes, and that the report of a missing nginx says what to do.
func TestNginxIsWaitedForLonger(t *testing.T) {
	detail, front := control.Member{Present: true}, control.Member{Present: true}
	detail.Role, front.Role = "detail", "front"
	usual := control.Patience([]control.Member{detail})
	if longer := control.Patience([]control.Member{detail, front}); longer <= usual || longer < 6*time.Second {
		t.Errorf("%s with an nginx, %s without", longer, usual)
	}
	front.Present = false
	if got := control.Patience([]control.Member{detail, front}); got != usual {
		t.Errorf("%s for an nginx that is not there, %s without one", got, usual)
	}
	s := newSystem(t)
	run(t, control.NewPresence(control.PresenceConfig{Conn: s.conn, Who: switches.Identity{Node: "slow", Role: "front"}}).Run)
	s.known("slow")
	panel := switches.NewPanel(switches.Identity{})
	defer panel.Close()
	setting := switches.Setting{Name: switches.TTLFactor, Scope: switches.All, Value: "200"}
	out, err := control.SetSwitch(t.Context(), s.conn, panel.Switch(setting.Name), setting, 0, time.Millisecond)
	if err != nil || !strings.Contains(out.Why["slow"], "--wait") || out.Everywhere() {
		t.Errorf("the outcome is %+v, error %v; want the slow one missing with a hint at --wait", out, err)
	}
}
