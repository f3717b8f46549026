package control

import (
	"context"
	"time"

	"vitrine/internal/bus"
	"vitrine/switches"
)

// RemotePanel is what is in force for a process without a name: the settings of the scope all.
func RemotePanel(ctx context.Context, conn *bus.Conn) (*switches.Panel, error) {
	p := switches.NewPanel(switches.Identity{})
	if cat, err := Load(ctx, conn); err == nil {
		DeclareSwitches(p, cat)
	}
	bucket := conn.Bucket(SwitchBucket)
	if _, err := bucket.Now(ctx); err != nil {
		p.Close()
		return nil, err
	}
	p.SetClock(func() time.Time { now, _ := conn.Now(); return now })
	entries, err := bucket.Entries(ctx)
	for _, e := range entries {
		if s, ok := SettingOf(e); ok {
			p.Apply(s)
		}
	}
	if err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// SwitchHistory lists settings, oldest first, withdrawn ones included. A wanted name or scope of "" means any.
func SwitchHistory(ctx context.Context, conn *bus.Conn, wantName, wantScope string) (past []switches.Setting, err error) {
	entries, err := conn.Bucket(SwitchBucket).History(ctx, "")
	for _, entry := range entries {
		s, ok := SettingOf(entry)
		if ok && (wantName == "" || s.Name == wantName) && (wantScope == "" || s.Scope == wantScope) {
			past = append(past, s)
		}
	}
	return past, err
}
