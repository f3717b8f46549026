package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"vitrine/internal/bus"
)

const (
	duplicateBeats  = 3               // at which another process under this name and id must be heard
	duplicateWithin = time.Second     // bounds a check, which must not delay presence
	duplicateRest   = 5 * time.Minute // after a failed check: NATS may not permit it
)

// Duplicate is another process with the same name and id: one state folder is a copy of the other.
type Duplicate struct {
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
}

// Note is a line for operators.
func (t Duplicate) Note() string {
	return fmt.Sprintf("another process (PID %d, since %s) has the same name and id, since the --dir of one is a copy of the other's: end one of them, remove %s in its --dir, and start it again",
		t.PID, t.Started.Format(time.DateTime), nodeIDFile)
}

// duplicateWatch notices a duplicate by the entry under the process's key.
type duplicateWatch struct {
	beats     int       // at which it was heard, with few missed in between
	heard     time.Time // last time
	next      time.Time // earliest next check
	duplicate Duplicate
}

// checkDuplicate checks which process last reported under this process's key. It is called before the process reports
// itself.
func (p *Presence) checkDuplicate(ctx context.Context, key string) {
	if time.Now().Before(p.watch.next) {
		return
	}
	within, cancel := context.WithTimeout(ctx, duplicateWithin)
	defer cancel()
	var other Report
	e, err := p.Conn.Bucket(nodesBucket).Get(within, key)
	if err != nil && !errors.Is(err, bus.ErrNoEntry) && p.Conn.Connected() {
		p.watch.next = time.Now().Add(duplicateRest)
	}
	if err == nil && json.Unmarshal(e.Value, &other) == nil && p.isDuplicate(other) {
		p.watch.beats++
		p.watch.heard = time.Now()
		p.watch.duplicate = Duplicate{other.PID, other.Started}
	} else if time.Since(p.watch.heard) > 3*p.Beat {
		p.watch.beats = 0
	}
	var duplicate *Duplicate
	if p.watch.beats >= duplicateBeats {
		found := p.watch.duplicate
		duplicate = &found
	}
	p.mu.Lock()
	was := p.duplicate
	p.duplicate = duplicate
	p.mu.Unlock()
	if was == nil && duplicate != nil {
		p.Log.Error(duplicate.Note())
	}
}

// isDuplicate reports whether another process than this one made a report. In the folder of a detail server, or of vitrine up, another one
// is about to take over. Containers of one machine may see different folders at one path, of which one is a copy of the other.
func (p *Presence) isDuplicate(r Report) bool {
	switch {
	case r.Boot == "", r.Boot == p.boot && r.PID == p.pid && r.Started.Equal(p.started):
		return false
	case r.Boot != p.boot, !slices.Contains(successive(), p.Who.Role):
		return true
	}
	return r.Folder != "" && p.folder != "" && r.Folder != p.folder
}
